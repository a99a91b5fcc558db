//! `hsflowctl explain setting KEY`. In: a [`Snapshot`], and the table of keys. Out: a paragraph: its value, who says it, what it
//! means, and the line that changes it. Pure.

use crate::config::keys::{Activity, Key, Kind, OBJECTS, Object, ObjectId};
use crate::config::nearest;
use crate::ctl::written;
use crate::status::snapshot::{Snapshot, Value};
use std::fmt::Write;

/// # Errors
/// No key is called so; the nearest one.
pub(in crate::ctl) fn explain(snapshot: &Snapshot, word: &str) -> Result<String, String> {
    let values = &snapshot.settings.values;
    let known = find(word);
    let own = values.iter().filter(|value| is_meant(&value.key, word, known));
    let own: Vec<_> = own.collect();
    let Some((object, key)) = known else {
        return own.first().map(|value| stated(value)).ok_or_else(|| none(values, word));
    };
    Ok(written(|text| write_all(text, snapshot, (object, key), &own)))
}

/// The key as the table has it: `polling`, `sampling.10G`, `json.udpport`, `collector.2.ip`, `pcap.dev`.
fn find(word: &str) -> Option<(&'static Object, &'static Key)> {
    let of = |object: &'static Object, key: &str| Some((object, object.keys.get(object.key(key)?)?));
    let inside = || {
        let object = OBJECTS.iter().copied().filter(|object| object.id != ObjectId::Sflow);
        object.filter_map(|object| {
            let path = object.path("");
            let start = word.get(..path.len())?;
            let rest = word.get(path.len()..).filter(|_| start.eq_ignore_ascii_case(&path))?;
            let unnumbered = rest.split_once('.').filter(|(number, _)| number.parse::<u32>().is_ok());
            of(object, unnumbered.map_or(rest, |(_, key)| key))
        })
    };
    // `sampling.KEY` would take any word: objects go first.
    inside().next().or_else(|| of(Object::of(ObjectId::Sflow), word))
}

/// A value of this key: by its full name, or by that of the table, for each block that there is.
fn is_meant(key: &str, word: &str, known: Option<(&'static Object, &'static Key)>) -> bool {
    if key.eq_ignore_ascii_case(word) {
        return true;
    }
    // Of a numbered block the number was left out.
    let is_general = known.is_some_and(|(object, found)| word.eq_ignore_ascii_case(&object.path(found.name)));
    is_general && matches!((find(key), known), (Some((_, a)), Some((_, b))) if std::ptr::eq(a, b))
}

fn none(values: &[Value], word: &str) -> String {
    let near = nearest(word, values.iter().map(|value| value.key.as_str()));
    let advice = near.map_or_else(
        || "hsflowctl config show prints those in force, man 5 hsflowd.conf has all".to_owned(),
        |near| format!("did you mean {near}?"),
    );
    format!("There is no setting {}: {advice}\n", word.escape_debug())
}

fn stated(value: &Value) -> String {
    match &value.value {
        Some(text) => format!("{} is {}: {}.\n", value.key, text, value.origin),
        None => format!("{} is not set; what holds is: {}.\n", value.key, value.origin),
    }
}

