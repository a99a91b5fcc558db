//! Where `top` and `web` get datagrams from: the agent of this host, whoever sends to a port, or a capture file.
//!
//! In: a socket. Out: [`News`]. Rules: an agent that is away is asked for again, quickly at first; waiting may be given up at
//! any time and nothing is lost by it; no file and no agent ends the program with a reason.

use crate::agent::sockets::path_beside;
use crate::agent::stream;
use crate::host::{Clock, dial};
use crate::sys::readable::readable;
use crate::view::limits::{Limits, parse};
use crate::view::{Now, Room, View};
use crate::wire::{pcap, udp};
use socket2::{SockRef, Socket};
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// Where limits are, unless another place is named; it need not be there.
pub(super) const LIMITS: &str = "/etc/hsflowd/top.toml";
/// What may wait to be read; the kernel may grant less.
const RECEIVE_BYTES: usize = 4 << 20;
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
    /// The stream of the agent with this control socket.
    pub(super) fn local(control: &Path) -> Self {
        let path = path_beside(control, stream::SOCKET);
        Self::Local(Local { path, connected: None, again: Instant::now(), pause: SOON })
    }

    /// All datagrams to an address. Needs a running runtime.
    pub(super) fn listen(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BYTES);
        UdpSocket::from_std(socket).map(Self::Remote)
    }

    /// Waits for the next news.
    pub(super) async fn next(&mut self, buffer: &mut [u8]) -> News {
        match self {
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
        let outcome = dial::messages(&self.path).and_then(|socket| Ok((readable(&socket)?, socket)));
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

/// `PORT`, `ADDRESS` or `ADDRESS:PORT`.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    const SFLOW_PORT: u16 = 6343;
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok((ip, SFLOW_PORT).into());
    }
    text.parse().map_err(|_| "expected PORT, ADDRESS:PORT or [ADDRESS]:PORT".to_owned())
}

/// The present, as the model wants it.
pub(super) fn now(clock: &Clock, began: std::time::Instant) -> Now {
    Now { time: clock.now().saturating_duration_since(began), unix: clock.unix_secs() }
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

/// Reads a capture, and calls `each` with every datagram and the time of its packet. The error is a text.
pub(super) fn replay(file: &Path, each: &mut impl FnMut(Now, &[u8])) -> Result<(), String> {
    let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let packets = pcap::packets(&bytes).map_err(|e| format!("{}: {e}", file.display()))?;
    for packet in packets {
        let packet = packet.map_err(|e| format!("{}: {e}", file.display()))?;
        if let Ok(udp) = udp::parse(packet.link_type, packet.bytes) {
            each(Now { time: packet.time, unix: packet.time.as_secs() }, udp.payload);
        }
    }
    Ok(())
}

/// An empty model: of one host, or of whoever sends.
pub(super) fn view(is_many: bool, limits: Limits) -> View {
    View::new(if is_many { Room::MANY } else { Room::ONE }, limits)
}
