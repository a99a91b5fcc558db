//! What went wrong with an engine: the object, what was tried, and the system's or the engine's own word for it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a question has no answer, or the watch over an engine ended.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No engine listens here.
    #[error("neither {} nor {} is there", first.display(), second.display())]
    Absent {
        /// Docker's socket.
        first: PathBuf,
        /// Podman's socket.
        second: PathBuf,
    },
    /// The system refused; carries errno.
    #[error("{operation} {}: {source}", path.display())]
    System {
        /// What was tried.
        operation: &'static str,
        /// The socket.
        path: PathBuf,
        /// With errno.
        source: io::Error,
    },
    /// No answer in time.
    #[error("{}: no answer to {target} within {limit:?}", path.display())]
    Late {
        /// The socket.
        path: PathBuf,
        /// The question.
        target: String,
        /// What was waited.
        limit: Duration,
    },
    /// The connection was closed before the answer was whole.
    #[error("{}: {target} ended before its end", path.display())]
    Cut {
        /// The socket.
        path: PathBuf,
        /// The question.
        target: String,
    },
    /// What came is not HTTP.
    #[error("{}: the answer to {target} is not HTTP: {why}", path.display())]
    NotHttp {
        /// The socket.
        path: PathBuf,
        /// The question.
        target: String,
        /// What is wrong with it.
        why: httparse::Error,
    },
    /// The engine said no.
    #[error("{}: {target}: status {status}: {message}", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// The question.
        target: String,
        /// Of HTTP.
        status: u16,
        /// The engine's words, cut.
        message: String,
    },
    /// Longer than we are ready to keep.
    #[error("{}: the answer to {target} is longer than {limit} bytes", path.display())]
    TooLong {
        /// The socket.
        path: PathBuf,
        /// The question.
        target: String,
        /// Bytes.
        limit: usize,
    },
    /// Not the JSON that was expected.
    #[error("{target}: {source}")]
    Json {
        /// The question.
        target: String,
        /// With line and column.
        source: serde_json::Error,
    },
    /// No version of the API is known on both sides.
    #[error("{}: {source}", path.display())]
    Version {
        /// The socket.
        path: PathBuf,
        /// Theirs and ours.
        source: super::version::Unfit,
    },
    /// Nobody takes the news any more.
    #[error("nobody listens")]
    Unheard,
}

impl Fault {
    pub(super) fn system(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::System { operation, path: path.to_owned(), source }
    }

    /// The engine has no such container.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// The socket is not there, as opposed to dead or forbidden.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
