//! What hsflowd-policy says, as text for people.
//!
//! In: its JSON. Out: text. Pure. Rule: what is missing is left out, and what came from outside is escaped.

use crate::ctl::printable::printable;
use crate::view::number::of_day;
use serde_json::Value;
use std::fmt::Write;

/// A value as a word.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn span(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} d", secs / 86_400),
    }
}

fn line(policy: &Value, now: u64) -> String {
    let time = |key: &str| policy[key].as_u64();
    let mut line = format!(
        "{:<24} {:<11} {:<8} {:<9} {} packets, {} bytes, since {}",
        word(&policy["name"]),
        word(&policy["state"]),
        word(&policy["origin"]),
        word(&policy["carrier"]),
        word(&policy["packets"]),
        word(&policy["bytes"]),
        span(now.saturating_sub(time("since").unwrap_or(now))),
    );
    // Writing to a String cannot fail.
    if let Some(end) = time("ends") {
        let _ = write!(line, ", ends in {}", span(end.saturating_sub(now)));
    }
    if let Some(end) = time("confirm_by") {
        let _ = write!(line, ", taken back in {} unless confirmed", span(end.saturating_sub(now)));
    }
    if !policy["error"].is_null() {
        let _ = write!(line, "\n  {}", word(&policy["error"]));
    }
    line + "\n"
}

pub(super) fn list(answer: &Value, now: u64) -> String {
    let policies = answer["policies"].as_array().map_or(&[][..], Vec::as_slice);
    if policies.is_empty() {
        return "There are no policies.\n".to_owned();
    }
    policies.iter().map(|policy| line(policy, now)).collect()
}

pub(super) fn show(policy: &Value, now: u64) -> String {
    let mut page = line(policy, now);
    let _ = writeln!(page, "  asked by {}", word(&policy["by"]));
    for group in policy["empty_groups"].as_array().into_iter().flatten() {
        let _ = writeln!(
            page,
            "  group {} has no address: none of its guests runs, or none is known",
            word(group)
        );
    }
    for (key, value) in policy["policy"].as_object().into_iter().flatten() {
        match value {
            Value::Array(values) if key == "lines" => {
                page.extend(values.iter().map(|value| format!("  {}\n", word(value))));
            }
            Value::Array(values) => {
                let words: Vec<_> = values.iter().map(word).collect();
                let _ = writeln!(page, "  {key} {}", words.join(" "));
            }
            other => {
                let _ = writeln!(page, "  {key} {}", word(other));
            }
        }
    }
    page
}

pub(super) fn status(answer: &Value, now: u64) -> String {
    let mut page = format!(
        "{} policies in force, {} waiting, {} not working\n",
        word(&answer["live"]),
        word(&answer["waiting"]),
        word(&answer["quarantined"])
    );
    for (name, source) in answer["sources"].as_object().into_iter().flatten() {
        let counts = source["counts"].as_object().into_iter().flatten();
        let counts: Vec<_> = counts.map(|(key, count)| format!("{} {key}", word(count))).collect();
        let _ = write!(page, "{name}: {}", counts.join(", "));
        if let Some(since) = source["away"]["since"].as_u64() {
            let why = word(&source["away"]["why"]);
            let _ = write!(page, "; AWAY since {}: {why}", span(now.saturating_sub(since)));
        }
        page.push('\n');
    }
    for (carrier, why) in answer["troubles"].as_object().into_iter().flatten() {
        let _ = writeln!(page, "TROUBLE {carrier}: {}", word(why));
    }
    for (key, said) in [("faults", "FAULT"), ("warnings", "WARNING")] {
        for text in answer[key].as_array().into_iter().flatten() {
            let _ = writeln!(page, "{said} {}", word(text));
        }
    }
    page
}

pub(super) fn plan(answer: &Value, _now: u64) -> String {
    let steps = answer["plan"].as_array().map_or(&[][..], Vec::as_slice);
    if steps.is_empty() {
        return "Nothing would be done: all is as wanted.\n".to_owned();
    }
    // Steps are texts of many lines: each line by itself is escaped.
    let lines = steps.iter().filter_map(Value::as_str).flat_map(str::lines);
    lines.map(|line| printable(line) + "\n").collect()
}

pub(super) fn done(answer: &Value, _now: u64) -> String {
    match answer["changed"].as_bool() {
        Some(true) => "Done.\n",
        _ => "Nothing was to be changed.\n",
    }
    .to_owned()
}

/// What the service refuses, with each place.
pub(super) fn refusal(answer: &Value) -> String {
    let mut text = word(&answer["message"]);
    for place in answer["where"].as_array().into_iter().flatten() {
        let _ = write!(text, "\n  ");
        for (key, after) in [("policy", ": "), ("key", ": ")] {
            if let Some(said) = place[key].as_str().filter(|said| !said.is_empty()) {
                let _ = write!(text, "{}{after}", printable(said));
            }
        }
        if let Some(line) = place["line"].as_u64().filter(|line| *line > 0) {
            let _ = write!(text, "{line}:{}: ", word(&place["column"]));
        }
        text.push_str(&word(&place["message"]));
    }
    text
}

pub(super) fn event(note: &Value) -> String {
    match note["missed"].as_u64() {
        Some(missed) => format!("({missed} more, which this reader was too slow for)\n"),
        None => {
            let at = of_day(note["at"].as_u64().unwrap_or_default());
            format!("{at} UTC, {}: {}\n", word(&note["by"]), word(&note["text"]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_policy_is_a_line_with_its_ends_and_its_error() {
        let policy = json!({"name": "web", "state": "quarantined", "error": "no \u{1b}[2J", "since": 940,
            "ends": 4600, "confirm_by": 1030, "packets": 3, "bytes": 4});
        let text = list(&json!({"policies": [policy]}), 1000);
        for words in ["web ", "since 60 s, ends in 60 min, taken back in 30 s", "\n  no \\u{1b}[2J\n"] {
            assert!(text.contains(words), "{words}\n{text}");
        }
    }

    #[test]
    fn status_says_who_is_listened_to_and_who_is_away() {
        let guests =
            json!({"since": null, "away": {"since": 990, "why": "refused"}, "counts": {"guests": 3}});
        let text =
            status(&json!({"live": 1, "waiting": 0, "quarantined": 0, "sources": {"guests": guests}}), 1000);
        assert!(text.ends_with("\nguests: 3 guests; AWAY since 10 s: refused\n"), "{text}");
    }

    #[test]
    fn a_refusal_names_every_place() {
        let place = json!([{"policy": "web", "key": "source", "line": 0, "message": "no prefix"},
            {"key": "", "line": 2, "column": 3, "message": "half a 'b"}]);
        let text = refusal(&json!({"message": "not well formed", "where": place}));
        assert_eq!(text, "not well formed\n  web: source: no prefix\n  2:3: half a 'b");
    }
}
