//! Why a question to containerd has no answer.

use crate::wire::protobuf::ProtobufError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The code of gRPC for what is not there.
const NOT_FOUND: u32 = 5;
/// The code for what the server does not know how to answer: it is another runtime.
const UNIMPLEMENTED: u32 = 12;

/// What went wrong, and with which method.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the words of each say it
pub enum CallError {
    #[error("{}: {source}", path.display())]
    Connect { path: PathBuf, source: io::Error },
    #[error("{method}: no answer within {} s", limit.as_secs())]
    Deadline { method: &'static str, limit: Duration },
    #[error("{method}: {source}")]
    Connection { method: &'static str, source: h2::Error },
    #[error("{method}: HTTP status {status}")]
    Status { method: &'static str, status: u16 },
    #[error("{method}: refused with gRPC code {code}: {words}")]
    Refused { method: &'static str, code: u32, words: String },
    #[error("{method}: {namespace:?} cannot be the name of a namespace")]
    Namespace { method: &'static str, namespace: String },
    #[error("{method}: a message of {size} bytes, more than {limit}")]
    TooLong { method: &'static str, size: usize, limit: usize },
    #[error("{method}: a compressed message, which was not asked for")]
    Compressed { method: &'static str },
    #[error("{method}: the answer ends inside a message")]
    Cut { method: &'static str },
    #[error("{method}: {source}")]
    Malformed { method: &'static str, source: ProtobufError },
    #[error("{method}: the stream has ended")]
    Ended { method: &'static str },
}

impl CallError {
    /// What was asked about is not there, which is how it is with things that come and go.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: NOT_FOUND, .. })
    }

    /// The server lives, and this question alone has no answer.
    pub fn is_about_one(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Malformed { .. } | Self::Namespace { .. })
    }

    /// Nobody was there to be asked, or would not talk to us, or is another runtime.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Connect { source, .. } => source.kind() != io::ErrorKind::TimedOut,
            Self::Refused { code, .. } => *code == UNIMPLEMENTED,
            _ => false,
        }
    }

    /// There is no such socket.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Connect { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
