//! The model behind `top` and `web`: whatever comes, its rows fit their tables, lines fit their width, memory its room.

use hsflow::view::limits::{self, Limits};
use hsflow::view::{Now, Room, View, sheets, summary};
use std::time::Duration;

const ROOM: Room = Room { hosts: 3, rows: 20, places: 8, trail: 4 };

/// Datagrams, each after a byte of seconds and two of its length.
pub(crate) fn law(data: &[u8]) {
    let mut view = View::new(ROOM, Limits::default());
    let (mut rest, mut now) = (data, Now { time: Duration::from_secs(100), unix: 1_700_000_000 });
    while let Some((&[secs, high, low], behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(behind.len());
        let (bytes, next) = behind.split_at(length);
        now.time += Duration::from_secs(secs.into());
        now.unix += u64::from(secs);
        view.feed(now, bytes);
        view.tick(now);
        rest = next;
    }
    let picture = view.picture(now, None);
    assert!(picture.hosts.len() <= ROOM.hosts && view.rows() <= ROOM.rows);
    serde_json::to_string(&picture).expect("a picture can be printed");
    let Some(agent) = &picture.shown else { return };
    let limits = view.limits();
    let all = [
        sheets::hosts(&picture, limits),
        sheets::interfaces(agent, limits),
        sheets::guests(agent, limits),
        sheets::services(agent, limits),
        sheets::flows(agent, None),
        sheets::drops(agent, limits),
        sheets::alerts(&picture),
    ];
    for mut sheet in all {
        sheet.sort(sheet.order, false);
        assert!(sheet.rows.iter().all(|row| row.cells.len() == sheet.columns.len()));
        assert!(
            sheet
                .lines(100)
                .iter()
                .all(|line| line.chars().count() <= 100 && !line.contains(char::is_control))
        );
    }
    for flow in &agent.flows {
        assert!(flow.bits.low <= flow.bits.value && flow.bits.value <= flow.bits.high);
    }
    assert!(summary::lines(agent, limits).iter().all(|line| !summary::text(line).is_empty()));
}

/// Limits out of any text: faults lie inside it, and what is high is above what is remarkable.
pub(crate) fn toml(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (limits, faults) = limits::parse(&text);
    assert!(faults.len() <= 100 && faults.iter().all(|fault| fault.line <= text.matches('\n').count() + 1));
    for row in &limits::METRICS {
        let limit = limits.of(row.metric);
        assert!(limit.warn.is_finite() && limit.high.is_finite());
        if faults.is_empty() {
            assert!(limit.warn <= limit.high);
        }
    }
}
