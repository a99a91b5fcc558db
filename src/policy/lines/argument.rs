//! What options take. Every word that reaches a rule has passed one of these.

use crate::policy::model::{
    Class, Dscp, Family, Interface, MOST_PORTS, Ports, Prefix, Protocol, State, Tool, digits, number,
};

/// A kind of argument.
#[derive(Clone, Copy, Debug)]
pub(super) enum Argument {
    /// An address or a prefix of the family of the section, by number; one of IPv4 for ebtables.
    Address,
    /// Two addresses with `-` between.
    AddressRange,
    /// A device or the start of its name with `+`.
    Interface,
    /// What is behind the IP header.
    Protocol,
    /// A port or a range.
    Port,
    /// Up to 15 places for ports.
    Ports,
    /// Decimal or hexadecimal, from the first to the last.
    Number(u32, u32),
    /// `first:last`, or one.
    NumberRange(u32),
    /// One of these.
    Word(&'static [&'static str]),
    /// Some of these, with commas between.
    Words(&'static [&'static str]),
    /// A code point.
    Dscp,
    /// States of connections, with commas between.
    States,
    /// `10/second` and the like.
    PerTime,
    /// `10kb/s`, or packets as in `PerTime`.
    ByteRate,
    /// Six pairs of hexadecimal digits.
    Mac,
    /// A type of ICMP by number, with or without a code.
    IcmpType,
    /// `0` to `1`.
    Probability,
    /// A class of tc.
    Class,
    /// A plain word for a table of the kernel.
    Label,
    /// Plain text up to so many characters.
    Text(usize),
    /// The protocol of a frame.
    EtherType,
}

const TCP_FLAGS: &[&str] = &["SYN", "ACK", "FIN", "RST", "URG", "PSH", "ALL", "NONE"];
/// For `--tcp-flags`, which takes two of them.
pub(super) const FLAGS: Argument = Argument::Words(TCP_FLAGS);

impl Argument {
    /// Whether the word is one; where not, what would be.
    pub(super) fn check(self, word: &str, tool: Tool) -> Result<(), &'static str> {
        let (is_good, allowed) = match self {
            Self::Address => {
                (is_address(word, tool), "an address or prefix of this section's IP version, by number")
            }
            Self::AddressRange => (
                word.split_once('-').is_some_and(|(a, b)| {
                    !a.contains('/') && !b.contains('/') && is_address(a, tool) && is_address(b, tool)
                }),
                "two addresses of this section's IP version with - between",
            ),
            Self::Interface => {
                (word.parse::<Interface>().is_ok(), "an interface, up to 15 characters, + at its end")
            }
            Self::Protocol => {
                (word.parse::<Protocol>().is_ok(), "a protocol by a name that iptables knows, or number")
            }
            Self::Port => {
                (word.parse::<Ports>().is_ok() && !word.contains('-'), "a port by number, or 1024:2047")
            }
            Self::Ports => (are_ports(word), "up to 15 ports by number with commas, ranges count twice"),
            Self::Number(first, last) => (
                number(word).is_some_and(|n| (first..=last).contains(&n)),
                "a number in the range of this option",
            ),
            Self::NumberRange(last) => {
                (is_range(word, last), "a number, or FIRST:LAST, in the range of this option")
            }
            Self::Word(words) => (words.contains(&word), "one of the words that this option is allowed here"),
            Self::Words(words) => (
                word.split(',').all(|w| words.contains(&w)),
                "words that this option is allowed here, with commas",
            ),
            Self::Dscp => (number(word).is_some() && word.parse::<Dscp>().is_ok(), "0 to 63"),
            Self::States => (
                word.split(',').all(|w| w.parse::<State>().is_ok_and(|state| state.to_string() == w)),
                "NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED, with commas",
            ),
            Self::PerTime => (is_per_time(word), "a rate like 10/second, /minute, /hour or /day"),
            Self::ByteRate => (is_byte_rate(word) || is_per_time(word), "a rate like 10/second or 512kb/s"),
            Self::Mac => (is_mac(word), "six pairs of hexadecimal digits with colons"),
            Self::IcmpType => (is_icmp_type(word), "TYPE or TYPE/CODE by number"),
            Self::Probability => (is_probability(word), "0 to 1, up to ten digits behind the point"),
            Self::Class => (word.parse::<Class>().is_ok(), "MAJOR:MINOR, hexadecimal"),
            Self::Label => (
                (1..=15).contains(&word.len())
                    && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
                "up to 15 letters, digits and _",
            ),
            Self::Text(longest) => {
                (is_text(word, longest), "plain text that does not begin with -, not too long")
            }
            Self::EtherType => (
                ["IPv4", "IPv6", "ARP", "802_1Q"].contains(&word)
                    || (word.starts_with("0x") && number(word).is_some_and(|n| n <= 0xFFFF)),
                "IPv4, IPv6, ARP, 802_1Q or 0x and four digits",
            ),
        };
        if is_good { Ok(()) } else { Err(allowed) }
    }
}

fn is_address(word: &str, tool: Tool) -> bool {
    let family = tool.family().unwrap_or(Family::V4);
    word.parse::<Prefix>().is_ok_and(|prefix| prefix.family() == family)
}

fn are_ports(word: &str) -> bool {
    let places = word.split(',').map(|part| match part.parse::<Ports>() {
        Ok(ports) if !part.contains('-') => Some(ports.places()),
        _ => None,
    });
    places.sum::<Option<usize>>().is_some_and(|places| places <= MOST_PORTS)
}

fn is_range(word: &str, most: u32) -> bool {
    let (first, last) = word.split_once(':').unwrap_or((word, word));
    digits::<u32>(first).zip(digits::<u32>(last)).is_some_and(|(first, last)| first <= last && last <= most)
}

fn is_per_time(word: &str) -> bool {
    const UNITS: [&str; 8] = ["s", "sec", "second", "min", "minute", "h", "hour", "day"];
    word.split_once('/').is_some_and(|(count, unit)| {
        UNITS.contains(&unit) && digits::<u32>(count).is_some_and(|count| (1..=10_000).contains(&count))
    })
}

fn is_byte_rate(word: &str) -> bool {
    let number = word.strip_suffix("b/s").map(|rest| rest.strip_suffix(['k', 'm']).unwrap_or(rest));
    number.and_then(digits::<u32>).is_some_and(|count| (1..=32_000_000).contains(&count))
}

fn is_mac(word: &str) -> bool {
    let pairs = word.split(':').filter(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()));
    word.len() == 17 && pairs.count() == 6
}

fn is_icmp_type(word: &str) -> bool {
    let (kind, code) = word.split_once('/').unwrap_or((word, "0"));
    digits::<u8>(kind).is_some() && digits::<u8>(code).is_some()
}

fn is_probability(word: &str) -> bool {
    let (whole, part) = word.split_once('.').unwrap_or((word, "0"));
    let is_digits = |text: &str| (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_digits(part) && (whole == "0" || (whole == "1" && part.bytes().all(|b| b == b'0')))
}

/// Blanks are fine, a rule is written with quotes; `-` at the start is not, iptables-restore looks into quotes for it.
fn is_text(word: &str, longest: usize) -> bool {
    word.len() <= longest
        && !word.starts_with('-')
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b" !+,-./:=@[]_".contains(&b))
}
