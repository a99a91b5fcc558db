//! The first fields of TCP, UDP, SCTP, DCCP and ICMP headers in a sampled packet.
//!
//! In: the protocol's number and the bytes from its header on, cut anywhere. Out: ports, TCP flags, ICMP type, and
//! how long the header is where that is known. Rule: ports are told as a pair or not at all, and flags only when they
//! were captured. Spec: RFC 9293, RFC 768, RFC 9260, RFC 4340, RFC 792, RFC 4443.

/// Protocol number of UDP.
pub const UDP: u8 = 17;
const TCP: u8 = 6;
/// Bytes of a UDP header.
const UDP_LEN: usize = 8;

/// Who talks to whom on the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The sender's.
    pub source: u16,
    /// The receiver's.
    pub destination: u16,
}

/// A transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp {
        /// The ports.
        ports: Ports,
        /// CWR, ECE, URG, ACK, PSH, RST, SYN, FIN from the highest bit to the lowest.
        flags: Option<u8>,
        /// Bytes of the header with its options.
        length: Option<usize>,
    },
    /// UDP.
    Udp(Ports),
    /// UDP-Lite, SCTP or DCCP, which begin with ports as well.
    Other(Ports),
    /// ICMP of IPv4 or of IPv6.
    Icmp {
        /// What kind of message; the numbers differ between the versions.
        kind: u8,
        /// What of that kind.
        code: Option<u8>,
    },
}

impl Transport {
    /// Reads a header; `None` for another protocol, and where too little was captured.
    pub fn parse(protocol: u8, header: &[u8]) -> Option<Self> {
        Some(match protocol {
            TCP => {
                let length = header.get(12).map(|byte| usize::from(byte >> 4) * 4);
                Self::Tcp {
                    ports: ports(header)?,
                    flags: header.get(13).copied(),
                    length: length.filter(|length| *length >= 20),
                }
            }
            UDP => Self::Udp(ports(header)?),
            33 | 132 | 136 => Self::Other(ports(header)?),
            1 | 58 => Self::Icmp { kind: *header.first()?, code: header.get(1).copied() },
            _ => return None,
        })
    }

    /// The ports, of protocols that have them.
    pub fn ports(&self) -> Option<Ports> {
        match *self {
            Self::Tcp { ports, .. } | Self::Udp(ports) | Self::Other(ports) => Some(ports),
            Self::Icmp { .. } => None,
        }
    }

    /// TCP's flags.
    pub fn tcp_flags(&self) -> Option<u8> {
        match *self {
            Self::Tcp { flags, .. } => flags,
            _ => None,
        }
    }

    /// Bytes of the header of TCP and UDP.
    pub fn header_len(&self) -> Option<usize> {
        match *self {
            Self::Tcp { length, .. } => length,
            Self::Udp(_) => Some(UDP_LEN),
            _ => None,
        }
    }
}

fn ports(header: &[u8]) -> Option<Ports> {
    let [s0, s1, d0, d1] = *header.first_chunk()?;
    Some(Ports { source: u16::from_be_bytes([s0, s1]), destination: u16::from_be_bytes([d0, d1]) })
}
