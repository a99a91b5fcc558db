//! Enters the network namespace of a process, where it cannot be asked from outside.
//!
//! In: `/proc/<pid>/ns/net`. Out: what a closure learned with a socket in there. Rules: the socket is closed before this
//! returns, because a socket keeps its namespace alive, and every interface in it; the file's identity is compared, so
//! that the number of a dead process leads nowhere else. Needs CAP_SYS_ADMIN, and CAP_SYS_PTRACE for processes of others.

use super::error::NetworkError;
use crate::collect::interfaces::query::Query;
use crate::host::{ReadError, netns};
use crate::sys::netlink::{Netlink, Protocol};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device and inode of a namespace's file.
pub(super) type Identity = (u64, u64);

/// Which namespace a file stands for.
pub(super) fn identity(path: &Path) -> Result<Identity, ReadError> {
    let found = fs::metadata(path).map_err(|error| ReadError::kernel("stat", path, &error))?;
    Ok((found.dev(), found.ino()))
}

/// Does `work` in there; where `expected` is given, only in that namespace.
pub(super) fn enter<T: Send>(
    path: &Path,
    expected: Option<Identity>,
    work: impl FnOnce(&mut Query<Netlink>) -> Result<T, NetworkError> + Send,
) -> Result<(Identity, T), NetworkError> {
    let failed = |operation: &'static str| {
        move |error: io::Error| NetworkError::Enter(ReadError::kernel(operation, path, &error))
    };
    let file = netns::open_file(path).map_err(failed("open"))?;
    let found = file.metadata().map_err(failed("fstat"))?;
    let found = (found.dev(), found.ino());
    if expected.is_some_and(|expected| expected != found) {
        return Err(NetworkError::Gone);
    }
    let work = || work(&mut Query::new(Netlink::open(Protocol::Route, super::RECEIVE_BUFFER)?));
    let learned = netns::inside(&file, work).map_err(failed("setns"))?;
    Ok((found, learned?))
}
