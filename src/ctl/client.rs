//! The other end of the agent's two sockets: connects, gives an order if there is one, reads the one line, checks its version.
//! Rule: every wait has a deadline and every length a limit, because the program at the other end may hang, or not be what we
//! think.

use super::printable::make_printable;
use crate::host::connect;
use crate::status::command::{Answer, Command};
use crate::status::snapshot::{Snapshot, VERSION};
use serde_json::Value;
use socket2::Type;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
/// An order is carried out before it is answered, and a name may have to be looked up for it.
const ORDER_PATIENCE: Duration = Duration::from_secs(30);
const LONGEST: u64 = 64 << 20;

/// The agent could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody listens.
    #[error(
        "no agent answers on {path}: {source}; systemctl status hsflowd says whether one runs, journalctl -u hsflowd why it ended"
    )]
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
    /// The answer is not what it should be.
    #[error("the agent's answer is not understood: {0}")]
    NotAnAnswer(#[from] serde_json::Error),
    /// An agent of another version.
    #[error("the agent speaks version {0} of the control protocol, this program {VERSION}")]
    Version(u64),
}

/// Asks the agent how it is.
///
/// # Errors
/// The agent is not there, does not answer, or answers something else.
pub(super) fn read_snapshot(path: &Path) -> Result<Snapshot, ClientError> {
    parse_snapshot(&exchange(path, "", PATIENCE)?, |_| {})
}

/// The same, with every text as it may be printed.
///
/// # Errors
/// As of [`read_snapshot`].
pub(super) fn read_printable(path: &Path) -> Result<Snapshot, ClientError> {
    parse_snapshot(&exchange(path, "", PATIENCE)?, make_printable)
}

/// Has the agent carry out an order.
///
/// # Errors
/// The agent is not there, does not answer, or answers something else.
pub(super) fn give_order(path: &Path, order: Command) -> Result<Answer, ClientError> {
    let line = format!("{}\n", order.word());
    Ok(serde_json::from_slice(&exchange(path, &line, ORDER_PATIENCE)?)?)
}

fn exchange(path: &Path, order: &str, patience: Duration) -> Result<Vec<u8>, ClientError> {
    let unreachable = |source| ClientError::Unreachable { path: path.to_owned(), source };
    let broken = |source| ClientError::Broken { path: path.to_owned(), source };
    let mut socket = connect::patiently(path, Type::STREAM, patience).map_err(unreachable)?;
    socket.write_all(order.as_bytes()).map_err(broken)?;
    let mut line = Vec::new();
    socket.take(LONGEST).read_to_end(&mut line).map_err(broken)?;
    Ok(line)
}

fn parse_snapshot(line: &[u8], change: fn(&mut Value)) -> Result<Snapshot, ClientError> {
    let mut value: Value = serde_json::from_slice(line)?;
    change(&mut value);
    match value.get("version").and_then(Value::as_u64) {
        Some(version) if version != u64::from(VERSION) => Err(ClientError::Version(version)),
        _ => Ok(serde_json::from_value(value)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_version_is_named_not_misread() {
        let error = parse_snapshot(br#"{"version": 9, "healthy": "yes"}"#, |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "the agent speaks version 9 of the control protocol, this program 1");
    }

    fn set_texts(value: &mut Value, to: &str) {
        match value {
            Value::String(text) => to.clone_into(text),
            Value::Array(items) => items.iter_mut().for_each(|item| set_texts(item, to)),
            // States and severities are words of ours.
            Value::Object(fields) => fields
                .iter_mut()
                .filter(|(name, _)| !["state", "severity"].contains(&name.as_str()))
                .for_each(|(_, value)| set_texts(value, to)),
            _ => {}
        }
    }

    #[test]
    fn no_text_of_the_snapshot_forges_a_line_or_reaches_the_terminal() {
        let page = |text: &str| {
            let mut value = serde_json::to_value(crate::ctl::status::tests::snapshot()).unwrap();
            set_texts(&mut value, text);
            let line = serde_json::to_vec(&value).unwrap();
            crate::ctl::status::render(&parse_snapshot(&line, make_printable).unwrap(), 100)
        };
        let evil = page("a\nDEGRADED \u{1b}[2J\u{202e}");
        assert!(evil.chars().all(|c| c == '\n' || !crate::config::steers(c)), "{evil:?}");
        assert_eq!(evil.lines().count(), page("good").lines().count(), "{evil}");
    }

    #[test]
    fn half_an_answer_is_an_error() {
        assert!(matches!(
            parse_snapshot(br#"{"version": 1, "healthy""#, |_| {}),
            Err(ClientError::NotAnAnswer(_))
        ));
        assert!(matches!(parse_snapshot(b"", |_| {}), Err(ClientError::NotAnAnswer(_))));
    }

    #[test]
    fn an_agent_that_hangs_is_unreachable_however_many_asked_before() {
        let path = std::env::temp_dir().join(format!("hsflowctl-hung-{}", std::process::id()));
        let hung = socket2::Socket::new(socket2::Domain::UNIX, Type::STREAM, None).unwrap();
        hung.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
        hung.listen(0).unwrap();
        let ask = || exchange(&path, "", Duration::from_millis(50)).unwrap_err();
        // The first finds a place in the queue and no answer; it stays there.
        assert!(matches!(ask(), ClientError::Broken { .. }));
        let [.., last] = [(); 3].map(|()| ask());
        std::fs::remove_file(&path).unwrap();
        assert!(last.to_string().contains("it accepts nobody"), "{last}");
    }

    #[test]
    fn nobody_there_is_unreachable() {
        let error = read_snapshot(Path::new("/nonexistent/control.sock")).unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }));
    }
}
