//! Foreign formats: bytes to types and back. Pure: no I/O, no clock, no allocation policy of its own.

pub mod cbpf;
pub mod ebpf;
pub mod ethernet;
pub mod frame;
pub mod ip;
pub mod netlink;
pub mod optics;
pub mod pcap;
pub mod protobuf;
mod shim;
pub mod transport;
pub mod tunnel;
pub mod udp;
