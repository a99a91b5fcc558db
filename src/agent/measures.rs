//! What the agent measures: the interface table, the host's counters, and which data source is due when. In: the
//! kernel, through `collect`. Out: counter samples into a datagram stream. Rule: work grows with what is due, and a
//! source that cannot be read costs only itself.

mod choice;
mod due;

pub use due::Due;

use super::guard::{Panicked, guarded};
use super::guests::{Facts, Guests, Scene};
use super::ports;
use super::samples::{Beside, Outcome, PortSample, SampleTo};
use crate::collect::asic::Asic;
use crate::collect::gpu::{Gpus, LIBRARY};
use crate::collect::host::{HostCounters, HostSample};
use crate::collect::interfaces::adaptors::adaptors;
use crate::collect::interfaces::host_net::HostNet;
use crate::collect::interfaces::lag::lacp_port;
use crate::collect::interfaces::optics::Port;
use crate::collect::interfaces::pfc;
use crate::collect::interfaces::{InterfaceError, Interfaces, Kind, LinkStats};
use crate::config::model::Settings;
use crate::host::Host;
use crate::sample::schedule::Schedule;
use crate::sflow::counters::port::Sfp;
use crate::sflow::counters::virt::VirtNode;
use crate::sflow::datagram::{Datagrams, Unsent};
use crate::sflow::ids::DataSource;
use crate::wire::netlink::bond_stats::LacpCounts;
use crate::wire::netlink::dcb::Pfc;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

/// Interfaces asked about at once: as many as one batch of requests holds.
const PORTION: usize = 128;

/// Everything that is polled.
pub struct Measures {
    /// The interfaces of this network namespace.
    pub interfaces: Interfaces,
    /// The host sample of the last poll, kept for its buffers.
    pub sample: HostSample,
    /// Which source is due in which second.
    pub schedule: Schedule,
    /// Every source that is polled, and the number of its last sample.
    pub sources: HashMap<DataSource, u32>,
    /// The same of those that exist and are not polled now.
    rested: HashMap<DataSource, u32>,
    /// NVIDIA's GPUs, where they are asked for.
    pub gpus: Option<Gpus>,
    asic: Option<Asic>,
    host: Host,
    uuid: [u8; 16],
    counters: HostCounters,
    net: HostNet,
    /// The interfaces that net I/O sums.
    net_members: Vec<u32>,
    wanted: Vec<u32>,
    stats: Vec<(u32, LinkStats)>,
    lacp: HashMap<u32, LacpCounts>,
    /// What DCB last said of ports: `None` where it knows nothing; none while it was not asked.
    pub pfc: HashMap<u32, Option<Pfc>>,
    pfc_wanted: bool,
    /// What the transceivers of interfaces measured last.
    pub optics: HashMap<u32, Sfp>,
    /// Interfaces of the last poll, each with the packets that it has counted, arriving and leaving.
    pub packets: Vec<(u32, [u64; 2])>,
    /// Interfaces that `psample` has samples of.
    pub chip_sampled: HashSet<u32>,
    /// Interfaces whose counters VPP tells.
    pub by_vpp: HashSet<u32>,
    /// Interfaces that go by other names than the kernel's.
    pub port_names: HashMap<u32, String>,
}

/// What came of a poll.
#[derive(Debug)]
pub struct Polled {
    /// Samples written.
    pub outcome: Outcome,
    /// Whether interface counters could be read.
    pub interfaces: Result<(), InterfaceError>,
    /// Whether the host counters' reader is sound; what it could not read is in the sample's problems.
    pub host: Result<(), Panicked>,
}

