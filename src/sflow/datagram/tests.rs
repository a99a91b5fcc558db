//! Batching, sequence numbers and refusal, and the lengths that the C agent's datagrams have.

use super::*;
use crate::sflow::counters::host::*;
use crate::sflow::counters::interface::{GenericInterface, PortName};
use crate::sflow::decode::{Datagram, decode};

const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

/// A queue and a stream that keeps what it sends.
struct Bench {
    queue: Datagrams,
    stream: Stream,
    sent: Vec<Vec<u8>>,
}

impl Bench {
    fn new(agent: IpAddr, limit: usize) -> Self {
        Self { queue: Datagrams::new(limit, agent), stream: Stream::new(agent, 7), sent: Vec::new() }
    }

    /// A sample of `size` bytes with tag and length.
    fn add(&mut self, size: usize) -> Result<(), Full> {
        let body = vec![0x11; size - 8];
        let Self { queue, stream, sent } = self;
        queue.add(5, Tag::new(1, 1), |out| out.fixed(&body), &mut |unsent| {
            sent.push(stream.complete(unsent).to_vec());
        })
    }

    fn flush(&mut self, uptime_ms: u32) {
        let Self { queue, stream, sent } = self;
        queue.flush(uptime_ms, &mut |unsent| sent.push(stream.complete(unsent).to_vec()));
    }

    fn lengths(&self) -> Vec<usize> {
        self.sent.iter().map(Vec::len).collect()
    }

    fn decoded(&self) -> Vec<Datagram> {
        self.sent.iter().map(|bytes| decode(bytes).unwrap()).collect()
    }
}

fn interface(bench: &mut Bench, sequence: u32) {
    let Bench { queue, stream, sent } = bench;
    queue
        .add_counters(
            1,
            DataSource::interface(2),
            sequence,
            |sample| {
                sample.record(&PortName { name: "v0".into() })?;
                sample.record(&GenericInterface::default())
            },
            &mut |unsent| sent.push(stream.complete(unsent).to_vec()),
        )
        .unwrap();
}

#[test]
fn ten_interface_samples_fit_and_the_eleventh_starts_the_next_datagram() {
    let mut bench = Bench::new(V4, 1400);
    (1..=10).for_each(|n| interface(&mut bench, n));
    assert_eq!((bench.sent.len(), bench.queue.queued()), (0, 10));
    interface(&mut bench, 11);
    bench.flush(2);
    assert_eq!(bench.lengths(), [28 + 10 * 136, 28 + 136]);
    let sequences: Vec<_> = bench.decoded().iter().map(|d| (d.sequence, d.samples.len())).collect();
    assert_eq!(sequences, [(1, 10), (2, 1)]);
}

#[test]
fn a_full_host_sample_has_the_length_and_order_of_the_reference() {
    let mut bench = Bench::new(V4, 1400);
    let id = HostId { hostname: "vm".into(), os_release: "6.18.44-fc-v669".into(), ..Default::default() };
    let adaptor = Adaptor { if_index: 4, macs: vec![[2, 0xfc, 0, 0, 0, 1]] };
    let adaptors = Adaptors { adaptors: vec![adaptor.clone(), adaptor] };
    bench
        .queue
        .add_counters(
            1,
            DataSource::HOST,
            1,
            |sample| {
                sample.record(&adaptors)?;
                sample.record(&HostUdp::default())?;
                sample.record(&HostTcp::default())?;
                sample.record(&HostIcmp::default())?;
                sample.record(&HostIp::default())?;
                sample.record(&HostDiskIo::default())?;
                sample.record(&HostMemory::default())?;
                sample.record(&HostCpu::default())?;
                sample.record(&HostNetIo::default())?;
                sample.record(&id)
            },
            &mut |_| panic!("nothing was queued before"),
        )
        .unwrap();
    bench.flush(0x0102_0304);
    let wire = &bench.sent[0];
    assert_eq!(wire.len(), 728);
    let word = |at: usize| u32::from_be_bytes(wire[at..at + 4].try_into().unwrap());
    let header: Vec<_> = (0..7).map(|n| word(n * 4)).collect();
    assert_eq!(header, [5, 1, 0xC000_0202, 7, 1, 0x0102_0304, 1]);
    let sample: Vec<_> = (7..13).map(|n| word(n * 4)).collect();
    assert_eq!(sample, [4, 728 - 36, 1, 2, 1, 10]);
    let mut at = 52;
    let records: Vec<_> = std::iter::from_fn(|| {
        let record = (at < wire.len()).then(|| (word(at), word(at + 4) + 8))?;
        at += record.1 as usize;
        Some(record)
    })
    .collect();
    let expected = [
        (2001, 44),
        (2010, 36),
        (2009, 68),
        (2008, 108),
        (2007, 84),
        (2005, 60),
        (2004, 80),
        (2003, 88),
        (2006, 48),
        (2000, 60),
    ];
    assert_eq!(records, expected);
}

#[test]
fn a_datagram_stays_strictly_below_the_limit() {
    for (second, sent_early) in [(96, 0), (100, 1)] {
        let mut bench = Bench::new(V4, 200);
        bench.add(72).unwrap();
        bench.add(second).unwrap();
        assert_eq!(bench.sent.len(), sent_early, "28 + 72 + {second}");
    }
}

