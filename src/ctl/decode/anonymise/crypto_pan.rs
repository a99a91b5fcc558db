//! Crypto-PAn: a permutation of addresses that keeps prefixes, keyed, without a table (Xu, Fan, Ammar, Moon,
//! "Prefix-Preserving IP Address Anonymization", 2002). In: an address. Out: another one. For IPv4 it is what `nfanon` of
//! nfdump does with the same key, so that flows and samples which were anonymised apart still fit together.
//!
//! Each bit is turned over or not by one bit of a cipher's answer to all bits before it: who shares those shares the answer.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

/// Half of it is the cipher's key, the other half makes what stands in place of bits that are not looked at.
pub type Key = [u8; 32];

/// Bits of a hardware address that say what kind it is: for a group, chosen by the administrator.
const KIND_OF_MAC: u8 = 0b11;

/// Keeps hardware addresses apart from network addresses that begin with the same bits.
const MAC_DOMAIN: u8 = 0x6D;

/// Reads a key: 32 bytes, or 64 hexadecimal digits, also behind `0x`; the end of the line does not count.
pub fn parse_key(text: &[u8]) -> Option<Key> {
    if let Ok(key) = text.try_into() {
        return Some(key);
    }
    let text = text.trim_ascii_end();
    if let Ok(key) = text.try_into() {
        return Some(key);
    }
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    let mut key = Key::default();
    if digits.len() != 2 * key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        let pair =
            std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(key)
}

/// The permutation of one key.
pub(super) struct CryptoPan {
    cipher: Aes128,
    pad: [u8; 16],
}

impl CryptoPan {
    pub(super) fn new(key: &Key) -> Self {
        let (mut cipher_key, mut pad) = ([0; 16], [0; 16]);
        let (first, second) = key.split_at(16);
        cipher_key.copy_from_slice(first);
        pad.copy_from_slice(second);
        let cipher = Aes128::new(&cipher_key.into());
        let pad = encrypt(&cipher, pad);
        Self { cipher, pad }
    }

    pub(super) fn v4(&self, ip: [u8; 4]) -> [u8; 4] {
        self.permute(ip, &self.pad)
    }

    pub(super) fn v6(&self, ip: [u8; 16]) -> [u8; 16] {
        self.permute(ip, &self.pad)
    }

    pub(super) fn mac(&self, mac: [u8; 6]) -> [u8; 6] {
        let mut pad = self.pad;
        pad[15] ^= MAC_DOMAIN;
        let mut other = self.permute(mac, &pad);
        other[0] = other[0] & !KIND_OF_MAC | mac[0] & KIND_OF_MAC;
        other
    }

    fn permute<const N: usize>(&self, from: [u8; N], pad: &[u8; 16]) -> [u8; N] {
        let mut to = from;
        // Bits of the address up to here, of the pad from here on.
        let mut input = *pad;
        for (at, byte) in to.iter_mut().enumerate() {
            let (own, padding) = (*byte, pad.get(at).copied().unwrap_or_default());
            for bit in 0..8 {
                let looked_at = !(0xFF_u8 >> bit);
                if let Some(slot) = input.get_mut(at) {
                    *slot = own & looked_at | padding & !looked_at;
                }
                let [answer, ..] = encrypt(&self.cipher, input);
                *byte ^= (answer >> 7) << (7 - bit);
            }
            if let Some(slot) = input.get_mut(at) {
                *slot = own;
            }
        }
        to
    }
}

fn encrypt(cipher: &Aes128, block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    cipher.encrypt_block(&mut block);
    block.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    /// The key and addresses of the authors' own sample.
    const KEY: Key = [
        21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121,
        101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
    ];

    #[test]
    fn the_authors_sample_comes_out() {
        let pan = CryptoPan::new(&KEY);
        for (from, to) in [
            ("128.11.68.132", "135.242.180.132"),
            ("129.118.74.4", "134.136.186.123"),
            ("130.132.252.244", "133.68.164.234"),
            ("141.223.7.43", "141.167.8.160"),
            ("24.0.250.221", "100.15.198.226"),
        ] {
            let from: Ipv4Addr = from.parse().unwrap();
            assert_eq!(Ipv4Addr::from(pan.v4(from.octets())).to_string(), to, "{from}");
        }
    }

    #[test]
    fn keys_are_read_in_each_form() {
        let text = b"0123456789abcdefghijklmnopqrstuv";
        assert_eq!(parse_key(text), Some(*text));
        assert_eq!(parse_key(b"0123456789abcdefghijklmnopqrstuv\n"), Some(*text));
        let digits: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(parse_key(digits.as_bytes()), Some(*text));
        assert_eq!(parse_key(format!("0x{}\r\n", digits.to_uppercase()).as_bytes()), Some(*text));
        for wrong in [&b""[..], b"short", &[b'g'; 64], &[b'+'; 64], &[b'0'; 66]] {
            assert_eq!(parse_key(wrong), None, "{wrong:?}");
        }
    }

    fn common_bits(a: &[u8], b: &[u8]) -> usize {
        let bits = |bytes: &[u8]| {
            bytes.iter().flat_map(|byte| (0..8).map(move |i| byte >> (7 - i) & 1)).collect::<Vec<_>>()
        };
        bits(a).iter().zip(&bits(b)).take_while(|(a, b)| a == b).count()
    }

    proptest! {
        #[test]
        fn the_length_of_a_common_prefix_stays(key: Key, one: u128, other: u128, shared in 0u32..129) {
            let pan = CryptoPan::new(&key);
            let mask = u128::MAX.checked_shr(shared).unwrap_or(0);
            let other = one & !mask | other & mask;
            let (one, other) = (one.to_be_bytes(), other.to_be_bytes());
            let before = common_bits(&one, &other);
            prop_assert_eq!(common_bits(&pan.v6(one), &pan.v6(other)), before);
            let four = |of: [u8; 16]| [of[0], of[1], of[2], of[3]];
            prop_assert_eq!(common_bits(&pan.v4(four(one)), &pan.v4(four(other))), before.min(32));
            let six = |of: [u8; 16]| [of[0], of[1], of[2], of[3], of[4], of[5]];
            let macs = (pan.mac(six(one)), pan.mac(six(other)));
            prop_assert_eq!(common_bits(&macs.0, &macs.1), before.min(48));
            prop_assert_eq!(macs.0[0] & 3, one[0] & 3);
        }
    }
}
