//! Every effective value and where it came from: what `hsflowctl config show` prints.
//!
//! In: [`Settings`], which remember what was stated where; the key table for everything else. Out: one entry a key, in the
//! table's order. Objects that nothing names have no entries: they are off.

use super::keys::{Activity, Key, OBJECTS, Object, ObjectId, Repeat};
use super::model::Settings;
use super::origin::{Origin, Origins};

/// A key and what holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// `polling`, `json.udpport`, `sampling.10G`, `collector.2.ip`; an object that is on without keys by its name.
    pub key: String,
    /// As written, or the default; none where a sentence says what holds: [`Self::origin`].
    pub value: Option<String>,
    /// `default`, `FILE:LINE`, a DNS record, a command-line option; without a value, what holds instead.
    pub origin: String,
}

impl Settings {
    /// All of them.
    pub fn effective(&self) -> Vec<Effective> {
        let mut list = Vec::new();
        for object in OBJECTS {
            match object.repeat {
                Repeat::Never => entries(&self.origins, object, "", &mut list),
                Repeat::List => {
                    let numbered = (1..).map(|n| format!("{}{n}", object.path("")));
                    let named = numbered.take_while(|name| self.origins.stated.contains_key(name));
                    named.for_each(|name| entries(&self.origins, object, &format!("{name}."), &mut list));
                }
                Repeat::Merge | Repeat::Reset if self.origins.stated.contains_key(object.name) => {
                    entries(&self.origins, object, &object.path(""), &mut list);
                }
                Repeat::Merge | Repeat::Reset => {}
            }
        }
        list
    }
}

/// The keys of one block.
fn entries(origins: &Origins, object: &Object, prefix: &str, list: &mut Vec<Effective>) {
    let before = list.len();
    for key in object.keys {
        match key.name.strip_suffix("KEY") {
            Some(family) => list.extend(family_of(origins, &format!("{prefix}{family}"))),
            None => list.extend(entry(origins, key, format!("{prefix}{}", key.name))),
        }
    }
    if list.len() == before && object.id != ObjectId::Sflow {
        let name = prefix.trim_end_matches('.').to_owned();
        let origin = origin_in_words(origins, &name);
        list.push(Effective { key: name, value: Some("on".to_owned()), origin });
    }
}

/// `sampling.10G` and the like: only what is stated.
fn family_of<'a>(origins: &'a Origins, family: &str) -> impl Iterator<Item = Effective> + 'a {
    let family = family.to_owned();
    let stated = origins.stated.iter().filter(move |(key, _)| key.starts_with(&family));
    stated.map(|(key, stated)| Effective {
        key: key.clone(),
        value: Some(stated.value.clone()),
        origin: origin_in_words(origins, key),
    })
}

fn entry(origins: &Origins, key: &Key, name: String) -> Option<Effective> {
    let stated = origins.stated.get(&name);
    let idle = key.moved.is_some() || matches!(key.activity, Activity::Ignored(_));
    if idle && stated.is_none() {
        return None;
    }
    let default = Some(key.default.to_owned()).filter(|default| !default.is_empty());
    let value = stated.map(|stated| stated.value.clone()).or(default);
    let origin = match value {
        Some(_) => origin_in_words(origins, &name),
        None => key.unset.to_owned(),
    };
    Some(Effective { key: name, value, origin })
}

fn origin_in_words(origins: &Origins, key: &str) -> String {
    match origins.of(key) {
        Origin::Default => "default".to_owned(),
        Origin::Line(line) => format!("{}:{line}", origins.file_name),
        Origin::Record(words) | Origin::Preset(words) => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn of(text: &str) -> Vec<Effective> {
        parse("f", text).settings.expect("a valid file").effective()
    }

    fn find(list: &[Effective], key: &str) -> (Option<String>, String) {
        let found = list.iter().find(|e| e.key == key).unwrap_or_else(|| panic!("{key} in {list:?}"));
        (found.value.clone(), found.origin.clone())
    }

    #[test]
    fn each_value_has_its_origin() {
        let list = of(
            "sflow {\n polling=5 sampling.10g = 7 agent.cidr = 10.0.0.0/8 agent.cidr=!10.1.0.0/16\ncollector { ip=::1 }\n nvml { } }",
        );
        let some = |value: &str, origin: &str| (Some(value.to_owned()), origin.to_owned());
        assert_eq!(find(&list, "polling"), some("5", "f:2"));
        assert_eq!(find(&list, "sampling"), some("400", "default"));
        assert_eq!(find(&list, "sampling.10G"), some("7", "f:2"));
        assert_eq!(find(&list, "agent.cidr"), some("10.0.0.0/8 !10.1.0.0/16", "f:2"));
        assert_eq!(find(&list, "collector.1.ip"), some("::1", "f:3"));
        assert_eq!(find(&list, "collector.1.udpport"), some("6343", "default"));
        assert_eq!(find(&list, "agentIP"), (None, "the best local address".to_owned()));
        assert_eq!(find(&list, "nvml"), some("on", "f:4"));
    }

    #[test]
    fn objects_that_nothing_names_and_deprecated_keys_are_left_out() {
        let list = of("sflow { collector { ip=::1 } }");
        let known = |e: &Effective| {
            !e.key.contains('.') || e.key.starts_with("collector.1.") || e.key == "agent.cidr"
        };
        assert!(list.iter().all(known), "{list:?}");
        assert!(
            !list.iter().any(|e| e.key == "jsonPort" || e.key == "loopback" || e.key == "collector.2.ip")
        );
    }
}
