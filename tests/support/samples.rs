//! Packet samples without packets: datagrams that are full, as the agent sends them under load.

use etherparse::PacketBuilder;
use hsflow::sflow::datagram::{Datagrams, Stream, Unsent};
use hsflow::sflow::flow::packet::SampledHeader;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::{FlowHeader, Port};

fn packet(number: usize) -> Vec<u8> {
    let [high, middle, low, ..] = number.to_le_bytes();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, high, middle, low], [10, 0, 0, 2], 64);
    let mut bytes = Vec::new();
    assert!(packet.udp(53, 9).write(&mut bytes, &[0; 86]).is_ok());
    bytes
}

/// Datagrams as the agent sends them, with so many samples in all, of UDP from port 53 of so many senders.
pub(crate) fn datagrams(samples: usize, senders: usize) -> Vec<Vec<u8>> {
    let agent = [10, 0, 0, 1].into();
    let (mut queue, mut stream, mut sent) = (Datagrams::new(1400, agent), Stream::new(agent, 0), Vec::new());
    let mut send = |unsent: Unsent<'_>| sent.push(stream.complete(unsent).to_vec());
    for number in 0..samples {
        // In an order that has no neighbours.
        let bytes = packet(number * 7919 % senders);
        let header = FlowHeader {
            sequence: 1,
            source: DataSource::interface(7),
            sampling_rate: 1000,
            sample_pool: 0,
            drops: 0,
            input: Port::interface(7),
            output: Port::INTERNAL,
        };
        let shown =
            SampledHeader { protocol: 1, frame_length: 1404, stripped: 4, header: bytes.as_slice().into() };
        assert!(queue.add_flow(0, &header, |out| out.record(&shown), &mut send).is_ok());
    }
    queue.flush(0, &mut send);
    sent
}
