//! What is counted together: the values of some fields of a packet. In: a sampled packet. Out: a [`Key`] that can be
//! compared and hashed. Rule: a packet that lacks one of the fields has no key, and is counted nowhere.

use super::flow::Flow;
use crate::sflow::ids::DataSource;
use crate::wire::transport::{Ports, Transport};
use std::fmt;
use std::net::IpAddr;

/// A field that packets may be told apart by: those that a policy can say, and where it was sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Address of the sender, of either IP version.
    Source,
    /// Address of the receiver.
    Destination,
    /// The sender's port, of protocols that have ports.
    SourcePort,
    /// The receiver's port.
    DestinationPort,
    /// Number of the transport protocol.
    Protocol,
    /// Where it was sampled. Without this field a packet that crosses two sampled interfaces counts twice.
    Sampled,
}

/// The values of the fields; `None` for those that are not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // named as in `Field`
pub struct Key {
    pub source: Option<IpAddr>,
    pub destination: Option<IpAddr>,
    pub source_port: Option<u16>,
    pub destination_port: Option<u16>,
    pub protocol: Option<u8>,
    pub sampled: Option<DataSource>,
}

impl Key {
    /// The key of a packet; `None` where it lacks a field.
    pub fn of(flow: &Flow<'_>, fields: &[Field]) -> Option<Self> {
        let mut key = Self::default();
        let (ip, ports) = (flow.headers.ip, flow.ports());
        for field in fields {
            let there = match field {
                Field::Source => set(&mut key.source, ip.map(|ip| ip.source)),
                Field::Destination => set(&mut key.destination, ip.map(|ip| ip.destination)),
                Field::SourcePort => set(&mut key.source_port, ports.map(|ports| ports.source)),
                Field::DestinationPort => {
                    set(&mut key.destination_port, ports.map(|ports| ports.destination))
                }
                Field::Protocol => set(&mut key.protocol, ip.and_then(|ip| ip.protocol)),
                Field::Sampled => set(&mut key.sampled, Some(flow.sample.source)),
            };
            if !there {
                return None;
            }
        }
        Some(key)
    }
}

fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}

impl Flow<'_> {
    /// The ports of the packet.
    pub fn ports(&self) -> Option<Ports> {
        self.headers.transport.as_ref().and_then(Transport::ports)
    }
}

impl fmt::Display for Key {
    /// The fields that are part of it, as `destination=192.0.2.1 source_port=53`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: [(&str, Option<&dyn fmt::Display>); 6] = [
            ("source", shown(&self.source)),
            ("destination", shown(&self.destination)),
            ("source_port", shown(&self.source_port)),
            ("destination_port", shown(&self.destination_port)),
            ("protocol", shown(&self.protocol)),
            ("sampled", shown(&self.sampled)),
        ];
        let mut space = "";
        for (name, value) in fields.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
            write!(f, "{space}{name}={value}")?;
            space = " ";
        }
        Ok(())
    }
}

fn shown<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
    value.as_ref().map(|value| value as &dyn fmt::Display)
}

#[cfg(test)]
mod tests {
    use super::super::flow::{flows, tests::datagram};
    use super::*;
    use etherparse::PacketBuilder;

    fn keys(packet: &[u8], fields: &[Field]) -> Option<Key> {
        let bytes = datagram(&[(100, packet)]);
        let mut key = None;
        flows(&bytes, &mut |flow| key = Key::of(flow, fields)).unwrap();
        key
    }

    fn tcp_of_both_versions() -> [Vec<u8>; 2] {
        let link = || PacketBuilder::ethernet2([2; 6], [4; 6]);
        let (mut four, mut six) = (Vec::new(), Vec::new());
        let ipv4 = link().ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(443, 50_000, 1, 1000).syn();
        ipv4.write(&mut four, &[]).unwrap();
        link().ipv6([1; 16], [2; 16], 64).udp(53, 4000).write(&mut six, &[]).unwrap();
        [four, six]
    }

    #[test]
    fn fields_are_those_that_the_packet_was_built_with() {
        let [four, six] = tcp_of_both_versions();
        let key = keys(&four, &[Field::Source, Field::SourcePort, Field::Protocol]).unwrap();
        assert_eq!(key.to_string(), "source=10.0.0.1 source_port=443 protocol=6");
        let key = keys(&six, &[Field::Destination, Field::DestinationPort, Field::Sampled]).unwrap();
        let expected = "destination=202:202:202:202:202:202:202:202 destination_port=4000 sampled=0:7";
        assert_eq!(key.to_string(), expected);
    }

    #[test]
    fn a_packet_that_lacks_a_field_has_no_key() {
        let [four, _] = tcp_of_both_versions();
        let lacks = |packet: &[u8], field| keys(packet, &[Field::Sampled, field]).is_none();
        assert!(lacks(&four[..30], Field::SourcePort) && lacks(&four[..10], Field::Source));
        assert!(!lacks(&four, Field::SourcePort) && !lacks(&four, Field::Source));
    }
}
