//! Which packets a rule looks at. In: a sampled packet. Out: yes or no. Rules: what is said of a packet stands in the policy
//! too that a key becomes; what a packet does not have fits nothing.

use super::flow::Flow;
use crate::policy::model::{Ports, Prefix, Protocol};
use std::net::IpAddr;

/// Conditions on packets; an empty list, and none, is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// From one of these.
    pub sources: Vec<Prefix>,
    /// To one of these.
    pub destinations: Vec<Prefix>,
    /// Of this protocol.
    pub protocol: Option<Protocol>,
    /// From one of these.
    pub source_ports: Vec<Ports>,
    /// To one of these.
    pub destination_ports: Vec<Ports>,
}

impl Only {
    /// True for a packet that a rule with these conditions looks at.
    pub fn fits(&self, flow: &Flow<'_>) -> bool {
        let (ip, ports) = (flow.headers.ip, flow.ports());
        self.protocol.is_none_or(|wanted| ip.and_then(|ip| ip.protocol) == Some(wanted.0))
            && is_of(&self.source_ports, ports.map(|ports| ports.source))
            && is_of(&self.destination_ports, ports.map(|ports| ports.destination))
            && is_in(&self.sources, ip.map(|ip| ip.source))
            && is_in(&self.destinations, ip.map(|ip| ip.destination))
    }
}

fn is_of(list: &[Ports], port: Option<u16>) -> bool {
    list.is_empty() || port.is_some_and(|port| list.iter().any(|ports| ports.overlaps(Ports::one(port))))
}

fn is_in(list: &[Prefix], address: Option<IpAddr>) -> bool {
    list.is_empty()
        || address.is_some_and(|address| list.iter().any(|prefix| prefix.overlaps(&address.into())))
}

#[cfg(test)]
mod tests {
    use super::super::flow::{flows, tests::datagram};
    use super::*;
    use etherparse::PacketBuilder;

    fn fits(packet: &[u8], only: &Only) -> bool {
        let mut fits = None;
        let bytes = datagram(&[(100, packet)]);
        flows(&bytes, &mut |flow| fits = Some(only.fits(flow))).unwrap();
        fits.unwrap()
    }

    fn udp(source: u16, destination: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([203, 0, 113, 9], [10, 0, 0, 2], 64);
        packet.udp(source, destination).write(&mut bytes, &[0; 20]).unwrap();
        bytes
    }

    #[test]
    fn a_packet_fits_where_every_condition_does() {
        let ports = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Ports>>();
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Prefix>>();
        let reflected = Only {
            protocol: Some(Protocol::UDP),
            source_ports: ports(&["53", "100-200"]),
            destinations: nets(&["192.0.2.0/24", "10.0.0.2"]),
            ..Only::default()
        };
        assert!(fits(&udp(53, 9), &reflected) && fits(&udp(123, 9), &reflected));
        assert!(!fits(&udp(9, 53), &reflected));
        for other in [
            Only { protocol: Some(Protocol::TCP), ..reflected.clone() },
            Only { destinations: nets(&["10.0.0.3", "::/0"]), ..reflected.clone() },
            Only { sources: nets(&["203.0.113.0/29"]), ..reflected.clone() },
            Only { destination_ports: ports(&["10-65535"]), ..reflected.clone() },
        ] {
            assert!(!fits(&udp(53, 9), &other), "{other:?}");
        }
        assert!(fits(&udp(53, 9), &Only { sources: nets(&["203.0.113.8/29"]), ..reflected.clone() }));
        let mut fragment = udp(53, 9);
        (fragment[20], fragment[21]) = (0, 100); // the fragment's place
        assert!(!fits(&fragment, &reflected), "parts other than the first have no port");
        assert!(!fits(&udp(53, 9)[..20], &reflected) && fits(&udp(53, 9)[..20], &Only::default()));
    }
}
