//! What is wanted: policies, each with a name, an owner, a priority, an end, a match and an action.
//!
//! In: values that `file`, `lines` or a request made. Out: a [`Policy`] that some back end can carry out. Rule: what is
//! wrong cannot be built, so nobody behind this layer checks again. Lower priorities come first; within one, drops by
//! address alone stand ahead of all others, and those go by name.

mod action;
mod address;
mod group;
mod limits;
mod marks;
mod matching;
mod name;
mod protect;
mod protocol;
mod rate;
mod raw;
mod traffic;

pub use action::{Action, Mark, Redirect, Shape};
pub use address::{Family, Prefix, PrefixFault};
pub use group::{Group, Groups, Selector};
pub use limits::{Limits, Refusal};
pub use marks::{Class, Dscp};
pub use matching::{Contradiction, End, MOST_PAIRS, MOST_PORTS, Match, Traffic};
pub use name::{Device, GroupName, Interface, NameFault, Netns, Owner, PolicyName};
pub use protect::{PortAt, Protected, Reach};
pub use protocol::{Ports, Protocol};
pub use rate::{Rate, RateFault};
pub use raw::{Chain, RawRule, Table, Tool};
pub use traffic::{Direction, State, Tunnel, Vni, WordFault};
pub(in crate::policy) use traffic::{digits, number};

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// When a policy ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Never.
    Never,
    /// So long after it is taken up.
    After(Duration),
    /// Then.
    At(SystemTime),
}

impl Expiry {
    /// The end of what is taken up now.
    #[must_use]
    pub fn from(self, now: SystemTime) -> Self {
        match self {
            Self::After(life) => now.checked_add(life).map_or(Self::Never, Self::At),
            fixed => fixed,
        }
    }

    /// Whether it has ended.
    pub fn is_over(self, now: SystemTime) -> bool {
        matches!(self, Self::At(end) if end <= now)
    }

    /// What is left; `None` is no end.
    pub fn left(self, now: SystemTime) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::After(life) => Some(life),
            Self::At(end) => Some(end.duration_since(now).unwrap_or_default()),
        }
    }

    /// The same in whole seconds, rather a moment more than none.
    pub fn secs_left(self, now: SystemTime) -> Option<u64> {
        self.left(now).map(|left| (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1))
    }
}

/// What a policy does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An action on what matches.
    Rule(Box<Rule>),
    /// Vetted lines of iptables, in their order.
    Lines(Vec<RawRule>),
}

/// An action that goes with its match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    matching: Match,
    action: Action,
}

impl Rule {
    /// # Errors
    /// The action does not go with the match.
    pub fn new(matching: Match, action: Action) -> Result<Self, Contradiction> {
        action.check(matching.traffic()).map(|()| Self { matching, action })
    }

    /// Which packets.
    pub const fn matching(&self) -> &Match {
        &self.matching
    }

    /// What happens to them.
    pub const fn action(&self) -> &Action {
        &self.action
    }
}

/// One wish, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Unlike every other.
    pub name: PolicyName,
    /// Who asked for it.
    pub owner: Owner,
    /// Lower ones come first.
    pub priority: u16,
    /// When it ends.
    pub expiry: Expiry,
    /// Where it holds; `None` is the namespace of the program.
    pub netns: Option<Netns>,
    /// It may cut what is protected.
    pub forced: bool,
    /// What it does.
    pub body: Body,
}

impl Policy {
    /// The last priority; after it comes what was there without us.
    pub const LAST: u16 = u16::MAX;

    /// Drops what goes to members of a group and was let through by no policy before. Through the host, answers on
    /// connections stay; a bridge knows no connections, so there each way wants a policy.
    pub fn default_deny(group: &GroupName, bridge: Option<Device>, netns: Option<Netns>) -> Option<Self> {
        let name = format!("deny-{group}").parse().ok()?;
        let states = if bridge.is_some() { BTreeSet::new() } else { [State::New, State::Invalid].into() };
        let traffic = Traffic {
            bridge,
            directions: [Direction::Forward].into(),
            destinations: vec![End::Group(group.clone())],
            states,
            ..Traffic::default()
        };
        let rule = Rule::new(Match::new(traffic).ok()?, Action::Drop).ok()?;
        Some(Self {
            name,
            owner: "file".parse().ok()?,
            priority: Self::LAST,
            expiry: Expiry::Never,
            netns,
            forced: false,
            body: Body::Rule(Box::new(rule)),
        })
    }

    /// The groups that it names.
    pub fn groups(&self) -> impl Iterator<Item = &GroupName> {
        let traffic = self.rule().map(|rule| rule.matching().traffic());
        let ends =
            traffic.into_iter().flat_map(|traffic| traffic.sources.iter().chain(&traffic.destinations));
        ends.filter_map(|end| match end {
            End::Group(group) => Some(group),
            End::Prefix(_) => None,
        })
    }

    /// Its action with its match; `None` of raw lines.
    pub const fn rule(&self) -> Option<&Rule> {
        match &self.body {
            Body::Rule(rule) => Some(rule),
            Body::Lines(_) => None,
        }
    }
}
