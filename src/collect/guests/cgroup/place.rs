//! Where the kernel counts a guest: one directory in each hierarchy of cgroups.
//!
//! In: a path below the mount points. Out: directories, the cgroup's number, whether anything runs in it. Rule: the top of a
//! hierarchy is the host, so a guest that is not below it has no place there.
//! Spec: `cgroups(7)`; the number is what `INET_DIAG_CGROUP_ID` and `bpf_get_current_cgroup_id` report.

use super::format::parse_populated;
use super::kept::Shared;
use std::fs::{self, File};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Directories that are looked through for processes, at most, in one tree.
const MOST: usize = 4096;

/// A hierarchy by what it is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Version 2: everything that no other one has.
    Unified,
    /// Version 1 with `cpuacct`.
    Cpu,
    /// Version 1 with `memory`.
    Memory,
    /// Version 1 with `blkio`.
    Disk,
    /// systemd's own of version 1, which only holds processes.
    Named,
}

impl Role {
    pub(super) const ALL: [Self; 5] = [Self::Unified, Self::Named, Self::Memory, Self::Cpu, Self::Disk];

    /// The word for it in mount options and in `/proc/PID/cgroup`; the unified one has none.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Unified => "",
            Self::Cpu => "cpuacct",
            Self::Memory => "memory",
            Self::Disk => "blkio",
            Self::Named => "name=systemd",
        }
    }
}

/// Something for each hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ByRole<T>([Option<T>; 5]);

impl<T> Default for ByRole<T> {
    fn default() -> Self {
        Self([const { None }; 5])
    }
}

impl<T> ByRole<T> {
    pub(super) fn get(&self, role: Role) -> Option<&T> {
        self.0.get(role as usize)?.as_ref()
    }

    pub(super) fn slot(&mut self, role: Role) -> &mut Option<T> {
        &mut self.0[role as usize]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// A hierarchy as it is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mounted {
    /// Which cgroup the mount point shows; `/` outside containers.
    pub(super) root: PathBuf,
    /// Where, below the host's root.
    pub(super) point: Arc<Path>,
}

/// A directory of one hierarchy; in two parts, which other guests and other hierarchies have too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    point: Arc<Path>,
    below: Arc<Path>,
}

impl Directory {
    /// The directory of a cgroup, unless that is the top, or not below what is mounted. `other`: one of the same guest.
    pub(super) fn of(mounted: &Mounted, cgroup: &str, other: Option<&Self>) -> Option<Self> {
        let below = Path::new(cgroup).strip_prefix(&mounted.root).ok()?;
        let plain = below.components().all(|c| matches!(c, Component::Normal(_)));
        if below.as_os_str().is_empty() || !plain {
            return None;
        }
        let same = other.map(|other| &other.below).filter(|other| ***other == *below);
        Some(Self { point: mounted.point.clone(), below: same.cloned().unwrap_or_else(|| below.into()) })
    }

    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        self.point.join(&self.below)
    }

    /// Those above it, without the top.
    pub(super) fn above(&self) -> impl Iterator<Item = PathBuf> {
        let above = self.below.ancestors().skip(1).filter(|below| !below.as_os_str().is_empty());
        above.map(|below| self.point.join(below))
    }
}

/// A guest's directories.
#[derive(Clone, Debug)]
pub struct Place {
    pub(super) path: Box<str>,
    pub(super) directories: ByRole<Directory>,
    pub(super) shared: Shared,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.directories == other.directories
    }
}

impl Place {
    /// Its path below the mount points; the unified hierarchy's where hierarchies differ, else one that counts it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its number in the unified hierarchy, by which the kernel names the cgroup of a socket.
    pub fn id(&self) -> Option<u64> {
        let directory = self.directories.get(Role::Unified)?;
        fs::metadata(directory.path()).ok().map(|found| found.ino())
    }

    /// The numbers of the cgroups right below it: those of its containers, where it is a pod's.
    pub fn ids_below(&self) -> Vec<u64> {
        let Some(directory) = self.directories.get(Role::Unified) else { return Vec::new() };
        let entries = fs::read_dir(directory.path()).into_iter().flatten().flatten().take(MOST);
        let is_cgroup = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        entries.filter(is_cgroup).map(|entry| entry.ino()).collect()
    }

    /// True while one of its directories is there.
    pub fn exists(&self) -> bool {
        self.present().next().is_some()
    }

    /// True while it or a cgroup below it has a process.
    pub fn has_processes(&self) -> bool {
        let first = || self.present().next();
        self.is_populated()
            .unwrap_or_else(|| first().is_some_and(|(_, directory)| any_process(directory.path())))
    }

    /// What version 2 says of the whole tree below.
    fn is_populated(&self) -> Option<bool> {
        let events = self.directories.get(Role::Unified)?.path().join("cgroup.events");
        let events = File::open(events).ok()?;
        parse_populated(self.shared.lock().buffer.read(&events).ok()?)
    }

    /// The names of the cgroups in it, as directories.
    pub fn children(&self) -> Vec<String> {
        let Some((_, directory)) = self.present().next() else { return Vec::new() };
        let entries = fs::read_dir(directory.path()).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        below.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    fn present(&self) -> impl Iterator<Item = (Role, &Directory)> {
        let all = Role::ALL.into_iter().filter_map(|role| Some((role, self.directories.get(role)?)));
        all.filter(|(_, directory)| directory.path().is_dir())
    }
}

/// Version 1 does not tell of a whole tree, so each list of processes is looked at until one has any.
fn any_process(top: PathBuf) -> bool {
    let (mut waiting, mut looked) = (vec![top], 0);
    while let Some(dir) = waiting.pop() {
        if fs::read(dir.join("cgroup.procs")).is_ok_and(|list| !list.is_empty()) {
            return true;
        }
        looked += 1;
        let below = fs::read_dir(&dir).into_iter().flatten().flatten();
        let below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        waiting.extend(below.map(|entry| entry.path()).take(MOST.saturating_sub(looked + waiting.len())));
    }
    false
}
