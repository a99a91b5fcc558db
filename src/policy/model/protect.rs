//! The lifeline: traffic that no policy may cut unless it is forced.
//!
//! In: what is protected, and the packets that a policy may reach. Out: whether any packet is in both. Rule: what is
//! not known counts as "any", so a policy is rather refused than let through; interfaces, states, rates and the like
//! only narrow a policy, and are not looked at.

use super::address::Prefix;
use super::matching::Traffic;
use super::protocol::{Ports, Protocol};
use super::traffic::{Direction, Tunnel};
use std::collections::BTreeSet;
use std::fmt;

/// Clients choose their own port from here up, so a service's traffic has such a port on the other side.
const CLIENT_PORTS: (u16, u16) = (1024, u16::MAX);

/// Whose port a service's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortAt {
    /// That of the peer with the protected address: a collector, a name server.
    Peer,
    /// This host's, which the peer asks: ssh, the interface for policies.
    Host,
}

/// Traffic with a peer, both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The peer's addresses.
    pub peer: Prefix,
    /// Only this; `None` is everything with the peer.
    pub service: Option<(Protocol, u16, PortAt)>,
    /// This host's own addresses, where they are known; none is any.
    pub host: Vec<Prefix>,
    /// Traffic that goes through this host as well.
    pub forwarded: bool,
}

/// Packets that a rule may reach; an empty list of addresses or ports is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub(in crate::policy) directions: BTreeSet<Direction>,
    pub(in crate::policy) sources: Vec<Prefix>,
    pub(in crate::policy) destinations: Vec<Prefix>,
    pub(in crate::policy) protocol: Option<Protocol>,
    pub(in crate::policy) source_ports: Vec<Ports>,
    pub(in crate::policy) destination_ports: Vec<Ports>,
}

impl Reach {
    pub(super) fn of(traffic: &Traffic, addresses: impl Fn(&[super::End]) -> Vec<Prefix>) -> Self {
        let (protocol, port) = match traffic.tunnel {
            Some(Tunnel::Vni(_)) => (Some(Protocol::UDP), Some(Ports::one(4789))),
            Some(Tunnel::GreKey(_)) => (Some(Protocol::GRE), None),
            None => (traffic.protocol, None),
        };
        Self {
            directions: traffic.directions.clone(),
            sources: addresses(&traffic.sources),
            destinations: addresses(&traffic.destinations),
            protocol,
            source_ports: traffic.source_ports.clone(),
            destination_ports: traffic.destination_ports.iter().copied().chain(port).collect(),
        }
    }
}

impl Protected {
    /// Whether any packet of it may be reached.
    pub fn is_in(&self, reach: &Reach) -> bool {
        let has = |direction| reach.directions.contains(&direction);
        let sent = self.fits(reach, &reach.source_ports, &reach.destination_ports);
        let received = self.fits(reach, &reach.destination_ports, &reach.source_ports);
        let (from, to) = (holds(&reach.sources, &self.peer), holds(&reach.destinations, &self.peer));
        let is_own = |list: &[Prefix]| self.host.is_empty() || self.host.iter().any(|own| holds(list, own));
        (has(Direction::In) && sent && from && is_own(&reach.destinations))
            || (has(Direction::Out) && received && to && is_own(&reach.sources))
            || (has(Direction::Forward) && self.forwarded && ((sent && from) || (received && to)))
    }

    fn fits(&self, reach: &Reach, peer: &[Ports], host: &[Ports]) -> bool {
        let Some((protocol, port, at)) = self.service else { return true };
        let client = Ports::new(CLIENT_PORTS.0, CLIENT_PORTS.1).unwrap_or(Ports::ALL);
        let (server, other) = match at {
            PortAt::Peer => (peer, host),
            PortAt::Host => (host, peer),
        };
        let has = |ports: &[Ports], wanted| ports.is_empty() || ports.iter().any(|p| p.overlaps(wanted));
        reach.protocol.is_none_or(|its| its == protocol)
            && has(server, Ports::one(port))
            // Some services speak from their own port: time, key exchange.
            && (has(other, client) || has(other, Ports::one(port)))
    }
}

fn holds(list: &[Prefix], peer: &Prefix) -> bool {
    list.is_empty() || list.iter().any(|prefix| prefix.overlaps(peer))
}

impl fmt::Display for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.service {
            None => write!(f, "traffic with {}", self.peer),
            Some((protocol, port, PortAt::Peer)) => write!(f, "{protocol} port {port} of {}", self.peer),
            Some((protocol, port, PortAt::Host)) => {
                write!(f, "{protocol} port {port} of this host for {}", self.peer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collector() -> Protected {
        let service = Some((Protocol::UDP, 6343, PortAt::Peer));
        Protected { peer: "192.0.2.9".parse().unwrap(), service, host: Vec::new(), forwarded: false }
    }

    fn reach() -> Reach {
        Reach { directions: Direction::ALL.into(), ..Reach::default() }
    }

    #[test]
    fn everything_reaches_what_is_protected() {
        assert!(collector().is_in(&reach()));
        let through = Reach { directions: [Direction::Forward].into(), ..reach() };
        assert!(!collector().is_in(&through));
        assert!(Protected { forwarded: true, ..collector() }.is_in(&through));
    }

    #[test]
    fn only_what_has_no_common_packet_is_let_through() {
        let other = Reach { protocol: Some(Protocol::TCP), ..reach() };
        assert!(!collector().is_in(&other));
        let net = |text: &str| vec![text.parse().unwrap()];
        let beside = Reach { sources: net("10.0.0.0/8"), destinations: net("192.0.2.8"), ..reach() };
        assert!(!collector().is_in(&beside));
        assert!(collector().is_in(&Reach { destinations: net("192.0.2.0/24"), ..beside }));
        // Answers of name servers: nobody sends samples from port 53.
        let answers = Reach { protocol: Some(Protocol::UDP), source_ports: vec![Ports::one(53)], ..reach() };
        assert!(!collector().is_in(&answers));
    }

    #[test]
    fn packets_for_others_are_not_this_hosts() {
        let there = Reach { destinations: vec!["198.51.100.0/24".parse().unwrap()], ..reach() };
        assert!(collector().is_in(&there), "this host may be there");
        let known = Protected { host: vec!["10.0.0.5".parse().unwrap()], ..collector() };
        assert!(!known.is_in(&there) && known.is_in(&reach()));
        let out = Reach { directions: [Direction::Out].into(), ..there };
        assert!(!collector().is_in(&out));
    }

    #[test]
    fn a_port_of_this_host_is_kept_both_ways() {
        let ssh = Protected { service: Some((Protocol::TCP, 22, PortAt::Host)), ..collector() };
        for (source, destination) in [(vec![], vec![Ports::one(22)]), (vec![Ports::one(22)], vec![])] {
            assert!(ssh.is_in(&Reach { source_ports: source, destination_ports: destination, ..reach() }));
        }
        assert!(!ssh.is_in(&Reach {
            destination_ports: vec![Ports::one(80)],
            source_ports: vec![Ports::one(443)],
            ..reach()
        }));
    }

    #[test]
    fn a_service_that_speaks_from_its_own_port_is_kept_too() {
        let time = Protected { service: Some((Protocol::UDP, 123, PortAt::Peer)), ..collector() };
        let ports = || vec![Ports::one(123)];
        let both = Reach { source_ports: ports(), destination_ports: ports(), ..reach() };
        assert!(time.is_in(&both));
    }
}
