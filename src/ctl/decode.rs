//! `hsflowctl decode`: sFlow from a UDP socket, a capture file or standard input, as text or JSON. Rule: a datagram
//! that is not sFlow is one message and the next is read; nothing received can end the program.

use super::{Exit, fail, print, text};
use crate::host::Clock;
use crate::sflow;
use crate::wire::{pcap, udp};
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The port that IANA gave to sFlow.
const SFLOW_PORT: u16 = 6343;

/// Where datagrams come from, and how they are printed.
#[derive(clap::Args)]
pub(super) struct Source {
    /// Capture file (pcap or pcapng), or - for standard input.
    #[arg(conflicts_with = "listen")]
    file: Option<PathBuf>,
    /// Receive here: ADDRESS:PORT, or a port on every address.
    #[arg(long, value_parser = parse_listen, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// One JSON object a datagram, one a line.
    #[arg(long)]
    json: bool,
    /// End after this many datagrams.
    #[arg(long)]
    count: Option<u64>,
    /// End after this many seconds; exit status 1 if the count was not reached.
    #[arg(long)]
    timeout: Option<u64>,
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::UNSPECIFIED, port).into());
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok((ip, SFLOW_PORT).into());
    }
    text.parse().map_err(|_| "expected ADDRESS:PORT, [ADDRESS]:PORT or PORT".to_owned())
}

/// Prints what comes.
pub(super) fn decode(source: &Source) -> Result<(), Exit> {
    match &source.file {
        Some(file) => decode_capture(file, source),
        None => {
            let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, SFLOW_PORT));
            let address = source.listen.unwrap_or(any);
            match UdpSocket::bind(address) {
                Ok(socket) => decode_live(&socket, source),
                Err(e) => Err(fail(&format!("listen on {address}: {e}"), Exit::Usage)),
            }
        }
    }
}

fn decode_live(socket: &UdpSocket, source: &Source) -> Result<(), Exit> {
    let clock = Clock::system();
    let deadline = source.timeout.map(|secs| clock.now() + Duration::from_secs(secs));
    let mut buffer = vec![0; 65_536];
    let mut printed = 0;
    while source.count.is_none_or(|count| printed < count) {
        let left = deadline.map(|at| at.saturating_duration_since(clock.now()));
        if left == Some(Duration::ZERO) {
            return if source.count.is_some() { Err(Exit::No) } else { Ok(()) };
        }
        if let Err(e) = socket.set_read_timeout(left) {
            return Err(fail(&e, Exit::Usage));
        }
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                printed += u64::from(print_datagram(bytes, Some(&from.to_string()), source.json)?);
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(fail(&e, Exit::Usage)),
        }
    }
    Ok(())
}

/// Prints one datagram, or on stderr why it cannot be read. True where it was printed; the error is the status to
/// end with.
pub(super) fn print_datagram(bytes: &[u8], from: Option<&str>, json: bool) -> Result<bool, Exit> {
    let datagram = match sflow::decode::decode(bytes) {
        Ok(datagram) => datagram,
        Err(e) => {
            let from = from.unwrap_or("here");
            fail(&format!("{} bytes from {from} are not sFlow: {e}", bytes.len()), Exit::No);
            return Ok(false);
        }
    };
    let page = if json {
        serde_json::to_string(&datagram).map_err(|e| fail(&e, Exit::Usage))? + "\n"
    } else {
        text::render(&datagram, from)
    };
    print(&page).map(|()| true)
}

fn decode_capture(file: &Path, source: &Source) -> Result<(), Exit> {
    let bytes = if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    match bytes {
        Ok(bytes) => print_capture(&bytes, file, source),
        Err(e) => Err(fail(&format!("{}: {e}", file.display()), Exit::Usage)),
    }
}

fn print_capture(bytes: &[u8], file: &Path, source: &Source) -> Result<(), Exit> {
    let packets = match pcap::packets(bytes) {
        Ok(packets) => packets,
        Err(e) => return Err(fail(&format!("{}: {e}", file.display()), Exit::Usage)),
    };
    let mut printed = 0;
    for packet in packets {
        if source.count.is_some_and(|count| printed >= count) {
            return Ok(());
        }
        let packet = match packet {
            Ok(packet) => packet,
            Err(e) => return Err(fail(&format!("{}: {e}", file.display()), Exit::Usage)),
        };
        match udp::parse(packet.link_type, packet.bytes) {
            Ok(datagram) => {
                let from = datagram.source.to_string();
                printed += u64::from(print_datagram(datagram.payload, Some(&from), source.json)?);
            }
            Err(e) => log::debug!(target: "decode", "skipped a packet: {e}"),
        }
    }
    if source.count.is_some_and(|count| printed < count) { Err(Exit::No) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_addresses_come_in_three_forms() {
        assert_eq!(parse_listen("6344").unwrap(), "0.0.0.0:6344".parse().unwrap());
        assert_eq!(parse_listen("::1").unwrap(), "[::1]:6343".parse().unwrap());
        assert_eq!(parse_listen("127.0.0.1:7").unwrap(), "127.0.0.1:7".parse().unwrap());
        assert!(parse_listen("localhost:x").is_err());
    }
}
