//! What values keys take, and how manuals and messages speak of it.

use crate::config::value;

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A 32-bit number.
    Int {
        /// Lowest.
        min: u32,
        /// Highest.
        max: u32,
        /// Unit, or empty.
        unit: &'static str,
    },
    /// A number from 0 to 1.
    Probability,
    /// `on` or `off`.
    Switch,
    /// A speed, or a range of speeds, in bits per second.
    Speeds,
    /// An address or a host name.
    Host,
    /// An address range.
    Cidr,
    /// A POSIX extended regular expression.
    Pattern,
    /// A UUID.
    Uuid,
    /// An address with a port, or the path of a socket.
    Listen,
    /// A path.
    Path,
    /// Any word.
    Name,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// What is allowed, in words.
    pub fn expects(&self) -> String {
        match self {
            Self::Int { min, max: u32::MAX, unit: "" } => format!("a whole number from {min}"),
            Self::Int { min, max: u32::MAX, unit } => format!("a whole number of {unit} from {min}"),
            Self::Int { min, max, unit: "" } => format!("a whole number from {min} to {max}"),
            Self::Int { min, max, unit } => format!("a whole number of {unit} from {min} to {max}"),
            Self::Probability => "a number from 0 to 1".into(),
            Self::Switch => "on or off".into(),
            Self::Speeds => "a speed or range in bits per second (10G, 1G-, 1G-10G)".into(),
            Self::Host => "an IP address or host name".into(),
            Self::Cidr => "an address range ([!]ADDRESS/BITS or [!]ADDRESS/MASK)".into(),
            Self::Pattern => "a POSIX extended regular expression".into(),
            Self::Uuid => "a UUID (32 hexadecimal digits)".into(),
            Self::Listen => {
                "an address with a port (127.0.0.1:9036, [::1]:9036) or a socket (unix:/run/hsflowd/metrics.sock)".into()
            }
            Self::Path => "a path".into(),
            Self::Name => "a name".into(),
            Self::Choice(words) => match words.split_last() {
                Some((last, [])) => (*last).to_owned(),
                Some((last, first)) => format!("{} or {last}", first.join(", ")),
                None => String::new(),
            },
        }
    }

    /// Whether this word may be a value of this kind.
    pub fn accepts(&self, word: &str) -> bool {
        value::parse(self, word).is_ok()
    }

    /// A value of this kind.
    pub(super) const fn example(&self) -> &'static str {
        match self {
            Self::Int { .. } => "400",
            Self::Probability => "0.0025",
            Self::Switch => "on",
            Self::Speeds => "1G-",
            Self::Host => "192.0.2.1",
            Self::Cidr => "10.0.0.0/8",
            Self::Pattern => "^eth",
            Self::Uuid => "00112233-4455-6677-8899-aabbccddeeff",
            Self::Listen => "127.0.0.1:9036",
            Self::Path => "/some/path",
            Self::Name => "eth0",
            Self::Choice(words) => match words {
                [first, ..] => first,
                [] => "",
            },
        }
    }

    /// The sentence that a manual needs beside [`Kind::placeholder`], or nothing.
    pub(in crate::config) fn range(&self) -> String {
        match self {
            Self::Name | Self::Path | Self::Pattern | Self::Host | Self::Switch | Self::Choice(_) => {
                String::new()
            }
            _ => format!("Value: {}.", self.expects()),
        }
    }

    /// What stands for a value in a synopsis.
    pub fn placeholder(&self) -> String {
        match self {
            Self::Int { unit: "", .. } => "number".into(),
            Self::Int { unit, .. } => (*unit).to_owned(),
            Self::Probability => "probability".into(),
            Self::Switch => "on|off".into(),
            Self::Speeds => "speeds".into(),
            Self::Host => "address".into(),
            Self::Cidr => "range".into(),
            Self::Pattern => "pattern".into(),
            Self::Uuid => "uuid".into(),
            Self::Listen => "address:port|path".into(),
            Self::Path => "path".into(),
            Self::Name => "name".into(),
            Self::Choice(words) => words.join("|"),
        }
    }
}
