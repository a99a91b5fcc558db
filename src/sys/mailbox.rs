//! Datagrams of other programs, many a system call, into memory that is kept.
//!
//! In: a UDP or UNIX datagram socket. Out: each datagram with who sent it. Rules: never blocks; a datagram longer than a
//! slot is cut to it, and the caller chooses slots so long that this tells. Who sent is what the kernel says: the address
//! of a UDP sender, and where SO_PASSCRED is set the process of a UNIX one. Spec: recvmmsg(2), unix(7).

use super::SysError;
use super::arena::Arena;
use super::receive::recvmmsg;
use std::mem::size_of;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;

/// Most datagrams of one receive.
pub const MOST: usize = 64;

/// Room for the address of an IPv4 or IPv6 sender: `struct sockaddr_in6`.
const ADDRESS_LEN: usize = 28;
/// Room for one control message with a `struct ucred`.
const CONTROL_LEN: usize = 32;
/// Where the data of a control message begins: behind a length and two words.
const CONTROL_DATA: usize = size_of::<usize>() + 8;

/// Memory for one receive.
#[derive(Debug)]
pub struct Mailbox {
    arena: Arena,
    slot: usize,
    received: Vec<Received>,
}

/// Who sent a datagram, as far as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// From this address.
    Address(SocketAddr),
    /// From this process on this host.
    Process {
        /// Process id.
        pid: i32,
        /// User id.
        uid: u32,
    },
    /// Not said.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
struct Received {
    length: usize,
    sender: Sender,
}

/// What the kernel fills beside the datagrams.
struct Envelopes {
    addresses: [[u8; ADDRESS_LEN]; MOST],
    controls: [Control; MOST],
    blocks: [libc::iovec; MOST],
    headers: [libc::mmsghdr; MOST],
}

/// The kernel writes a length at its start.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL_LEN]);

impl Mailbox {
    /// For datagrams of at most `slot` bytes. Memory is used only as far as datagrams fill it.
    pub fn new(slot: usize) -> Self {
        let slot = slot.max(1);
        Self { arena: Arena::new(slot * MOST), slot, received: Vec::with_capacity(MOST) }
    }

    /// Takes what is waiting, at most [`MOST`] datagrams; says how many.
    pub fn receive(&mut self, socket: impl AsFd, object: &str) -> Result<usize, SysError> {
        self.received.clear();
        // SAFETY: these are arrays of integers and of structs of integers and pointers, for which all zero is a value.
        let mut envelopes: Envelopes = unsafe { std::mem::zeroed() };
        let Envelopes { addresses, controls, blocks, headers } = &mut envelopes;
        let slots = self.arena.chunks_exact_mut(self.slot).zip(blocks);
        let envelope = addresses.iter_mut().zip(controls).zip(headers.iter_mut());
        for ((slot, block), ((address, control), header)) in slots.zip(envelope) {
            *block = libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() };
            header.msg_hdr.msg_iov = block;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = address.as_mut_ptr().cast();
            header.msg_hdr.msg_namelen = libc::socklen_t::try_from(ADDRESS_LEN).unwrap_or(0);
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_LEN as _;
        }
        // SAFETY: the headers point into the arena and into the other arrays of `envelopes`; all outlive the call, and
        // nobody else looks at them meanwhile.
        let count = unsafe { recvmmsg(socket, &mut envelopes.headers) };
        let count = count.map_err(|errno| SysError::new("recvmmsg", object, errno))?.unwrap_or(0);
        let Envelopes { addresses, controls, headers, .. } = &envelopes;
        for ((address, control), header) in addresses.iter().zip(controls).zip(headers).take(count) {
            let named = address.get(..header.msg_hdr.msg_namelen as usize).and_then(parse_address);
            #[allow(clippy::unnecessary_cast)] // another type in other C libraries
            let told = control.0.get(..header.msg_hdr.msg_controllen as usize).and_then(parse_credentials);
            let sender = told.or(named.map(Sender::Address)).unwrap_or(Sender::Unknown);
            self.received.push(Received { length: header.msg_len as usize, sender });
        }
        Ok(count)
    }

    /// Each datagram of the last receive, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (Sender, &[u8])> {
        let slots = self.arena.chunks_exact(self.slot).zip(&self.received);
        slots.filter_map(|(slot, received)| Some((received.sender, slot.get(..received.length)?)))
    }
}

