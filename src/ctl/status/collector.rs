//! A collector on the page: reachable or not, what it got, when last, and what went wrong by kind. In: the snapshot's entry.
//! Out: its lines.

use super::{counted, duration};
use crate::status::snapshot::{Collector, ErrorKinds};
use std::fmt::Write;

pub(super) fn write_collector(page: &mut String, c: &Collector) -> std::fmt::Result {
    let last = match c.last_send_secs_ago {
        Some(secs) => format!("last {} ago", duration(secs)),
        None => "nothing sent yet".to_owned(),
    };
    let state = in_words(c);
    write!(page, "collector  {}: {state}, {} datagrams, {} bytes, {last}", c.name, c.datagrams, c.bytes)?;
    if let Some(address) = c.address.as_ref().filter(|address| !c.name.starts_with(address.as_str())) {
        write!(page, ", at {address}")?;
    }
    if c.errors > 0 {
        let error = c.last_error.as_deref().unwrap_or("unknown");
        write!(page, ", {} lost, {} errors, last: {error}", c.lost, c.errors)?;
        let kinds = kinds(&c.error_kinds);
        if !kinds.is_empty() {
            write!(page, "\n           {kinds}")?;
        }
    }
    writeln!(page)
}

/// What is known of the way there. UDP tells only of what goes wrong.
pub(in crate::ctl) fn in_words(c: &Collector) -> &'static str {
    match c.state.as_str() {
        "running" if c.datagrams == 0 => "nothing stands in the way",
        "running" => "reachable, as far as UDP tells",
        "resolving" => "its name is being looked up",
        "stand-by" => "stand-by, for when the better ones fail",
        "degraded" => "NOT REACHED",
        _ => "state unknown",
    }
}

/// `3 refused, 2 without a route`; nothing where there was no error.
pub(in crate::ctl) fn kinds(kinds: &ErrorKinds) -> String {
    let all = [
        (kinds.refused, "refused"),
        (kinds.unreachable, "without a route"),
        (kinds.denied, "forbidden here"),
        (kinds.buffer_full, "for want of room"),
        (kinds.too_big, "too long"),
        (kinds.other, "of other kinds"),
    ];
    counted(all.iter().filter(|(count, _)| *count > 0))
}
