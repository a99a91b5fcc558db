//! A line of iptables that was vetted: where it belongs and its words, each of which may stand in a rule as it is.

use super::address::Family;
use super::protect::Reach;
use super::traffic::Direction;
use std::fmt;

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// IPv4.
    Iptables,
    /// IPv6.
    Ip6tables,
    /// Bridged frames; on Cumulus Linux only.
    Ebtables,
}

impl Tool {
    /// As it stands in brackets above a section.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iptables => "iptables",
            Self::Ip6tables => "ip6tables",
            Self::Ebtables => "ebtables",
        }
    }

    /// Of which IP version its rules are.
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::Iptables => Some(Family::V4),
            Self::Ip6tables => Some(Family::V6),
            Self::Ebtables => None,
        }
    }
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Before connections are tracked.
    Raw,
    /// Packets are written to.
    Mangle,
    /// Packets are let through or not.
    Filter,
}

impl Table {
    /// All that rules of ours may be in.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Mangle, Self::Filter];

    /// As iptables calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Filter => "filter",
        }
    }

    /// Whether the kernel has this chain there.
    pub const fn has(self, chain: Chain) -> bool {
        match self {
            Self::Raw => matches!(chain, Chain::Prerouting | Chain::Output),
            Self::Mangle => true,
            Self::Filter => matches!(chain, Chain::Input | Chain::Forward | Chain::Output),
        }
    }
}

/// A chain of the kernel, and the one of ours that it jumps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// Everything that comes.
    Prerouting,
    /// What is for this host.
    Input,
    /// What goes through.
    Forward,
    /// What this host sends.
    Output,
    /// Everything that leaves.
    Postrouting,
}

impl Chain {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting];

    /// The kernel's chain.
    pub const fn builtin(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }

    /// Our chain; the kernel allows 28 characters.
    pub const fn ours(self) -> &'static str {
        match self {
            Self::Prerouting => "hsflowd-prerouting",
            Self::Input => "hsflowd-input",
            Self::Forward => "hsflowd-forward",
            Self::Output => "hsflowd-output",
            Self::Postrouting => "hsflowd-postrouting",
        }
    }

    /// Packets of which directions pass it.
    pub const fn directions(self) -> &'static [Direction] {
        match self {
            Self::Prerouting => &[Direction::In, Direction::Forward],
            Self::Input => &[Direction::In],
            Self::Forward => &[Direction::Forward],
            Self::Output => &[Direction::Out],
            Self::Postrouting => &[Direction::Forward, Direction::Out],
        }
    }
}

impl From<Direction> for Chain {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::In => Self::Input,
            Direction::Forward => Self::Forward,
            Direction::Out => Self::Output,
        }
    }
}

/// A vetted rule. Only the vetting makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRule {
    /// Whose.
    pub(in crate::policy) tool: Tool,
    /// In which table.
    pub(in crate::policy) table: Table,
    /// At which chain.
    pub(in crate::policy) chain: Chain,
    /// Matches, in their order.
    pub(in crate::policy) matches: Vec<String>,
    /// The target with its options.
    pub(in crate::policy) target: Vec<String>,
    /// Which packets it may reach.
    pub(in crate::policy) reach: Reach,
    /// Only the tools of Cumulus Linux know its target.
    pub(in crate::policy) is_cumulus: bool,
    /// Packets may be lost by it.
    pub(in crate::policy) cuts: bool,
}

impl RawRule {
    /// Whose rule it is.
    pub const fn tool(&self) -> Tool {
        self.tool
    }

    /// In which table it stands.
    pub const fn table(&self) -> Table {
        self.table
    }

    /// At which chain it stands.
    pub const fn chain(&self) -> Chain {
        self.chain
    }

    /// Its words behind the name of the chain.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.matches.iter().chain(&self.target).map(String::as_str)
    }
}

impl fmt::Display for RawRule {
    /// As it stands in a file of Cumulus Linux.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.table != Table::Filter {
            write!(f, "-t {} ", self.table.name())?;
        }
        write!(f, "-A {}", self.chain.builtin())?;
        self.words().try_for_each(|word| write!(f, " {word}"))
    }
}
