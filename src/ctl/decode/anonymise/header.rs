//! A sampled packet with other addresses. In: the sampled bytes and what they start with. Out: as many bytes. Rule: it
//! begins with zeros, and only what is understood is written into it: link headers with their VLAN tags, what stands
//! between them and IP, ARP, IP, the fixed headers of transports, tunnels and what they carry, the packet that an ICMP
//! error quotes. Payload, options and extension headers' contents are blanked. The checksum of an IPv4 header is made
//! anew; that of a transport, which no longer has what it was the sum of, is 0. Pure.

use super::Anonymiser;
use crate::wire::frame::{self, Headers, Start};
use crate::wire::tunnel::{self, Kind};
use std::ops::Range;

/// Packets inside packets that are looked at; deeper ones are payload.
const MOST: usize = 6;
const ARP: u16 = 0x0806;
/// An IPv4 option that does nothing.
const NO_OPERATION: u8 = 1;

/// The same packet for others.
pub(super) fn scrub(by: &Anonymiser, start: Start, bytes: &[u8]) -> Vec<u8> {
    scrub_deep(by, start, bytes, MOST)
}

fn scrub_deep(by: &Anonymiser, start: Start, bytes: &[u8], deep: usize) -> Vec<u8> {
    let mut packet = Scrubbed { by, from: bytes, to: vec![0; bytes.len()] };
    let Some(deep) = deep.checked_sub(1) else { return packet.to };
    let headers = frame::parse(start, bytes);
    packet.link(&headers);
    if let Some(ip) = headers.ip {
        if ip.is_v6() {
            packet.ipv6(headers.ip_at)
        } else {
            packet.ipv4(headers.ip_at)
        }
        packet.above_ip(&headers, deep);
    }
    packet.to
}

struct Scrubbed<'a> {
    by: &'a Anonymiser,
    from: &'a [u8],
    to: Vec<u8>,
}

