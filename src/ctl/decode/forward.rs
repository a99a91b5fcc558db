//! Datagrams to another collector, as they came. In: their bytes. Out: UDP. Rule: a collector that is not there costs the
//! others nothing; that it refuses is said once, and how often at the end.

use crate::ctl::listen::SFLOW_PORT;
use crate::ctl::say;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

/// One collector.
pub(super) struct Target {
    name: String,
    address: SocketAddr,
    socket: UdpSocket,
    failed: u64,
}

impl Target {
    /// Looks the name up, once. Without a port it is sFlow's own.
    pub(super) fn new(name: &str) -> io::Result<Self> {
        let address = resolve(name)?;
        let any: IpAddr =
            if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        // Connected, so that a refusal is seen.
        socket.connect(address)?;
        Ok(Self { name: name.to_owned(), address, socket, failed: 0 })
    }

    /// Whether what is sent there comes back to a socket that listens on `ours`: an endless circle.
    pub(super) fn reaches(&self, ours: SocketAddr) -> bool {
        let there = self.address.ip();
        // Only an address of this host can be bound.
        let is_local = || UdpSocket::bind((there, 0)).is_ok();
        self.address.port() == ours.port()
            && (there == ours.ip() || (ours.ip().is_unspecified() && is_local()))
    }

    /// Sends, or counts that it could not.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let mut sent = self.socket.send(bytes);
        // A refusal is told at the next datagram, which is not the one that was refused.
        if let Err(e) = &sent
            && e.kind() == io::ErrorKind::ConnectionRefused
        {
            self.note(&sent);
            sent = self.socket.send(bytes);
        }
        self.note(&sent);
    }

    /// Datagrams that did not get there, as far as can be known.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    fn note(&mut self, sent: &io::Result<usize>) {
        let Err(e) = sent else { return };
        if self.failed == 0 {
            say(&format!("forward to {self}: {e}"));
        }
        self.failed += 1;
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn resolve(name: &str) -> io::Result<SocketAddr> {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok((ip, SFLOW_PORT).into());
    }
    let mut found = match name.rsplit_once(':') {
        Some(_) => name.to_socket_addrs()?,
        None => (name, SFLOW_PORT).to_socket_addrs()?,
    };
    found.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_come_with_and_without_a_port() {
        for (name, address) in [
            ("127.0.0.1", "127.0.0.1:6343"),
            ("127.0.0.1:7", "127.0.0.1:7"),
            ("::1", "[::1]:6343"),
            ("[::1]:7", "[::1]:7"),
        ] {
            assert_eq!(resolve(name).unwrap(), address.parse().unwrap(), "{name}");
        }
        assert!(resolve("127.0.0.1:port").is_err());
    }

    #[test]
    fn a_circle_is_seen_and_another_port_or_address_is_none() {
        let reaches = |to: &str, ours: &str| Target::new(to).unwrap().reaches(ours.parse().unwrap());
        assert!(reaches("127.0.0.1:7000", "127.0.0.1:7000"));
        assert!(reaches("127.0.0.1:7000", "0.0.0.0:7000"));
        assert!(!reaches("127.0.0.1:7000", "0.0.0.0:7001"));
        assert!(!reaches("127.0.0.2:7000", "127.0.0.1:7000"));
        assert!(!reaches("192.0.2.1:7000", "0.0.0.0:7000"));
    }

    #[test]
    fn a_refusal_is_counted_and_the_datagram_is_sent_once_the_collector_is_there() {
        let away = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = away.local_addr().unwrap();
        drop(away);
        let mut target = Target::new(&address.to_string()).unwrap();
        target.send(b"lost");
        let there = UdpSocket::bind(address).unwrap();
        target.send(b"kept");
        let mut bytes = [0; 9];
        there.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        let length = there.recv(&mut bytes).unwrap();
        assert_eq!((&bytes[..length], target.failed()), (&b"kept"[..], 1));
    }
}
