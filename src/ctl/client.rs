//! The other end of the control socket: connects, reads the one line, checks its version. Rule: every wait has a
//! deadline and every length a limit, because the program at the other end may not be what we think.

use crate::status::snapshot::{Snapshot, VERSION};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST: u64 = 64 << 20;

/// The agent could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody listens.
    #[error("no agent answers on {path}: {source}")]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The answer broke off or did not come in time.
    #[error("the agent's answer on {path} broke off: {source}")]
    Broken {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The answer is not a snapshot.
    #[error("the agent's answer is not understood: {0}")]
    NotASnapshot(#[from] serde_json::Error),
    /// An agent of another version.
    #[error("the agent speaks version {0} of the control protocol, this program {VERSION}")]
    Version(u64),
}

/// Asks the agent how it is.
///
/// # Errors
/// The agent is not there, does not answer, or answers something else.
pub(super) fn read_snapshot(path: &Path) -> Result<Snapshot, ClientError> {
    let unreachable = |source| ClientError::Unreachable { path: path.to_owned(), source };
    let broken = |source| ClientError::Broken { path: path.to_owned(), source };
    let socket = UnixStream::connect(path).map_err(unreachable)?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(broken)?;
    let mut line = Vec::new();
    socket.take(LONGEST).read_to_end(&mut line).map_err(broken)?;
    parse_snapshot(&line)
}

fn parse_snapshot(line: &[u8]) -> Result<Snapshot, ClientError> {
    let value: serde_json::Value = serde_json::from_slice(line)?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version != u64::from(VERSION) => Err(ClientError::Version(version)),
        _ => Ok(serde_json::from_value(value)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_version_is_named_not_misread() {
        let error = parse_snapshot(br#"{"version": 9, "healthy": "yes"}"#).unwrap_err();
        assert_eq!(error.to_string(), "the agent speaks version 9 of the control protocol, this program 1");
    }

    #[test]
    fn half_an_answer_is_an_error() {
        assert!(matches!(parse_snapshot(br#"{"version": 1, "healthy""#), Err(ClientError::NotASnapshot(_))));
        assert!(matches!(parse_snapshot(b""), Err(ClientError::NotASnapshot(_))));
    }

    #[test]
    fn nobody_there_is_unreachable() {
        let error = read_snapshot(Path::new("/nonexistent/control.sock")).unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }));
    }
}
