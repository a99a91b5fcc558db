//! Names: of policies, owners, groups, interfaces and namespaces, each with its length and its characters.
//!
//! In: text from outside. Out: a name that may stand in any rule, set name, file name or log line as it is. Rule: no
//! name begins with `-` (an option) or `.` (a folder), and none holds blanks, quotes or anything a shell or
//! iptables-restore reads as more than a letter.

use std::fmt;
use std::str::FromStr;

/// Why text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Nothing, or too much.
    #[error("a name has 1 to {longest} characters, this one {len}")]
    Length {
        /// The longest one allowed.
        longest: usize,
        /// How long it is, in bytes.
        len: usize,
    },
    /// A character that may not stand there.
    #[error("{found:?} may not stand in a name, at character {at}")]
    Character {
        /// The character.
        found: char,
        /// Where, from 1.
        at: usize,
    },
}

fn check(text: &str, longest: usize, others: &str) -> Result<(), NameFault> {
    if text.is_empty() || text.len() > longest {
        return Err(NameFault::Length { longest, len: text.len() });
    }
    let good = |at: usize, c: char| {
        c.is_ascii_alphanumeric() || c == '_' || (at > 0 && (c == '-' || c == '.' || others.contains(c)))
    };
    match text.chars().enumerate().find(|&(at, c)| !good(at, c)) {
        Some((at, found)) => Err(NameFault::Character { found, at: at + 1 }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $longest:literal, $others:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Most characters that it has.
            pub const LONGEST: usize = $longest;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameFault;

            fn from_str(text: &str) -> Result<Self, NameFault> {
                check(text, Self::LONGEST, $others).map(|()| Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// The name of a policy; it stands in the comment of each of its rules.
    PolicyName, 64, ""
);
name!(
    /// Who asked for a policy.
    Owner, 64, "@"
);
name!(
    /// The name of a group; with a prefix it is the name of a set, which ipset cuts at 31 characters.
    GroupName, 18, ""
);
name!(
    /// A network namespace under `/run/netns`, or the number of a process that is in it.
    Netns, 64, ""
);
name!(
    /// A network device, as the kernel allows 15 characters of it; see [`Interface`] for patterns.
    Device, 15, ":@"
);

/// One interface, or with `+` at the end all whose names begin so (`swp+`), as iptables has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface {
    name: Device,
    is_pattern: bool,
}

impl FromStr for Interface {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        let (name, is_pattern) = text.strip_suffix('+').map_or((text, false), |start| (start, true));
        Ok(Self { name: name.parse()?, is_pattern })
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.is_pattern { "+" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_nothing_that_another_program_reads_as_more_than_a_letter() {
        assert!("ddos_1.web-2".parse::<PolicyName>().is_ok());
        for bad in
            ["", "-F", ".", "..", "a b", "a\"b", "a\nb", "a;b", "a/b", "a$b", "ä", "a:b", &"a".repeat(65)]
        {
            assert!(bad.parse::<PolicyName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_interface_may_be_the_start_of_names() {
        for good in ["swp+", "eth0", "br-1.100", "a2345678901234+", "veth@if7"] {
            assert_eq!(good.parse::<Interface>().unwrap().to_string(), good);
        }
        for bad in ["+", "a234567890123456", "sw+p", "!eth0", "-i"] {
            assert!(bad.parse::<Interface>().is_err(), "{bad}");
        }
    }
}