impl Scrubbed<'_> {
    /// Takes bytes over as they are; those that were not sampled are not there.
    fn keep(&mut self, range: Range<usize>) {
        let range = range.start..range.end.min(self.from.len());
        if let (Some(from), Some(to)) = (self.from.get(range.clone()), self.to.get_mut(range)) {
            to.copy_from_slice(from);
        }
    }

    /// Replaces `N` bytes, where all of them were sampled.
    fn replace<const N: usize>(&mut self, at: usize, with: impl FnOnce(&Anonymiser, [u8; N]) -> [u8; N]) {
        let from = self.from.get(at..).and_then(<[u8]>::first_chunk);
        if let (Some(from), Some(to)) = (from, self.to.get_mut(at..).and_then(<[u8]>::first_chunk_mut)) {
            *to = with(self.by, *from);
        }
    }

    fn mac(&mut self, at: usize) {
        self.replace(at, Anonymiser::mac);
    }

    fn v4(&mut self, at: usize) {
        self.replace(at, |by, ip: [u8; 4]| by.v4(ip.into()).octets());
    }

    fn v6(&mut self, at: usize) {
        self.replace(at, |by, ip: [u8; 16]| by.v6(ip.into()).octets());
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.from.get(at).copied()
    }

    fn link(&mut self, headers: &Headers<'_>) {
        let mut behind = 0;
        if let Some(link) = headers.ethernet {
            self.mac(0);
            self.mac(6);
            behind = match link.ether_type {
                Some(_) => link.payload_at,
                None => 12 + 4 * link.tags().len(),
            };
            self.keep(12..behind);
            if link.ether_type == Some(ARP) {
                self.arp(behind);
            }
        }
        // MPLS labels, a PPPoE session.
        if headers.ip.is_some() {
            self.keep(behind..headers.ip_at);
        }
    }

    /// Of Ethernet and IPv4, which is all that is spoken: kinds and lengths, then two pairs of addresses.
    fn arp(&mut self, at: usize) {
        if self.from.get(at..at + 6) == Some(&[0, 1, 8, 0, 6, 4]) {
            self.keep(at..at + 8);
            self.mac(at + 8);
            self.v4(at + 14);
            self.mac(at + 18);
            self.v4(at + 24);
        }
    }

    fn ipv4(&mut self, at: usize) {
        let end = at + self.byte(at).map_or(0, |byte| usize::from(byte & 0xF) * 4);
        self.keep(at..at + 10);
        self.v4(at + 12);
        self.v4(at + 16);
        let captured = self.to.len();
        if let Some(options) = self.to.get_mut(at + 20..end.min(captured)) {
            options.fill(NO_OPERATION);
        }
        // Of a header that was cut nobody can tell the sum.
        if let Some(header) = self.to.get_mut(at..end) {
            let sum = checksum(header);
            if let Some(slot) = header.get_mut(10..12) {
                slot.copy_from_slice(&sum.to_be_bytes());
            }
        }
    }

    fn ipv6(&mut self, at: usize) {
        self.keep(at..at + 8);
        self.v6(at + 8);
        self.v6(at + 24);
        let (mut next, mut at) = (self.byte(at + 6), at + 40);
        // Each says what follows and how long it is; zeros in it are padding.
        while let (Some(kind), Some(following), Some(units)) = (next, self.byte(at), self.byte(at + 1)) {
            let length = match kind {
                0 | 43 | 60 | 135 | 139 | 140 => (usize::from(units) + 1) * 8,
                51 => (usize::from(units) + 2) * 4,
                44 => 8,
                _ => return,
            };
            self.keep(at..at + if kind == 44 { 8 } else { 2 });
            let offset = (self.byte(at + 2), self.byte(at + 3));
            if kind == 44 && !matches!(offset, (Some(0), Some(0..8))) {
                return; // the middle of a packet follows
            }
            (next, at) = (Some(following), at + length);
        }
    }

    fn above_ip(&mut self, headers: &Headers<'_>, deep: usize) {
        let (Some((protocol, body)), Some(at)) = (headers.above_ip(), headers.transport_at()) else { return };
        match protocol {
            1 => self.icmp(at, body, deep),
            2 => {
                self.keep(at..at + 4);
                self.v4(at + 4);
            }
            6 => self.tcp(at),
            17 | 136 => self.keep(at..at + 6),
            33 => self.keep(at..at + 4),
            // Fragments of UDP and the like have no more to show; what is encrypted has its number.
            50 | 132 => self.keep(at..at + 8),
            58 => self.icmp_v6(at, body, deep),
            _ => {}
        }
        if let Some(tunnel) = tunnel::parse(headers) {
            self.keep(match tunnel.kind {
                Kind::Ip => at..at,
                Kind::Gre { .. } => at..tunnel.inner_at,
                // Behind UDP's header; Geneve's options may be anything.
                Kind::Vxlan { .. } | Kind::Geneve { .. } => at + 8..at + 16,
            });
            let start = if tunnel.inner.ethernet.is_some() { Start::Ethernet } else { Start::Ip };
            self.nested(start, tunnel.inner_at, deep);
        }
    }

    /// The packet that begins at a place in this one.
    fn nested(&mut self, start: Start, at: usize, deep: usize) {
        let Some(bytes) = self.from.get(at..) else { return };
        let inner = scrub_deep(self.by, start, bytes, deep);
        if let Some(to) = self.to.get_mut(at..) {
            to.copy_from_slice(&inner);
        }
    }

    fn tcp(&mut self, at: usize) {
        self.keep(at..at + 16);
        self.keep(at + 18..at + 20);
        let end = at + self.byte(at + 12).map_or(0, |byte| usize::from(byte >> 4) * 4);
        let captured = self.to.len();
        if let Some(options) = self.to.get_mut(at + 20..end.min(captured)) {
            options.fill(NO_OPERATION);
        }
    }

    fn icmp(&mut self, at: usize, body: &[u8], deep: usize) {
        self.keep(at..at + 2);
        match body.first() {
            // A redirection names the router.
            Some(5) => self.v4(at + 4),
            _ => self.keep(at + 4..at + 8),
        }
        if matches!(body.first(), Some(3 | 4 | 5 | 11 | 12)) {
            self.nested(Start::Ip, at + 8, deep);
        }
    }

    fn icmp_v6(&mut self, at: usize, body: &[u8], deep: usize) {
        self.keep(at..at + 2);
        self.keep(at + 4..at + 8);
        match body.first() {
            Some(1..=4) => self.nested(Start::Ip, at + 8, deep),
            // Groups; neighbours, and where to redirect.
            Some(130..=132 | 135 | 136) => self.v6(at + 8),
            Some(137) => {
                self.v6(at + 8);
                self.v6(at + 24);
            }
            _ => {}
        }
    }
}

/// The Internet checksum (RFC 1071) of a header in which its own place is 0.
fn checksum(header: &[u8]) -> u16 {
    let (words, _) = header.as_chunks::<2>();
    let sum: u32 = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    let folded = (folded & 0xFFFF) + (folded >> 16);
    !u16::try_from(folded & 0xFFFF).unwrap_or_default()
}
