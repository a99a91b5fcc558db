//! What the back ends are given, and what they say came of it.
//!
//! In: policies that are taken up, the members of groups, the time. Out: for each back end those that it carries. Rule:
//! every policy has one carrier; what a back end cannot do is a fault of that policy, or a trouble of the back end, and
//! costs nobody else.

use super::model::{Action, Body, Policy, PolicyName};
use super::plan::Members;
use std::collections::BTreeMap;

/// Who brings a policy about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    /// `iptables-restore`, `ip6tables-restore` and `ipset`.
    Tables,
    /// `tc`: shaping and redirection.
    Traffic,
    /// An Open vSwitch bridge.
    Bridge,
    /// Cumulus Linux's own tables, with its hardware.
    Cumulus,
}

/// Where our jumps stand in the kernel's chains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jump {
    /// Before all others' rules, and put there again.
    #[default]
    First,
    /// First when it is made; where others put it after that it stays.
    Stays,
}

/// What is to be in force, whoever carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those that have not ended.
    pub policies: Vec<Policy>,
    /// The addresses that every group has now.
    pub members: Members,
    /// Rules are Cumulus Linux's to carry.
    pub is_cumulus: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Policies that are not in force, each with the reason; the others are.
    pub faults: BTreeMap<PolicyName, String>,
    /// The back end itself does not work (a program is missing, a privilege, a deadline passed): what it carries is
    /// what it was before, and it is to be tried again.
    pub trouble: Option<String>,
    /// Changes made; 0 is that all was as wanted.
    pub steps: usize,
}

/// What a policy met, since its rules stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// Packets.
    pub packets: u64,
    /// Bytes of layer 3 for rules, of layer 2 for `tc`.
    pub bytes: u64,
}

impl Wanted {
    /// Who carries a policy.
    pub fn carrier(&self, policy: &Policy) -> Carrier {
        match &policy.body {
            Body::Rule(rule) if rule.matching().traffic().bridge.is_some() => Carrier::Bridge,
            Body::Rule(rule) if matches!(rule.action(), Action::Shape(_) | Action::Redirect(_)) => {
                Carrier::Traffic
            }
            _ if self.is_cumulus && policy.netns.is_none() => Carrier::Cumulus,
            _ => Carrier::Tables,
        }
    }

    /// Those that a back end carries.
    pub fn of(&self, carrier: Carrier) -> impl Iterator<Item = &Policy> {
        self.policies.iter().filter(move |policy| self.carrier(policy) == carrier)
    }
}
