//! A recording whose end is in the middle of traffic, with dropped packets: the C agent's first 36 datagrams, and one of ours.

use crate::support::TempDir;
use crate::{datagrams, recording};
use etherparse::PacketBuilder;
use hsflow::sflow::decode::{Datagram, Framed, Sample, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::flow::kernel::LinuxDropReason;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::DiscardHeader;
use hsflow::sflow::xdr::Writer;

/// Packets that are kept, and the bytes of the file up to there.
const KEPT: (usize, usize) = (36, 37_616);

/// A capture file.
pub(crate) struct Recorded {
    dir: TempDir,
}

impl Recorded {
    pub(crate) fn new() -> Self {
        let file = std::fs::read(recording()).unwrap();
        let mut kept = file[..KEPT.1].to_vec();
        let last = decode(&datagrams()[KEPT.0 - 1]).unwrap();
        let shown = datagrams().iter().rev().find_map(|bytes| {
            let flow = decode(bytes).unwrap().samples.into_iter().find_map(|sample| match sample {
                Sample::Flow(flow) => Some(flow),
                _ => None,
            });
            flow.and_then(|flow| {
                flow.records.into_iter().find(|record| matches!(record, FlowRecord::SampledHeader(_)))
            })
        });
        let drop = |reason, word: &'static str| {
            let header = DiscardHeader {
                sequence: 1,
                source: DataSource::interface(6),
                drops: 0,
                input: 6,
                output: 0,
                reason,
            };
            let records = vec![
                shown.clone().unwrap(),
                FlowRecord::LinuxDropReason(LinuxDropReason { reason: word.into() }),
            ];
            Sample::Discard(Framed { compact: false, header, records })
        };
        let datagram = Datagram {
            sequence: last.sequence + 1,
            uptime_ms: last.uptime_ms + 1000,
            samples: vec![drop(258, "NETFILTER_DROP"), drop(258, "NETFILTER_DROP"), drop(3, "NO_SOCKET")],
            dirty_padding: 0,
            trailing: Vec::new(),
            ..last
        };
        let mut payload = vec![0; 4000];
        let mut out = Writer::new(&mut payload);
        datagram.encode(&mut out).unwrap();
        let mut packet = Vec::new();
        let builder =
            PacketBuilder::ethernet2([0; 6], [0; 6]).ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64).udp(5000, 6343);
        builder.write(&mut packet, out.written()).unwrap();
        let length = u32::try_from(packet.len()).unwrap();
        // A second after the one before.
        let secs = hsflow::wire::pcap::packets(&kept).unwrap().last().unwrap().unwrap().time.as_secs() + 1;
        for word in [u32::try_from(secs).unwrap(), 0, length, length] {
            kept.extend(word.to_le_bytes());
        }
        kept.extend(packet);
        let dir = TempDir::new();
        dir.write("recorded.pcap", kept);
        dir.write(
            "top.toml",
            "[host]\ncpu = { warn = 10, high = 20, for = \"5s\" }\nmemory = { warn = 1, high = 95 }\n",
        );
        Self { dir }
    }

    /// What shows it, with limits that some of it is above.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let path = |name: &str| self.dir.path().join(name).to_str().unwrap().to_owned();
        vec![path("recorded.pcap"), "--limits".to_owned(), path("top.toml")]
    }
}

/// As arguments.
pub(crate) fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
