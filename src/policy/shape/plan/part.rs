//! The parts that a device's traffic control is made of, as they are wanted and as they are found.
//!
//! In: figures. Out: their text for `tc -batch`, and whether what `tc` shows is the same. Rule: what `tc` shows is
//! rounded (rates to a thousandth, bursts to a hundredth), so what is that near is the same. Spec: tc(8).

use super::{Classifier, Line, PREFERENCES, REST, WHOLE};
use crate::policy::model::PolicyName;
use std::collections::BTreeMap;
use std::fmt;

/// Where a part is; parts are made in this order, and taken away in the opposite one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// The root qdisc.
    Root,
    /// A class of it.
    Class(u16),
    /// The queue of a class.
    Leaf(u16),
    /// The clsact qdisc.
    Hook,
    /// All filters of one preference.
    Filters(Chain, u16),
}

/// What filters hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// Our root qdisc.
    Root,
    /// What comes in.
    Ingress,
    /// What leaves.
    Egress,
}

/// What is there. Rates in bits a second, all else in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A TBF.
    Bucket {
        /// Of the whole.
        rate: u64,
        /// At once.
        burst: u64,
        /// That wait.
        limit: u64,
    },
    /// An HTB; what no filter is about goes into the class for the rest, or is unlimited.
    Tree {
        /// Which of the two.
        has_rest: bool,
    },
    /// A class; the quantum is shown of some classes only.
    Class {
        /// Guaranteed.
        rate: u64,
        /// With what is borrowed.
        ceil: u64,
        /// At once, of the rate.
        burst: u64,
        /// At once, of the ceiling.
        cburst: u64,
        /// Sent before the next class has its turn.
        quantum: Option<u32>,
    },
    /// A queue.
    Leaf {
        /// That wait.
        limit: u64,
    },
    /// A clsact.
    Clsact,
    /// Filters of one classifier for a protocol, in any order.
    Filters {
        /// The classifier's name.
        kind: String,
        /// As `tc` names it.
        protocol: String,
        /// Of one policy.
        filters: Vec<Filter>,
    },
}

/// One filter: packets that are so go to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Which.
    pub by: Selector,
    /// `None` is none of ours.
    pub to: Option<Target>,
}

/// What packets must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// For `u32`: all keys, at least one.
    Bits(Vec<Key>),
    /// For `flower`: all fields.
    Fields(Fields),
}

/// Fields by `tc`'s names, with values as it shows them; numbers in hexadecimal without `0x`.
pub type Fields = BTreeMap<String, String>;

/// Fields in the order in which `tc` wants them: what others are read by comes first.
const ORDER: [&str; 7] = ["vlan_ethtype", "ip_proto", "ip_tos", "src_ip", "dst_ip", "src_port", "dst_port"];

/// The bits `mask` of the 32 at byte `at` of the packet are those of `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// In the byte order of people.
    pub value: u32,
    /// Likewise.
    pub mask: u32,
    /// A multiple of 4.
    pub at: u8,
}

/// Where packets go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into a class of our root qdisc.
    Class(u16),
    /// Out of a device.
    Device(String),
    /// On to the next filter; away with what is faster.
    Police {
        /// Bits a second.
        rate: u64,
        /// Bytes at once.
        burst: u64,
    },
}

/// A part that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What.
    pub what: What,
    /// Whose; `None` is all policies of the device.
    pub of: Option<PolicyName>,
}

/// All that is wanted of one device.
pub type Parts = BTreeMap<At, Part>;

impl Chain {
    /// The first preference of our filters, where the clsact is ours too or not. Ingress and egress share none: u32
    /// shows filters of one preference in both chains of a clsact.
    pub const fn preference(self, own: bool) -> u16 {
        let first = if matches!(self, Self::Egress) { 0x5e00 } else { 0x5f00 };
        if own { first + PREFERENCES / 2 } else { first }
    }

    /// Whether filters of this preference are ours.
    pub fn has(self, preference: u16) -> bool {
        let first = self.preference(false);
        self == Self::Root || (first..first + PREFERENCES).contains(&preference)
    }
}

impl At {
    /// Whether it goes and comes with the root qdisc.
    pub const fn is_inner(self) -> bool {
        matches!(self, Self::Class(_) | Self::Leaf(_) | Self::Filters(Chain::Root, _))
    }
}

