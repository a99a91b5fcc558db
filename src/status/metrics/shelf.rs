//! The counter samples that were sent last, as they were sent, and when.
//!
//! In: the samples of each datagram on its way out. Out: one sample a data source. Rules: what is kept is what the collectors
//! got, so both tell the same; a source that is silent for long is forgotten; only so many sources are kept, and the
//! others are counted.

use crate::sflow::ids::{DataSource, Tag};
use crate::sflow::sample::{COUNTERS, CountersHeader};
use crate::sflow::xdr::{Reader, Xdr};
use std::collections::BTreeMap;

/// Sources that are kept: more than any host has interfaces, guests and applications.
const MOST: usize = 65_536;
/// Counters of one source come at most 300 seconds apart.
const LONGEST_MS: u64 = 900_000;

/// The samples.
#[derive(Debug, Default)]
pub struct Shelf {
    kept: BTreeMap<DataSource, Kept>,
    refused: u64,
}

/// One sample.
#[derive(Debug)]
struct Kept {
    /// Unix time.
    at_ms: u64,
    body: Vec<u8>,
}

impl Shelf {
    /// Takes the counter samples out of a datagram: `samples` is all that follows its header, `at_ms` the time of day.
    pub fn take(&mut self, samples: &[u8], at_ms: u64) {
        let mut input = Reader::new(samples);
        while let Ok((word, body)) = input.element() {
            if Tag::from_word(word) == COUNTERS
                && let Ok(header) = CountersHeader::decode(&mut Reader::new(body))
            {
                self.put(header.source, body, at_ms);
            }
        }
    }

    fn put(&mut self, source: DataSource, body: &[u8], at_ms: u64) {
        if let Some(kept) = self.kept.get_mut(&source) {
            kept.at_ms = at_ms;
            kept.body.clear();
            kept.body.extend_from_slice(body);
        } else if self.kept.len() < MOST {
            self.kept.insert(source, Kept { at_ms, body: body.to_vec() });
        } else {
            self.refused += 1;
        }
    }

    /// Forgets sources that have been silent for long.
    pub fn forget(&mut self, now_ms: u64) {
        self.kept.retain(|_, kept| kept.at_ms + LONGEST_MS > now_ms);
    }

    /// Samples of sources for which there was no room.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Each source, when its sample was sent, and the sample from its header on.
    pub(super) fn iter(&self) -> impl Iterator<Item = (DataSource, u64, &[u8])> {
        self.kept.iter().map(|(source, kept)| (*source, kept.at_ms, kept.body.as_slice()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Nothing was sent yet.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}
