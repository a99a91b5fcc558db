//! How much may be wanted, and the last word on whether a policy is taken up.

use super::group::{Group, Groups};
use super::name::{GroupName, PolicyName};
use super::protect::{Protected, Reach};
use super::{Body, Direction, End, Policy, Prefix};

/// Hard caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Policies in all.
    pub policies: usize,
    /// Lines of one policy.
    pub lines: usize,
    /// Groups in all.
    pub groups: usize,
    /// Addresses of one group.
    pub members: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { policies: 4096, lines: 256, groups: 256, members: 65_536 }
    }
}

/// Why a policy is not taken up, though it is well formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is one too many.
    #[error("there are {0} policies already, as many as [limits] allows")]
    Policies(usize),
    /// Too long.
    #[error("{found} lines, [limits] allows {most}")]
    Lines {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// One group too many.
    #[error("there are {0} groups already, as many as [limits] allows")]
    Groups(usize),
    /// Too large a group.
    #[error("{found} addresses, [limits] allows {most}")]
    Members {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// It names a group that there is not.
    #[error("no group has the name {0}")]
    Group(GroupName),
    /// It would cut what must stay.
    #[error("it may cut {protected}, which is protected; 'force = true' would do it all the same")]
    Protected {
        /// What would be cut.
        protected: Box<Protected>,
    },
}

impl Limits {
    /// Whether a group may be beside `others`.
    ///
    /// # Errors
    /// Why not.
    pub fn check_group(&self, group: &Group, others: usize) -> Result<(), Refusal> {
        let found = group.addresses.len();
        if others >= self.groups {
            Err(Refusal::Groups(self.groups))
        } else if found > self.members {
            Err(Refusal::Members { found, most: self.members })
        } else {
            Ok(())
        }
    }

    /// Takes policies up in their order, the first ones first.
    pub fn admit(
        &self,
        policies: Vec<Policy>,
        groups: &Groups,
        protected: &[Protected],
    ) -> (Vec<Policy>, Vec<(PolicyName, Refusal)>) {
        let (mut admitted, mut refused) = (Vec::with_capacity(policies.len()), Vec::new());
        for policy in policies {
            match self.check(&policy, admitted.len(), groups, protected) {
                Ok(()) => admitted.push(policy),
                Err(why) => refused.push((policy.name, why)),
            }
        }
        (admitted, refused)
    }

    /// Whether one more policy may be taken up beside `others`.
    ///
    /// # Errors
    /// Why not.
    pub fn check(
        &self,
        policy: &Policy,
        others: usize,
        groups: &Groups,
        protected: &[Protected],
    ) -> Result<(), Refusal> {
        if others >= self.policies {
            return Err(Refusal::Policies(self.policies));
        }
        match &policy.body {
            Body::Lines(lines) if lines.len() > self.lines => {
                return Err(Refusal::Lines { found: lines.len(), most: self.lines });
            }
            Body::Rule(_) | Body::Lines(_) => {}
        }
        if let Some(unknown) = policy.groups().find(|name| !groups.contains_key(*name)) {
            return Err(Refusal::Group(unknown.clone()));
        }
        Self::spares(policy, groups, protected)
    }

    /// Whether a policy leaves alone what is protected, or is forced.
    ///
    /// # Errors
    /// What it may cut.
    pub fn spares(policy: &Policy, groups: &Groups, protected: &[Protected]) -> Result<(), Refusal> {
        let reaches = if policy.forced { Vec::new() } else { reaches(policy, groups) };
        let cut = protected.iter().find(|p| reaches.iter().any(|reach| p.is_in(reach)));
        cut.map_or(Ok(()), |p| Err(Refusal::Protected { protected: Box::new(p.clone()) }))
    }
}

/// Which packets a policy may cut, rather too many than too few.
fn reaches(policy: &Policy, groups: &Groups) -> Vec<Reach> {
    let rule = match &policy.body {
        Body::Rule(rule) if rule.action().cuts() => rule,
        Body::Rule(_) => return Vec::new(),
        Body::Lines(lines) => {
            return lines.iter().filter(|line| line.cuts).map(|line| line.reach.clone()).collect();
        }
    };
    let traffic = rule.matching().traffic();
    let through = Reach::of(traffic, |ends| addresses(ends, groups));
    if traffic.bridge.is_none() {
        return vec![through];
    }
    // This host has a port of the bridge as its guests have, and neither it nor its lifeline is one of them.
    let ends = fixed(&traffic.sources, groups).zip(fixed(&traffic.destinations, groups));
    let own = ends.map(|(sources, destinations)| Reach {
        directions: [Direction::In, Direction::Out].into(),
        sources,
        destinations,
        ..through.clone()
    });
    [Some(through), own].into_iter().flatten().collect()
}

/// Every address that the ends may have; none is any, and so are guests, who come with addresses of their own.
fn addresses(ends: &[End], groups: &Groups) -> Vec<Prefix> {
    let has_guests = ends.iter().any(|end| match end {
        End::Prefix(_) => false,
        End::Group(name) => groups.get(name).is_none_or(|group| !group.guests.is_empty()),
    });
    if has_guests { Vec::new() } else { fixed(ends, groups).unwrap_or_default() }
}

/// The same less those of guests; `None` where there are no others.
fn fixed(ends: &[End], groups: &Groups) -> Option<Vec<Prefix>> {
    let mut known = Vec::new();
    for end in ends {
        match end {
            End::Prefix(prefix) => known.push(*prefix),
            End::Group(name) => known.extend(groups.get(name).into_iter().flat_map(|group| &group.addresses)),
        }
    }
    (ends.is_empty() || !known.is_empty()).then_some(known)
}
