//! The one table of objects and keys of hsflowd.conf: parser, checks, `etc/hsflowd.conf` and the man page read it.
//!
//! Each [`Object`] lists its [`Key`]s with type, range, default, help, and what this version does with it. Defaults
//! stand here as text and nowhere else. A key is named `key` at the top and `object.key` elsewhere.

mod guests;
mod packets;
mod switches;
mod top;

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
}

/// All objects, in the order of [`ObjectId`], which is also the order of the documentation.
pub static OBJECTS: [&Object; 28] = [
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
    &top::DBUS,
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

/// A `name = value`.
#[derive(Debug)]
pub struct Key {
    /// As written in the file; `sampling.KEY` stands for any word after the dot.
    pub name: &'static str,
    /// Spellings that are accepted with a note.
    pub aliases: &'static [&'static str],
    /// What its value may be.
    pub kind: Kind,
    /// The default as it would be written, or empty.
    pub default: &'static str,
    /// What holds without a value when there is no default.
    pub unset: &'static str,
    /// A value to show where there is no default, or empty for that of the kind.
    pub example: &'static str,
    /// One line.
    pub help: &'static str,
    /// Further explanation, or empty.
    pub more: &'static str,
    /// The release that first knew it.
    pub since: &'static str,
    /// What this version does with it.
    pub activity: Activity,
    /// Several values accumulate instead of the last one winning.
    pub repeats: bool,
    /// A deprecated top-level spelling of a key in an object.
    pub moved: Option<(ObjectId, &'static str)>,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A 32-bit number.
    Int {
        /// Lowest.
        min: u32,
        /// Highest.
        max: u32,
        /// Unit, or empty.
        unit: &'static str,
    },
    /// A number from 0 to 1.
    Probability,
    /// `on` or `off`.
    Switch,
    /// A speed, or a range of speeds, in bits per second.
    Speeds,
    /// An address or a host name.
    Host,
    /// An address range.
    Cidr,
    /// A POSIX extended regular expression.
    Pattern,
    /// A UUID.
    Uuid,
    /// A path.
    Path,
    /// Any word.
    Name,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// What is allowed, in words.
    pub fn expects(&self) -> String {
        match self {
            Self::Int { min, max: u32::MAX, unit: "" } => format!("a whole number from {min}"),
            Self::Int { min, max: u32::MAX, unit } => format!("a whole number of {unit} from {min}"),
            Self::Int { min, max, unit: "" } => format!("a whole number from {min} to {max}"),
            Self::Int { min, max, unit } => format!("a whole number of {unit} from {min} to {max}"),
            Self::Probability => "a number from 0 to 1".into(),
            Self::Switch => "on or off".into(),
            Self::Speeds => "a speed or range in bits per second (10G, 1G-, 1G-10G)".into(),
            Self::Host => "an IP address or host name".into(),
            Self::Cidr => "an address range ([!]ADDRESS/BITS or [!]ADDRESS/MASK)".into(),
            Self::Pattern => "a POSIX extended regular expression".into(),
            Self::Uuid => "a UUID (32 hexadecimal digits)".into(),
            Self::Path => "a path".into(),
            Self::Name => "a name".into(),
            Self::Choice(words) => match words.split_last() {
                Some((last, [])) => (*last).to_owned(),
                Some((last, first)) => format!("{} or {last}", first.join(", ")),
                None => String::new(),
            },
        }
    }
}

impl Kind {
    /// A value of this kind.
    const fn example(&self) -> &'static str {
        match self {
            Self::Int { .. } => "400",
            Self::Probability => "0.0025",
            Self::Switch => "on",
            Self::Speeds => "1G-",
            Self::Host => "192.0.2.1",
            Self::Cidr => "10.0.0.0/8",
            Self::Pattern => "^eth",
            Self::Uuid => "00112233-4455-6677-8899-aabbccddeeff",
            Self::Path => "/some/path",
            Self::Name => "eth0",
            Self::Choice(words) => match words {
                [first, ..] => first,
                [] => "",
            },
        }
    }

    /// The sentence that a manual needs beside [`Kind::placeholder`], or nothing.
    pub(super) fn range(&self) -> String {
        match self {
            Self::Name | Self::Path | Self::Pattern | Self::Host | Self::Switch | Self::Choice(_) => {
                String::new()
            }
            _ => format!("Value: {}.", self.expects()),
        }
    }

    /// What stands for a value in a synopsis.
    pub fn placeholder(&self) -> String {
        match self {
            Self::Int { unit: "", .. } => "number".into(),
            Self::Int { unit, .. } => (*unit).to_owned(),
            Self::Probability => "probability".into(),
            Self::Switch => "on|off".into(),
            Self::Speeds => "speeds".into(),
            Self::Host => "address".into(),
            Self::Cidr => "range".into(),
            Self::Pattern => "pattern".into(),
            Self::Uuid => "uuid".into(),
            Self::Path => "path".into(),
            Self::Name => "name".into(),
            Self::Choice(words) => words.join("|"),
        }
    }
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

impl Key {
    const fn new(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            kind,
            default,
            unset: "",
            example: "",
            help,
            more: "",
            since: "0.1.0",
            activity: Activity::Active,
            repeats: false,
            moved: None,
        }
    }

    const fn alias(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn unset(mut self, unset: &'static str) -> Self {
        self.unset = unset;
        self
    }

    const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    const fn more(mut self, more: &'static str) -> Self {
        self.more = more;
        self
    }

    const fn not_yet(mut self) -> Self {
        self.activity = Activity::NotYet;
        self
    }

    const fn ignored(mut self, reason: &'static str) -> Self {
        self.activity = Activity::Ignored(reason);
        self
    }

    const fn repeats(mut self) -> Self {
        self.repeats = true;
        self
    }

    const fn moved(mut self, object: ObjectId, key: &'static str) -> Self {
        self.moved = Some((object, key));
        self
    }

    /// The setting as it may stand in a file: name and value, with the default or an example.
    pub fn sample(&self) -> (String, &'static str) {
        let (selector, example) = self.example.split_once(' ').unwrap_or(("KEY", self.example));
        let value = [self.default, example, self.kind.example()];
        let value = value.into_iter().find(|value| !value.is_empty());
        (self.name.replace("KEY", selector), value.unwrap_or_default())
    }

    /// What holds without the key, as a sentence.
    pub(super) fn without(&self) -> String {
        match (self.activity, self.default, self.unset) {
            (Activity::Ignored(_), _, _) | (_, "", "") => String::new(),
            (_, "", unset) => format!("Without it: {unset}."),
            (_, default, _) => format!("Default: {default}."),
        }
    }

    /// Whether the word is this key or a deprecated spelling of it, case ignored.
    pub fn is_spelled(&self, word: &str) -> bool {
        self.name.eq_ignore_ascii_case(word)
            || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(word))
    }

    /// For `sampling.KEY` and `polling.KEY`: what stands for KEY in the word.
    pub fn selector<'w>(&self, word: &'w str) -> Option<&'w str> {
        let prefix = self.name.strip_suffix("KEY")?;
        let start = word.get(..prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then(|| &word[prefix.len()..])
    }
}

const fn switch(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key::new(name, Kind::Switch, default, help)
}

const fn int(
    name: &'static str,
    min: u32,
    max: u32,
    unit: &'static str,
    default: &'static str,
    help: &'static str,
) -> Key {
    Key::new(name, Kind::Int { min, max, unit }, default, help)
}

const fn pattern(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key::new(name, Kind::Pattern, default, help)
}

const fn name(name: &'static str, help: &'static str) -> Key {
    Key::new(name, Kind::Name, "", help)
}

const fn path(name: &'static str, help: &'static str) -> Key {
    Key::new(name, Kind::Path, "", help)
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