impl Measures {
    /// Nothing is due yet; [`Measures::choose_all`] fills the schedule.
    pub fn new(interfaces: Interfaces, host: &Host, polling_secs: u32) -> Self {
        Self {
            interfaces,
            gpus: None,
            asic: None,
            host: host.clone(),
            uuid: [0; 16],
            counters: HostCounters::new(host),
            sample: HostSample::default(),
            schedule: Schedule::new(polling_secs),
            sources: HashMap::new(),
            rested: HashMap::new(),
            net: HostNet::default(),
            net_members: Vec::new(),
            wanted: Vec::new(),
            stats: Vec::new(),
            lacp: HashMap::new(),
            pfc: HashMap::new(),
            pfc_wanted: false,
            optics: HashMap::new(),
            packets: Vec::new(),
            chip_sampled: HashSet::new(),
            by_vpp: HashSet::new(),
            port_names: HashMap::new(),
        }
    }

    /// Looks at GPUs from now on, or does not.
    pub fn set_gpus(&mut self, wanted: bool) {
        if wanted != self.gpus.is_some() {
            self.gpus = wanted.then(|| Gpus::open(&self.host, LIBRARY.as_ref()));
        }
    }

    /// Reads priority flow control from now on, or does not.
    pub fn set_pfc(&mut self, wanted: bool) {
        self.pfc_wanted = wanted;
        if !wanted {
            self.pfc.clear();
        }
        self.interfaces.set_pfc(wanted);
    }

    /// The ports among what is due whose priority flow control is to be read.
    pub fn flow_control_ports(&self, due: &Due) -> Vec<Port> {
        let table = self.interfaces.table();
        let due = due.interfaces.iter().filter(|_| self.pfc_wanted).filter_map(|index| table.get(*index));
        let ports = due.filter(|interface| interface.kind == Kind::Physical);
        ports.map(|interface| Port { index: interface.index, name: interface.name.clone() }).collect()
    }

    /// Looks at the tables of a switch chip from now on, or does not.
    pub fn set_asic(&mut self, wanted: bool) {
        if wanted != self.asic.is_some() {
            self.asic = wanted.then(|| Asic::new(&self.host));
        }
    }

    /// Packets that came to this host and left it, so far; `None` where no interface is counted.
    pub fn traffic(&self) -> Option<u64> {
        (!self.net_members.is_empty()).then(|| self.net.packets())
    }

