//! Which packets a policy is about, as filters of `tc`.
//!
//! In: a match, and what the kernel finds packets by. Out: filters by protocol, or what `tc` cannot tell, in words.

mod bits;
mod fields;

use super::part::Selector;
use crate::policy::model::{End, Family, Match};

/// Filters of one policy.
const MOST: usize = 512;

/// What finds packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classifier {
    /// By bits at places that do not move.
    U32,
    /// By fields, wherever they are.
    Flower,
}

impl Classifier {
    /// As `tc` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::U32 => "u32",
            Self::Flower => "flower",
        }
    }
}

/// The packets of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// All, IP or not.
    Everything,
    /// Those of any of these selectors.
    Some(Vec<Filters>),
}

/// The distance from the policy's first preference, a protocol as `tc` has it, and what its packets must be.
type Filters = (u16, &'static str, Vec<Selector>);

impl Selected {
    /// Whether nothing but interfaces is said.
    pub fn is_everything_of(matching: &Match) -> bool {
        let t = matching.traffic();
        let none = t.sources.is_empty() && t.destinations.is_empty() && t.source_ports.is_empty();
        none && t.destination_ports.is_empty() && t.protocol.is_none() && t.dscp.is_none()
    }

    /// # Errors
    /// What the classifier cannot tell.
    pub fn of(matching: &Match, by: Classifier) -> Result<Self, &'static str> {
        let t = matching.traffic();
        let groups = t.sources.iter().chain(&t.destinations).any(|end| matches!(end, End::Group(_)));
        let unfit = [
            (groups, "tc knows no groups: give addresses"),
            (!t.states.is_empty(), "tc knows no states of connections"),
            (t.tunnel.is_some(), "tc here does not look into tunnels"),
            (t.fragments, "tc here does not look for fragments"),
            (t.above.is_some(), "tc counts no 'above': the shape has the rate"),
        ];
        if let Some((_, why)) = unfit.into_iter().find(|(is_so, _)| *is_so) {
            return Err(why);
        }
        if Self::is_everything_of(matching) {
            return Ok(Self::Everything);
        }
        // Before they are made: there may be millions.
        let count = |family| match by {
            Classifier::U32 => bits::count(matching, family),
            Classifier::Flower => fields::count(matching, family),
        };
        if count(Family::V4).saturating_add(count(Family::V6)) > MOST {
            return Err("more than 512 filters: fewer addresses or ports, and ranges that are powers of two");
        }
        let mut all: Vec<Filters> = Vec::new();
        match by {
            Classifier::U32 => {
                for (further, family, protocol) in FAMILIES {
                    let keys = bits::keys(matching, family);
                    all.push((further, protocol, keys.into_iter().map(Selector::Bits).collect()));
                }
            }
            Classifier::Flower => {
                let mut tagged = Vec::new();
                for (further, family, protocol) in FAMILIES {
                    let found = fields::fields(matching, family)?;
                    tagged.extend(found.iter().cloned().map(|mut fields| {
                        fields.insert("vlan_ethtype".to_owned(), protocol.to_owned());
                        Selector::Fields(fields)
                    }));
                    all.push((further, protocol, found.into_iter().map(Selector::Fields).collect()));
                }
                all.push((3, "802.1Q", tagged));
            }
        }
        all.retain(|(_, _, selectors)| !selectors.is_empty());
        Ok(Self::Some(all))
    }

    /// By protocol.
    pub fn filters(&self) -> Vec<Filters> {
        match self {
            Self::Everything => vec![(0, "all", vec![Selector::Bits(vec![bits::ANY])])],
            Self::Some(filters) => filters.clone(),
        }
    }
}

const FAMILIES: [(u16, Family, &str); 2] = [(1, Family::V4, "ip"), (2, Family::V6, "ipv6")];
