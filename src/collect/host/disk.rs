//! Disk record 0:2005: the I/O of whole disks and the space of file systems, from two independent readings.
//! In: both readings. Out: [`HostDiskIo`]; where one of them failed its fields are unknown.
//! Where the parts come from: `disk_io` and `disk_space`.

use super::disk_io::DiskIo;
use super::disk_space::DiskSpace;
use super::error::Faults;
use crate::host::Host;
use crate::sflow::counters::host::HostDiskIo;
use crate::sflow::unknown::{counter32, counter64, gauge32, gauge64};

/// Kernel sectors are 512 bytes, whatever the disk's are (`Documentation/admin-guide/iostats.rst`).
const SECTOR: u64 = 512;

/// Both readings.
#[derive(Debug)]
pub(super) struct Disk {
    io: DiskIo,
    space: DiskSpace,
}

impl Disk {
    pub(super) fn new(host: &Host) -> Self {
        Self { io: DiskIo::new(host), space: DiskSpace::new(host) }
    }

    /// `None` when neither reading gave anything.
    pub(super) fn poll(&mut self, faults: &mut Faults) -> Option<HostDiskIo> {
        let io = self.io.poll(faults);
        let space = self.space.poll(faults);
        if io.is_none() && space.is_none() {
            return None;
        }
        let io = io.unwrap_or_default();
        let bytes = |sectors: Option<u64>| sectors.map(|s| s.wrapping_mul(SECTOR));
        Some(HostDiskIo {
            disk_total: gauge64(space.map(|s| s.total)),
            disk_free: gauge64(space.map(|s| s.available)),
            part_max_used: gauge32(space.map(|s| s.fullest)),
            reads: counter32(io.reads),
            bytes_read: counter64(bytes(io.sectors_read)),
            read_time: counter32(io.read_ms),
            writes: counter32(io.writes),
            bytes_written: counter64(bytes(io.sectors_written)),
            write_time: counter32(io.write_ms),
        })
    }
}
