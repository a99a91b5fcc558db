//! A policy as a file or a request would say it.
//!
//! In: a [`Policy`]. Out: JSON with the keys of `[policy.NAME]`, or that as TOML. Rule: what is written reads back as
//! the same policy; values are those that were understood (`10.0.0.1` is `10.0.0.1/32`), directions are always said. An
//! end that is a point in time is written as what is left, since a policy says how long.

use crate::policy::model::{Action, Body, End, Policy, Ports, RawRule, Redirect, Rule, Tunnel};
use serde_json::{Map, Value, json};
use std::fmt::{Display, Write as _};
use std::time::{Duration, SystemTime};

/// As JSON, without the name.
pub fn json(policy: &Policy, now: SystemTime) -> Value {
    let mut keys = Map::new();
    keys.insert("owner".into(), text(&policy.owner));
    keys.insert("priority".into(), policy.priority.into());
    keys.extend(policy.expiry.secs_left(now).map(|secs| ("expires".into(), format!("{secs}s").into())));
    keys.extend(policy.netns.as_ref().map(|netns| ("netns".into(), text(netns))));
    keys.extend(policy.forced.then(|| ("force".into(), true.into())));
    match &policy.body {
        Body::Lines(lines) => {
            keys.insert("lines".into(), raw(lines));
        }
        Body::Rule(rule) => traffic(rule, &mut keys),
    }
    Value::Object(keys)
}

/// As the table `[policy.NAME]` of a file.
pub fn toml(policy: &Policy, now: SystemTime) -> String {
    table("policy", policy.name.as_str(), &json(policy, now))
}

/// A table `[KIND.NAME]` with these values; what JSON has and TOML has not (`null`) is left out.
pub(in crate::policy) fn table(kind: &str, name: &str, keys: &Value) -> String {
    let mut out = format!("[{kind}.{}]\n", quoted(name));
    for (key, value) in keys.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let _ = write!(out, "{} = ", quoted(key));
        put(value, &mut out);
        out.push('\n');
    }
    out
}

fn put(value: &Value, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Array(values) => {
            out.push('[');
            for value in values {
                put(value, out);
                out.push_str(", ");
            }
            out.push(']');
        }
        Value::Object(keys) => {
            out.push_str("{ ");
            for (number, (key, value)) in keys.iter().enumerate() {
                let _ = write!(out, "{}{} = ", if number == 0 { "" } else { ", " }, quoted(key));
                put(value, out);
            }
            out.push_str(" }");
        }
    }
}

/// TOML's basic string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn text(value: &impl Display) -> Value {
    Value::String(value.to_string())
}

fn texts<T: Display>(values: impl IntoIterator<Item = T>) -> Value {
    values.into_iter().map(|value| text(&value)).collect()
}

fn millis(time: Duration) -> Value {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).into()
}

/// A section begins wherever the program changes, since rules keep their order.
fn raw(lines: &[RawRule]) -> Value {
    let mut said = Vec::new();
    let mut tool = None;
    for line in lines {
        if tool.replace(line.tool()) != Some(line.tool()) {
            said.push(format!("[{}]", line.tool().name()));
        }
        said.push(line.to_string());
    }
    said.into()
}

fn traffic(rule: &Rule, keys: &mut Map<String, Value>) {
    let traffic = rule.matching().traffic();
    let ends = |ends: &[End]| {
        texts(ends.iter().map(|end| match end {
            End::Prefix(prefix) => prefix.to_string(),
            End::Group(name) => format!("@{name}"),
        }))
    };
    let ports = |ports: &[Ports]| texts(ports);
    let states = traffic.states.iter().map(|state| state.to_string().to_ascii_lowercase());
    let (vni, gre_key) = match traffic.tunnel {
        Some(Tunnel::Vni(vni)) => (Some(vni.get()), None),
        Some(Tunnel::GreKey(key)) => (None, Some(key)),
        None => (None, None),
    };
    let said = [
        ("direction", Some(texts(&traffic.directions))),
        ("bridge", traffic.bridge.as_ref().map(text)),
        ("from", traffic.from.as_ref().map(text)),
        ("to", traffic.to.as_ref().map(text)),
        ("source", some(&traffic.sources, ends)),
        ("destination", some(&traffic.destinations, ends)),
        ("protocol", traffic.protocol.map(|protocol| text(&protocol))),
        ("source_port", some(&traffic.source_ports, ports)),
        ("destination_port", some(&traffic.destination_ports, ports)),
        ("fragments", traffic.fragments.then_some(Value::Bool(true))),
        ("dscp", traffic.dscp.map(|dscp| text(&dscp))),
        ("state", (!traffic.states.is_empty()).then(|| texts(states))),
        ("vni", vni.map(Value::from)),
        ("gre_key", gre_key.map(Value::from)),
        ("above", traffic.above.map(|rate| text(&rate))),
        ("action", Some(action(rule.action()))),
    ];
    keys.extend(said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
}

fn some<T>(values: &[T], write: impl Fn(&[T]) -> Value) -> Option<Value> {
    (!values.is_empty()).then(|| write(values))
}

fn action(action: &Action) -> Value {
    match action {
        Action::Accept => "accept".into(),
        Action::Drop => "drop".into(),
        Action::Reject => "reject".into(),
        Action::Limit(rate) => json!({ "limit": rate.to_string() }),
        Action::Mark(mark) => {
            let dscp = mark.dscp.map(|dscp| ("dscp".to_owned(), text(&dscp)));
            let class = mark.class.map(|class| ("class".to_owned(), text(&class)));
            json!({ "mark": Value::Object(dscp.into_iter().chain(class).collect()) })
        }
        Action::Shape(shape) => {
            let said = [
                ("rate", Some(text(&shape.rate))),
                ("ceil", shape.ceil.map(|ceil| text(&ceil))),
                ("burst_ms", shape.burst.map(millis)),
                ("latency_ms", shape.latency.map(millis)),
            ];
            let said = said.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
            json!({ "shape": Value::Object(said.collect()) })
        }
        Action::Redirect(Redirect::Device(device)) => json!({ "redirect": { "device": device.to_string() } }),
        Action::Redirect(Redirect::Netns(netns)) => json!({ "redirect": { "netns": netns.to_string() } }),
    }
}
