//! Programs of this host that read along: each gets every datagram as the collectors get it, by a connected socket that keeps
//! message boundaries.
//!
//! In: connections, datagrams. Out: the same bytes to each reader; counts. The rule kept: one system call a reader and
//! datagram that never waits; a reader whose buffer is full loses that datagram, which the gap in the numbers tells it; one
//! that has gone is forgotten. Nothing is read from a reader.

use crate::sys::tally::{Call, count};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use socket2::Socket;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::fd::AsFd;

/// More are turned away: each costs a copy of every datagram.
pub const MOST_READERS: usize = 16;
/// What a reader may leave unread; the kernel may grant less.
const SEND_BUFFER_BYTES: usize = 1 << 20;
/// A datagram is sent whole or not at all, at once, and nobody's end is the agent's.
const FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// One reader, for the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderCounts {
    /// Process that connected; 0 where the kernel cannot name it.
    pub pid: u32,
    /// Datagrams given.
    pub datagrams: u64,
    /// Datagrams that found its buffer full.
    pub dropped: u64,
}

/// Those who read along.
#[derive(Debug, Default)]
pub struct Readers {
    list: Vec<Reader>,
    refused: u64,
}

#[derive(Debug)]
struct Reader {
    socket: Socket,
    counts: ReaderCounts,
}

impl Readers {
    /// Takes a connection in; false where there are too many.
    pub fn add(&mut self, socket: Socket) -> bool {
        self.prune();
        if self.list.len() >= MOST_READERS {
            self.refused += 1;
            return false;
        }
        // What it sends ends at its own end, and fills no buffer here.
        let _ = socket.shutdown(Shutdown::Read);
        let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
        let peer = getsockopt(&socket, PeerCredentials).ok();
        let pid = peer.and_then(|peer| u32::try_from(peer.pid()).ok()).unwrap_or(0);
        self.list.push(Reader { socket, counts: ReaderCounts { pid, ..ReaderCounts::default() } });
        true
    }

    /// True without a reader.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Gives everybody a datagram. True where somebody had gone.
    pub fn send(&mut self, datagram: &[u8]) -> bool {
        let before = self.list.len();
        self.list.retain_mut(|reader| reader.send(datagram));
        self.list.len() < before
    }

    /// Forgets those that have gone.
    pub fn prune(&mut self) {
        self.list.retain(|reader| !reader.has_gone());
    }

    /// What each was given, in the order of their coming.
    pub fn counts(&self) -> impl Iterator<Item = ReaderCounts> {
        self.list.iter().map(|reader| reader.counts)
    }

    /// Connections turned away.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Reader {
    /// False where it has gone.
    fn send(&mut self, datagram: &[u8]) -> bool {
        count(Call::Send);
        match self.socket.send_with_flags(datagram, FLAGS) {
            Ok(_) => self.counts.datagrams += 1,
            Err(e) if gone(e.kind()) => return false,
            Err(_) => self.counts.dropped += 1,
        }
        true
    }

    fn has_gone(&self) -> bool {
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
        let hung_up = PollFlags::POLLHUP | PollFlags::POLLERR;
        poll(&mut fds, PollTimeout::ZERO).is_ok()
            && fds.iter().any(|fd| fd.revents().is_some_and(|told| told.intersects(hung_up)))
    }
}

fn gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Type};
    use std::io::Read;

    fn pair() -> (Socket, Socket) {
        let (ours, theirs) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        theirs.set_nonblocking(true).unwrap();
        (ours, theirs)
    }

    fn next(reader: &mut Socket) -> Option<Vec<u8>> {
        let mut bytes = [0; 2000];
        reader.read(&mut bytes).ok().map(|length| bytes[..length].to_vec())
    }

    #[test]
    fn each_reader_gets_each_datagram_whole() {
        let mut readers = Readers::default();
        let (one, mut far_one) = pair();
        let (two, mut far_two) = pair();
        assert!(readers.add(one) && readers.add(two));
        readers.send(b"first");
        readers.send(b"second, longer");
        for far in [&mut far_one, &mut far_two] {
            assert_eq!(next(far).unwrap(), b"first");
            assert_eq!(next(far).unwrap(), b"second, longer");
            assert_eq!(next(far), None);
        }
        assert!(readers.counts().all(|reader| reader.pid == std::process::id()));
    }

    #[test]
    fn a_reader_that_sleeps_loses_datagrams_and_the_other_none() {
        let mut readers = Readers::default();
        let (one, mut awake) = pair();
        let (two, mut asleep) = pair();
        assert!(readers.add(one) && readers.add(two));
        let mut sent = 0_u32;
        while readers.counts().all(|reader| reader.dropped == 0) {
            assert!(sent < 1_000_000, "no buffer is that large");
            sent += 1;
            readers.send(&[&sent.to_be_bytes()[..], &[0; 1396]].concat());
            assert_eq!(next(&mut awake).unwrap()[..4], sent.to_be_bytes());
        }
        let counts: Vec<_> = readers.counts().collect();
        assert_eq!((counts[0].datagrams, counts[0].dropped), (u64::from(sent), 0));
        assert_eq!((counts[1].datagrams, counts[1].dropped), (u64::from(sent - 1), 1));
        // What it was given is whole and in order, and it goes on when it wakes.
        for number in 1..sent {
            assert_eq!(next(&mut asleep).unwrap()[..4], number.to_be_bytes());
        }
        readers.send(b"again");
        assert_eq!(next(&mut asleep).unwrap(), b"again");
    }

    #[test]
    fn who_has_gone_makes_room_with_a_datagram_and_without() {
        let mut readers = Readers::default();
        let far: Vec<_> = (0..MOST_READERS)
            .map(|_| {
                let (ours, theirs) = pair();
                assert!(readers.add(ours));
                theirs
            })
            .collect();
        assert!(!readers.add(pair().0));
        assert_eq!(readers.refused(), 1);
        drop(far);
        let (ours, theirs) = pair();
        assert!(readers.add(ours), "all others have gone");
        assert_eq!(readers.counts().count(), 1);
        drop(theirs);
        assert!(readers.send(b"into nothing"));
        assert!(readers.is_empty());
    }

    #[test]
    fn what_a_reader_says_is_refused_at_its_own_end() {
        let mut readers = Readers::default();
        let (ours, mut theirs) = pair();
        assert!(readers.add(ours));
        assert_eq!(theirs.send(b"garbage").unwrap_err().kind(), ErrorKind::BrokenPipe);
        readers.prune();
        readers.send(b"still there");
        assert_eq!(next(&mut theirs).unwrap(), b"still there");
    }
}
