//! What a file says, before it means anything: one [`Section`] for each object with the values of its keys.
//!
//! Filled by the parser, read by `check` and `build`. A missing value is answered by the key table's default, so
//! that defaults exist once. Rule: getters name keys of the table; a name that it lacks is a bug that tests catch.

use super::keys::{OBJECTS, Object, ObjectId, Repeat};
use super::model::CidrRule;
use super::modules::Listen;
use super::speed::SpeedRange;
use super::syntax::Span;
use super::value::{self, Pattern, Value};

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// A value of `sampling.KEY`, `polling.KEY`, or of a key that may be repeated.
#[derive(Debug)]
pub(super) struct Listed {
    /// Place of the key in its object.
    pub(super) place: usize,
    /// What stood for KEY, or empty.
    pub(super) selector: String,
    pub(super) entry: Entry,
}

/// Something named that has no or little effect.
#[derive(Debug)]
pub(super) struct Unused {
    pub(super) key: String,
    pub(super) span: Span,
    pub(super) why: String,
}

/// One object with the values given for it.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) object: &'static Object,
    /// Where the file last named it; `None` when only deprecated spellings or nothing did.
    pub(super) named: Option<Span>,
    /// Something in it was refused, so that what is missing may just have been misspelled.
    pub(super) failed: bool,
    pub(super) slots: Vec<Option<Entry>>,
    pub(super) listed: Vec<Listed>,
}

/// What was given for a key of that kind, or the table's default.
macro_rules! getters {
    ($($name:ident: $kind:ident => $type:ty,)*) => {$(
        pub(super) fn $name(&self, key: &str) -> Option<$type> {
            match self.value(key)? {
                Value::$kind(value) => Some(value),
                _ => None,
            }
        }
    )*};
}

impl Section {
    getters! {
        opt_int: Int => u32,
        opt_switch: Switch => bool,
        text: Text => String,
        real: Real => f64,
        pattern: Pattern => Pattern,
        listen: Listen => Listen,
        speeds: Speeds => SpeedRange,
        uuid: Uuid => [u8; 16],
    }

    fn new(object: &'static Object) -> Self {
        let slots = object.keys.iter().map(|_| None).collect();
        Self { object, named: None, failed: false, slots, listed: Vec::new() }
    }

    /// The value given for a key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.slots.get(self.place(key)?)?.as_ref()
    }

    fn place(&self, key: &str) -> Option<usize> {
        let place = self.object.keys.iter().position(|known| known.name == key);
        debug_assert!(place.is_some(), "{} has no key {key}", self.object.name);
        place
    }

    /// The value given, or the table's default.
    fn value(&self, key: &str) -> Option<Value> {
        if let Some(entry) = self.entry(key) {
            return Some(entry.value.clone());
        }
        let key = self.object.keys.get(self.place(key)?)?;
        let default = (!key.default.is_empty()).then(|| value::parse(&key.kind, key.default).ok());
        default.flatten().map(|parsed| parsed.value)
    }

    /// A number that has a default.
    pub(super) fn int(&self, key: &str) -> u32 {
        let number = self.opt_int(key);
        debug_assert!(number.is_some(), "{key} has no default");
        number.unwrap_or_default()
    }

    /// A port number; the table keeps it in range.
    pub(super) fn port(&self, key: &str) -> u16 {
        u16::try_from(self.int(key)).unwrap_or_default()
    }

    /// A switch that has a default.
    pub(super) fn switch(&self, key: &str) -> bool {
        let on = self.opt_switch(key);
        debug_assert!(on.is_some(), "{key} has no default");
        on.unwrap_or_default()
    }

    /// Every `agent.cidr`, in file order.
    pub(super) fn cidrs(&self) -> Vec<CidrRule> {
        let rules = self.listed.iter().filter_map(|listed| match &listed.entry.value {
            Value::Cidr(rule) => Some(rule.clone()),
            _ => None,
        });
        rules.collect()
    }
}

/// All sections of a file.
#[derive(Debug)]
pub(super) struct Tree {
    /// First one for each object in the table's order, then those of objects that make lists, in file order.
    sections: Vec<Section>,
    pub(super) inactive: Vec<Unused>,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { sections: OBJECTS.iter().copied().map(Section::new).collect(), inactive: Vec::new() }
    }

    /// The section of an object that is there once.
    pub(super) fn section(&self, id: ObjectId) -> &Section {
        &self.sections[id as usize]
    }

    /// The same, if the file names it.
    pub(super) fn named(&self, id: ObjectId) -> Option<&Section> {
        Some(self.section(id)).filter(|section| section.named.is_some())
    }

    /// The sections of an object that makes a list, in file order.
    pub(super) fn list(&self, id: ObjectId) -> impl Iterator<Item = &Section> {
        self.sections.iter().skip(OBJECTS.len()).filter(move |section| section.object.id == id)
    }

    /// All sections that the file gave something for.
    pub(super) fn all(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter()
    }

    /// The file opens a block: which section it fills.
    pub(super) fn open(&mut self, object: &'static Object, span: &Span) -> usize {
        let mut at = object.id as usize;
        match object.repeat {
            Repeat::List => {
                at = self.sections.len();
                self.sections.push(Section::new(object));
            }
            Repeat::Reset => self.sections[at] = Section::new(object),
            Repeat::Merge | Repeat::Never => {}
        }
        self.sections[at].named = Some(span.clone());
        at
    }

    pub(super) fn at(&mut self, section: usize) -> &mut Section {
        &mut self.sections[section]
    }

    /// Whether DNS-SD is on: the block names it, or the old switch, whichever came last.
    pub(super) fn dns_sd(&self) -> Option<Span> {
        let block = self.section(ObjectId::DnsSd).named.clone();
        let Some(Entry { value, span }) = self.section(ObjectId::Sflow).entry("DNSSD") else {
            return block;
        };
        let switch_is_last = block.as_ref().is_none_or(|block| block.start < span.start);
        if switch_is_last { (*value == Value::Switch(true)).then(|| span.clone()) } else { block }
    }
}