/// `struct sockaddr_in` or `sockaddr_in6` as the kernel wrote it.
fn parse_address(bytes: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(*bytes.first_chunk()?);
    let port = u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
    let ip = match i32::from(family) {
        libc::AF_INET => IpAddr::from(*bytes.get(4..)?.first_chunk::<4>()?),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(*bytes.get(8..)?.first_chunk::<16>()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// A control message of type SCM_CREDENTIALS.
fn parse_credentials(bytes: &[u8]) -> Option<Sender> {
    let word = |at: usize| Some(*bytes.get(at..)?.first_chunk::<4>()?);
    let level = i32::from_ne_bytes(word(CONTROL_DATA - 8)?);
    let kind = i32::from_ne_bytes(word(CONTROL_DATA - 4)?);
    let pid = i32::from_ne_bytes(word(CONTROL_DATA)?);
    let uid = u32::from_ne_bytes(word(CONTROL_DATA + 4)?);
    let known = (level, kind) == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS);
    known.then_some(Sender::Process { pid, uid })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{setsockopt, sockopt};
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;

    fn all(mailbox: &Mailbox) -> Vec<(Sender, Vec<u8>)> {
        mailbox.iter().map(|(sender, bytes)| (sender, bytes.to_vec())).collect()
    }

    #[test]
    fn datagrams_come_in_order_each_with_its_sender() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(to) = UdpSocket::bind(address) else { continue };
            let from = [UdpSocket::bind(address).unwrap(), UdpSocket::bind(address).unwrap()];
            let mut mailbox = Mailbox::new(100);
            assert_eq!(mailbox.receive(&to, "").unwrap(), 0);
            for n in 0..100_u8 {
                from[usize::from(n % 2)].send_to(&[n, 7], to.local_addr().unwrap()).unwrap();
            }
            let mut seen = Vec::new();
            while mailbox.receive(&to, "").unwrap() > 0 {
                seen.extend(all(&mailbox));
            }
            let expected = (0..100_u8)
                .map(|n| (Sender::Address(from[usize::from(n % 2)].local_addr().unwrap()), vec![n, 7]));
            assert_eq!(seen, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_kernel_names_the_process_behind_a_unix_socket() {
        let (to, from) = UnixDatagram::pair().unwrap();
        from.send(b"before").unwrap();
        setsockopt(&to, sockopt::PassCred, &true).unwrap();
        from.send(b"after").unwrap();
        let mut mailbox = Mailbox::new(100);
        assert_eq!(mailbox.receive(&to, "").unwrap(), 2);
        let pid = i32::try_from(std::process::id()).unwrap();
        let me = Sender::Process { pid, uid: nix::unistd::getuid().as_raw() };
        assert_eq!(all(&mailbox)[1], (me, b"after".to_vec()));
        assert_eq!(all(&mailbox)[0].1, b"before");
    }

    #[test]
    fn a_datagram_longer_than_a_slot_fills_it() {
        let (to, from) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        for length in [9, 10, 11, 60_000, 0] {
            from.send_to(&vec![1; length], to.local_addr().unwrap()).unwrap();
        }
        let mut mailbox = Mailbox::new(10);
        assert_eq!(mailbox.receive(&to, "").unwrap(), 5);
        assert_eq!(mailbox.iter().map(|(_, bytes)| bytes.len()).collect::<Vec<_>>(), [9, 10, 10, 10, 0]);
        assert_eq!(
            mailbox.receive(std::fs::File::open("/dev/null").unwrap(), "it").unwrap_err().object,
            "it"
        );
    }
}
