//! Memory record 0:2004 from `/proc/meminfo` and `/proc/vmstat`.
//!
//! In: kernel text. Out: [`HostMemory`], sizes in bytes, paging in pages of this kernel.
//! Rules: `cached` is the page cache and reclaimable slab together, as free(1) counts; `pgpgin` and `pgpgout`
//! are KiB in the kernel and become pages here. A kernel without swap has no `pswpin`: unknown, and a fault only
//! where there is swap space.
//! Sources: `proc(5)`, the kernel's `Documentation/filesystems/proc.rst` and `mm/vmstat.c`.

use super::error::Faults;
use super::text::{Place, lines, require};
use crate::host::{Host, HotFile};
use crate::sflow::counters::host::HostMemory;
use crate::sflow::unknown::{counter32, gauge64};

const MEMINFO: &str = "/proc/meminfo";
const VMSTAT: &str = "/proc/vmstat";

/// `/proc/meminfo`, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the kernel's names
pub struct Meminfo {
    pub mem_total: Option<u64>,
    pub mem_free: Option<u64>,
    pub buffers: Option<u64>,
    pub cached: Option<u64>,
    pub s_reclaimable: Option<u64>,
    pub shmem: Option<u64>,
    pub swap_total: Option<u64>,
    pub swap_free: Option<u64>,
}

/// Parses `/proc/meminfo`: lines of `MemTotal:       24684092 kB`.
pub fn parse_meminfo(text: &str, faults: &mut Faults) -> Meminfo {
    let mut found = Meminfo::default();
    for (at, line) in lines(MEMINFO, text, faults) {
        let Some((name, value)) = line.split_once(':') else {
            faults.note(at.malformed());
            continue;
        };
        let (field, into) = match name {
            "MemTotal" => ("MemTotal", &mut found.mem_total),
            "MemFree" => ("MemFree", &mut found.mem_free),
            "Buffers" => ("Buffers", &mut found.buffers),
            "Cached" => ("Cached", &mut found.cached),
            "SReclaimable" => ("SReclaimable", &mut found.s_reclaimable),
            "Shmem" => ("Shmem", &mut found.shmem),
            "SwapTotal" => ("SwapTotal", &mut found.swap_total),
            "SwapFree" => ("SwapFree", &mut found.swap_free),
            _ => continue,
        };
        *into = bytes(at, field, value, faults);
    }
    require(
        MEMINFO,
        faults,
        &[
            ("MemTotal", found.mem_total.is_some()),
            ("MemFree", found.mem_free.is_some()),
            ("Buffers", found.buffers.is_some()),
            ("Cached", found.cached.is_some()),
            ("SReclaimable", found.s_reclaimable.is_some()),
            ("Shmem", found.shmem.is_some()),
            ("SwapTotal", found.swap_total.is_some()),
            ("SwapFree", found.swap_free.is_some()),
        ],
    );
    found
}

fn bytes(at: Place, field: &'static str, value: &str, faults: &mut Faults) -> Option<u64> {
    let Some(kib) = value.trim().strip_suffix(" kB") else {
        faults.note(at.malformed());
        return None;
    };
    at.number::<u64>(field, Some(kib.trim_end()), faults)?.checked_mul(1024)
}

/// `/proc/vmstat`: paging since boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the kernel's names
pub struct Vmstat {
    /// KiB.
    pub pgpgin: Option<u64>,
    /// KiB.
    pub pgpgout: Option<u64>,
    /// Pages.
    pub pswpin: Option<u64>,
    /// Pages.
    pub pswpout: Option<u64>,
}

/// Parses `/proc/vmstat`: lines of `pgpgin 3006545`.
pub fn parse_vmstat(text: &str, faults: &mut Faults) -> Vmstat {
    let mut found = Vmstat::default();
    for (at, line) in lines(VMSTAT, text, faults) {
        let Some((name, value)) = line.split_once(' ') else {
            faults.note(at.malformed());
            continue;
        };
        match name {
            "pgpgin" => found.pgpgin = at.number("pgpgin", Some(value), faults),
            "pgpgout" => found.pgpgout = at.number("pgpgout", Some(value), faults),
            "pswpin" => found.pswpin = at.number("pswpin", Some(value), faults),
            "pswpout" => found.pswpout = at.number("pswpout", Some(value), faults),
            _ => {}
        }
    }
    require(VMSTAT, faults, &[("pgpgin", found.pgpgin.is_some()), ("pgpgout", found.pgpgout.is_some())]);
    found
}

/// The four lines stand together, about in the middle; once the last is there, the rest of the file need not be
/// made. Whether all four were found is for the parser to say.
fn has_paging(read: &[u8]) -> bool {
    read.windows(9).any(|w| w == b"\npswpout ")
}

/// The kept files.
#[derive(Debug)]
pub(super) struct Memory {
    meminfo: HotFile,
    vmstat: HotFile,
    page_size: u64,
}

impl Memory {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            meminfo: HotFile::new(host.path(MEMINFO)),
            vmstat: HotFile::new(host.path(VMSTAT)),
            page_size: host.page_size.max(1),
        }
    }

    /// `None` when neither file could be read.
    pub(super) fn poll(&mut self, faults: &mut Faults) -> Option<HostMemory> {
        let info = faults.catch(self.meminfo.text()).map(|text| parse_meminfo(text, faults));
        let paging = faults.catch(self.vmstat.head(has_paging)).map(|text| parse_vmstat(text, faults));
        if info.is_none() && paging.is_none() {
            return None;
        }
        let (info, paging) = (info.unwrap_or_default(), paging.unwrap_or_default());
        if info.swap_total.is_some_and(|bytes| bytes > 0) && paging.pgpgin.is_some() {
            let swap = [("pswpin", paging.pswpin.is_some()), ("pswpout", paging.pswpout.is_some())];
            require(VMSTAT, faults, &swap);
        }
        Some(record(&info, &paging, self.page_size))
    }
}

fn record(info: &Meminfo, paging: &Vmstat, page_size: u64) -> HostMemory {
    let cached = info.cached.map(|c| c.saturating_add(info.s_reclaimable.unwrap_or(0)));
    // Through 128 bits: a KiB counter times 1024 may exceed 64.
    #[allow(clippy::cast_possible_truncation)] // pages are cut to 32 bits on the wire anyway
    let pages = |kib: Option<u64>| kib.map(|k| (u128::from(k) * 1024 / u128::from(page_size)) as u64);
    HostMemory {
        mem_total: gauge64(info.mem_total),
        mem_free: gauge64(info.mem_free),
        mem_shared: gauge64(info.shmem),
        mem_buffers: gauge64(info.buffers),
        mem_cached: gauge64(cached),
        swap_total: gauge64(info.swap_total),
        swap_free: gauge64(info.swap_free),
        page_in: counter32(pages(paging.pgpgin)),
        page_out: counter32(pages(paging.pgpgout)),
        swap_in: counter32(paging.pswpin),
        swap_out: counter32(paging.pswpout),
    }
}

#[cfg(test)]
#[path = "memory/tests.rs"]
mod tests;
