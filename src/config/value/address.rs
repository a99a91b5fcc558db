//! Addresses: of collectors and agents (`Host`, may be a name) and address ranges (`agent.cidr`).
//!
//! Pure: names are not resolved, only refused when no resolver could ever accept them.

use crate::config::model::CidrRule;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a word is not an address or host name; `None` when it may be one.
pub(crate) fn host_fault(word: &str) -> Option<&'static str> {
    if word.contains(':') {
        let address = word.split_once('%').map_or(word, |(address, _)| address);
        return address.parse::<Ipv6Addr>().is_err().then_some("not an IPv6 address");
    }
    let name = word.strip_suffix('.').unwrap_or(word);
    let last = name.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return (!is_short_ipv4(word)).then_some("not an IPv4 address");
    }
    name_fault(name)
}

/// `10.1`, `127.1.2` and the like: the last part fills the remaining bytes, as the C library reads them.
fn is_short_ipv4(word: &str) -> bool {
    let parts: Vec<_> = word.split('.').map(c_number).collect();
    let Some((Ok(last), first)) = parts.split_last() else {
        return false;
    };
    let room = 1_u64 << (8 * (4_usize.saturating_sub(first.len())).min(4));
    first.len() < 4 && u64::from(*last) < room && first.iter().all(|part| matches!(part, Ok(0..=255)))
}

fn c_number(part: &str) -> Result<u32, std::num::ParseIntError> {
    match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => part.parse(),
    }
}

fn name_fault(name: &str) -> Option<&'static str> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() > 253 {
        Some("longer than 253 characters")
    } else if !name.bytes().all(known) {
        Some("a host name has only letters, digits, '-', '_' and '.'")
    } else if name.split('.').any(str::is_empty) {
        Some("an empty part between dots")
    } else if name.split('.').any(|part| part.len() > 63) {
        Some("a part longer than 63 characters")
    } else {
        None
    }
}

/// Why a word is not an address range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CidrFault {
    #[error("the '/' with a prefix length or a mask is missing")]
    NoSlash,
    #[error("what stands before the '/' is not an address (names are not looked up here)")]
    Address,
    #[error("the prefix length is not a number from 0 to {0}")]
    Length(u8),
    #[error("the mask is not an address of the same family with all its ones first")]
    Mask,
}

/// `[!]ADDRESS/BITS` or `[!]ADDRESS/MASK`, host bits cleared.
pub(crate) fn parse_cidr(word: &str) -> Result<CidrRule, CidrFault> {
    let (negate, range) = word.strip_prefix('!').map_or((false, word), |range| (true, range));
    let (address, length) = range.split_once('/').ok_or(CidrFault::NoSlash)?;
    let address: IpAddr = address.parse().map_err(|_| CidrFault::Address)?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = if length.contains(['.', ':']) {
        parse_mask(length, address).ok_or(CidrFault::Mask)?
    } else {
        let length = length.parse::<u8>().ok();
        length.filter(|&length| length <= bits).ok_or(CidrFault::Length(bits))?
    };
    Ok(CidrRule { network: network(address, prefix), prefix, negate })
}

fn parse_mask(mask: &str, like: IpAddr) -> Option<u8> {
    let (ones, zeros, bits) = match (mask.parse().ok()?, like) {
        (IpAddr::V4(mask), IpAddr::V4(_)) => {
            let mask = mask.to_bits();
            (mask.leading_ones(), mask.trailing_zeros(), 32)
        }
        (IpAddr::V6(mask), IpAddr::V6(_)) => {
            let mask = mask.to_bits();
            (mask.leading_ones(), mask.trailing_zeros(), 128)
        }
        _ => return None,
    };
    (ones + zeros >= bits).then_some(ones).and_then(|ones| u8::try_from(ones).ok())
}

fn network(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_refused_only_when_nothing_could_resolve_them() {
        for good in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "10",
            "::1",
            "fe80::1%eth0",
            "a",
            "coll-1.example.org.",
            "_x._udp",
            "1a",
        ] {
            assert_eq!(host_fault(good), None, "{good}");
        }
        let long = "a".repeat(64);
        for bad in
            ["300.1.2.3", "1.2.3.4.5", "1.2.3.4,", "a..b", ".", "a b", "::x", "1:2", long.as_str(), "256.1"]
        {
            assert!(host_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn ranges_take_lengths_and_masks_and_lose_their_host_bits() {
        let rule = |word: &str| {
            let CidrRule { network, prefix, negate } = parse_cidr(word)?;
            Ok(format!("{}{network}/{prefix}", if negate { "!" } else { "" }))
        };
        assert_eq!(rule("10.1.2.3/8"), Ok("10.0.0.0/8".into()));
        assert_eq!(rule("!10.1.2.3/255.255.0.0"), Ok("!10.1.0.0/16".into()));
        assert_eq!(rule("2001:db8::1/ffff:ffff::"), Ok("2001:db8::/32".into()));
        assert_eq!(rule("1.2.3.4/0"), Ok("0.0.0.0/0".into()));
        assert_eq!(rule("10.0.0.0/32"), Ok("10.0.0.0/32".into()));
        assert_eq!(rule("10.0.0.0"), Err(CidrFault::NoSlash));
        assert_eq!(rule("10.0.0/8"), Err(CidrFault::Address));
        assert_eq!(rule("10.0.0.0/33"), Err(CidrFault::Length(32)));
        assert_eq!(rule("::/129"), Err(CidrFault::Length(128)));
        assert_eq!(rule("10.0.0.0/255.0.255.0"), Err(CidrFault::Mask));
        assert_eq!(rule("10.0.0.0/ffff::"), Err(CidrFault::Mask));
    }
}
