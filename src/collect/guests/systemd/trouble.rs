//! Why services cannot be had from systemd. Each is a reason in the engine's state.

use crate::collect::guests::cgroup::CgroupError;
use crate::host::ReadError;
use std::path::PathBuf;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Nobody is behind the bus's socket, or the agent may not use it.
    #[error(transparent)]
    Socket(#[from] ReadError),
    /// The bus does not speak as it should.
    #[error("{}: {error}", socket.display())]
    Bus {
        /// Its socket.
        socket: PathBuf,
        /// In the library's words.
        error: zbus::Error,
    },
    /// The bus has closed the connection.
    #[error("{}: the bus has closed the connection", socket.display())]
    Closed {
        /// Its socket.
        socket: PathBuf,
    },
    /// systemd has left the bus, as it does when it is executed anew.
    #[error("{}: systemd has left the bus", socket.display())]
    Left {
        /// The bus's socket.
        socket: PathBuf,
    },
    /// A call was refused.
    #[error("{}: {call}: {reason}", socket.display())]
    Refused {
        /// The bus's socket.
        socket: PathBuf,
        /// The method.
        call: &'static str,
        /// What the other side says.
        reason: String,
    },
    /// A call was not answered.
    #[error("{}: {call}: no answer in {secs} s", socket.display())]
    NoAnswer {
        /// The bus's socket.
        socket: PathBuf,
        /// The method.
        call: &'static str,
        /// The deadline.
        secs: u64,
    },
    /// Whether a service has processes cannot be found out.
    #[error(transparent)]
    Cgroups(#[from] CgroupError),
}
