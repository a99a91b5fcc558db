//! Datagrams as they come: a UDP socket, or the stream socket of the agent of this host. In: datagrams, one a message.
//! Out: each with its sender and the time it was read. Rule: it waits no longer than it was told to.

use super::arguments::Asked;
use super::{Arrival, Sink};
use crate::ctl::{Exit, fail};
use crate::host::{Clock, dial};
use socket2::{SockRef, Socket};
use std::io::{self, Read};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Room for a burst of a thousand hosts; a kernel that grants less is no fault.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What is listened to.
pub(super) enum Live {
    Udp(UdpSocket),
    Agent(Socket),
}

impl Live {
    /// On this address.
    pub(super) fn listening(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        Ok(Self::Udp(socket))
    }

    /// To the agent whose stream socket this is.
    pub(super) fn of_agent(path: &Path) -> io::Result<Self> {
        let socket = dial::messages(path)?;
        socket.set_nonblocking(false)?;
        Ok(Self::Agent(socket))
    }

    /// The address that it listens on.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr().ok(),
            Self::Agent(_) => None,
        }
    }

    /// Waits for a datagram, no longer than `patience`.
    fn receive(
        &self,
        buffer: &mut [u8],
        patience: Option<Duration>,
    ) -> io::Result<(usize, Option<SocketAddr>)> {
        match self {
            Self::Udp(socket) => {
                socket.set_read_timeout(patience)?;
                socket.recv_from(buffer).map(|(length, from)| (length, Some(from)))
            }
            Self::Agent(socket) => {
                socket.set_read_timeout(patience)?;
                match (&*socket).read(buffer)? {
                    0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the agent has hung up")),
                    length => Ok((length, None)),
                }
            }
        }
    }
}

/// Gives the sink all that comes, until there was enough or the time is over.
pub(super) fn follow(live: &Live, asked: &Asked, sink: &mut Sink) -> Result<(), Exit> {
    let clock = Clock::system();
    let deadline = asked.timeout.map(|secs| clock.now() + Duration::from_secs(secs));
    let mut buffer = vec![0; 65_536];
    while asked.count.is_none_or(|count| sink.taken() < count) {
        let left = deadline.map(|at| at.saturating_duration_since(clock.now()));
        if left == Some(Duration::ZERO) {
            return if asked.count.is_some() { Err(Exit::No) } else { Ok(()) };
        }
        match live.receive(&mut buffer, left) {
            Ok((length, from)) => {
                let time = clock.wall().duration_since(UNIX_EPOCH).ok();
                sink.take(&Arrival { bytes: buffer.get(..length).unwrap_or_default(), from, time })?;
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(fail(&e, Exit::Unreachable)),
            Err(e) => return Err(fail(&e, Exit::Usage)),
        }
    }
    Ok(())
}
