//! The command socket: `hsflowctl reload` connects, writes one line, and gets one line of JSON when the order is
//! carried out. Rules: only root and the agent's own user may connect, and the path that answers `hsflowctl status`
//! reads nothing; a client has a deadline and a longest line; an order is carried out by the loop, one at a time.

use super::sockets::Door;
use crate::status::command::{Answer, Command};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// The socket's word.
pub const SOCKET: &str = "command";
/// Clients at a time; others wait in the kernel's queue.
const MOST: usize = 8;
const PATIENCE: Duration = Duration::from_secs(5);

/// An order that waits to be carried out.
pub struct Order {
    /// What to do.
    pub command: Command,
    /// Who gets the answer.
    pub reply: oneshot::Sender<Answer>,
}

/// The listening socket, and the orders that came in.
pub struct Commands {
    door: Door,
    places: Arc<Semaphore>,
    sender: mpsc::Sender<Order>,
    orders: mpsc::Receiver<Order>,
}

impl Commands {
    /// Listens beside the control socket of this agent, which has replaced that of any agent before it.
    ///
    /// # Errors
    /// The directory does not permit a socket, or has another file of that name.
    pub fn open(control: &Path) -> io::Result<Self> {
        let (sender, orders) = mpsc::channel(MOST);
        let (door, places) = (Door::open(control, SOCKET, 0o600)?, Arc::new(Semaphore::new(MOST)));
        Ok(Self { door, places, sender, orders })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.door.path()
    }

    /// Waits for an order. What has come in meanwhile is kept when the wait is given up.
    pub async fn next(&mut self) -> Option<Order> {
        loop {
            tokio::select! {
                order = self.orders.recv() => return order,
                (place, client) = accept(&self.places, &self.door) => {
                    tokio::spawn(serve(client, self.sender.clone(), place));
                }
            }
        }
    }
}

/// The next client, once there is a place for it; none of them is lost when the wait is given up.
async fn accept(places: &Arc<Semaphore>, door: &Door) -> (Option<OwnedSemaphorePermit>, UnixStream) {
    // It is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    (place, door.client().await)
}

async fn serve(mut client: UnixStream, orders: mpsc::Sender<Order>, _place: Option<OwnedSemaphorePermit>) {
    let line = tokio::time::timeout(PATIENCE, read_line(&mut client)).await;
    let Ok(Ok(line)) = line else { return };
    let answer = match Command::parse(&line) {
        None => Some(Answer::Unknown),
        Some(command) => {
            let (reply, answer) = oneshot::channel();
            if orders.send(Order { command, reply }).await.is_err() {
                return;
            }
            answer.await.ok()
        }
    };
    let Some(Ok(mut text)) = answer.map(|answer| serde_json::to_vec(&answer)) else { return };
    text.push(b'\n');
    // A client that does not read has had its order carried out all the same.
    let _ = tokio::time::timeout(PATIENCE, client.write_all(&text)).await;
}

/// Up to the end of the line, or of what may be one.
async fn read_line(client: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut part = [0; Command::LONGEST];
    while line.len() < Command::LONGEST && !line.contains(&b'\n') {
        let length = client.read(&mut part).await?;
        if length == 0 {
            break;
        }
        line.extend_from_slice(&part[..length]);
    }
    Ok(line)
}
