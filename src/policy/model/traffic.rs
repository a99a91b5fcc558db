//! The words that say which packets: directions, protocols, ports, DSCP, states of connections, keys of tunnels.
//!
//! In: text. Out: values in range, printed as `iptables-save` prints them. How they fit together is `matching`'s.

use std::fmt;
use std::str::FromStr;

/// Why a word is none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {allowed}")]
pub struct WordFault {
    /// What was to be read.
    pub what: &'static str,
    /// What it may be.
    pub allowed: &'static str,
}

const fn fault(what: &'static str, allowed: &'static str) -> WordFault {
    WordFault { what, allowed }
}

/// A number in decimal digits and nothing else.
pub(in crate::policy) fn digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Decimal or `0x` and hexadecimal.
pub(in crate::policy) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None => digits(text),
    }
}

/// Where a packet goes, seen from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To this host.
    In,
    /// Through it.
    Forward,
    /// From it.
    Out,
}

impl Direction {
    /// All three.
    pub const ALL: [Self; 3] = [Self::In, Self::Forward, Self::Out];
}

impl FromStr for Direction {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        match text {
            "in" => Ok(Self::In),
            "forward" => Ok(Self::Forward),
            "out" => Ok(Self::Out),
            _ => Err(fault("a direction", "in, forward or out")),
        }
    }
}

/// What comes behind the IP header, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

/// Names that iptables prints, whatever `/etc/protocols` says.
const PROTOCOLS: [(&str, u8); 9] = [
    ("icmp", 1),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("sctp", 132),
    ("udplite", 136),
];

impl Protocol {
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// GRE.
    pub const GRE: Self = Self(47);

    /// Whether its header begins with two ports.
    pub const fn has_ports(self) -> bool {
        matches!(self.0, 6 | 17 | 33 | 132 | 136)
    }
}

impl FromStr for Protocol {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        let text = if matches!(text, "icmpv6" | "icmp6") { "ipv6-icmp" } else { text };
        let named = PROTOCOLS.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
        // 0 means "any" to iptables.
        let numbered = || digits(text).filter(|number| *number != 0);
        let allowed = "tcp, udp, sctp, udplite, icmp, icmpv6, gre, esp, ah or a number from 1 to 255";
        named.or_else(numbered).map(Self).ok_or(fault("a protocol", allowed))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match PROTOCOLS.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Ports from the first to the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// Of one port.
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// `None` where the last is below the first.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Whether it is more than one.
    pub const fn is_range(self) -> bool {
        self.first != self.last
    }

    /// Whether any port is in both.
    pub const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl FromStr for Ports {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        let (first, last) = text.split_once([':', '-']).unwrap_or((text, text));
        let range = digits(first).zip(digits(last)).and_then(|(first, last)| Self::new(first, last));
        range.ok_or(fault("a port", "0 to 65535, or a range 1024:2047, by number"))
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_range() { write!(f, "{}:{}", self.first, self.last) } else { write!(f, "{}", self.first) }
    }
}

/// The differentiated services code point, 0 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(u8);

impl FromStr for Dscp {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        let class = text.to_ascii_lowercase();
        let digit = |at: usize| class.as_bytes().get(at).map_or(0, |b| b.wrapping_sub(b'0'));
        let named = match (class.get(..2), digit(2), digit(3), class.len()) {
            (Some("cs"), class @ 0..=7, _, 3) => Some(class * 8),
            (Some("af"), class @ 1..=4, drop @ 1..=3, 4) => Some(class * 8 + drop * 2),
            (Some("be"), _, _, 2) => Some(0),
            (Some("ef"), _, _, 2) => Some(46),
            _ => None,
        };
        let value = named.or_else(|| u8::try_from(number(text)?).ok()).filter(|value| *value < 64);
        value.map(Self).ok_or(fault("a DSCP", "0 to 63, cs0 to cs7, af11 to af43, be or ef"))
    }
}

impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x}", self.0)
    }
}

/// What connection tracking knows of a packet, in the order in which iptables prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Of no connection.
    Invalid,
    /// The first of one.
    New,
    /// Started by another connection.
    Related,
    /// Of one that has seen both sides.
    Established,
    /// Not tracked on purpose.
    Untracked,
}

impl State {
    const NAMES: [(&str, Self); 5] = [
        ("INVALID", Self::Invalid),
        ("NEW", Self::New),
        ("RELATED", Self::Related),
        ("ESTABLISHED", Self::Established),
        ("UNTRACKED", Self::Untracked),
    ];
}

impl FromStr for State {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        let named = Self::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        let allowed = "new, established, related, invalid or untracked";
        named.map(|(_, state)| *state).ok_or(fault("a connection state", allowed))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(_, state)| state == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

/// What tells the networks in a tunnel apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// VXLAN network identifier, 24 bits, in UDP to port 4789.
    Vni(Vni),
    /// Key of GRE, 32 bits.
    GreKey(u32),
}

/// 24 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vni(u32);

impl Vni {
    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Vni {
    type Error = WordFault;

    fn try_from(value: u32) -> Result<Self, WordFault> {
        (value < 1 << 24).then_some(Self(value)).ok_or(fault("a VNI", "0 to 16777215"))
    }
}

/// A class of a queueing discipline, `major:minor` in hexadecimal as tc writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    major: u16,
    minor: u16,
}

impl FromStr for Class {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        let hex = |text: &str| {
            let is_hex = text.bytes().all(|b| b.is_ascii_hexdigit());
            is_hex.then(|| u16::from_str_radix(text, 16).ok()).flatten()
        };
        let parts = text.split_once(':').and_then(|(major, minor)| Some((hex(major)?, hex(minor)?)));
        let (major, minor) = parts.ok_or(fault("a class", "MAJOR:MINOR, two hexadecimal numbers to ffff"))?;
        Ok(Self { major, minor })
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_points_have_the_values_of_rfc_2474_2597_and_3246() {
        for (text, value) in
            [("cs1", "0x08"), ("AF41", "0x22"), ("af13", "0x0e"), ("ef", "0x2e"), ("63", "0x3f")]
        {
            assert_eq!(text.parse::<Dscp>().unwrap().to_string(), value);
        }
        for bad in ["64", "cs8", "af14", "af51", "af4", "", "0x", "-1", "efe", "+1"] {
            assert!(bad.parse::<Dscp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_of_ports_run_upwards() {
        assert_eq!("1024-2047".parse::<Ports>().unwrap().to_string(), "1024:2047");
        assert!(Ports::one(5).overlaps("1:5".parse().unwrap()));
        for bad in ["", "5:4", "65536", "a", "1:", ":1", "+1", "domain", "1,2"] {
            assert!(bad.parse::<Ports>().is_err(), "{bad}");
        }
    }

    #[test]
    fn protocols_go_by_name_or_number() {
        for (text, shown) in [("icmpv6", "ipv6-icmp"), ("6", "tcp"), ("89", "89")] {
            assert_eq!(text.parse::<Protocol>().unwrap().to_string(), shown);
        }
        for bad in ["0", "all", "TCP ", "256", ""] {
            assert!(bad.parse::<Protocol>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_class_is_two_hexadecimal_numbers() {
        assert_eq!("1:1a".parse::<Class>().unwrap().to_string(), "0001:001a");
        assert!(Vni::try_from(1 << 24).is_err());
        assert!(["1", "1:", "g:1", "10000:1", "+1:1"].iter().all(|bad| bad.parse::<Class>().is_err()));
    }
}
