//! `ADDRESS/PORT/DEVICE/NAMESPACE` → a collector. Later fields may be absent or empty; the port is then 6343. Rule: each
//! field is what the key table wants of its key in `collector { }`.

use crate::config::keys::{Object, ObjectId};
use crate::config::model::CollectorSettings;
use crate::config::value::{self, Value};

/// The keys of `collector { }` in the order of the fields.
const FIELDS: [&str; 4] = ["ip", "udpport", "dev", "namespace"];

/// A collector, and its fields as written by their key.
pub(super) type Parsed = (CollectorSettings, Vec<(&'static str, String)>);

/// The collector; or the key that is wrong and what it wants.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let mut settings = CollectorSettings { port: default_port(), ..CollectorSettings::default() };
    let mut stated = Vec::new();
    let mut parts = text.split('/').map(str::trim);
    for (field, word) in FIELDS.into_iter().zip(&mut parts).filter(|(_, word)| !word.is_empty()) {
        match read(field, word)? {
            Value::Int(port) => settings.port = u16::try_from(port).unwrap_or_default(),
            Value::Text(text) => match field {
                "ip" => settings.host = text,
                "dev" => settings.device = Some(text),
                _ => settings.namespace = Some(text),
            },
            _ => {}
        }
        stated.push((field, word.to_owned()));
    }
    if parts.next().is_some() {
        return Err("more than address, port, device and namespace".into());
    }
    if settings.host.is_empty() { Err("there is no address".into()) } else { Ok((settings, stated)) }
}

fn read(field: &str, word: &str) -> Result<Value, String> {
    let key = Object::of(ObjectId::Collector).keys.iter().find(|key| key.name == field);
    let key = key.ok_or_else(|| format!("unknown field {field}"))?;
    let wants = |_| format!("{field} takes {}", key.kind.expects());
    value::parse(&key.kind, word).map(|parsed| parsed.value).map_err(wants)
}

fn default_port() -> u16 {
    let key = Object::of(ObjectId::Collector).keys.iter().find(|key| key.name == "udpport");
    key.and_then(|key| key.default.parse().ok()).unwrap_or_default()
}
