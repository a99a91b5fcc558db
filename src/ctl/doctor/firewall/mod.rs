//! May a rule of this host drop the datagrams to a collector? In: what `nft -j list ruleset` or `iptables-save` print. Out: the
//! first rule, or the policy, that drops them, and how sure that is. Pure.
//!
//! Rule: honest before clever. What a rule asks that is not understood here may be true or not, and then the answer is
//! "may"; only what is understood whole is "does". Jumps are followed. Datagrams are a new UDP flow that nobody answers.

pub mod iptables;
mod net;
pub mod nft;
mod walk;

pub use net::Net;
pub use walk::{Answer, ask};

use std::net::IpAddr;

/// A datagram to a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The collector's address.
    pub to: IpAddr,
    /// Its port.
    pub port: u16,
}

/// One chain of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// `ip filter`, `inet firewalld`: rules of one table see only the chains of their own.
    pub table: String,
    /// Its name.
    pub name: String,
    /// The kernel hands it what this host sends.
    pub is_output: bool,
    /// What no rule decides is dropped.
    pub drops: bool,
    /// In order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// As people know it.
    pub text: String,
    /// All must hold.
    pub matches: Vec<Match>,
    /// What it does then.
    pub verdict: Verdict,
}

/// What a rule does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// The packet goes on to the next chain.
    Accept,
    /// It is dropped or rejected.
    Drop,
    /// The rules of another chain decide, and then those behind this one.
    Jump(String),
    /// The rules of another chain decide, and none behind this one.
    Goto(String),
    /// The rules behind the jump to this chain decide.
    Return,
    /// Counted, logged, marked: nothing is decided.
    #[default]
    Nothing,
}

/// What a rule asks of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// It holds where the question does not.
    pub not: bool,
    /// The question.
    pub what: Question,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Of one of these protocols, by name or number.
    Protocol(Vec<String>),
    /// To a UDP port in one of these ranges.
    Port(Vec<(u16, u16)>),
    /// To one of these networks.
    To(Vec<Net>),
    /// By one of these devices.
    Out(Vec<String>),
    /// In one of these states of connection tracking.
    State(Vec<String>),
    /// Something else.
    Unknown,
}

#[cfg(test)]
mod tests;
