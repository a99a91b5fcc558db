//! Which inputs there can be, by the words that people know them by, and what can stand in their way.

use crate::config::model::Json;
use crate::sys::SysError;
use nix::errno::Errno;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where messages come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A UDP port of this host.
    Udp(SocketAddr),
    /// A named pipe.
    Fifo(PathBuf),
    /// A UNIX datagram socket.
    Socket(PathBuf),
}

impl Place {
    /// All that the configuration names.
    pub(super) fn all(json: &Json, root: &Path) -> Vec<Self> {
        let mut places = Vec::new();
        if let Some(port) = json.udp_port {
            places.push(Self::Udp((Ipv4Addr::LOCALHOST, port).into()));
            places.push(Self::Udp((Ipv6Addr::LOCALHOST, port).into()));
        }
        places.extend(json.fifo.iter().map(|path| Self::Fifo(below(root, path))));
        places.extend(json.socket.iter().map(|path| Self::Socket(below(root, path))));
        places
    }
}

/// The path as seen from a root directory; one that is relative is not.
fn below(root: &Path, path: &str) -> PathBuf {
    match path.strip_prefix('/') {
        Some(path) => root.join(path),
        None => path.into(),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "UDP {address}"),
            Self::Fifo(path) => write!(f, "fifo {}", path.display()),
            Self::Socket(path) => write!(f, "socket {}", path.display()),
        }
    }
}

/// Why an input is not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A system call refused.
    #[error(transparent)]
    System(#[from] SysError),
    /// There is no such address here: IPv6 is switched off.
    #[error("this host has no {0}")]
    NoAddress(std::net::IpAddr),
    /// What stands there is something else.
    #[error("{} is not a {wanted}", .path.display())]
    NotA {
        /// Its name.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// Another process reads there.
    #[error("another process listens on {}", .0.display())]
    InUse(PathBuf),
}

impl Obstacle {
    /// True where nothing is wrong: this host does not have what it would take.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::NoAddress(_))
    }

    pub(super) fn io(operation: &'static str, path: &Path, error: &std::io::Error) -> Self {
        // The one refusal that is not the kernel's: a path longer than a socket's address.
        let errno = error.raw_os_error().map_or(Errno::ENAMETOOLONG, Errno::from_raw);
        Self::System(SysError::new(operation, path.display().to_string(), errno))
    }
}
