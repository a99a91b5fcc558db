//! Host counters: identity, CPU, memory, disk and MIB-II records of the host's own sample, `2:1`.
//!
//! In: a [`Host`]. Out: a [`HostSample`], filled anew by each [`HostCounters::poll`], and what was wrong.
//! Rules: one file per kernel surface, each a pure `parse_*` and a thin reading of kept files; a wrong or
//! missing file costs only its own fields, and names its component as degraded; a poll on a healthy host
//! allocates nothing. Network I/O (2006) and adaptors (2001) belong to `collect::interfaces`.
//! Spec: sFlow Host Structures (<https://sflow.org/sflow_host.txt>); fields in `sflow::counters::host`.

pub mod block_device;
pub mod cpu;
mod disk;
pub mod disk_io;
pub mod disk_space;
mod error;
pub mod identity;
pub mod memory;
pub mod mib2;
pub mod mounts;
mod slow_space;
mod text;
pub mod uuid;

pub use error::{CollectError, Faults};

use crate::host::Host;
use crate::sflow::counters::host::{
    HostCpu, HostDiskIo, HostIcmp, HostId, HostIp, HostMemory, HostTcp, HostUdp,
};
use std::fmt;

/// A part of the host sample that can be degraded by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // the name says it
pub enum Component {
    HostId,
    Cpu,
    Memory,
    Disk,
    Mib2,
}

impl Component {
    /// All of them, in the order in which they are read.
    pub const ALL: [Self; 5] = [Self::HostId, Self::Cpu, Self::Memory, Self::Disk, Self::Mib2];

    /// As status and log name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HostId => "host_id",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Mib2 => "mib2",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a component is degraded; its other fields are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is degraded.
    pub component: Component,
    /// By what.
    pub error: CollectError,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.component, self.error)
    }
}

/// The records of one poll; `None` where the source gave nothing. Meant to be reused from poll to poll.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // named after the records
pub struct HostSample {
    pub id: Option<HostId>,
    pub cpu: Option<HostCpu>,
    pub memory: Option<HostMemory>,
    pub disk: Option<HostDiskIo>,
    pub ip: Option<HostIp>,
    pub icmp: Option<HostIcmp>,
    pub tcp: Option<HostTcp>,
    pub udp: Option<HostUdp>,
    /// At most eight of each component.
    pub problems: Vec<Problem>,
}

/// The kept files of all components.
#[derive(Debug)]
pub struct HostCounters {
    host: Host,
    uuid: [u8; 16],
    cpu: cpu::Cpu,
    memory: memory::Memory,
    disk: disk::Disk,
    mib2: mib2::Snmp,
    faults: Faults,
}

impl HostCounters {
    /// Opens nothing yet: the first poll does, and every later one again for what could not be opened.
    pub fn new(host: &Host) -> Self {
        Self {
            host: host.clone(),
            uuid: [0; 16],
            cpu: cpu::Cpu::new(host),
            memory: memory::Memory::new(host),
            disk: disk::Disk::new(host),
            mib2: mib2::Snmp::new(host),
            faults: Faults::default(),
        }
    }

    /// The UUID that the identity carries from now on, see [`uuid::choose_uuid`]. Zero before.
    pub fn set_uuid(&mut self, uuid: [u8; 16]) {
        self.uuid = uuid;
    }

    /// Reads everything once; `out` is overwritten.
    pub fn poll(&mut self, out: &mut HostSample) {
        out.problems.clear();
        for component in Component::ALL {
            self.poll_one(component, out);
            let problems = self.faults.drain().map(|error| Problem { component, error });
            out.problems.extend(problems);
        }
    }

    fn poll_one(&mut self, component: Component, out: &mut HostSample) {
        let faults = &mut self.faults;
        match component {
            Component::HostId => identity::poll(&self.host, self.uuid, &mut out.id, faults),
            Component::Cpu => out.cpu = self.cpu.poll(faults),
            Component::Memory => out.memory = self.memory.poll(faults),
            Component::Disk => out.disk = self.disk.poll(faults),
            Component::Mib2 => {
                mib2::Mib2 { ip: out.ip, icmp: out.icmp, tcp: out.tcp, udp: out.udp } =
                    self.mib2.poll(faults);
            }
        }
    }
}
