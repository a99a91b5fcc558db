//! What is known of each collector, as plain values for `hsflowctl status` and metrics.
//!
//! In: the counting done by the collectors. Out: [`CollectorStatus`]. The rule kept: every datagram is in exactly one
//! of `datagrams` and `lost`; the other numbers say what went wrong, including what happened to datagrams that the
//! kernel had accepted.

use crate::status::snapshot::ErrorKinds;
use nix::errno::Errno;
use serde::Serialize;

/// One collector at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CollectorStatus {
    /// Address or name as configured.
    pub host: String,
    /// UDP port.
    pub port: u16,
    /// Device that datagrams leave by, if configured.
    pub device: Option<String>,
    /// Network namespace that datagrams leave from, if configured.
    pub namespace: Option<String>,
    /// The address in use; `None` while a name is unresolved.
    pub address: Option<String>,
    /// Whether it works.
    #[serde(flatten)]
    pub state: State,
    /// Totals since it was first configured.
    pub counts: Counts,
    /// The newest error, also when it is over.
    pub last_error: Option<String>,
    /// Age of `last_error` in seconds.
    pub last_error_secs_ago: Option<u64>,
    /// Seconds since the kernel last accepted a datagram.
    pub last_success_secs_ago: Option<u64>,
}

/// Whether a collector gets its datagrams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// Nothing is known to be wrong.
    Running,
    /// The first lookup of the host name is under way.
    Resolving,
    /// It gets datagrams only while all better ones fail.
    #[serde(rename = "stand-by")]
    StandBy,
    /// Datagrams are lost, or reported as refused by the far end; it is being retried.
    Degraded {
        /// Why, in one clause.
        reason: String,
    },
}

impl State {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Resolving => "resolving",
            Self::StandBy => "stand-by",
            Self::Degraded { .. } => "degraded",
        }
    }
}

/// Totals of one collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Datagrams that the kernel accepted.
    pub datagrams: u64,
    /// Their UDP payload in bytes.
    pub bytes: u64,
    /// Datagrams that were not sent, for any reason.
    pub lost: u64,
    /// Errors; one may tell of an earlier datagram.
    pub errors: ErrorKinds,
}

impl Counts {
    /// Counts one error by its kind.
    pub(super) fn count(&mut self, errno: Option<Errno>) {
        let kinds = &mut self.errors;
        *match errno {
            Some(Errno::ECONNREFUSED) => &mut kinds.refused,
            Some(Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM) => &mut kinds.buffer_full,
            Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN | Errno::EHOSTDOWN) => {
                &mut kinds.unreachable
            }
            Some(Errno::EPERM | Errno::EACCES) => &mut kinds.denied,
            Some(Errno::EMSGSIZE) => &mut kinds.too_big,
            _ => &mut kinds.other,
        } += 1;
    }
}
