//! Prefixes of addresses: masked, printed as `iptables-save` prints them, compared as sets.

use super::traffic::digits;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Which of the two programs, and which kind of set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// iptables, `family inet`.
    V4,
    /// ip6tables, `family inet6`.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Bits of an address.
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// An address with the number of bits that count; the others are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    family: Family,
    /// Left-aligned.
    bits: u128,
    len: u8,
}

/// Why text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixFault {
    /// Neither IPv4 nor IPv6.
    #[error("not an address; 192.0.2.1, 192.0.2.0/24 and 2001:db8::/32 would be")]
    Address,
    /// More bits than the address has, or no number.
    #[error("the length of a prefix is 0 to {longest}")]
    Length {
        /// Bits of such an address.
        longest: u8,
    },
}

impl Prefix {
    /// The first `len` bits of an address.
    ///
    /// # Errors
    /// More bits than it has.
    pub fn new(address: IpAddr, len: u8) -> Result<Self, PrefixFault> {
        let (family, bits) = match address {
            IpAddr::V4(v4) => (Family::V4, u128::from(v4.to_bits()) << 96),
            IpAddr::V6(v6) => (Family::V6, v6.to_bits()),
        };
        if len > family.bits() {
            return Err(PrefixFault::Length { longest: family.bits() });
        }
        Ok(Self { family, bits: bits & mask(len), len })
    }

    /// Of which addresses.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// How many bits count.
    pub const fn length(&self) -> u8 {
        self.len
    }

    /// Whether it is every address of its family.
    pub const fn is_everything(&self) -> bool {
        self.len == 0
    }

    /// As programs print it that leave the length of a single address out.
    pub fn short(&self) -> String {
        if self.len == self.family.bits() { self.address().to_string() } else { self.to_string() }
    }

    /// The first address.
    pub fn address(&self) -> IpAddr {
        match self.family {
            Family::V4 => Ipv4Addr::from_bits(u32::try_from(self.bits >> 96).unwrap_or_default()).into(),
            Family::V6 => Ipv6Addr::from_bits(self.bits).into(),
        }
    }

    /// Whether any address is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.family == other.family && (self.bits ^ other.bits) & mask(self.len.min(other.len)) == 0
    }

    /// The two halves of it; `None` of a single address.
    pub fn halves(&self) -> Option<[Self; 2]> {
        let len = self.len + 1;
        let low = Self { len, ..*self };
        (len <= self.family.bits())
            .then(|| [low, Self { bits: low.bits | (1 << (128 - u32::from(len))), ..low }])
    }
}

fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0)
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self { family: Family::V4, bits: u128::from(v4.to_bits()) << 96, len: 32 },
            IpAddr::V6(v6) => Self { family: Family::V6, bits: v6.to_bits(), len: 128 },
        }
    }
}

impl FromStr for Prefix {
    type Err = PrefixFault;

    fn from_str(text: &str) -> Result<Self, PrefixFault> {
        let (address, len) = text.split_once('/').map_or((text, None), |(address, len)| (address, Some(len)));
        let address: IpAddr = address.parse().map_err(|_| PrefixFault::Address)?;
        let all = Self::from(address);
        let Some(len) = len else { return Ok(all) };
        Self::new(address, digits(len).ok_or(PrefixFault::Length { longest: all.len })?)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn bits_that_do_not_count_are_cut() {
        assert_eq!(prefix("10.1.2.3/8").to_string(), "10.0.0.0/8");
        assert_eq!(prefix("2001:db8::1").to_string(), "2001:db8::1/128");
        assert_eq!(prefix("::/0").halves().unwrap().map(|half| half.to_string()), ["::/1", "8000::/1"]);
        assert_eq!(prefix("0.0.0.0/0").halves().unwrap()[1].to_string(), "128.0.0.0/1");
        for bad in ["", "10", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/", "::/129", "a/8", "10.0.0.0/8/8"] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn prefixes_overlap_where_the_shorter_one_holds_the_longer_ones_address(a in any::<u32>(), b in any::<u32>(), la in 0u8..=32, lb in 0u8..=32) {
            let [x, y] = [(a, la), (b, lb)].map(|(bits, len)| Prefix::new(Ipv4Addr::from_bits(bits).into(), len).unwrap());
            let short = u32::from(la.min(lb));
            let same = a.checked_shr(32 - short).unwrap_or(0) == b.checked_shr(32 - short).unwrap_or(0);
            prop_assert_eq!(x.overlaps(&y), same);
            prop_assert_eq!(prefix(&x.to_string()), x);
        }
    }

    #[test]
    fn what_iptables_would_read_as_octal_is_refused() {
        assert!("10.9.0.0/020".parse::<Prefix>().is_err() && "10.9.0.0/0".parse::<Prefix>().is_ok());
        assert_eq!(
            (digits::<u16>("026"), digits::<u16>("0"), digits::<u16>("22")),
            (None, Some(0), Some(22))
        );
    }
}
