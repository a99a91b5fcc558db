//! What is written on packets: the code point of their header, and the class in which they are queued.

use super::traffic::{WordFault, fault, number};
use std::fmt;
use std::str::FromStr;

/// The differentiated services code point, 0 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dscp(u8);

impl Dscp {
    /// Its value.
    pub const fn get(self) -> u8 {
        self.0
    }
}

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

/// A class of a queueing discipline, `major:minor` in hexadecimal as tc writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    major: u16,
    minor: u16,
}

impl Class {
    /// The number behind the colon.
    pub const fn minor(self) -> u16 {
        self.minor
    }
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
    fn a_class_is_two_hexadecimal_numbers() {
        assert_eq!("1:1a".parse::<Class>().unwrap().to_string(), "0001:001a");
        assert!(["1", "1:", "g:1", "10000:1", "+1:1"].iter().all(|bad| bad.parse::<Class>().is_err()));
    }
}
