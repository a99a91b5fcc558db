//! The event socket: who connects is told of all guests, and then of each start, change and stop as it happens, one JSON
//! object a line ([`Event`]). Rules: nothing is read from a client; one that does not keep up is dropped and counted; only
//! root, the agent's user and its group may connect, because labels of guests may be nobody else's business.

use super::super::sockets::Door;
use crate::status::guests::Event;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// The socket's word.
pub const SOCKET: &str = "guests";
const MOST_CLIENTS: usize = 16;
/// Events that may wait for one client.
const WAITING: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Those who are told.
#[derive(Default)]
pub(super) struct Listeners {
    clients: Vec<mpsc::Sender<Arc<[u8]>>>,
    dropped: u64,
}

/// The listening socket.
///
/// # Errors
/// The directory does not permit a socket, or has another file of that name.
pub fn open(control: &Path) -> io::Result<Door> {
    Door::open(control, SOCKET, 0o660)
}

impl Listeners {
    /// Tells a new client what there is, and from now on what happens.
    pub(super) fn welcome(&mut self, client: UnixStream, present: impl Iterator<Item = Event>) {
        self.clients.retain(|client| !client.is_closed());
        if self.clients.len() >= MOST_CLIENTS {
            self.dropped += 1;
            return;
        }
        let lines: Vec<u8> = present.flat_map(|event| line(&event)).collect();
        let (sender, events) = mpsc::channel(WAITING);
        self.clients.push(sender);
        tokio::spawn(serve(client, lines, events));
    }

    /// True while somebody listens.
    pub(super) fn any(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Tells everybody.
    pub(super) fn tell(&mut self, event: &Event) {
        let line: Arc<[u8]> = line(event).into();
        self.clients.retain(|client| match client.try_send(Arc::clone(&line)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.dropped += 1;
                false
            }
        });
    }

    /// Clients that were turned away or did not read.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn line(event: &Event) -> Vec<u8> {
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Ends when the client has gone, does not read, or was dropped.
async fn serve(mut client: UnixStream, present: Vec<u8>, mut events: mpsc::Receiver<Arc<[u8]>>) {
    let write = |written: Result<io::Result<()>, _>| matches!(written, Ok(Ok(())));
    if !write(tokio::time::timeout(PATIENCE, client.write_all(&present)).await) {
        return;
    }
    drop(present);
    loop {
        let line = tokio::select! {
            line = events.recv() => line,
            // Readable without anything to read: it has hung up.
            _ = client.readable() => {
                if matches!(client.try_read(&mut [0; 64]), Ok(0)) {
                    return;
                }
                continue;
            }
        };
        let Some(line) = line else { return };
        if !write(tokio::time::timeout(PATIENCE, client.write_all(&line)).await) {
            return;
        }
    }
}
