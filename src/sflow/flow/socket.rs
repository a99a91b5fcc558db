//! Flow records of the socket or entity that a packet belongs to: sFlow Application Structures 2100–2103, TCP 2209, 2210.

use crate::sflow::ids::DataSource;
use crate::sflow::xdr::xdr_structs;
use std::net::{Ipv4Addr, Ipv6Addr};

xdr_structs! {
    /// `0:2100` an IPv4 socket, 20 bytes.
    #[derive(Eq)]
    pub struct SocketIpv4 {
        pub protocol: u32,
        pub local_ip: Ipv4Addr,
        pub remote_ip: Ipv4Addr,
        pub local_port: u32,
        pub remote_port: u32,
    }

    /// `0:2101` an IPv6 socket, 44 bytes.
    #[derive(Eq)]
    pub struct SocketIpv6 {
        pub protocol: u32,
        pub local_ip: Ipv6Addr,
        pub remote_ip: Ipv6Addr,
        pub local_port: u32,
        pub remote_port: u32,
    }

    /// `0:2102` the proxied IPv4 socket, 20 bytes.
    #[derive(Eq)]
    pub struct ProxySocketIpv4 {
        pub protocol: u32,
        pub local_ip: Ipv4Addr,
        pub remote_ip: Ipv4Addr,
        pub local_port: u32,
        pub remote_port: u32,
    }

    /// `0:2103` the proxied IPv6 socket, 44 bytes.
    #[derive(Eq)]
    pub struct ProxySocketIpv6 {
        pub protocol: u32,
        pub local_ip: Ipv6Addr,
        pub remote_ip: Ipv6Addr,
        pub local_port: u32,
        pub remote_port: u32,
    }

    /// `0:2209` state of the TCP connection, 48 bytes. Times in microseconds, counts in packets.
    #[derive(Default, Eq)]
    pub struct TcpInfo {
        /// 0 unknown, 1 received, 2 sent.
        pub direction: u32,
        pub snd_mss: u32,
        pub rcv_mss: u32,
        pub unacked: u32,
        pub lost: u32,
        pub retrans: u32,
        pub path_mtu: u32,
        pub rtt: u32,
        pub rtt_var: u32,
        pub snd_cwnd: u32,
        pub reordering: u32,
        pub min_rtt: u32,
    }

    /// `0:2210` who sent and who received, 16 bytes; `0:0` where unknown.
    #[derive(Copy, Eq)]
    pub struct Entities {
        pub src: DataSource,
        pub dst: DataSource,
    }
}
