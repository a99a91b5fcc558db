//! The helper as a process: where it is, and its lines.
//!
//! In: the host's files. Out: a [`Line`] at a time. Rules: a helper that is dropped is killed; a line has a limit, and
//! the first that is not understood is an error, because what follows it cannot be trusted.

use crate::host::Host;
use crate::sample::guest::domain::line::{LIMIT, Line, LineError, POLL};
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

const NAME: &str = "hsflowd-libvirt";

/// Where packages put it.
pub const PLACES: [&str; 2] = ["/usr/libexec/hsflowd/hsflowd-libvirt", "/usr/lib/hsflowd/hsflowd-libvirt"];

/// Bytes that are read at once.
const CHUNK: usize = 16 * 1024;

/// How long a helper that has closed its output may take to end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error("install hsflowd-rs-libvirt: no {NAME} in {places}")]
    Absent { places: String },
    #[error("start {}: {error}", path.display())]
    Start { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Pipe(#[from] io::Error),
    #[error("{0}")]
    Line(#[from] LineError),
    #[error("it ended: {}", .0.map_or_else(|| "without a status".to_owned(), |status| status.to_string()))]
    Ended(Option<ExitStatus>),
    #[error("it ended within a line, after {0} bytes of it")]
    HalfLine(usize),
}

/// A running helper.
#[derive(Debug)]
pub(super) struct Helper {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// What was read and is no line yet.
    buffer: Vec<u8>,
    /// So many bytes of it have no end of a line.
    searched: usize,
}

impl Helper {
    /// Finds it and starts it.
    pub(super) fn start(host: &Host) -> Result<Self, HelperError> {
        let path = find(host)?;
        let mut command = Command::new(&path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| HelperError::Start { path, error })?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(HelperError::Ended(None));
        };
        Ok(Self { child, input, output, buffer: Vec::new(), searched: 0 })
    }

    /// Asks for all domains.
    pub(super) async fn ask(&mut self) -> Result<(), HelperError> {
        Ok(self.input.write_all(POLL).await?)
    }

    /// The next line. Nothing is lost where the wait is given up.
    pub(super) async fn line(&mut self) -> Result<Line, HelperError> {
        loop {
            let end = self.buffer.iter().skip(self.searched).position(|byte| *byte == b'\n');
            if let Some(end) = end.map(|end| end + self.searched) {
                let line = self.buffer.get(..end).map(Line::parse);
                self.buffer.drain(..=end);
                self.searched = 0;
                return Ok(line.unwrap_or(Err(LineError::TooLong))?);
            }
            self.searched = self.buffer.len();
            if self.searched > LIMIT {
                return Err(LineError::TooLong.into());
            }
            self.buffer.reserve(CHUNK);
            if self.output.read_buf(&mut self.buffer).await? == 0 {
                return Err(self.end().await);
            }
        }
    }

    async fn end(&mut self) -> HelperError {
        if !self.buffer.is_empty() {
            return HelperError::HalfLine(self.buffer.len());
        }
        HelperError::Ended(timeout(FAREWELL, self.child.wait()).await.ok().and_then(Result::ok))
    }
}

/// Beside the running program, else where packages put it.
fn find(host: &Host) -> Result<PathBuf, HelperError> {
    let own = std::env::current_exe().ok().filter(|_| host.is_live());
    let beside = own.as_deref().and_then(|path| path.parent()).map(|folder| folder.join(NAME));
    let places: Vec<_> = beside.into_iter().chain(PLACES.map(|place| host.path(place))).collect();
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| HelperError::Absent {
        places: places.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
    })
}
