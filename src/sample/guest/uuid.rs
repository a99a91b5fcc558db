//! UUIDs of guests, by the rules of the C agent, so that a host keeps its data sources when the agent is replaced.
//!
//! In: ids and names. Out: 16 bytes. Spec: RFC 9562 (version 5), the C agent's behaviour.

use sha1_smol::Sha1;
use std::net::IpAddr;

/// The first 16 bytes of an id in hexadecimal digits; `.`, `-` and `:` are passed over, and what follows does not
/// matter. `None` where there are not as many.
pub fn parse_prefix(id: &str) -> Option<[u8; 16]> {
    let mut digits = id.chars().filter(|c| !matches!(c, '-' | ':' | '.')).map(|c| c.to_digit(16));
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(uuid)
}

/// A version 5 UUID of a guest that has only a name, within this host and under this agent address.
pub fn named(host: [u8; 16], name: &str, agent: IpAddr) -> [u8; 16] {
    let mut hash = Sha1::new();
    hash.update(&host);
    hash.update(name.as_bytes());
    match agent {
        IpAddr::V4(ip) => hash.update(&ip.octets()),
        IpAddr::V6(ip) => hash.update(&ip.octets()),
    }
    let mut uuid = [0; 16];
    uuid.iter_mut().zip(hash.digest().bytes()).for_each(|(into, byte)| *into = byte);
    uuid[6] = uuid[6] & 0x0f | 0x50;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

/// FNV-1a of 32 bits, bytes taken as signed and widened with their sign, as a C `char` on x86 is.
pub fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(2_166_136_261, |hash: u32, &byte| {
        (hash ^ i32::from(byte.cast_signed()).cast_unsigned()).wrapping_mul(16_777_619)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_uuid_that_the_c_agent_gives_it() {
        let host = parse_prefix("6571e19b6571519ba571e19b6571e19b").unwrap();
        let uuid = named(host, "svtest.service", "192.0.2.2".parse().unwrap());
        assert_eq!(Some(uuid), parse_prefix("c5d9507a-f0b0-5c3f-aebc-5eb9b9dec1fe"));
    }

    #[test]
    fn a_long_id_gives_its_first_16_bytes_and_a_short_one_nothing() {
        let id = "ad4d40bb3d5c29b2df34d5557a288a96ffffffffffffffffffffffffffffffff";
        assert_eq!(parse_prefix(id), parse_prefix("ad4d40bb-3d5c-29b2-df34-d5557a288a96"));
        assert!(parse_prefix(id).is_some());
        for bad in ["", "ad4d40bb3d5c29b2df34d5557a288a9", "web-1.service"] {
            assert_eq!(parse_prefix(bad), None, "{bad}");
        }
    }
}
