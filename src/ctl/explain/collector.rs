//! `hsflowctl explain collector ADDRESS`. In: a [`Snapshot`]. Out: a paragraph for each collector of that address: whether it
//! gets its datagrams, since when not and why, and what would change it. Pure.

use crate::ctl::status::collector::{in_words, kinds};
use crate::ctl::status::duration;
use crate::ctl::written;
use crate::status::snapshot::{Collector, Snapshot};
use crate::status::verdict::remedy::{self, Place};
use std::fmt::Write;

/// # Errors
/// None has this address; which there are.
pub(in crate::ctl) fn explain(snapshot: &Snapshot, address: &str) -> Result<String, String> {
    let is_meant = |c: &&Collector| {
        c.name == address
            || c.name.split(' ').next() == Some(address)
            || c.address.as_deref() == Some(address)
    };
    let texts: Vec<String> = snapshot
        .collectors
        .iter()
        .filter(is_meant)
        .map(|c| written(|text| paragraph(text, snapshot, c)))
        .collect();
    if texts.is_empty() { Err(none(snapshot, address)) } else { Ok(texts.join("\n")) }
}

fn none(snapshot: &Snapshot, address: &str) -> String {
    let names: Vec<_> = snapshot.collectors.iter().map(|c| c.name.as_str()).collect();
    let known = if names.is_empty() {
        "It sends to nobody.".to_owned()
    } else {
        format!("It sends to: {}.", names.join(", "))
    };
    format!(
        "The agent has no collector {}. {known}\nTo add it, write this in {} and reload:\n  collector {{ ip = {} }}\n",
        address.escape_debug(),
        snapshot.settings.file,
        address.escape_debug()
    )
}

fn paragraph(text: &mut String, snapshot: &Snapshot, c: &Collector) -> std::fmt::Result {
    let state = in_words(c);
    writeln!(text, "Collector {}: {state}.", c.name)?;
    match &c.address {
        Some(address) if !c.name.starts_with(address.as_str()) => {
            writeln!(text, "Its name stands for {address} now.")?
        }
        None => writeln!(text, "Its name has no address yet.")?,
        Some(_) => {}
    }
    match c.last_send_secs_ago {
        Some(secs) => writeln!(
            text,
            "It was sent {} datagrams with {} bytes, the last one {} ago; UDP does not tell whether they arrived.",
            c.datagrams,
            c.bytes,
            duration(secs)
        )?,
        None => writeln!(text, "Nothing was sent to it yet.")?,
    }
    if let Some(error) = c.last_error.as_ref().filter(|_| c.errors > 0) {
        let ago = c.last_error_secs_ago.map_or(String::new(), |secs| format!(", {} ago,", duration(secs)));
        writeln!(
            text,
            "{} datagrams did not leave; of {} errors ({}) the last{ago} was: {error}.",
            c.lost,
            c.errors,
            kinds(&c.error_kinds)
        )?;
    }
    let component = format!("collector {}", c.name);
    let finding = snapshot.findings.iter().find(|finding| finding.what == component);
    let file = &snapshot.settings.file;
    match finding {
        Some(finding) => writeln!(text, "The cause: {}. What to do:\n  {}", finding.cause, finding.remedy),
        None if c.errors > 0 => {
            let place = Place { component: &component, file };
            let mended = remedy::of(&place, c.last_error.as_deref().unwrap_or_default());
            writeln!(text, "It is over now. Should it come again:\n  {mended}")
        }
        None => writeln!(
            text,
            "Whether they arrive shows there: tcpdump -n udp port {}. To change it, in {file}, then hsflowctl reload:\n  collector {{ ip = {} }}",
            c.name.split(' ').nth(2).unwrap_or("6343"),
            c.name.split(' ').next().unwrap_or("ADDRESS")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::snapshot::ErrorKinds;
    use crate::status::verdict::{Finding, Severity};

    fn snapshot(state: &str) -> Snapshot {
        let errors = if state == "degraded" { 4 } else { 0 };
        let collector = Collector {
            name: "c.example.org port 6344".into(),
            state: state.into(),
            address: Some("192.0.2.7".into()),
            datagrams: 10,
            bytes: 9000,
            last_send_secs_ago: Some(61),
            errors,
            error_kinds: ErrorKinds { refused: errors, ..ErrorKinds::default() },
            last_error: Some("refused: nothing listens on that port".into()),
            ..Collector::default()
        };
        Snapshot { collectors: vec![collector], ..Snapshot::default() }
    }

    #[test]
    fn it_is_found_by_its_name_and_by_its_address() {
        let snapshot = snapshot("running");
        for address in ["c.example.org", "192.0.2.7", "c.example.org port 6344"] {
            let text = explain(&snapshot, address).unwrap();
            for words in [
                "reachable",
                "stands for 192.0.2.7",
                "10 datagrams with 9000 bytes, the last one 1 min 1 s ago",
                "udp port 6344",
            ] {
                assert!(text.contains(words), "{words}: {text}");
            }
        }
        let none = explain(&snapshot, "192.0.2.8").unwrap_err();
        assert!(
            none.contains("It sends to: c.example.org port 6344.")
                && none.contains("collector { ip = 192.0.2.8 }"),
            "{none}"
        );
    }

    #[test]
    fn one_that_is_not_reached_ends_with_what_mends_it() {
        let mut snapshot = snapshot("degraded");
        let text = explain(&snapshot, "192.0.2.7").unwrap();
        assert!(text.contains("(4 refused)") && text.contains("It is over now"), "{text}");
        snapshot.findings = vec![Finding {
            what: "collector c.example.org port 6344".into(),
            severity: Severity::Degraded,
            cause: "refused".into(),
            remedy: "start it".into(),
            since: None,
        }];
        let text = explain(&snapshot, "192.0.2.7").unwrap();
        assert!(text.ends_with("The cause: refused. What to do:\n  start it\n"), "{text}");
    }
}
