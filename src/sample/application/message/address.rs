//! Addresses in a message, in the notations that the C library takes; names are not looked up.
//!
//! In: text. Out: the address, or `None`. IPv4 as `inet_aton`: one to four numbers in decimal, octal or hexadecimal, the last
//! of which fills the bytes that are left. IPv6 with a zone, which is passed over. MAC: six pairs of hexadecimal digits,
//! with or without one of `.`, `-`, `:` between any of them.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) fn ipv4(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok().or_else(|| short_ipv4(text))
}

fn short_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut parts = text.split('.').map(c_number);
    let (mut value, mut room) = (0_u32, 32_u32);
    let mut part = parts.next()??;
    for next in parts {
        room = room.checked_sub(8).filter(|&left| left > 0)?;
        value |= u32::from(u8::try_from(part).ok()?) << room;
        part = next?;
    }
    let fits = u64::from(part) < 1_u64 << room;
    fits.then(|| Ipv4Addr::from_bits(value | part))
}

fn c_number(part: &str) -> Option<u32> {
    let hex = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
    let (digits, radix) = match hex {
        Some(digits) => (digits, 16),
        None => (part, if part.starts_with('0') { 8 } else { 10 }),
    };
    // `from_str_radix` would take a sign.
    let digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)?;
    u32::from_str_radix(digits, radix).ok()
}

pub(super) fn ipv6(text: &str) -> Option<Ipv6Addr> {
    text.split_once('%').map_or(text, |(address, _)| address).parse().ok()
}

pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let mut rest = text;
    let mut mac = [0; 6];
    for (place, octet) in mac.iter_mut().enumerate() {
        if place > 0 {
            rest = rest.strip_prefix(['.', '-', ':']).unwrap_or(rest);
        }
        let (pair, behind) = rest.split_at_checked(2)?;
        let pair = pair.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(pair)?;
        *octet = u8::from_str_radix(pair, 16).ok()?;
        rest = behind;
    }
    rest.is_empty().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::ToSocketAddrs;

    #[test]
    fn short_ipv4_addresses_are_those_of_the_c_library() {
        // Resolved by the C library, which takes these without asking anyone.
        for text in ["10.1.2.3", "1.2.3", "1.2", "16909060", "0x7f.1", "010.0.0.1", "127.65535", "1.2.0xffff"]
        {
            let known = (text, 0).to_socket_addrs().unwrap().next().unwrap().ip();
            assert_eq!(ipv4(text).map(Into::into), Some(known), "{text}");
        }
    }

    #[test]
    fn other_text_is_no_ipv4_address() {
        let words =
            ["", ".", "1.", "1..2", "256.1", "1.2.3.4.5", "1.2.65536", "4294967296", "08", "+1", "x", "::1"];
        for text in words {
            assert_eq!(ipv4(text), None, "{text}");
        }
    }

    #[test]
    fn a_zone_of_an_ipv6_address_is_passed_over() {
        assert_eq!(ipv6("fe80::1%eth0"), ipv6("fe80::1"));
        assert_eq!(ipv6("fe80::1"), Some([0xfe80, 0, 0, 0, 0, 0, 0, 1].into()));
        assert_eq!(ipv6("10.0.0.1"), None);
    }

    #[test]
    fn a_mac_address_may_have_separators() {
        let known = Some([0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x0f]);
        for text in ["aabbccddee0f", "AA:bb:cc:dd:ee:0f", "aa-bb-cc-dd-ee-0f", "aabb.ccdd.ee0f"] {
            assert_eq!(mac(text), known, "{text}");
        }
        for text in [
            "",
            "aa",
            "aa:bb:cc:dd:ee:0f:",
            "aa::bb:cc:dd:ee:0f",
            ":aabbccddee0f",
            "a:b:c:d:e:f",
            "ääääää",
            "+abbccddee0f",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
