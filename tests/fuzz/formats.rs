//! Any datagram in any format: lines that are whole, that a strict reader takes, and that nobody forged; the same once more
//! with other addresses, and then as bytes.

#[path = "../decode/line_protocol.rs"]
mod line_protocol;

use hsflow::ctl::decode::anonymise::Anonymiser;
use hsflow::ctl::decode::formats::{Format, Received, pcap};
use hsflow::sflow::decode::{Datagram, decode};
use hsflow::sflow::xdr::Writer;
use std::time::Duration;

pub(crate) fn law(data: &[u8]) {
    let Ok(datagram) = decode(data) else { return };
    print(&datagram);
    let mut other = datagram.clone();
    Anonymiser::new(&[7; 32]).datagram(&mut other);
    print(&other);
    let mut buffer = vec![0; 2 * data.len()];
    let mut out = Writer::new(&mut buffer);
    other.encode(&mut out).expect("the room is enough");
    let again = decode(out.written()).expect("our own encoding is readable");
    // As text, because a NaN is not equal to itself.
    assert_eq!(format!("{:?}", again.agent), format!("{:?}", other.agent));
    assert_eq!(again.samples.len(), datagram.samples.len());
}

fn print(datagram: &Datagram) {
    let from = Some(([192, 0, 2, 9], 6343).into());
    let received = Received { datagram, from, time: Some(Duration::from_secs(1_700_000_000)) };
    for format in Format::ALL {
        let page = format.render(&received);
        assert!(page.is_empty() || page.ends_with('\n'));
        assert!(page.chars().all(|c| c == '\n' || !c.is_control()), "{format:?}: {page:?}");
        page.lines().for_each(|line| check(format, line, datagram));
    }
    let packets = pcap::packets(&received);
    let file = [&pcap::file_header()[..], &packets.bytes].concat();
    let read = hsflow::wire::pcap::packets(&file).expect("a capture");
    assert!(read.map(|packet| packet.expect("whole")).all(|packet| packet.link_type == 1));
}

fn check(format: Format, line: &str, datagram: &Datagram) {
    let columns: Vec<_> = line.split(',').collect();
    match format {
        Format::Text => {}
        Format::Json => {
            let object: serde_json::Value = serde_json::from_str(line).expect("one object a line");
            assert_eq!(object["samples"].as_array().map(Vec::len), Some(datagram.samples.len()));
        }
        Format::Csv => assert!(matches!((columns[0], columns.len()), ("FLOW", 20) | ("CNTR", 21)), "{line}"),
        Format::Grep => {
            let words: Vec<_> = line.splitn(10, ' ').collect();
            assert_eq!((words.len(), words[1]), (10, datagram.agent.to_string().as_str()), "{line}");
        }
        Format::Influx => {
            let point = line_protocol::parse(line).unwrap_or_else(|e| panic!("{e} in {line}"));
            assert_eq!(point.tags["agent"], datagram.agent.to_string());
        }
    }
}
