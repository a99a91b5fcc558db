//! The lines of `hsflowctl status` about what the agent costs, and who asks for metrics. In: parts of the snapshot. Out: text.

use crate::status::asked::Asked;
use crate::status::cost::Cost;
use std::fmt::Write;

/// Two lines.
pub(super) fn write_cost(page: &mut String, c: &Cost) -> std::fmt::Result {
    write!(page, "cost       {} ms CPU ({} user, {} system)", c.cpu_ms, c.user_ms, c.system_ms)?;
    if let Some(now) = c.rss_kib {
        write!(page, ", {now} KiB resident")?;
    }
    write!(page, ", {} KiB at most, {} sleeps, {} preemptions", c.peak_rss_kib, c.sleeps, c.preemptions)?;
    let threads: Vec<_> =
        c.threads.iter().map(|t| format!("{} {} ms", t.name, t.user_ms + t.system_ms)).collect();
    if !threads.is_empty() {
        write!(page, "; {}", threads.join(", "))?;
    }
    writeln!(page)?;
    write!(page, "calls      {} of the system", c.all_calls())?;
    if let Some(calls) = c.calls_per_poll() {
        write!(page, ", {calls} a poll")?;
    }
    if let Some(tenths) = c.tenths_per_sample() {
        write!(page, ", {}.{} a sample", tenths / 10, tenths % 10)?;
    }
    let kinds: Vec<_> = c.calls.iter().map(|calls| format!("{} {}", calls.count, calls.kind)).collect();
    if !kinds.is_empty() {
        write!(page, ": {}", kinds.join(", "))?;
    }
    writeln!(page)
}

/// One line.
pub(super) fn write_asked(page: &mut String, a: &Asked) -> std::fmt::Result {
    write!(page, "metrics    {}: asked for {} times", a.listen, a.served)?;
    if let Some(secs) = a.last_secs_ago {
        write!(page, ", last {secs} s ago")?;
    }
    for (count, what) in [(a.refused, "other requests"), (a.given_up, "connections given up")] {
        if count > 0 {
            write!(page, ", {count} {what}")?;
        }
    }
    writeln!(page, "{}", if a.open { ", OPEN to whoever reaches this address" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::cost::{Calls, Thread};

    #[test]
    fn what_is_known_is_said() {
        let mut page = String::new();
        let cost = Cost {
            cpu_ms: 30,
            user_ms: 20,
            system_ms: 10,
            rss_kib: Some(5000),
            peak_rss_kib: 6000,
            sleeps: 4,
            polls: 2,
            poll_calls: 24,
            samples: 8,
            calls: vec![Calls { kind: "read".into(), count: 20 }, Calls { kind: "send".into(), count: 4 }],
            threads: vec![Thread { name: "main".into(), user_ms: 20, system_ms: 10 }],
            ..Cost::default()
        };
        write_cost(&mut page, &cost).unwrap();
        assert_eq!(
            page,
            "cost       30 ms CPU (20 user, 10 system), 5000 KiB resident, 6000 KiB at most, 4 sleeps, 0 preemptions; main 30 ms\n\
             calls      24 of the system, 12 a poll, 3.0 a sample: 20 read, 4 send\n"
        );
    }

    #[test]
    fn an_open_address_is_said() {
        let mut page = String::new();
        let asked =
            Asked { listen: "0.0.0.0:9036".into(), open: true, served: 3, given_up: 1, ..Asked::default() };
        write_asked(&mut page, &asked).unwrap();
        assert_eq!(
            page,
            "metrics    0.0.0.0:9036: asked for 3 times, 1 connections given up, OPEN to whoever reaches this address\n"
        );
    }
}
