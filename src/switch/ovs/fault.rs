//! What ends a connection to the data base: one error each, with the socket's path and the system's error.

use crate::sample::switch::ovs::frames::FrameError;
use std::io;
use std::path::PathBuf;

/// Why there is no connection any more, or none at all.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No Open vSwitch.
    #[error(
        "no Open vSwitch here: there is no {path}; if its socket is elsewhere, name it in ovs {{ unixsock }}"
    )]
    Absent {
        /// The socket.
        path: PathBuf,
    },
    /// The agent's user may not write to the socket.
    #[error("{path}: {source}; the drop-in open-vswitch.conf lets the agent's user in")]
    Denied {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody answers there.
    #[error("{path}: {source}")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It took too long.
    #[error("ovsdb-server has not {what} within {secs} s")]
    Late {
        /// What was waited for.
        what: &'static str,
        /// How long.
        secs: u64,
    },
    /// The connection broke.
    #[error("ovsdb-server: {0}")]
    Broken(#[from] io::Error),
    /// It closed the connection.
    #[error("ovsdb-server closed the connection")]
    Closed,
    /// What comes are no messages.
    #[error("ovsdb-server cannot be understood: {0}")]
    Frame(#[from] FrameError),
    /// A message is no JSON of the protocol.
    #[error("ovsdb-server cannot be understood: {0}")]
    Json(#[from] serde_json::Error),
    /// It does not tell what there is.
    #[error("ovsdb-server does not show its tables: {0}")]
    Refused(String),
}

impl Fault {
    /// Of a connection that was not made.
    pub(super) fn of_connect(path: PathBuf, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Absent { path },
            io::ErrorKind::PermissionDenied => Self::Denied { path, source },
            _ => Self::Connect { path, source },
        }
    }
}
