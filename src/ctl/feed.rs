//! Where `top` and `web` get datagrams from: the agent of this host, or whoever sends to a port; and limits for what is in them.
//!
//! In: a socket. Out: [`News`]. Rules: an agent that is away is asked for again, quickly at first; waiting may be given up at
//! any time and nothing is lost by it.

use super::listen;
use crate::agent::sockets::path_beside;
use crate::agent::stream;
use crate::host::connect;
use crate::sys::readable::readable;
use crate::view::limits::{Limits, parse};
use socket2::{Socket, Type};
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// Where limits are, unless another place is named; it need not be there.
const LIMITS: &str = "/etc/hsflowd/top.toml";
const SOON: Duration = Duration::from_millis(200);
const LATEST: Duration = Duration::from_secs(5);

/// What came.
#[derive(Debug)]
pub(super) enum News {
    /// So many bytes of the buffer.
    Datagram(usize),
    /// The agent is there.
    Here,
    /// It is not, and why; it will be asked for again.
    Away(String),
}

/// A source of datagrams.
#[derive(Debug)]
pub(super) enum Feed {
    /// The agent of this host.
    Local(Local),
    /// Whoever sends.
    Remote(UdpSocket),
    /// Nobody.
    Nothing,
}

/// The agent's stream socket.
#[derive(Debug)]
pub(super) struct Local {
    path: PathBuf,
    connected: Option<(Socket, AsyncFd<OwnedFd>)>,
    again: Instant,
    pause: Duration,
}

impl Feed {
    /// All datagrams to an address, or the stream of the agent with this control socket; nothing where a recording is
    /// shown. Needs a running runtime.
    pub(super) fn open(is_recorded: bool, listen: Option<SocketAddr>, control: &Path) -> io::Result<Self> {
        if is_recorded {
            return Ok(Self::Nothing);
        }
        if let Some(address) = listen {
            let socket = listen::socket(address)?;
            socket.set_nonblocking(true)?;
            return UdpSocket::from_std(socket).map(Self::Remote);
        }
        let path = path_beside(control, stream::SOCKET);
        Ok(Self::Local(Local { path, connected: None, again: Instant::now(), pause: SOON }))
    }

    /// Waits for the next news.
    pub(super) async fn next(&mut self, buffer: &mut [u8]) -> News {
        match self {
            Self::Nothing => std::future::pending().await,
            Self::Local(local) => local.next(buffer).await,
            Self::Remote(socket) => loop {
                // An error is of one datagram, such as an answer that nobody listens where we sent nothing.
                if let Ok((length, _)) = socket.recv_from(buffer).await {
                    return News::Datagram(length);
                }
                tokio::time::sleep(SOON).await;
            },
        }
    }
}

impl Local {
    async fn next(&mut self, buffer: &mut [u8]) -> News {
        let Some((socket, news)) = &self.connected else { return self.connect().await };
        let why = loop {
            let mut ready = match news.readable().await {
                Ok(ready) => ready,
                Err(e) => break e.to_string(),
            };
            match (&*socket).read(buffer) {
                Ok(0) => break "it has hung up".to_owned(),
                Ok(length) => return News::Datagram(length),
                Err(e) if e.kind() == ErrorKind::WouldBlock => ready.clear_ready(),
                Err(e) => break e.to_string(),
            }
        };
        self.connected = None;
        (self.pause, self.again) = (SOON, Instant::now() + SOON);
        News::Away(self.away(&why))
    }

    async fn connect(&mut self) -> News {
        tokio::time::sleep_until(self.again).await;
        let outcome = connect::at_once(&self.path, Type::SEQPACKET);
        let outcome = outcome.and_then(|socket| Ok((readable(&socket)?, socket)));
        match outcome {
            Ok((news, socket)) => {
                self.connected = Some((socket, news));
                self.pause = SOON;
                News::Here
            }
            Err(e) => {
                self.again = Instant::now() + self.pause;
                self.pause = (2 * self.pause).min(LATEST);
                let hint = match e.kind() {
                    ErrorKind::PermissionDenied => " (it is for root and the agent's group)",
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused => " (is hsflowd running?)",
                    _ => "",
                };
                News::Away(self.away(&format!("{e}{hint}")))
            }
        }
    }

    fn away(&self, why: &str) -> String {
        format!("no agent at {}: {why}", self.path.display())
    }
}

/// Limits of a file; without one, unless it was asked for, those of the program. The error is a text of lines.
pub(super) fn limits(path: Option<&Path>) -> Result<Limits, String> {
    let file = path.unwrap_or(Path::new(LIMITS));
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound && path.is_none() => return Ok(Limits::default()),
        Err(e) => return Err(format!("{}: {e}", file.display())),
    };
    let (limits, faults) = parse(&text);
    if faults.is_empty() {
        return Ok(limits);
    }
    let lines: Vec<_> = faults.iter().map(|fault| format!("{}:{fault}", file.display())).collect();
    Err(lines.join("\n"))
}
