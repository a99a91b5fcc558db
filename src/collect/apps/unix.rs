//! A UNIX datagram socket of the agent's own. Rules: everybody may send to it, and the kernel says which process did; a
//! socket that nobody reads any more is replaced, any other file is left alone; it goes when the agent does. A sender waits
//! where it is full, so nothing is lost. Spec: unix(7).

use super::place::Obstacle;
use nix::sys::socket::{setsockopt, sockopt};
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::fs::MetadataExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Datagrams that wait at most: the kernel's default for `net.unix.max_dgram_qlen`; distributions have more.
const QUEUE: usize = 10;

#[derive(Debug)]
pub(super) struct Unix {
    socket: UnixDatagram,
    path: PathBuf,
    object: String,
    identity: Option<(u64, u64)>,
}

impl Unix {
    pub(super) fn open(path: &Path) -> Result<Self, Obstacle> {
        let error = |operation| move |error: std::io::Error| Obstacle::io(operation, path, &error);
        if let Ok(there) = fs::symlink_metadata(path) {
            if !there.file_type().is_socket() {
                return Err(Obstacle::NotA { path: path.to_owned(), wanted: "socket" });
            }
            let probe = UnixDatagram::unbound().map_err(error("socket"))?;
            // Every other answer comes from a socket that lives: one of another type, or one that is closed to us.
            if !probe.connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                return Err(Obstacle::InUse(path.to_owned()));
            }
            fs::remove_file(path).map_err(error("unlink"))?;
        }
        let socket = UnixDatagram::bind(path).map_err(error("bind"))?;
        // From here on it is removed when something fails.
        let object = path.display().to_string();
        let unix = Self { socket, path: path.to_owned(), object, identity: identity(path) };
        fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(error("chmod"))?;
        setsockopt(&unix.socket, sockopt::PassCred, &true)
            .map_err(|errno| crate::sys::SysError::new("setsockopt SO_PASSCRED", &unix.object, errno))?;
        Ok(unix)
    }

    pub(super) fn object(&self) -> &str {
        &self.object
    }

    /// Whether its name still leads to it.
    pub(super) fn is_there(&self) -> bool {
        self.identity.is_some() && identity(&self.path) == self.identity
    }

    /// How full the queue was in which so many waited, in percent.
    pub(super) fn percent_full(messages: usize) -> usize {
        (messages * 100 / QUEUE).min(100)
    }
}

/// Device and inode of what stands there.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|there| (there.st_dev(), there.st_ino()))
}

impl AsFd for Unix {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Unix {
    fn drop(&mut self) {
        // Not that of an agent that has taken its place.
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
