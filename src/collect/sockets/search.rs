//! Looks for network namespaces by their number, and opens a socket in each.
//!
//! In: the numbers that this namespace gives them. Out: sockets, and why some could not be had. Candidates are the files
//! of `ip netns` and of Docker, then the namespaces of all processes, each namespace once. Takes as long as there are
//! processes to look at. Rule: what cannot be read costs only itself. Spec: network_namespaces(7), `RTM_GETNSID`.

use super::RECEIVE_BUFFER;
use super::namespaces::Unreachable;
use crate::host::netns;
use crate::sys::SysError;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::header::{Outcome, messages};
use crate::wire::netlink::nsid;
use nix::errno::Errno;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DIRECTORIES: [&str; 2] = ["run/netns", "run/docker/netns"];
/// An answer comes at once; this is for a kernel that has none.
const WAIT: Duration = Duration::from_secs(1);
const ANSWER_SLOT: usize = 4096;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Number, the way in, and a socket inside.
    pub(super) opened: Vec<(u32, Door, Netlink)>,
    /// What kept the search from finding more, the worst of it.
    pub(super) obstacle: Option<Unreachable>,
}

/// A file that stands for a namespace.
#[derive(Debug)]
pub(super) struct Door {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode of a namespace's file.
type Identity = (u64, u64);

impl Door {
    /// True while the file is there and stands for the same namespace.
    pub(super) fn leads_there(&self) -> bool {
        identity(&self.path).is_ok_and(|identity| identity == self.identity)
    }
}

/// Looks for all of `wanted`; each socket gets `memory` bytes for one receive.
pub(super) fn search(root: &Path, wanted: &[u32], memory: usize) -> Found {
    let mut found = Found::default();
    let mut ids = match Netlink::open(Protocol::Route, 32 * 1024) {
        Ok(ids) => ids,
        Err(error) => return Found { obstacle: Some(Unreachable::Failed(error)), ..found },
    };
    let mut seen = HashSet::new();
    for path in candidates(root) {
        if found.opened.len() == wanted.len() {
            found.obstacle = None;
            break;
        }
        if let Err(worse) = visit(&mut ids, path, wanted, memory, &mut seen, &mut found.opened) {
            note(&mut found.obstacle, worse);
        }
    }
    found
}

/// Looks at one file, and opens a socket where it leads to what is wanted.
fn visit(
    ids: &mut Netlink,
    path: PathBuf,
    wanted: &[u32],
    memory: usize,
    seen: &mut HashSet<Identity>,
    opened: &mut Vec<(u32, Door, Netlink)>,
) -> Result<(), Unreachable> {
    let denied = |error: io::Error| Unreachable::Look(sys_error("open", &path, &error));
    let identity = match identity(&path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(denied(error)),
        Err(_) => return Ok(()),
        Ok(identity) => identity,
    };
    if !seen.insert(identity) {
        return Ok(());
    }
    let file = match netns::open_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(denied(error)),
        Err(_) => return Ok(()),
        Ok(file) => file,
    };
    let Some(number) = number(ids, &file).filter(|number| wanted.contains(number)) else { return Ok(()) };
    let open = || Netlink::open_with_arena(Protocol::SocketDiag, RECEIVE_BUFFER, memory);
    let opened_inside = netns::inside(&file, open).map_err(|error| {
        let error = sys_error("setns", &path, &error);
        if error.errno == Errno::EPERM as i32 {
            Unreachable::Enter(error)
        } else {
            Unreachable::Failed(error)
        }
    })?;
    let socket = opened_inside.map_err(Unreachable::Failed)?;
    opened.push((number, Door { path, identity }, socket));
    Ok(())
}

/// The number of the namespace, as the one that `ids` is in counts.
fn number(ids: &mut Netlink, file: &File) -> Option<u32> {
    let mut request = Vec::new();
    nsid::get(&mut request, 1, u32::try_from(file.as_raw_fd()).ok()?);
    ids.send(&request).ok()?;
    let datagrams = ids.receive(ANSWER_SLOT, WAIT).ok()?;
    let answer = datagrams.iter().flat_map(messages).flatten().next()?;
    let is_number = answer.kind == nsid::NEW_NSID && answer.outcome() == Ok(Outcome::Data);
    is_number.then(|| nsid::parse(answer.payload).ok().flatten()).flatten()
}

/// Named namespaces first: they are few, and need no right to look at processes.
fn candidates(root: &Path) -> impl Iterator<Item = PathBuf> {
    let named = DIRECTORIES.map(|directory| root.join(directory)).into_iter();
    let named = named.flat_map(|directory| entries(&directory)).map(|entry| entry.path());
    // Opened only when the named ones did not do.
    let proc = std::iter::once(root.join("proc")).flat_map(|proc| entries(&proc));
    let processes = proc.filter(|entry| entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    named.chain(processes.map(|entry| entry.path().join("ns/net")))
}

fn entries(directory: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    fs::read_dir(directory).into_iter().flatten().flatten()
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

fn sys_error(operation: &'static str, path: &Path, error: &io::Error) -> SysError {
    let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
    SysError::new(operation, path.display().to_string(), errno)
}

/// Keeps what says most: that a namespace was there and could not be entered, then that it may have been out of sight.
fn note(obstacle: &mut Option<Unreachable>, new: Unreachable) {
    let weight = |obstacle: &Unreachable| match obstacle {
        Unreachable::Enter(_) => 2,
        Unreachable::Failed(_) => 1,
        _ => 0,
    };
    if obstacle.as_ref().is_none_or(|old| weight(&new) > weight(old)) {
        *obstacle = Some(new);
    }
}
