//! The control socket: `hsflowctl status` connects, gets one line of JSON (a [`Snapshot`]), and is done. Nothing is
//! read from a client. Rules: the snapshot is a value made when somebody connects, and at most ten times a second, so
//! nobody holds the agent's state or its time; a client that does not read is dropped after a deadline; so are all
//! beyond the limit, and both are counted. Where descriptors are few there is still one for a client, see [`crate::host::descriptors`].

use super::sockets::{is_left_behind, listen};
use crate::host::listen::somebody_listens;
use crate::status::snapshot::Snapshot;
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

const MOST_CLIENTS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(5);
const FRESH: Duration = Duration::from_millis(100);

/// The listening socket.
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
    places: Arc<Semaphore>,
    dropped: Arc<AtomicU64>,
    last: RefCell<Option<Answer>>,
    follows_a_crash: bool,
}

/// One line, and what it tells of.
struct Answer {
    made: Instant,
    transitions: u64,
    line: Arc<[u8]>,
}

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("control socket {path}: {source}")]
pub struct ControlError {
    path: PathBuf,
    source: io::Error,
}

impl Control {
    /// Listens on `path`, replacing the socket of an agent that has gone.
    ///
    /// # Errors
    /// Another agent answers there, or the directory does not permit a socket.
    pub fn open(path: &Path) -> Result<Self, ControlError> {
        let error = |source| ControlError { path: path.to_owned(), source };
        if somebody_listens(path).is_ok_and(|listens| listens) {
            return Err(error(io::Error::from(io::ErrorKind::AddrInUse)));
        }
        let follows_a_crash = is_left_behind(path);
        // Counters of the host are world-readable in /proc; so is this.
        let listener = listen(path, 0o666).map_err(error)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            places: Arc::new(Semaphore::new(MOST_CLIENTS)),
            dropped: Arc::default(),
            last: RefCell::default(),
            follows_a_crash,
        })
    }

    /// Whether the socket of an agent was there that did not take it away: one that was killed, or crashed.
    pub fn follows_a_crash(&self) -> bool {
        self.follows_a_crash
    }

    /// Waits for a client.
    pub async fn client(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((client, _)) => return client,
                Err(e) => {
                    // Out of descriptors, the reserve included: those who wait in the queue can wait longer.
                    log::debug!(target: "control", "accept: {e}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Hands a snapshot to a client, in the background. `transitions` counts those of the components.
    pub fn answer(
        &self,
        mut client: UnixStream,
        now: Instant,
        transitions: u64,
        snapshot: impl FnOnce() -> Snapshot,
    ) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let line = self.line(now, transitions, snapshot);
        let dropped = Arc::clone(&self.dropped);
        tokio::spawn(async move {
            let written = tokio::time::timeout(PATIENCE, client.write_all(&line)).await;
            if !matches!(written, Ok(Ok(()))) {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
            drop(place);
        });
    }

    /// The answer as one line: the last one while it is fresh and no component has changed.
    fn line(&self, now: Instant, transitions: u64, snapshot: impl FnOnce() -> Snapshot) -> Arc<[u8]> {
        let mut last = self.last.borrow_mut();
        let fresh =
            |a: &&Answer| a.transitions == transitions && now.saturating_duration_since(a.made) < FRESH;
        if let Some(answer) = last.as_ref().filter(fresh) {
            return Arc::clone(&answer.line);
        }
        let mut line = serde_json::to_vec(&snapshot()).unwrap_or_default();
        line.push(b'\n');
        let line: Arc<[u8]> = line.into();
        *last = Some(Answer { made: now, transitions, line: Arc::clone(&line) });
        line
    }

    /// Clients that were turned away or did not read.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
