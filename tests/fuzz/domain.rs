//! A line of the helper that is understood is written as a line that means the same. Whatever the XML of a domain, its
//! disks that cannot be written do not count; whatever the statistics, what is available is no more than the capacity.

use hsflow::sample::guest::domain::description::Description;
use hsflow::sample::guest::domain::line::Line;
use hsflow::sample::guest::domain::stats::{Sums, Value};

/// A line; as text also a description, and behind it statistics as `virsh domstats` prints them.
pub(super) fn law(data: &[u8]) {
    if let Ok(line) = Line::parse(data) {
        let text = line.encode();
        let (end, again) = text.split_last().expect("an end");
        assert_eq!((*end, Line::parse(again).expect("its own line")), (b'\n', line));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (xml, statistics) = text.split_once("</domain>").unwrap_or(("<domain>", text));
    let description = Description::parse(&format!("{xml}</domain>")).unwrap_or_default();
    let mut sums = Sums::new(&description);
    for disk in &description.read_only {
        sums.take("block.0.name", Value::Text(disk));
        sums.take("block.0.rd.reqs", Value::Number(1));
    }
    for (name, value) in statistics.lines().filter_map(|line| line.trim().split_once('=')) {
        sums.take(name, value.parse().map_or(Value::Text(value), Value::Number));
    }
    let (domain, _) = sums.finish("uuid".into(), "name".into());
    assert!(
        statistics.contains("rd.reqs") || statistics.contains("count=0") || domain.counters.reads.is_none()
    );
    assert!(domain.counters.available <= domain.counters.capacity);
    assert_eq!(domain.counters.vnics, description.vnics);
}