fn write_all(
    text: &mut String,
    snapshot: &Snapshot,
    (object, key): (&'static Object, &'static Key),
    own: &[&Value],
) -> std::fmt::Result {
    own.iter().try_for_each(|value| write!(text, "{}", stated(value)))?;
    let name = object.path(key.name);
    let in_object = object.id != ObjectId::Sflow;
    if own.is_empty() && in_object {
        writeln!(text, "{name} is not in force: the configuration has no {} {{ }}.", object.name)?;
    } else if own.is_empty() {
        writeln!(text, "{name} is not set.")?;
    }
    writeln!(text, "{}.{}{}", key.help, space(key.more), key.more)?;
    let default = if key.default.is_empty() { key.unset } else { key.default };
    if !default.is_empty() {
        writeln!(text, "Without it: {default}.")?;
    }
    if let Kind::Int { .. } | Kind::Probability | Kind::Speeds | Kind::Cidr | Kind::Choice(_) = key.kind {
        writeln!(text, "It takes {}.", key.kind.expects())?;
    }
    match key.activity {
        Activity::Ignored(why) => writeln!(text, "It has no effect: {why}.")?,
        Activity::Partly(what) => writeln!(text, "Of it this version does: {what}.")?,
        Activity::NotYet => writeln!(text, "It has no effect in this version.")?,
        Activity::Active => {}
    }
    let (sample, value) = key.sample();
    let value = own.first().and_then(|own| own.value.as_deref()).unwrap_or(value);
    let record = own.iter().find(|value| is_record(&value.origin));
    if let Some(value) = record {
        writeln!(text, "A record says it, which goes before the file: {}.", value.origin)?;
    }
    let line = if in_object {
        format!("{} {{ {sample} = {value} }}", object.name)
    } else {
        format!("{sample} = {value}")
    };
    writeln!(
        text,
        "To change it, write this in {} and reload (hsflowctl reload):\n  {line}",
        snapshot.settings.file
    )
}

fn space(more: &str) -> &'static str {
    if more.is_empty() { "" } else { " " }
}

/// DNS says it.
fn is_record(origin: &str) -> bool {
    origin.contains("TXT") || origin.contains("SRV")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    /// As an agent with this configuration would tell.
    fn snapshot(text: &str) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let settings = parse("/etc/f", text).settings.expect("a valid file");
        let value = |e: crate::config::Effective| Value { key: e.key, value: e.value, origin: e.origin };
        snapshot.settings.values = settings.effective().into_iter().map(value).collect();
        snapshot.settings.file = "/etc/f".into();
        snapshot
    }

    const TEXT: &str = "sflow {\n polling = 5\n sampling.10G = 77\n collector { ip = ::1 }\n pcap { dev = a }\n pcap { dev = b } }";

    #[test]
    fn value_origin_meaning_and_the_line_that_changes_it() {
        for (key, words) in [
            (
                "polling",
                &[
                    "polling is 5: /etc/f:2.",
                    "Time between two counter samples",
                    "Without it: 30.",
                    "0 to 300",
                    "  polling = 5\n",
                ][..],
            ),
            ("POLLING", &["polling is 5: /etc/f:2."]),
            ("sampling.10G", &["sampling.10G is 77: /etc/f:3."]),
            ("collector.1.ip", &["collector.1.ip is ::1: /etc/f:4.", "collector { ip = ::1 }"]),
            ("pcap.dev", &["pcap.1.dev is a: /etc/f:5.\npcap.2.dev is b: /etc/f:6."]),
            ("agentIP", &["agentIP is not set; what holds is: the best local address."]),
            (
                "docker.markTraffic",
                &["is not in force: the configuration has no docker { }", "docker { markTraffic = "],
            ),
            ("checkAdaptors", &["It has no effect: "]),
        ] {
            let text = explain(&snapshot(TEXT), key).unwrap();
            words.iter().for_each(|words| assert!(text.contains(words), "{key}: {words}\n{text}"));
            assert!(text.lines().last().unwrap().starts_with("  "), "{text}");
        }
    }

    #[test]
    fn a_word_that_is_no_key_gets_the_nearest() {
        assert_eq!(
            explain(&snapshot(TEXT), "poling").unwrap_err(),
            "There is no setting poling: did you mean polling?\n"
        );
        assert!(
            explain(&snapshot(TEXT), "weather\n").unwrap_err().contains("weather\\n: hsflowctl config show")
        );
    }

    #[test]
    fn every_key_of_the_table_can_be_asked_for() {
        let snapshot = snapshot("sflow { collector { ip = ::1 } }");
        for object in OBJECTS {
            for key in object.keys.iter().filter(|key| key.moved.is_none()) {
                let path = object.path(&key.sample().0);
                assert!(explain(&snapshot, &path).is_ok_and(|text| text.contains(key.help)), "{path}");
            }
        }
    }
}
