//! Listening for the sFlow of others, as `decode`, `top` and `web` do.

use socket2::SockRef;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// The port that IANA gave to sFlow.
pub(super) const SFLOW_PORT: u16 = 6343;
/// Room for a burst of a thousand hosts; a kernel that grants less is no fault.
const RECEIVE_BYTES: usize = 4 << 20;

/// `PORT`, `ADDRESS` or `ADDRESS:PORT`.
pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok((ip, SFLOW_PORT).into());
    }
    text.parse().map_err(|_| "expected PORT, ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT".to_owned())
}

/// A socket for all datagrams to an address, which an error names.
pub(super) fn socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("listen on {address}: {e}"));
    let socket = UdpSocket::bind(address).map_err(named)?;
    let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BYTES);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_addresses_come_in_three_forms() {
        assert_eq!(parse_address("6344").unwrap(), "0.0.0.0:6344".parse().unwrap());
        assert_eq!(parse_address("::1").unwrap(), "[::1]:6343".parse().unwrap());
        assert_eq!(parse_address("127.0.0.1:7").unwrap(), "127.0.0.1:7".parse().unwrap());
        assert!(parse_address("localhost:x").is_err());
    }
}
