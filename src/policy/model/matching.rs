//! Which packets a policy is about: the words of `traffic` put together, checked against each other.
//!
//! In: the wishes of a file or a request. Out: a [`Match`] that some rule of iptables can express, or the first thing
//! that contradicts another. Empty lists mean "any".

use super::address::{Family, Prefix};
use super::marks::Dscp;
use super::name::{Device, GroupName, Interface};
use super::protocol::{Ports, Protocol};
use super::rate::Rate;
use super::traffic::{Direction, State, Tunnel};
use std::collections::BTreeSet;

/// Rules that one policy may become by all its pairs of source and destination; a group serves better beyond that.
pub const MOST_PAIRS: usize = 64;
/// Places for ports in one rule (`multiport`); a range takes two.
pub const MOST_PORTS: usize = 15;

/// One end of a packet's way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// An address of it.
    Prefix(Prefix),
    /// A member of a group.
    Group(GroupName),
}

impl End {
    /// The family of rules it can stand in; `None` is both.
    pub const fn family(&self) -> Option<Family> {
        match self {
            Self::Prefix(prefix) => Some(prefix.family()),
            Self::Group(_) => None,
        }
    }
}

/// What a packet must be. The parts are valid each by itself; [`Match`] says that they are together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Between the ports of this bridge of Open vSwitch, which iptables never sees; `None` is through the host.
    pub bridge: Option<Device>,
    /// At least one.
    pub directions: BTreeSet<Direction>,
    /// Where it came in.
    pub from: Option<Interface>,
    /// Where it goes out.
    pub to: Option<Interface>,
    /// Any of these.
    pub sources: Vec<End>,
    /// Any of these.
    pub destinations: Vec<End>,
    /// What is behind the IP header.
    pub protocol: Option<Protocol>,
    /// Any of these; needs a protocol with ports.
    pub source_ports: Vec<Ports>,
    /// Any of these; needs a protocol with ports.
    pub destination_ports: Vec<Ports>,
    /// Only fragments: of IPv4 the second and later ones, of IPv6 all.
    pub fragments: bool,
    /// This code point.
    pub dscp: Option<Dscp>,
    /// Any of these.
    pub states: BTreeSet<State>,
    /// In this tunnel; says protocol and port by itself.
    pub tunnel: Option<Tunnel>,
    /// Only what is above this rate, all matching packets taken together.
    pub above: Option<Rate>,
}

/// Two wishes that no packet or no rule can fulfil.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A bridge forwards, and nothing else.
    #[error("packets on a bridge are forwarded: leave the direction out")]
    Bridge,
    /// No direction.
    #[error("a direction is wanted: in, forward or out")]
    NoDirection,
    /// `from` for packets of this host.
    #[error("packets from this host come in nowhere: take 'out' from the directions, or leave 'from' out")]
    FromOut,
    /// `to` for packets to this host.
    #[error("packets to this host go out nowhere: take 'in' from the directions, or leave 'to' out")]
    ToIn,
    /// IPv4 to IPv6.
    #[error("no source has the IP version of a destination")]
    Families,
    /// More rules than one policy may be.
    #[error("{0} pairs of source and destination; up to {MOST_PAIRS}: make a group")]
    Pairs(usize),
    /// Ports of what has none.
    #[error("ports need a protocol that has them: tcp, udp, sctp, udplite or 33 (dccp)")]
    Ports,
    /// More than a rule holds.
    #[error("{0} places for ports, a range takes two; up to {MOST_PORTS}")]
    MostPorts(usize),
    /// Fragments have no ports and no tunnel.
    #[error("a fragment has no ports and no tunnel's key")]
    Fragments,
    /// A tunnel with something else beside it.
    #[error(
        "a VNI says protocol udp and destination port 4789, a GRE key says gre: leave protocol and ports out"
    )]
    Tunnel,
    /// Above what the kernel's `hashlimit` counts.
    #[error("rules count to 32 Gbit/s, not to {0}")]
    Rate(Rate),
    /// Another action than the match allows.
    #[error("{action} with {with}: {instead}")]
    Action {
        /// What was to be done.
        action: &'static str,
        /// With what it does not go.
        with: &'static str,
        /// What would.
        instead: &'static str,
    },
}

/// Traffic without contradictions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match(Traffic);

