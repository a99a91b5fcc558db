//! hsflowd-policy(8) against the program: what its table of detection says is what is computed.

use hsflow::policy::react::odds::{Case, Row, row};
use hsflow::policy::react::reaction::SLICES;
use std::fs;
use std::path::Path;

fn section(name: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/hsflowd-policy.8");
    let text = fs::read_to_string(page).unwrap();
    let section = text.split("\n.Sh ").find(|section| section.starts_with(&format!("{name}\n")));
    section.unwrap_or_else(|| panic!("no .Sh {name}")).to_owned()
}

/// An attack of 100 Mbit/s beside normal traffic whose heaviest key has 5 Mbit/s, packets of 1,400 bytes.
fn expected(threshold_mbps: f64, one_in: u32) -> Row {
    row(&Case {
        threshold_bps: threshold_mbps * 1e6,
        one_in,
        window_secs: 1.0,
        slices: SLICES,
        attack_bps: 100e6,
        normal_bps: 5e6,
        packet_bytes: 1400.0,
    })
}

/// Two digits that count; what is seen less than once in three years is as good as never.
fn rounded(a_day: f64) -> String {
    match a_day {
        10.0.. => format!("{a_day:.0}"),
        1.0.. => format!("{a_day:.1}"),
        0.1.. => format!("{a_day:.2}"),
        0.001.. => format!("{a_day:.3}"),
        _ => "0".to_owned(),
    }
}

#[test]
fn the_table_of_detection_is_what_is_computed() {
    let (mut seen, mut wrong) = (0, Vec::new());
    let rows = section("DETECTION");
    let rows = rows.lines().filter_map(|line| line.strip_prefix(".It "));
    for line in rows.filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
        let cells: Vec<_> = line.split(" Ta ").collect();
        let [threshold, one_in, ..] = cells[..] else { panic!("{line}") };
        let row = expected(threshold.parse().unwrap(), one_in.parse().unwrap());
        let wanted = format!(
            ".It {threshold} Ta {one_in} Ta {:.1} Ta {:.1} Ta {}",
            row.median_secs,
            row.slow_secs,
            rounded(row.false_alarms_a_day)
        );
        seen += 1;
        if wanted.strip_prefix(".It ") != Some(line) {
            wrong.push(wanted);
        }
    }
    assert!(wrong.is_empty(), "write into man/hsflowd-policy.8:\n{}", wrong.join("\n"));
    assert!(seen > 4, "{seen}");
}
