//! What is counted together: the values of some fields of a packet. In: a sampled packet. Out: a [`Key`] that can be
//! compared and hashed. Rule: a packet that lacks one of the fields has no key, and is counted nowhere.

use super::flow::Flow;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::Port;
use crate::wire::transport::{Ports, Transport};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// A field that packets may be told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// TCP's flags.
    TcpFlags,
    /// Whether it is a part of a fragmented packet.
    Fragment,
    /// Where it was sampled. Without this field a packet that crosses two sampled interfaces counts twice.
    Sampled,
    /// ifIndex of the interface it came in by.
    Input,
    /// ifIndex of the interface it goes out by.
    Output,
    /// The guest that sent it.
    SourceEntity,
    /// The guest that receives it.
    DestinationEntity,
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
    pub tcp_flags: Option<u8>,
    pub fragment: Option<bool>,
    pub sampled: Option<DataSource>,
    pub input: Option<u32>,
    pub output: Option<u32>,
    pub source_entity: Option<DataSource>,
    pub destination_entity: Option<DataSource>,
}

impl Key {
    /// The key of a packet; `None` where it lacks a field.
    pub fn of(flow: &Flow<'_>, fields: &[Field]) -> Option<Self> {
        let mut key = Self::default();
        for field in fields {
            let there = match field {
                Field::Source => set(&mut key.source, flow.headers.ip.map(|ip| ip.source)),
                Field::Destination => set(&mut key.destination, flow.headers.ip.map(|ip| ip.destination)),
                Field::SourcePort => set(&mut key.source_port, flow.ports().map(|ports| ports.source)),
                Field::DestinationPort => {
                    set(&mut key.destination_port, flow.ports().map(|ports| ports.destination))
                }
                Field::Protocol => set(&mut key.protocol, flow.headers.ip.and_then(|ip| ip.protocol)),
                Field::TcpFlags => {
                    set(&mut key.tcp_flags, flow.headers.transport.and_then(|above| above.tcp_flags()))
                }
                Field::Fragment => set(&mut key.fragment, flow.is_fragment()),
                Field::Sampled => set(&mut key.sampled, Some(flow.sample.source)),
                Field::Input => set(&mut key.input, interface(flow.sample.input)),
                Field::Output => set(&mut key.output, interface(flow.sample.output)),
                Field::SourceEntity => set(&mut key.source_entity, flow.entity(|both| both.src)),
                Field::DestinationEntity => set(&mut key.destination_entity, flow.entity(|both| both.dst)),
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

/// The ifIndex of a port that is one known interface.
pub(super) fn interface(port: Port) -> Option<u32> {
    (port.format == 0 && port != Port::UNKNOWN && port != Port::INTERNAL).then_some(port.value)
}

impl Flow<'_> {
    /// The ports of the packet.
    pub fn ports(&self) -> Option<Ports> {
        self.headers.transport.as_ref().and_then(Transport::ports)
    }

    /// Whether it is a part of an IP packet; `None` for what is no IP.
    pub fn is_fragment(&self) -> Option<bool> {
        self.headers.ip.map(|ip| ip.fragment.is_some())
    }

    pub(super) fn entity(
        &self,
        end: impl Fn(crate::sflow::flow::socket::Entities) -> DataSource,
    ) -> Option<DataSource> {
        self.entities.map(end).filter(|entity| (entity.class, entity.index) != (0, 0))
    }
}

impl fmt::Display for Key {
    /// The fields that are part of it, as `destination=192.0.2.1 source_port=53`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: [(&str, Option<&dyn fmt::Display>); 12] = [
            ("source", shown(&self.source)),
            ("destination", shown(&self.destination)),
            ("source_port", shown(&self.source_port)),
            ("destination_port", shown(&self.destination_port)),
            ("protocol", shown(&self.protocol)),
            ("tcp_flags", shown(&self.tcp_flags)),
            ("fragment", shown(&self.fragment)),
            ("sampled", shown(&self.sampled)),
            ("input", shown(&self.input)),
            ("output", shown(&self.output)),
            ("source_entity", shown(&self.source_entity)),
            ("destination_entity", shown(&self.destination_entity)),
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

    const ALL: [Field; 12] = [
        Field::Source,
        Field::Destination,
        Field::SourcePort,
        Field::DestinationPort,
        Field::Protocol,
        Field::TcpFlags,
        Field::Fragment,
        Field::Sampled,
        Field::Input,
        Field::Output,
        Field::SourceEntity,
        Field::DestinationEntity,
    ];

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
        let fields = [Field::Source, Field::SourcePort, Field::Protocol, Field::TcpFlags, Field::Input];
        let key = keys(&four, &fields).unwrap();
        assert_eq!(key.to_string(), "source=10.0.0.1 source_port=443 protocol=6 tcp_flags=2 input=7");
        let fields = [Field::Destination, Field::DestinationPort, Field::Fragment, Field::SourceEntity];
        let key = keys(&six, &fields).unwrap();
        let expected = "destination=202:202:202:202:202:202:202:202 destination_port=4000 fragment=false source_entity=3:5";
        assert_eq!(key.to_string(), expected);
        assert_eq!(keys(&six, &[Field::Sampled]).unwrap().to_string(), "sampled=0:7");
    }

    #[test]
    fn a_packet_that_lacks_a_field_has_no_key() {
        let [four, six] = tcp_of_both_versions();
        let lacks = |packet: &[u8], field| keys(packet, &[Field::Sampled, field]).is_none();
        assert!(lacks(&six, Field::TcpFlags) && !lacks(&four, Field::TcpFlags));
        assert!(lacks(&four, Field::Output), "it goes to the host itself");
        assert!(lacks(&four, Field::DestinationEntity), "0:0 is nobody");
        assert!(lacks(&four[..30], Field::SourcePort) && lacks(&four[..10], Field::Source));
    }

    #[test]
    fn each_field_has_a_word_that_the_key_is_printed_with() {
        for field in ALL {
            let word = serde_json::to_value(field).unwrap();
            let word = word.as_str().unwrap();
            let nine = DataSource::logical(9);
            let address = IpAddr::from([9, 9, 9, 9]);
            let all = Key {
                source: Some(address),
                destination: Some(address),
                source_port: Some(9),
                destination_port: Some(9),
                protocol: Some(9),
                tcp_flags: Some(9),
                fragment: Some(true),
                sampled: Some(nine),
                input: Some(9),
                output: Some(9),
                source_entity: Some(nine),
                destination_entity: Some(nine),
            };
            let text = all.to_string();
            assert!(text.split(' ').any(|part| part.split('=').next() == Some(word)), "{word}: {text}");
        }
    }
}
