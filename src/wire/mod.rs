//! Foreign formats: bytes to types and back. Pure: no I/O, no clock, no allocation policy of its own.

pub mod netlink;
pub mod pcap;
pub mod udp;
