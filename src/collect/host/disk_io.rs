//! I/O of the whole disks of this host, each once, from `/proc/diskstats`.
//!
//! In: kernel text and what sysfs says of each name (`block_device`). Out: sums since boot.
//! Rules: which names count is decided when the set of names changes, not in every poll. A disk that leaves
//! keeps its part of the sum, and one that starts again from 0 adds to it: the sums never go back.
//! A field that cannot be read keeps its last value, with a fault.
//! Source: the kernel's `Documentation/admin-guide/iostats.rst`; the columns have numbers there, not names.

use super::block_device::BlockDevices;
use super::error::{CollectError, Faults};
use super::text::lines;
use crate::host::{Host, HotFile};
use std::collections::HashMap;

const DISKSTATS: &str = "/proc/diskstats";

/// The fields of one device that are counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoStat {
    /// Field 1: reads completed.
    pub reads: Option<u64>,
    /// Field 3: sectors of 512 bytes.
    pub sectors_read: Option<u64>,
    /// Field 4: milliseconds, 32 bits in the kernel.
    pub read_ms: Option<u64>,
    /// Field 5: writes completed.
    pub writes: Option<u64>,
    /// Field 7: sectors of 512 bytes.
    pub sectors_written: Option<u64>,
    /// Field 8: milliseconds, 32 bits in the kernel.
    pub write_ms: Option<u64>,
}

/// Parses `/proc/diskstats` and hands over each device, partitions too, in the kernel's order:
/// `254 0 vda 45224 21166 3945610 11171 2251 11722 1005584 3931 0 5560 15379 …`.
pub fn parse_diskstats<'a>(text: &'a str, faults: &mut Faults, mut each: impl FnMut(&'a str, IoStat)) {
    for (at, line) in lines(DISKSTATS, text, faults) {
        let mut words = line.split_ascii_whitespace().skip(2);
        let (Some(name), mut words) = (words.next(), words) else {
            faults.note(at.malformed());
            continue;
        };
        let mut field = |name, skipped| {
            let word = words.nth(skipped);
            if word.is_none() {
                faults.note(CollectError::Missing { file: DISKSTATS, field: name });
            }
            at.number(name, word, faults)
        };
        let stat = IoStat {
            reads: field("reads", 0),
            sectors_read: field("sectors_read", 1),
            read_ms: field("read_ms", 0),
            writes: field("writes", 0),
            sectors_written: field("sectors_written", 1),
            write_ms: field("write_ms", 0),
        };
        each(name, stat);
    }
}

/// One field of one disk: what it was last and what it had reached before it started again.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    before: u64,
    last: Option<u64>,
}

impl Running {
    fn advance(&mut self, now: Option<u64>) {
        let Some(now) = now else { return };
        match self.last {
            // Times have 32 bits in the kernel, all fields have on 32-bit machines.
            Some(last) if now < last && (1 << 31..1 << 32).contains(&last) => {
                self.before = self.before.wrapping_add(1 << 32);
            }
            Some(last) if now < last => self.before = self.before.wrapping_add(last),
            _ => {}
        }
        self.last = Some(now);
    }

    fn total(&self) -> Option<u64> {
        self.last.map(|last| self.before.wrapping_add(last))
    }
}

/// A name that has been seen in the table.
#[derive(Debug)]
struct Known {
    name: String,
    counted: bool,
    fields: [Running; 6],
}

impl Known {
    fn advance(&mut self, stat: IoStat) {
        let now =
            [stat.reads, stat.sectors_read, stat.read_ms, stat.writes, stat.sectors_written, stat.write_ms];
        for (field, now) in self.fields.iter_mut().zip(now) {
            field.advance(now);
        }
    }
}

/// The kept file and every disk seen so far.
#[derive(Debug)]
pub(super) struct DiskIo {
    file: HotFile,
    devices: BlockDevices,
    /// In the table's order, then counted disks that have left.
    known: Vec<Known>,
    /// How many of `known` were in the table last time.
    present: usize,
}

impl DiskIo {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            file: HotFile::new(host.path(DISKSTATS)),
            devices: BlockDevices::new(host),
            known: Vec::new(),
            present: 0,
        }
    }

    /// The sums, `None` when the table could not be read.
    pub(super) fn poll(&mut self, faults: &mut Faults) -> Option<IoStat> {
        let text = faults.catch(self.file.records())?;
        let (mut index, mut same) = (0, !self.devices.by_name());
        parse_diskstats(text, faults, |name, stat| {
            match self.known.get_mut(index) {
                Some(known) if index < self.present && known.name == name => known.advance(stat),
                _ => same = false,
            }
            index += 1;
        });
        if !same || index != self.present {
            (self.known, self.present) =
                decide(text, std::mem::take(&mut self.known), &mut self.devices, faults);
        }
        let counted = self.known.iter().filter(|k| k.counted);
        Some(sum(counted.map(|k| &k.fields)))
    }
}

/// Orders what is known by the table as it is now, and decides about the names that are new.
fn decide(
    text: &str,
    known: Vec<Known>,
    devices: &mut BlockDevices,
    faults: &mut Faults,
) -> (Vec<Known>, usize) {
    let mut present: Vec<(&str, IoStat)> = Vec::new();
    // The first reading of this text has noted its faults.
    parse_diskstats(text, &mut Faults::default(), |name, stat| present.push((name, stat)));
    let names: Vec<&str> = present.iter().map(|(name, _)| *name).collect();
    devices.look(&names, faults);
    let mut before: HashMap<String, [Running; 6]> =
        known.into_iter().filter(|k| k.counted).map(|k| (k.name, k.fields)).collect();
    let mut now: Vec<Known> = Vec::with_capacity(names.len() + before.len());
    for &(name, stat) in &present {
        let fields = before.remove(name).unwrap_or_default();
        let mut known =
            Known { name: name.to_owned(), counted: devices.is_whole(name, &names, faults), fields };
        known.advance(stat);
        now.push(known);
    }
    now.extend(before.into_iter().map(|(name, fields)| Known { name, counted: true, fields }));
    (now, present.len())
}

/// No disks at all have done nothing; disks of which none tells a field leave it unknown.
fn sum<'a>(disks: impl Iterator<Item = &'a [Running; 6]>) -> IoStat {
    let (mut sums, mut any) = ([None; 6], false);
    for fields in disks {
        any = true;
        for (sum, field) in sums.iter_mut().zip(fields) {
            if let Some(total) = field.total() {
                *sum = Some(sum.unwrap_or(0u64).wrapping_add(total));
            }
        }
    }
    let [reads, sectors_read, read_ms, writes, sectors_written, write_ms] =
        if any { sums } else { [Some(0); 6] };
    IoStat { reads, sectors_read, read_ms, writes, sectors_written, write_ms }
}

#[cfg(test)]
#[path = "disk_io/tests.rs"]
mod tests;
