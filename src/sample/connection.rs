//! Whose socket a sampled packet belongs to: both ends as its owner sees them, and the record about it.
//!
//! In: the headers of a sample, and who is local: the addresses of this host ([`of_host`]), or the far end of an
//! interface that leads into a container ([`of_guest`]). Out: [`Connection`], alike for both directions but for
//! [`Connection::sent`]. Rules: a TCP packet speaks for itself; else, where tunnels are opened, the innermost packet does;
//! fragments other than the first have no ports and so no socket. Spec: `extended_tcp_info` of the sFlow TCP Flow Structures.

use super::frame::Direction;
use crate::sflow::flow::socket;
use crate::sflow::unknown::gauge32;
use crate::wire::frame::Headers;
use crate::wire::netlink::inet_diag::{TCP, UDP, tcp_info::TcpInfo};
use crate::wire::transport::Transport;
use crate::wire::tunnel::nested;
use std::net::{IpAddr, SocketAddr};

/// Which packets are looked at, besides those of TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// What is inside a tunnel.
    pub tunnel: bool,
    /// UDP.
    pub udp: bool,
}

/// The two ends of a packet as the owner of one sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Connection {
    /// Number of the protocol: TCP or UDP.
    pub protocol: u8,
    /// The owner's end.
    pub local: SocketAddr,
    /// The other one.
    pub remote: SocketAddr,
    /// True where the owner sent the packet.
    pub sent: bool,
}

/// The socket of this host. Of traffic between two sockets of this host it is the sender's, whose state says more of
/// the connection; `None` for traffic of others.
pub fn of_host(
    headers: &Headers<'_>,
    scope: Scope,
    is_local: &impl Fn(IpAddr) -> bool,
) -> Option<Connection> {
    connection(headers, scope, |source, destination| {
        let sent = is_local(source);
        (sent || is_local(destination)).then_some(sent)
    })
}

/// The socket behind an interface whose other end is in a container: what comes in here was sent there.
pub fn of_guest(headers: &Headers<'_>, scope: Scope, direction: Direction) -> Option<Connection> {
    connection(headers, scope, |_, _| Some(direction == Direction::In))
}

fn connection(
    headers: &Headers<'_>,
    scope: Scope,
    is_sent: impl Fn(IpAddr, IpAddr) -> Option<bool>,
) -> Option<Connection> {
    let speaker = match headers.transport {
        Some(Transport::Tcp { .. }) => *headers,
        _ if scope.tunnel => nested(headers).last().map_or(*headers, |tunnel| tunnel.inner),
        _ => *headers,
    };
    let (protocol, ports) = match speaker.transport? {
        Transport::Tcp { ports, .. } => (TCP, ports),
        Transport::Udp(ports) if scope.udp => (UDP, ports),
        _ => return None,
    };
    let ip = speaker.ip?;
    // What is on the wire as an IPv4-mapped address is one of IPv4 to the socket that gets it.
    let [source, destination] = [ip.source, ip.destination].map(|address| address.to_canonical());
    if source.is_ipv4() != destination.is_ipv4() {
        return None;
    }
    let sent = is_sent(source, destination)?;
    let (source, destination) =
        (SocketAddr::new(source, ports.source), SocketAddr::new(destination, ports.destination));
    let (local, remote) = if sent { (source, destination) } else { (destination, source) };
    Some(Connection { protocol, local, remote, sent })
}

/// The record 2209 of what the kernel knows of a connection; 0 where it does not.
pub fn tcp_record(info: &TcpInfo, sent: bool) -> socket::TcpInfo {
    let gauge = |value: Option<u32>| gauge32(value.map(u64::from));
    socket::TcpInfo {
        direction: if sent { 2 } else { 1 },
        snd_mss: gauge(info.snd_mss),
        rcv_mss: gauge(info.rcv_mss),
        unacked: gauge(info.unacked),
        lost: gauge(info.lost),
        // Since the connection exists: what is in flight again now says little once per some hundred packets.
        retrans: gauge(info.total_retrans),
        path_mtu: gauge(info.pmtu),
        rtt: gauge(info.rtt),
        rtt_var: gauge(info.rttvar),
        snd_cwnd: gauge(info.snd_cwnd),
        reordering: gauge(info.reordering),
        // All ones until the first round trip was measured.
        min_rtt: gauge(info.min_rtt.filter(|rtt| *rtt != u32::MAX)),
    }
}

#[cfg(test)]
mod tests;
