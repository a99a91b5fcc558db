//! The words that say which packets: directions, states of connections, keys of tunnels; and how words and numbers are
//! read.
//!
//! In: text. Out: values in range, printed as `iptables-save` prints them; so are those of `protocol` and `marks`. How
//! they fit together is `matching`'s.

use std::collections::BTreeSet;
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

pub(super) const fn fault(what: &'static str, allowed: &'static str) -> WordFault {
    WordFault { what, allowed }
}

/// A number in decimal digits and nothing else. One that begins with 0 is octal to iptables.
pub(in crate::policy) fn digits<T: FromStr>(text: &str) -> Option<T> {
    let is_decimal = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    is_decimal.then(|| text.parse().ok()).flatten()
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

    /// All that packets can have of which it is said where they come in, or where they go out.
    pub fn possible(has_from: bool, has_to: bool) -> BTreeSet<Self> {
        let fits = |direction: &Self| match direction {
            Self::In => !has_to,
            Self::Forward => true,
            Self::Out => !has_from,
        };
        Self::ALL.into_iter().filter(fits).collect()
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "in",
            Self::Forward => "forward",
            Self::Out => "out",
        })
    }
}

impl FromStr for Direction {
    type Err = WordFault;

    fn from_str(text: &str) -> Result<Self, WordFault> {
        let known = Self::ALL.into_iter().find(|direction| direction.to_string() == text);
        known.ok_or(fault("a direction", "in, forward or out"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_in_a_tunnel_has_24_bits() {
        assert_eq!(Vni::try_from((1 << 24) - 1).map(Vni::get), Ok(0xFF_FFFF));
        assert!(Vni::try_from(1 << 24).is_err());
    }
}
