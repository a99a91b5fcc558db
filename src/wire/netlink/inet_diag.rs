//! `SOCK_DIAG_BY_FAMILY` for IPv4 and IPv6: one socket of this host by its addresses and ports, with TCP's state.
//!
//! ```text
//! family u8 │ state u8 │ timer u8 │ retransmits u8 │ identity 48 │ expires, queues, user, inode u32 × 5 │ attributes
//! identity: ports u16 × 2, addresses 16 × 2 in network byte order │ ifIndex u32 │ cookie u32 × 2
//! ```
//! In: the payload of an answer. Out: [`Socket`]. The other way, [`get`] for one connection, which costs one look into
//! the kernel's table. Sockets that are closing (TIME_WAIT) or opening answer too, but without [`TcpInfo`]; no socket is
//! `ENOENT`. Needs no privilege. Rules: as [`super`] has them.
//!
//! Spec: sock_diag(7), `linux/inet_diag.h`.

pub mod tcp_info;

use super::attribute::{Attribute, Attributes, chunk_at, u32_at};
use super::error::ParseError;
use super::request::Request;
use std::net::{IpAddr, SocketAddr};
use tcp_info::TcpInfo;

/// `SOCK_DIAG_BY_FAMILY`.
pub const KIND: u16 = 20;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const HEADER_LEN: usize = 72;
const INET_DIAG_INFO: u8 = 2;
const ALL_STATES: u32 = u32::MAX;

/// Asks for one socket. Both addresses must be of the same version. A socket that is bound to an interface, as every
/// one with link-local addresses is, is found by that `if_index` alone; any other by every one, and by 0.
pub fn get(
    buffer: &mut Vec<u8>,
    sequence: u32,
    protocol: u8,
    local: SocketAddr,
    remote: SocketAddr,
    if_index: u32,
) {
    // The kernel looks for UDP sockets as for the receiver of a packet, so that the other end is the source.
    let (first, second) = if protocol == UDP { (remote, local) } else { (local, remote) };
    let fixed = request(protocol, local.is_ipv6(), first, second, if_index);
    let _ = Request::get(buffer, KIND, sequence, &fixed);
}

/// Asks for all sockets in none of the states: an empty dump, or an error where the kernel has no such table.
pub fn probe(buffer: &mut Vec<u8>, sequence: u32, protocol: u8) {
    let any = SocketAddr::new(IpAddr::from([0; 4]), 0);
    let mut fixed = request(protocol, false, any, any, 0);
    fixed[4..8].fill(0);
    let _ = Request::dump(buffer, KIND, sequence, &fixed);
}

fn request(protocol: u8, v6: bool, source: SocketAddr, destination: SocketAddr, if_index: u32) -> [u8; 56] {
    let mut fixed = [0; 56];
    let extensions = 1 << (INET_DIAG_INFO - 1);
    fixed[..4].copy_from_slice(&[if v6 { AF_INET6 } else { AF_INET }, protocol, extensions, 0]);
    fixed[4..8].copy_from_slice(&ALL_STATES.to_ne_bytes());
    fixed[8..10].copy_from_slice(&source.port().to_be_bytes());
    fixed[10..12].copy_from_slice(&destination.port().to_be_bytes());
    fixed[12..28].copy_from_slice(&padded(source.ip()));
    fixed[28..44].copy_from_slice(&padded(destination.ip()));
    fixed[44..48].copy_from_slice(&if_index.to_ne_bytes());
    // INET_DIAG_NOCOOKIE, twice.
    fixed[48..].fill(0xFF);
    fixed
}

/// An address in 16 bytes; IPv4 stands in the first four.
fn padded(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
    }
}

/// A socket as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// State by the numbers of TCP: 1 established, 6 TIME_WAIT, 7 closed, 10 listening; UDP uses 1 and 7.
    pub state: u8,
    /// This end. A socket for IPv6 that carries an IPv4 connection has the address as `::ffff:a.b.c.d`.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// ifIndex that the socket is bound to, or 0.
    pub if_index: u32,
    /// The kernel's number for the socket, for its lifetime.
    pub cookie: u64,
    /// Bytes not yet read by the program; of a listening socket, connections.
    pub receive_queue: u32,
    /// Bytes not yet acknowledged by the other end.
    pub send_queue: u32,
    /// User.
    pub uid: u32,
    /// Inode; 0 once the program has closed it.
    pub inode: u32,
    /// TCP's state.
    pub tcp: Option<TcpInfo>,
    /// `INET_DIAG_MARK`, for who has `CAP_NET_ADMIN`.
    pub mark: Option<u32>,
    /// Inode of the control group (version 2) it was made in (kernel 5.8).
    pub cgroup: Option<u64>,
}

impl Socket {
    /// Reads an answer's payload; `None` for a family other than IPv4 and IPv6.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, ParseError> {
        let attributes = Attributes::after(payload, HEADER_LEN, "inet_diag_msg")?;
        let [family, state, ..] = chunk_at::<4>(payload, 0, "inet_diag_msg")?;
        if family != AF_INET && family != AF_INET6 {
            return Ok(None);
        }
        let word = |at, field| u32_at(payload, at, field);
        let cookie = chunk_at(payload, 44, "idiag_cookie").map(u64::from_ne_bytes)?;
        let mut socket = Self {
            state,
            local: end(payload, family, 4, 8)?,
            remote: end(payload, family, 6, 24)?,
            if_index: word(40, "idiag_if")?,
            cookie,
            receive_queue: word(56, "idiag_rqueue")?,
            send_queue: word(60, "idiag_wqueue")?,
            uid: word(64, "idiag_uid")?,
            inode: word(68, "idiag_inode")?,
            tcp: None,
            mark: None,
            cgroup: None,
        };
        for attribute in attributes {
            socket.read(&attribute?)?;
        }
        Ok(Some(socket))
    }

    fn read(&mut self, attribute: &Attribute<'_>) -> Result<(), ParseError> {
        match attribute.kind {
            2 => self.tcp = Some(TcpInfo::parse(attribute.value)),
            15 => self.mark = Some(attribute.u32("INET_DIAG_MARK")?),
            21 => self.cgroup = Some(attribute.bytes("INET_DIAG_CGROUP_ID").map(u64::from_ne_bytes)?),
            _ => {}
        }
        Ok(())
    }
}

/// Address and port at their places in the header.
fn end(payload: &[u8], family: u8, port_at: usize, address_at: usize) -> Result<SocketAddr, ParseError> {
    let port = chunk_at(payload, port_at, "inet_diag_sockid").map(u16::from_be_bytes)?;
    let ip = if family == AF_INET {
        chunk_at::<4>(payload, address_at, "inet_diag_sockid").map(IpAddr::from)?
    } else {
        chunk_at::<16>(payload, address_at, "inet_diag_sockid").map(IpAddr::from)?
    };
    Ok(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests;