impl Match {
    /// Checks the parts against each other.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn new(traffic: Traffic) -> Result<Self, Contradiction> {
        let t = &traffic;
        let ports = [&t.source_ports, &t.destination_ports];
        let places = ports.map(|ports| ports.iter().map(|ports| ports.places()).sum::<usize>());
        let has_ports = places != [0, 0];
        let pairs = t.sources.len().max(1) * t.destinations.len().max(1);
        let forwards = t.directions.len() == 1 && t.directions.contains(&Direction::Forward);
        let unfit = [
            (t.bridge.is_some() && !forwards, Contradiction::Bridge),
            (t.directions.is_empty(), Contradiction::NoDirection),
            (t.from.is_some() && t.directions.contains(&Direction::Out), Contradiction::FromOut),
            (t.to.is_some() && t.directions.contains(&Direction::In), Contradiction::ToIn),
            (pairs > MOST_PAIRS, Contradiction::Pairs(pairs)),
            (t.tunnel.is_some() && (t.protocol.is_some() || has_ports), Contradiction::Tunnel),
            (t.fragments && (t.tunnel.is_some() || has_ports), Contradiction::Fragments),
            (has_ports && !t.protocol.is_some_and(Protocol::has_ports), Contradiction::Ports),
            (places.into_iter().max() > Some(MOST_PORTS), Contradiction::MostPorts(places[0].max(places[1]))),
        ];
        if let Some((_, why)) = unfit.into_iter().find(|(is_so, _)| *is_so) {
            return Err(why);
        }
        if let Some(rate) = t.above {
            countable(rate)?;
        }
        let fits = Family::ALL.into_iter().any(|family| pairs_of(t, family).next().is_some());
        fits.then_some(Self(traffic)).ok_or(Contradiction::Families)
    }

    /// The parts.
    pub const fn traffic(&self) -> &Traffic {
        &self.0
    }

    /// Every pair of source and destination that rules of a family can hold; `None` is any.
    pub fn pairs(&self, family: Family) -> impl Iterator<Item = (Option<&End>, Option<&End>)> {
        pairs_of(&self.0, family)
    }
}

/// Whether a rule can count it: beyond 2^32 bytes a second `hashlimit` 1.8.9 rounds by 6 % and more, then gives up.
pub(super) fn countable(rate: Rate) -> Result<(), Contradiction> {
    match rate {
        Rate::Bits(32_000_000_001..) => Err(Contradiction::Rate(rate)),
        _ => Ok(()),
    }
}

fn pairs_of(traffic: &Traffic, family: Family) -> impl Iterator<Item = (Option<&End>, Option<&End>)> {
    let speaks = traffic.protocol.is_none_or(|protocol| protocol.is_of(family));
    let fits = move |end: &Option<&End>| speaks && end.and_then(End::family).is_none_or(|its| its == family);
    ends(&traffic.sources).filter(fits).flat_map(move |source| {
        ends(&traffic.destinations).filter(fits).map(move |destination| (source, destination))
    })
}

fn ends(list: &[End]) -> impl Iterator<Item = Option<&End>> {
    list.iter().map(Some).chain(list.is_empty().then_some(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward() -> Traffic {
        Traffic { directions: [Direction::Forward].into(), ..Traffic::default() }
    }

    fn end(text: &str) -> End {
        End::Prefix(text.parse().unwrap())
    }

    #[test]
    fn pairs_are_of_one_ip_version() {
        let ends = |texts: &[&str]| texts.iter().map(|text| end(text)).collect();
        let mixed = Traffic {
            sources: ends(&["10.0.0.1", "::1"]),
            destinations: ends(&["10.0.0.2", "10.0.0.3"]),
            ..forward()
        };
        let mixed = Match::new(mixed).unwrap();
        assert_eq!(mixed.pairs(Family::V4).count(), 2);
        assert_eq!(mixed.pairs(Family::V6).count(), 0);
        let never = Traffic { sources: ends(&["::1"]), destinations: ends(&["10.0.0.2"]), ..forward() };
        assert_eq!(Match::new(never), Err(Contradiction::Families));
    }

    #[test]
    fn wishes_that_no_rule_fulfils_are_refused() {
        let udp = || Traffic { protocol: Some(Protocol::UDP), ..forward() };
        let cases = [
            (Traffic::default(), Contradiction::NoDirection),
            (
                Traffic { directions: Direction::ALL.into(), from: "eth0".parse().ok(), ..forward() },
                Contradiction::FromOut,
            ),
            (Traffic { source_ports: vec![Ports::one(53)], ..forward() }, Contradiction::Ports),
            (Traffic { source_ports: vec![Ports::ALL; 8], ..udp() }, Contradiction::MostPorts(16)),
            (Traffic { tunnel: Some(Tunnel::GreKey(1)), ..udp() }, Contradiction::Tunnel),
            (
                Traffic { fragments: true, source_ports: vec![Ports::one(53)], ..udp() },
                Contradiction::Fragments,
            ),
            (Traffic { sources: vec![end("10.0.0.1"); 65], ..forward() }, Contradiction::Pairs(65)),
        ];
        for (traffic, why) in cases {
            assert_eq!(Match::new(traffic), Err(why));
        }
    }
}