    /// What is so now, for guests.
    pub fn scene(&self, now: Instant) -> Scene<'_> {
        Scene { table: self.interfaces.table(), now }
    }

    /// The UUID that the host sample carries from now on.
    pub fn set_uuid(&mut self, uuid: [u8; 16]) {
        self.uuid = uuid;
        self.counters.set_uuid(uuid);
    }

    /// Polls what is due and writes the samples. Errors say which part could not be read; the other is sent all the
    /// same.
    pub fn poll(
        &mut self,
        due: &Due,
        settings: &Settings,
        guests: &mut Guests,
        datagrams: &mut Datagrams,
        send: &mut impl FnMut(Unsent<'_>),
    ) -> Polled {
        self.want(due);
        let mut writer = SampleTo::new(due.uptime_ms, datagrams, send);
        let interfaces = self.poll_interfaces(due, settings.modules.names_by_alias(), &mut writer);
        let host = if due.host { self.poll_host(settings, guests, due.now, &mut writer) } else { Ok(()) };
        if !due.guests.is_empty() {
            let sample = &self.sample;
            let memory = sample.memory.as_ref().map(|memory| memory.mem_total);
            let facts = Facts {
                scene: Scene { table: self.interfaces.table(), now: due.now },
                id: sample.id.as_ref(),
                memory,
                gpus: self.gpus.as_ref(),
                pressure: settings.guest_pressure,
            };
            guests.poll(&due.guests, facts, &mut self.sources, &mut writer);
        }
        Polled { outcome: writer.outcome, interfaces, host }
    }

    /// In portions, so that memory does not grow with the number of interfaces that are due at once.
    fn poll_interfaces<S: FnMut(Unsent<'_>)>(
        &mut self,
        due: &Due,
        by_alias: bool,
        writer: &mut SampleTo<'_, S>,
    ) -> Result<(), InterfaceError> {
        self.packets.clear();
        // The first poll is of all that there are, and none after it.
        self.packets.shrink_to(2 * PORTION);
        for portion in self.wanted.chunks(PORTION) {
            self.stats.clear();
            self.interfaces.read_counters(portion, &mut self.stats)?;
            self.lacp.clear();
            let table = self.interfaces.table();
            let is_member = |index: &u32| table.get(*index).is_some_and(|interface| interface.is_bond_slave);
            let is_due = |index: &u32| due.interfaces.binary_search(index).is_ok();
            let members: Vec<u32> = portion.iter().copied().filter(|i| is_member(i) && is_due(i)).collect();
            let lag = match members.as_slice() {
                [] => Ok(()),
                members => self.interfaces.read_lag(members, &mut self.lacp),
            };
            for (index, stats) in &self.stats {
                if due.host && self.net_members.binary_search(index).is_ok() {
                    self.net.update(*index, stats);
                }
                let Some(sequence) = self.sources.get_mut(&DataSource::interface(*index)) else { continue };
                if due.interfaces.binary_search(index).is_err() {
                    continue;
                }
                self.packets.push((*index, [stats.rx_packets, stats.tx_packets]));
                let driver = self.interfaces.read_ethtool_counts(*index, due.now);
                let table = self.interfaces.table();
                if let Some(interface) = table.get(*index) {
                    let alias = interface.alias.as_deref().filter(|_| by_alias);
                    let given = self.port_names.get(index).map(String::as_str).or(alias);
                    let bond = interface.master.and_then(|master| table.get(master));
                    let lacp = bond.and_then(|bond| lacp_port(interface, bond, self.lacp.get(index)));
                    let counts = driver.and_then(|driver| driver.pfc);
                    // The driver's numbers are none to begin with where DCB has others.
                    let pfc = self.pfc.get(index).and_then(|dcb| pfc::record(dcb.as_ref(), counts));
                    let sfp = self.optics.get(index);
                    let port = PortSample { interface, given, stats, driver, lacp, sfp, pfc };
                    writer.interface(&port, sequence);
                }
            }
            // The samples of this portion are sent all the same.
            lag?;
        }
        Ok(())
    }

    fn poll_host<S: FnMut(Unsent<'_>)>(
        &mut self,
        settings: &Settings,
        guests: &Guests,
        now: Instant,
        writer: &mut SampleTo<'_, S>,
    ) -> Result<(), Panicked> {
        let Some(sequence) = self.sources.get_mut(&DataSource::HOST) else { return Ok(()) };
        let sound = guarded(|| self.counters.poll(&mut self.sample));
        if sound.is_err() {
            self.counters = HostCounters::new(&self.host);
            self.counters.set_uuid(self.uuid);
            self.sample = HostSample::default();
        }
        let table = self.interfaces.table();
        let adaptors = adaptors(table.iter(), |i| ports::is_switch_port(settings, table, i));
        let net = (!self.net_members.is_empty()).then(|| self.net.record());
        let node = guests.counted().and_then(|domains| node(&self.sample, domains));
        let gpu = self.gpus.as_ref().and_then(|gpus| gpus.record(now));
        let asic = self.asic.as_mut().and_then(Asic::record);
        let beside = Beside { node, gpu, asic, net: net.as_ref() };
        writer.host(&self.sample, &adaptors, &beside, sequence);
        sound
    }

    /// The interfaces to ask about: those that are due, and for the host sample those that its net I/O sums.
    fn want(&mut self, due: &Due) {
        self.wanted.clear();
        self.wanted.extend(&due.interfaces);
        if due.host {
            self.wanted.extend(&self.net_members);
            self.wanted.sort_unstable();
            self.wanted.dedup();
        }
    }
}

/// What the host has for its guests, by its own counters; `None` while these are unknown.
fn node(host: &HostSample, num_domains: u32) -> Option<VirtNode> {
    let (cpu, memory) = (host.cpu.as_ref()?, host.memory.as_ref()?);
    Some(VirtNode {
        mhz: cpu.cpu_speed,
        cpus: cpu.cpu_num,
        memory: memory.mem_total,
        memory_free: memory.mem_free,
        num_domains,
    })
}
