//! Who the samples on the shelf are about: the host, interfaces, guests, applications, each under labels of its own.
//!
//! In: samples, and the snapshot, which knows who is there. Out: records with labels. Rules: who has gone is not told of any
//! more; two who go by the same name are told apart by their data source.

use super::page::{About, labels};
use super::shelf::Shelf;
use crate::sflow::counters::CounterRecord;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::CountersHeader;
use crate::sflow::xdr::{Reader, Xdr};
use crate::status::guests::Guest;
use crate::status::snapshot::{Interface, Snapshot};
use std::collections::{HashMap, HashSet};

/// One of them.
#[derive(Debug)]
pub(super) struct Subject<'s, T = ()> {
    /// As they stand between braces.
    pub(super) labels: String,
    /// When its counters were sent.
    pub(super) at_ms: u64,
    records: Vec<CounterRecord>,
    /// What the snapshot says of it.
    pub(super) told: Option<&'s T>,
}

impl<T> Subject<'_, T> {
    /// The record that `pick` takes, with what is needed to write it.
    pub(super) fn about<'a, R>(&'a self, pick: fn(&CounterRecord) -> Option<&R>) -> Option<About<'a, R>> {
        let record = self.records.iter().find_map(pick)?;
        Some((&self.labels, Some(self.at_ms), record))
    }
}

/// All records of a kind.
pub(super) fn all<'a, T, R: 'a>(
    subjects: &'a [Subject<'_, T>],
    pick: fn(&CounterRecord) -> Option<&R>,
) -> impl Iterator<Item = About<'a, R>> + Clone {
    subjects.iter().filter_map(move |subject| subject.about(pick))
}

/// A function that takes records of this kind.
macro_rules! pick {
    ($name:ident) => {
        |record| match record {
            $crate::sflow::counters::CounterRecord::$name(found) => Some(found),
            _ => None,
        }
    };
}
pub(super) use pick;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Subjects<'s> {
    pub(super) host: Vec<Subject<'s>>,
    pub(super) interfaces: Vec<Subject<'s, Interface>>,
    pub(super) guests: Vec<Subject<'s, Guest>>,
    pub(super) applications: Vec<Subject<'s>>,
}

impl<'s> Subjects<'s> {
    pub(super) fn of(shelf: &Shelf, snapshot: &'s Snapshot) -> Self {
        let interfaces: HashMap<u32, &Interface> = snapshot.interfaces.iter().map(|i| (i.index, i)).collect();
        let guests: HashMap<DataSource, &Guest> =
            snapshot.guests.iter().filter_map(|g| Some((source(&g.source)?, g))).collect();
        let known = &snapshot.applications.known;
        let applications: HashMap<DataSource, &str> =
            known.iter().filter_map(|a| Some((source(&a.source)?, a.name.as_str()))).collect();
        let (mut found, mut names) = (Self::default(), Names::default());
        for (source, at_ms, body) in shelf.iter() {
            let Some(records) = records(body) else { continue };
            let own = source.to_string();
            if source == DataSource::HOST {
                found.host.push(Subject { labels: String::new(), at_ms, records, told: None });
            } else if source.class == 0 {
                let Some(told) = interfaces.get(&source.index).copied() else { continue };
                let name =
                    records.iter().find_map(pick!(PortName)).map_or(told.name.as_str(), |port| &port.name);
                let labels = names.own(&[("device", name)], &own);
                found.interfaces.push(Subject { labels, at_ms, records, told: Some(told) });
            } else if let Some(told) = guests.get(&source).copied() {
                let name =
                    records.iter().find_map(pick!(HostId)).map_or(told.name.as_str(), |id| &id.hostname);
                let labels = names.own(&[("guest", name), ("uuid", &told.uuid)], &own);
                found.guests.push(Subject { labels, at_ms, records, told: Some(told) });
            } else if let Some(name) = applications.get(&source) {
                let labels = names.own(&[("application", name)], &own);
                found.applications.push(Subject { labels, at_ms, records, told: None });
            }
        }
        found
    }

    pub(super) fn len(&self) -> usize {
        self.host.len() + self.interfaces.len() + self.guests.len() + self.applications.len()
    }
}

/// The labels that were given.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// These are somebody's.
    pub(super) fn take(&mut self, labels: &str) {
        self.0.insert(labels.to_owned());
    }

    /// Labels that nobody else has.
    pub(super) fn own(&mut self, pairs: &[(&str, &str)], source: &str) -> String {
        let mut text = labels(pairs);
        if self.0.contains(&text) {
            text = labels(&[pairs, &[("source", source)]].concat());
        }
        self.0.insert(text.clone());
        text
    }
}

/// The records of a sample; what is not whole is left out.
fn records(body: &[u8]) -> Option<Vec<CounterRecord>> {
    let mut input = Reader::new(body);
    CountersHeader::decode(&mut input).ok()?;
    (0..input.u32().ok()?).map(|_| CounterRecord::decode(&mut input)).collect::<Result<_, _>>().ok()
}

/// `3:100123`.
fn source(text: &str) -> Option<DataSource> {
    let (class, index) = text.split_once(':')?;
    Some(DataSource { class: class.parse().ok()?, index: index.parse().ok()? })
}
