//! The stream socket: who connects gets every datagram that the agent makes, one a message, from the next one on. In:
//! connections. Out: readers for the outlet. Rule: only root, the agent's user and its group may connect, because packets
//! may be nobody else's business.

use super::sockets::{listen_for_messages, path_beside};
use crate::sys::readable::readable;
use socket2::Socket;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// The socket's word.
pub const SOCKET: &str = "stream";

/// The listening socket.
pub struct Stream {
    listener: Socket,
    news: AsyncFd<OwnedFd>,
    path: PathBuf,
}

impl Stream {
    /// Listens beside the control socket of this agent, which has replaced that of any agent before it.
    ///
    /// # Errors
    /// The directory does not permit a socket, or has another file of that name.
    pub fn open(control: &Path) -> io::Result<Self> {
        let path = path_beside(control, SOCKET);
        let listener = listen_for_messages(&path, 0o660)?;
        Ok(Self { news: readable(&listener)?, listener, path })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for a reader.
    pub async fn reader(&self) -> Socket {
        loop {
            let mut ready = match self.news.readable().await {
                Ok(ready) => ready,
                // The runtime ends, and this with it.
                Err(_) => return std::future::pending().await,
            };
            match self.listener.accept() {
                Ok((reader, _)) => return reader,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(e) => {
                    log::debug!(target: "stream", "accept: {e}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
