//! Space of the host's file systems: how much there is, how much is free, how full the fullest is.
//!
//! In: the mount table, read again only when the kernel announces a change of it, and one answer per
//! file system. Out: [`Totals`] in bytes.
//! Rules: file systems that answer from memory are asked here, all others on a helper thread with a deadline,
//! so that a hung mount does not stall the agent; its last answer goes on being used. A ZFS pool counts as
//! one file system, because its datasets share one free space. Space kept for root counts as used.
//! Source: `statvfs(3)`.

use super::error::{CollectError, Faults};
use super::mounts::{Asked, MOUNTINFO, parse_mountinfo, select};
use super::slow_space::SlowSpace;
use super::text::require;
use crate::host::{Host, HotFile, ReadError, Space, SpaceOf};
use std::path::PathBuf;

/// Sums over all file systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes.
    pub total: u64,
    /// Bytes that users without privilege may still write.
    pub available: u64,
    /// Of the fullest file system, in hundredths of a percent.
    pub fullest: u64,
}

impl Totals {
    fn add(&mut self, space: Space) {
        let available = space.available.min(space.total);
        let used = space.total - available;
        self.total = self.total.saturating_add(space.total);
        self.available = self.available.saturating_add(available);
        let percent = (u128::from(used) * 10_000).checked_div(u128::from(space.total)).unwrap_or(0);
        self.fullest = self.fullest.max(u64::try_from(percent).unwrap_or(10_000));
    }
}

/// Adds up answers; those of one pool must follow each other.
pub fn add_up<'a>(answers: impl Iterator<Item = (Option<&'a [u8]>, Space)>) -> Totals {
    let mut totals = Totals::default();
    let mut pool: Option<(&[u8], Space)> = None;
    for (name, space) in answers {
        if pool.is_some_and(|(open, _)| Some(open) != name) {
            pool.take().into_iter().for_each(|(_, sum)| totals.add(sum));
        }
        match name {
            None => totals.add(space),
            Some(name) => {
                let (_, sum) = pool.get_or_insert((name, Space::default()));
                let used = sum.total.saturating_sub(sum.available);
                let used = used.saturating_add(space.total.saturating_sub(space.available));
                sum.available = sum.available.max(space.available);
                sum.total = used.saturating_add(sum.available);
            }
        }
    }
    pool.into_iter().for_each(|(_, sum)| totals.add(sum));
    totals
}

/// A file system and its last answer.
#[derive(Debug)]
pub(super) struct Volume {
    pub(super) asked: Asked,
    /// `asked.point` under the host's root.
    pub(super) path: PathBuf,
    pub(super) space: Option<Space>,
    /// `space` is from this poll.
    pub(super) fresh: bool,
}

/// The kept mount table and what was selected from it.
#[derive(Debug)]
pub(super) struct DiskSpace {
    host: Host,
    mountinfo: HotFile,
    volumes: Vec<Volume>,
    hidden: Vec<PathBuf>,
    slow: SlowSpace,
    known: bool,
}

impl DiskSpace {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            mountinfo: HotFile::new(host.mountinfo()),
            volumes: Vec::new(),
            hidden: Vec::new(),
            slow: SlowSpace::new(host),
            known: false,
            host: host.clone(),
        }
    }

    /// `None` while the mount table could never be read, or when no file system has ever answered.
    pub(super) fn poll(&mut self, faults: &mut Faults) -> Option<Totals> {
        if self.mountinfo.has_changed() {
            self.read_mounts(faults);
        }
        for point in &self.hidden {
            faults.note(CollectError::Hidden(point.clone()));
        }
        for volume in self.volumes.iter_mut().filter(|v| v.asked.prompt) {
            volume.ask(self.host.space_of, faults);
        }
        self.slow.ask(&mut self.volumes, faults);
        let answered = self.volumes.iter().filter_map(|v| Some((v.asked.pool.as_deref(), v.space?)));
        let none = !self.volumes.is_empty() && self.volumes.iter().all(|v| v.space.is_none());
        (self.known && !none).then(|| add_up(answered))
    }

    fn read_mounts(&mut self, faults: &mut Faults) {
        let Some(table) = faults.catch(self.mountinfo.bytes()) else { return };
        let mounts = parse_mountinfo(table, faults);
        require(MOUNTINFO, faults, &[("mounts", !mounts.is_empty())]);
        let (asked, hidden) = select(&mounts);
        let mut before = std::mem::take(&mut self.volumes);
        self.volumes = asked
            .into_iter()
            .map(|asked| {
                let space = before.iter_mut().find(|v| v.asked == asked).and_then(|v| v.space.take());
                Volume { path: self.host.path(&asked.point), asked, space, fresh: false }
            })
            .collect();
        (self.hidden, self.known) = (hidden, !mounts.is_empty());
    }
}

impl Volume {
    fn ask(&mut self, space_of: SpaceOf, faults: &mut Faults) {
        let answer = space_of(&self.path);
        self.take(answer, faults);
    }

    pub(super) fn take(&mut self, answer: Result<Space, i32>, faults: &mut Faults) {
        let path = || self.path.clone();
        let answer = answer.map_err(|errno| ReadError::Kernel { operation: "statvfs", path: path(), errno });
        self.space = faults.catch(answer);
        self.fresh = true;
    }
}

#[cfg(test)]
#[path = "disk_space/tests.rs"]
mod tests;