impl What {
    /// The handle of our root qdiscs, a different one for each kind, as the kernel changes none into another.
    pub const fn handle(&self) -> &'static str {
        match self {
            Self::Bucket { .. } => "5f01:",
            Self::Tree { has_rest: false } => "5f02:",
            _ => "5f00:",
        }
    }

    /// Whether `seen` is this, but for rounding.
    pub fn is_like(&self, seen: &Self) -> bool {
        match (self, seen) {
            (
                Self::Bucket { rate, burst, limit },
                Self::Bucket { rate: rate_seen, burst: burst_seen, limit: limit_seen },
            ) => is_rate(*rate, *rate_seen) && is_size(*burst, *burst_seen) && is_size(*limit, *limit_seen),
            (
                Self::Class { rate, ceil, burst, cburst, quantum },
                Self::Class { rate: rate_seen, ceil: ceil_seen, burst: b, cburst: c, quantum: q },
            ) => {
                let rates = is_rate(*rate, *rate_seen) && is_rate(*ceil, *ceil_seen);
                rates && is_size(*burst, *b) && is_size(*cburst, *c) && (q.is_none() || quantum == q)
            }
            _ => self == seen,
        }
    }

    /// The line that makes it, or changes what is there into it. Of filters, see [`Filter`].
    pub(super) fn line(&self, device: &str, root: &Self, at: At) -> String {
        let handle = root.handle();
        let id = match at {
            At::Class(id) | At::Leaf(id) => id,
            _ => 0,
        };
        match self {
            Self::Bucket { rate, burst, limit } => {
                let figures = format!("rate {rate}bit burst {burst}b limit {limit}b");
                format!("qdisc replace dev {device} root handle {handle} tbf {figures}")
            }
            // Until its classes are there, it has no room for packets: rather lost than past the limit.
            Self::Tree { has_rest: true } => {
                format!("qdisc replace dev {device} root handle {handle} htb default {REST:#x} direct_qlen 0")
            }
            Self::Tree { has_rest: false } => {
                format!("qdisc replace dev {device} root handle {handle} htb default 0")
            }
            Self::Class { rate, ceil, burst, cburst, quantum } => {
                let is_below = *root == (Self::Tree { has_rest: true }) && id != WHOLE;
                let parent = if is_below { format!("{WHOLE:x}") } else { String::new() };
                let quantum = quantum.unwrap_or(1514);
                format!(
                    "class replace dev {device} parent {handle}{parent} classid {handle}{id:x} htb rate {rate}bit \
                     ceil {ceil}bit burst {burst}b cburst {cburst}b quantum {quantum}"
                )
            }
            Self::Leaf { limit } => {
                format!("qdisc replace dev {device} parent {handle}{id:x} bfifo limit {limit}b")
            }
            Self::Clsact | Self::Filters { .. } => format!("qdisc add dev {device} clsact"),
        }
    }
}

fn is_rate(wanted: u64, seen: u64) -> bool {
    wanted.abs_diff(seen) <= wanted / 1000 + 8
}

fn is_size(wanted: u64, seen: u64) -> bool {
    wanted.abs_diff(seen) <= wanted / 100 + 16
}

impl Filter {
    /// Whether `seen` is this, but for rounding.
    pub fn is_like(&self, seen: &Self) -> bool {
        let is_target = match (&self.to, &seen.to) {
            (Some(Target::Police { rate, burst }), Some(Target::Police { rate: its, burst: most })) => {
                is_rate(*rate, *its) && is_size(*burst, *most)
            }
            (to, its) => to == its,
        };
        self.by == seen.by && is_target
    }
}

impl Selector {
    /// What reads it.
    pub const fn kind(&self) -> Classifier {
        match self {
            Self::Bits(_) => Classifier::U32,
            Self::Fields(_) => Classifier::Flower,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().name())?;
        match self {
            Self::Bits(keys) => keys
                .iter()
                .try_for_each(|key| write!(f, " match u32 {:#x} {:#x} at {}", key.value, key.mask, key.at)),
            Self::Fields(fields) => {
                let mut given = ORDER.iter().filter_map(|name| fields.get_key_value(*name));
                given.try_for_each(|(name, value)| write!(f, " {name} {value}"))
            }
        }
    }
}

impl What {
    /// All of one kind; none is u32's.
    pub(super) fn filters(protocol: &str, selectors: Vec<Selector>, to: &Target) -> Self {
        let kind = selectors.first().map_or(Classifier::U32, Selector::kind).name().to_owned();
        let filter = |by| Filter { by, to: Some(to.clone()) };
        let filters = selectors.into_iter().map(filter).collect();
        Self::Filters { kind, protocol: protocol.to_owned(), filters }
    }
}

impl Part {
    pub(super) fn line(&self, text: String) -> Line {
        Line { text, of: self.of.clone() }
    }
}