#[test]
fn a_sample_over_the_limit_goes_out_alone() {
    let mut bench = Bench::new(V4, 1400);
    for size in [100, MAX_SAMPLE, MAX_SAMPLE, 100] {
        bench.add(size).unwrap();
    }
    bench.flush(9);
    assert_eq!(bench.lengths(), [128, 28 + MAX_SAMPLE, 28 + MAX_SAMPLE, 128]);
    assert!(bench.decoded().iter().zip(1..).all(|(d, n)| d.sequence == n && d.samples.len() == 1));
}

#[test]
fn a_sample_that_does_not_fit_is_dropped_whole_and_the_stream_goes_on() {
    let mut bench = Bench::new(V6, 1400);
    bench.add(100).unwrap();
    assert_eq!(bench.add(MAX_SAMPLE + 4), Err(Full));
    assert_eq!((bench.sent.len(), bench.queue.queued()), (0, 1));
    bench.add(100).unwrap();
    bench.flush(9);
    assert_eq!(bench.lengths(), [240]);
    assert_eq!(bench.decoded()[0].samples.len(), 2);
}

#[test]
fn a_record_that_does_not_fit_leaves_the_ones_before_it() {
    let mut bench = Bench::new(V4, 1400);
    let long = PortName { name: "x".repeat(MAX_SAMPLE).into() };
    let write = |sample: &mut SampleWriter<'_, '_>| {
        sample.record(&PortName { name: "v0".into() })?;
        assert_eq!(sample.record(&long), Err(Full));
        Ok(())
    };
    bench.queue.add_counters(1, DataSource::HOST, 1, write, &mut |_| {}).unwrap();
    bench.flush(1);
    assert_eq!(bench.lengths(), [28 + 24 + 16]);
    assert!(
        serde_json::to_string(&bench.decoded())
            .unwrap()
            .contains(r#""records":[{"port_name":{"name":"v0"}}]"#)
    );
}

#[test]
fn uptime_is_that_of_sending_and_nothing_is_sent_when_nothing_is_queued() {
    let mut bench = Bench::new(V4, 1400);
    bench.flush(1);
    bench.add(100).unwrap();
    bench.flush(77);
    bench.flush(78);
    let uptimes: Vec<_> = bench.decoded().iter().map(|d| d.uptime_ms).collect();
    assert_eq!(uptimes, [77]);
}

#[test]
fn a_new_agent_address_counts_from_one() {
    let mut bench = Bench::new(V4, 1400);
    for _ in 0..2 {
        bench.add(100).unwrap();
        bench.flush(1);
    }
    for agent in [V6, V6] {
        bench.stream.set_agent(agent);
    }
    bench.add(100).unwrap();
    bench.flush(3);
    let seen: Vec<_> = bench.decoded().iter().map(|d| (d.agent, d.sequence)).collect();
    assert_eq!(seen, [(V4, 1), (V4, 2), (V6, 1)]);
    assert_eq!(bench.lengths(), [128, 128, 140]);
}

#[test]
fn two_queues_share_the_numbers_of_one_stream() {
    let mut stream = Stream::new(V4, 7);
    let mut queues = [Datagrams::new(1400, V4), Datagrams::new(1400, V4)];
    let mut numbers = Vec::new();
    for turn in [0, 1, 1, 0] {
        let queue = &mut queues[turn];
        queue.add(5, Tag::new(1, 1), |out| out.u32(1), &mut |_| panic!("it has room")).unwrap();
        queue.flush(5, &mut |unsent| numbers.push(decode(stream.complete(unsent)).unwrap().sequence));
    }
    assert_eq!((numbers, stream.sequence()), (vec![1, 2, 3, 4], 4));
}

#[test]
fn uptime_never_goes_back_but_for_what_is_another_time() {
    let mut bench = Bench::new(V4, 1400);
    // A poll that began before what another queue has sent; nothing sent for weeks; the numbers' end, and another such poll.
    let given = [9_000, 12_000, 9_500, 12_001, 2_200_000_000, u32::MAX - 1, 3, u32::MAX, 4];
    for uptime_ms in given {
        bench.add(100).unwrap();
        bench.flush(uptime_ms);
    }
    let sent: Vec<_> = bench.decoded().iter().map(|datagram| datagram.uptime_ms).collect();
    assert_eq!(sent, [9_000, 12_000, 12_000, 12_001, 2_200_000_000, u32::MAX - 1, 3, 3, 4]);
}

#[test]
fn limits_outside_the_allowed_range_are_brought_into_it() {
    let mut bench = Bench::new(V4, 0);
    bench.add(100).unwrap();
    bench.add(68).unwrap();
    assert_eq!(bench.sent.len(), 0, "196 bytes are below the least limit");
    bench.queue.set_limit(usize::MAX, V4);
    (0..88).for_each(|_| bench.add(100).unwrap());
    assert_eq!(bench.sent.len(), 0, "8996 bytes are below the greatest limit");
    bench.add(100).unwrap();
    assert_eq!(bench.lengths(), [8996]);
}
