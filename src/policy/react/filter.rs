//! Which packets a rule looks at. In: a sampled packet. Out: yes or no. Rule: what a packet does not have fits nothing, and
//! `Not` is only the opposite of what it holds: a packet without ports fits `Not(SourcePort(53))`.

use super::flow::Flow;
use super::key::interface;
use crate::sflow::ids::DataSource;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of these; without any, every packet.
    All(Vec<Filter>),
    /// One of these at least.
    Any(Vec<Filter>),
    /// Anything else.
    Not(Box<Filter>),
    /// From this network.
    Source(Network),
    /// To this network.
    Destination(Network),
    /// From one of these ports.
    SourcePort(RangeInclusive<u16>),
    /// To one of these ports.
    DestinationPort(RangeInclusive<u16>),
    /// This transport protocol.
    Protocol(u8),
    /// Of these TCP flags, exactly those that are set here as well.
    TcpFlags {
        /// The flags looked at.
        of: u8,
        /// Those of them that must be set.
        set: u8,
    },
    /// A part of a fragmented packet, or not.
    Fragment(bool),
    /// IP of version 6, or of version 4.
    Version6(bool),
    /// Sampled here.
    Sampled(DataSource),
    /// Came in by this ifIndex.
    Input(u32),
    /// Goes out by this ifIndex.
    Output(u32),
    /// Sent by this guest.
    SourceEntity(DataSource),
    /// Received by this guest.
    DestinationEntity(DataSource),
}

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Any address of it.
    pub address: IpAddr,
    /// How many bits are the same; more than there are means all.
    pub bits: u8,
}

impl Network {
    /// True for an address of the same version that begins with its bits.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = u32::from(own) ^ u32::from(other);
                differing.leading_zeros() >= u32::from(self.bits.min(32))
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = u128::from(own) ^ u128::from(other);
                differing.leading_zeros() >= u32::from(self.bits.min(128))
            }
            _ => false,
        }
    }
}

impl Filter {
    /// True for a packet that a rule with this filter looks at.
    pub fn fits(&self, flow: &Flow<'_>) -> bool {
        let (ip, transport) = (flow.headers.ip, flow.headers.transport);
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.fits(flow)),
            Self::Any(filters) => filters.iter().any(|filter| filter.fits(flow)),
            Self::Not(filter) => !filter.fits(flow),
            Self::Source(network) => ip.is_some_and(|ip| network.contains(ip.source)),
            Self::Destination(network) => ip.is_some_and(|ip| network.contains(ip.destination)),
            Self::SourcePort(ports) => flow.ports().is_some_and(|own| ports.contains(&own.source)),
            Self::DestinationPort(ports) => flow.ports().is_some_and(|own| ports.contains(&own.destination)),
            Self::Protocol(number) => ip.and_then(|ip| ip.protocol) == Some(*number),
            Self::TcpFlags { of, set } => {
                transport.and_then(|above| above.tcp_flags()).is_some_and(|flags| flags & of == *set)
            }
            Self::Fragment(wanted) => flow.is_fragment() == Some(*wanted),
            Self::Version6(wanted) => ip.map(|ip| ip.is_v6()) == Some(*wanted),
            Self::Sampled(source) => flow.sample.source == *source,
            Self::Input(index) => interface(flow.sample.input) == Some(*index),
            Self::Output(index) => interface(flow.sample.output) == Some(*index),
            Self::SourceEntity(guest) => flow.entity(|both| both.src) == Some(*guest),
            Self::DestinationEntity(guest) => flow.entity(|both| both.dst) == Some(*guest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flow::{flows, tests::datagram};
    use super::*;
    use etherparse::PacketBuilder;

    fn fits(packet: &[u8], filter: &Filter) -> bool {
        let mut fits = None;
        let bytes = datagram(&[(100, packet)]);
        flows(&bytes, &mut |flow| fits = Some(filter.fits(flow))).unwrap();
        fits.unwrap()
    }

    fn network(text: &str, bits: u8) -> Network {
        Network { address: text.parse().unwrap(), bits }
    }

    #[test]
    fn a_reflected_answer_fits_the_filter_for_it_and_others_do_not() {
        let udp = |source, destination| {
            let mut bytes = Vec::new();
            let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([203, 0, 113, 9], [10, 0, 0, 2], 64);
            packet.udp(source, destination).write(&mut bytes, &[0; 20]).unwrap();
            bytes
        };
        let reflected = Filter::All(vec![
            Filter::Protocol(17),
            Filter::Any(vec![
                Filter::SourcePort(53..=53),
                Filter::SourcePort(123..=123),
                Filter::Fragment(true),
            ]),
            Filter::Not(Box::new(Filter::Source(network("10.0.0.0", 8)))),
            Filter::Destination(network("10.0.0.2", 32)),
        ]);
        assert!(fits(&udp(53, 9), &reflected) && fits(&udp(123, 9), &reflected));
        assert!(!fits(&udp(9, 53), &reflected));
        let fragment = |mut bytes: Vec<u8>| {
            (bytes[20], bytes[21]) = (0, 100); // the fragment's place
            bytes
        };
        assert!(fits(&fragment(udp(9, 9)), &reflected), "parts other than the first have no port");
        let cut = udp(53, 9);
        assert!(!fits(&cut[..20], &reflected));
    }

    #[test]
    fn flags_versions_and_places_are_told_apart() {
        let mut syn = Vec::new();
        let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6([1; 16], [2; 16], 64);
        packet.tcp(443, 50_000, 1, 1000).syn().write(&mut syn, &[]).unwrap();
        let yes = [
            Filter::TcpFlags { of: 0x12, set: 0x02 },
            Filter::Version6(true),
            Filter::Input(7),
            Filter::Sampled(DataSource::interface(7)),
            Filter::SourceEntity(DataSource::logical(5)),
            Filter::All(Vec::new()),
        ];
        let no = [
            Filter::TcpFlags { of: 0x12, set: 0x12 },
            Filter::Version6(false),
            Filter::Output(7),
            Filter::Sampled(DataSource::HOST),
            Filter::DestinationEntity(DataSource::logical(5)),
            Filter::Any(Vec::new()),
        ];
        assert!(yes.iter().all(|filter| fits(&syn, filter)));
        assert!(!no.iter().any(|filter| fits(&syn, filter)));
    }

    #[test]
    fn networks_hold_what_begins_with_their_bits() {
        let ten = network("10.1.2.3", 8);
        assert!(ten.contains([10, 9, 9, 9].into()) && !ten.contains([11, 1, 2, 3].into()));
        assert!(network("0.0.0.0", 0).contains([255; 4].into()));
        let six = network("2001:db8::", 32);
        assert!(
            six.contains("2001:db8:ffff::1".parse().unwrap()) && !six.contains("2001:db9::".parse().unwrap())
        );
        assert!(!six.contains([32, 1, 13, 184].into()));
        assert!(!network("10.0.0.1", 200).contains([10, 0, 0, 2].into()));
    }
}
