//! The one table of objects and keys of hsflowd.conf: parser, checks, `etc/hsflowd.conf` and the man page read it.
//!
//! Each [`Object`] lists its [`Key`]s with type, range, default, help, and what this version does with it. Defaults
//! stand here as text and nowhere else. A key is named `key` at the top and `object.key` elsewhere.

mod asked;
mod guests;
mod key;
mod kind;
mod packets;
mod switches;
mod top;

pub use key::Key;
use key::{int, name, path, pattern, switch};
pub use kind::Kind;

/// An object, by the place that it has in [`OBJECTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the table has a help line for each
pub enum ObjectId {
    Sflow,
    Collector,
    DnsSd,
    Json,
    Pcap,
    Epcap,
    Psample,
    Nflog,
    Ulog,
    Dropmon,
    Tcp,
    Kvm,
    Xen,
    Docker,
    Containerd,
    K8s,
    Systemd,
    Ovs,
    Nvml,
    Cumulus,
    Dent,
    Opx,
    OpxPort,
    Sonic,
    Vpp,
    Eapi,
    Nlroute,
    Dbus,
    Metrics,
}

/// All objects, in the order of [`ObjectId`], which is also the order of the documentation.
pub static OBJECTS: [&Object; 29] = [
    &top::SFLOW,
    &top::COLLECTOR,
    &top::DNS_SD,
    &top::JSON,
    &packets::PCAP,
    &packets::EPCAP,
    &packets::PSAMPLE,
    &packets::NFLOG,
    &packets::ULOG,
    &packets::DROPMON,
    &packets::TCP,
    &guests::KVM,
    &guests::XEN,
    &guests::DOCKER,
    &guests::CONTAINERD,
    &guests::K8S,
    &guests::SYSTEMD,
    &guests::OVS,
    &guests::NVML,
    &switches::CUMULUS,
    &switches::DENT,
    &switches::OPX,
    &switches::OPX_PORT,
    &switches::SONIC,
    &switches::VPP,
    &switches::EAPI,
    &switches::NLROUTE,
    &asked::DBUS,
    &asked::METRICS,
];

/// A `name { }`.
#[derive(Debug)]
pub struct Object {
    /// Which one it is.
    pub id: ObjectId,
    /// As written in the file.
    pub name: &'static str,
    /// Another name of equal standing.
    pub alias: &'static str,
    /// The object it stands in; `sflow` is in itself.
    pub parent: ObjectId,
    /// What a second block of that name does.
    pub repeat: Repeat,
    /// One line.
    pub help: &'static str,
    /// Further explanation, or empty.
    pub more: &'static str,
    /// What this version does with it.
    pub activity: Activity,
    /// Its keys.
    pub keys: &'static [Key],
}

/// What a second block of the same name does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It adds to the first.
    Merge,
    /// It starts again from the defaults.
    Reset,
    /// It is one more of them.
    List,
    /// It is refused.
    Never,
}

/// What this version does with an object or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// What its help says.
    Active,
    /// Only this.
    Partly(&'static str),
    /// Nothing yet; its values are checked.
    NotYet,
    /// Nothing, for this reason.
    Ignored(&'static str),
}

impl Object {
    const fn new(id: ObjectId, name: &'static str, help: &'static str, keys: &'static [Key]) -> Self {
        Self {
            id,
            name,
            alias: "",
            parent: ObjectId::Sflow,
            repeat: Repeat::Merge,
            help,
            more: "",
            activity: Activity::NotYet,
            keys,
        }
    }

    /// The object with this id.
    pub fn of(id: ObjectId) -> &'static Self {
        OBJECTS[id as usize]
    }

    /// The objects that may stand in this one.
    pub fn children(&self) -> impl Iterator<Item = &'static Self> {
        let parent = self.id;
        let inside = move |object: &&Self| object.parent == parent && object.id != ObjectId::Sflow;
        OBJECTS.iter().copied().filter(inside)
    }

    /// The child that this word names.
    pub fn child(&self, word: &str) -> Option<&'static Self> {
        self.children().find(|child| child.is_named(word))
    }

    /// Whether the word names this object, case ignored.
    pub fn is_named(&self, word: &str) -> bool {
        self.name.eq_ignore_ascii_case(word)
            || (!self.alias.is_empty() && self.alias.eq_ignore_ascii_case(word))
    }

    /// The place of the key that this word spells, case ignored.
    pub fn key(&self, word: &str) -> Option<usize> {
        let exact = self.keys.iter().position(|key| key.is_spelled(word));
        exact.or_else(|| self.keys.iter().position(|key| key.selector(word).is_some()))
    }

    /// How `config show` names a key of this object.
    pub fn path(&self, key: &str) -> String {
        match self.id {
            ObjectId::Sflow => key.to_owned(),
            ObjectId::OpxPort => format!("opx.port.{key}"),
            _ => format!("{}.{key}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::value;
    use super::*;

    #[test]
    fn every_object_stands_at_the_place_of_its_id() {
        for (place, object) in OBJECTS.iter().enumerate() {
            assert_eq!(object.id as usize, place, "{}", object.name);
        }
    }

    #[test]
    fn every_default_is_a_valid_value_without_remarks() {
        for object in OBJECTS {
            for key in object.keys.iter().filter(|key| !key.default.is_empty()) {
                let parsed = value::parse(&key.kind, key.default);
                assert!(
                    parsed.as_ref().is_ok_and(|parsed| parsed.remarks.is_empty()),
                    "{}: {parsed:?}",
                    key.name
                );
            }
        }
    }

    #[test]
    fn every_sample_is_a_valid_setting() {
        for object in OBJECTS {
            for key in object.keys {
                let (name, sample) = key.sample();
                let found = object.key(&name).map(|place| object.keys[place].name);
                assert_eq!(found, Some(key.name));
                assert!(value::parse(&key.kind, sample).is_ok(), "{name} = {sample}");
            }
        }
    }

    #[test]
    fn every_key_has_a_default_or_says_what_holds_without_one() {
        for object in OBJECTS {
            for key in object.keys.iter().filter(|key| key.moved.is_none()) {
                let path = object.path(key.name);
                assert!(key.default.is_empty() != key.unset.is_empty(), "{path}");
                assert!(!key.help.is_empty() && !key.help.ends_with('.') && key.help.len() < 100, "{path}");
            }
        }
    }

    #[test]
    fn no_word_names_two_things_in_one_object() {
        for object in OBJECTS {
            let keys = object.keys.iter().flat_map(|key| key.aliases.iter().chain([&key.name]));
            let children = object.children().flat_map(|child| [&child.name, &child.alias]);
            let mut words: Vec<_> = keys.chain(children).filter(|word| !word.is_empty()).collect();
            words.sort();
            assert!(words.is_sorted_by(|a, b| !a.eq_ignore_ascii_case(b)), "{}: {words:?}", object.name);
        }
    }

    #[test]
    fn every_deprecated_key_points_at_one_that_takes_its_value() {
        for key in Object::of(ObjectId::Sflow).keys {
            if let Some((object, name)) = key.moved.filter(|(_, name)| !name.is_empty()) {
                let target = Object::of(object).key(name).map(|place| &Object::of(object).keys[place].kind);
                let same = target
                    .is_some_and(|kind| std::mem::discriminant(kind) == std::mem::discriminant(&key.kind));
                assert!(same, "{}", key.name);
            }
        }
    }
}
