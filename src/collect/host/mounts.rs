//! Which mounted file systems have space of this host, each once, from `/proc/self/mountinfo`.
//!
//! In: the mount table as bytes (mount points need not be text). Out: where to ask, and what cannot be asked.
//! Rules, in the C agent's spirit: a device or a ZFS pool of this host, not read-only, not remote, not in memory.
//! What differs from it: the same device is recognised by its number, because a sandboxed service sees bind
//! mounts of one device under many names; read-only means the file system, not this mount (`ProtectSystem=` makes
//! every mount of the agent read-only); ZFS counts; a mount covered by another one is not asked, since the
//! answer would be about the other.
//! Source: `proc_pid_mountinfo(5)`. An empty source leaves two spaces in a line, which readers that split at
//! runs of spaces get wrong.

use super::error::{CollectError, Faults};
use super::text::Place;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

pub(super) const MOUNTINFO: &str = "/proc/self/mountinfo";

/// One line of the mount table; texts as they stand there, with spaces and the like as octal escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Of this mount.
    pub id: u32,
    /// Of the mount that it is mounted on.
    pub parent: u32,
    /// `major:minor` of the file system.
    pub device: &'a [u8],
    /// The directory of the file system that is mounted; `/` unless it is a part of it.
    pub root: &'a [u8],
    /// Mount point.
    pub point: &'a [u8],
    /// File system type.
    pub kind: &'a [u8],
    /// What is mounted: a device, a ZFS dataset, a remote path.
    pub source: &'a [u8],
    /// Options of the file system, with commas between them; for cgroup v1 its controllers.
    pub options: &'a [u8],
    /// The file system itself is read-only.
    pub read_only: bool,
}

/// Parses the mount table; a line of another form is a fault and left out.
pub fn parse_mountinfo<'a>(table: &'a [u8], faults: &mut Faults) -> Vec<Mount<'a>> {
    let mut mounts = Vec::new();
    for (index, line) in table.split_inclusive(|&b| b == b'\n').enumerate() {
        let at = Place { file: MOUNTINFO, line: index + 1 };
        match line.strip_suffix(b"\n") {
            None => faults.note(CollectError::CutOff { file: MOUNTINFO, line: at.line }),
            Some(line) => match parse_line(line) {
                Some(mount) => mounts.push(mount),
                None => faults.note(at.malformed()),
            },
        }
    }
    mounts
}

fn parse_line(line: &[u8]) -> Option<Mount<'_>> {
    let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse().ok();
    let mut words = line.split(|&b| b == b' ');
    let (id, parent) = (number(words.next()?)?, number(words.next()?)?);
    let (device, root, point, _flags) = (words.next()?, words.next()?, words.next()?, words.next()?);
    words.find(|word| *word == b"-")?;
    let (kind, source, options) = (words.next()?, words.next()?, words.next()?);
    let read_only = options.split(|&b| b == b',').any(|option| option == b"ro");
    Some(Mount { id, parent, device, root, point, kind, source, options, read_only })
}

/// `\040` and its like become the bytes they stand for.
pub fn unescape(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => bytes.push(first),
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// A file system whose space counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where it is mounted, in the agent's view.
    pub point: PathBuf,
    /// The ZFS pool whose free space it shares with its other datasets.
    pub pool: Option<Vec<u8>>,
    /// Its space is known in memory, so asking does not wait for a device or a peer.
    pub prompt: bool,
}

/// The file systems to ask, datasets of one pool next to each other, and the points of those that other
/// mounts hide altogether.
pub fn select(mounts: &[Mount<'_>]) -> (Vec<Asked>, Vec<PathBuf>) {
    let (mut asked, mut devices, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
    for mount in mounts.iter().filter(|m| counts(m)) {
        if devices.contains(&mount.device) {
            continue;
        }
        if is_hidden(mount, mounts) {
            hidden.push(mount);
        } else {
            devices.push(mount.device);
            let pool = (mount.kind == b"zfs").then(|| until(mount.source, b'/').to_vec());
            asked.push(Asked { point: unescape(mount.point), pool, prompt: is_prompt(mount.kind) });
        }
    }
    asked.sort_by(|a: &Asked, b| a.pool.cmp(&b.pool));
    hidden.retain(|mount| !devices.contains(&mount.device));
    (asked, hidden.into_iter().map(|mount| unescape(mount.point)).collect())
}

fn until(word: &[u8], end: u8) -> &[u8] {
    word.split(|&b| b == end).next().unwrap_or(word)
}

fn counts(mount: &Mount<'_>) -> bool {
    // Clustered file systems lie on a device here, yet belong to many hosts.
    const SHARED: [&[u8]; 3] = [b"gfs", b"gfs2", b"ocfs2"];
    let device = mount.source.starts_with(b"/dev/") && mount.source != b"/dev/fuse";
    let ours = device || matches!(mount.kind, b"ubifs" | b"zfs");
    ours && !mount.read_only && !SHARED.contains(&mount.kind)
}

/// Types whose `statfs` only reads counters that the kernel holds in memory.
fn is_prompt(kind: &[u8]) -> bool {
    const PROMPT: [&[u8]; 13] = [
        b"ext2",
        b"ext3",
        b"ext4",
        b"xfs",
        b"btrfs",
        b"f2fs",
        b"vfat",
        b"exfat",
        b"ubifs",
        b"jffs2",
        b"jfs",
        b"nilfs2",
        b"bcachefs",
    ];
    PROMPT.contains(&kind)
}

/// A path walk to the mount point ends elsewhere: something is mounted on this mount's root, or on its parent at
/// a directory above, or the parent is hidden itself.
fn is_hidden(mount: &Mount<'_>, all: &[Mount<'_>]) -> bool {
    // Real tables are a tree a few mounts deep; the bound is for tables that are none.
    const DEEPEST: usize = 64;
    let (mut mount, mut child) = (*mount, None);
    for _ in 0..DEEPEST {
        let on_top = |m: &Mount<'_>| m.parent == mount.id && m.point == mount.point && m.id != mount.id;
        let above = |m: &Mount<'_>| m.parent == mount.parent && is_below(mount.point, m.point);
        if all.iter().any(|m| Some(m.id) != child && (on_top(m) || above(m))) {
            return true;
        }
        let Some(parent) = all.iter().find(|m| m.id == mount.parent && m.id != mount.id) else {
            return false;
        };
        (mount, child) = (*parent, Some(mount.id));
    }
    false
}

/// `point` lies inside the directory `dir`, and is not `dir`.
fn is_below(point: &[u8], dir: &[u8]) -> bool {
    point.strip_prefix(dir).is_some_and(|rest| rest.starts_with(b"/") && !dir.is_empty())
}

#[cfg(test)]
#[path = "mounts/tests.rs"]
mod tests;
