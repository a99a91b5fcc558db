//! Protocols and their ports, printed as `iptables-save` prints them.

use super::address::Family;
use super::traffic::{WordFault, digits, fault};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

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

    /// Whether packets of a family have it: ICMP of one version says nothing in the rules of the other.
    pub const fn is_of(self, family: Family) -> bool {
        match family {
            Family::V4 => self.0 != 58,
            Family::V6 => self.0 != 1,
        }
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

    /// The first and the last one.
    pub const fn ends(self) -> (u16, u16) {
        (self.first, self.last)
    }

    /// Whether it is more than one.
    pub const fn is_range(self) -> bool {
        self.first != self.last
    }

    /// Places that it takes in a rule (`multiport`).
    pub const fn places(self) -> usize {
        if self.is_range() { 2 } else { 1 }
    }

    /// All ranges as values with masks, each the largest aligned block that fits; one `None` where any port will do.
    pub fn blocks(ranges: &[Self]) -> Vec<Option<(u16, u16)>> {
        let mut all = BTreeSet::new();
        for range in ranges {
            let (mut at, last) = (u32::from(range.first), u32::from(range.last));
            while at <= last {
                let aligned = if at == 0 { 16 } else { at.trailing_zeros() };
                let bits = (0..=aligned).rev().find(|bits| at + (1 << bits) - 1 <= last).unwrap_or(0);
                let mask = u16::try_from(0x1_0000 - (1_u32 << bits)).unwrap_or(0);
                all.insert(Some((u16::try_from(at).unwrap_or(u16::MAX), mask)));
                at += 1 << bits;
            }
        }
        if all.is_empty() { vec![None] } else { all.into_iter().collect() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_hold_the_ports_of_their_range_and_no_other(a in any::<u16>(), b in any::<u16>(), port in any::<u16>()) {
            let range = Ports::new(a.min(b), a.max(b)).unwrap();
            let blocks = Ports::blocks(&[range]);
            prop_assert!(blocks.len() <= 30);
            for probe in [port, a, b, a.wrapping_sub(1), b.wrapping_add(1)] {
                let holds = blocks.iter().flatten().filter(|(value, mask)| probe & mask == *value).count();
                prop_assert_eq!(holds, usize::from(range.overlaps(Ports::one(probe))));
            }
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
}
