//! All applications, by name. In: who was heard of and what was told. Out: their samples, through closures that write
//! them; counters that are due.
//!
//! Rules: a name has one data source, for as long as it is known: `3:PORT` where its first message has a service port
//! that no other name has, else `3:N` with N from 150000 to 199999 by a hash of the name, so that it is the same
//! after a restart. What was not written is not numbered. One that is silent for two hours is forgotten; where there are a
//! thousand, a new one takes the place of the one that is silent longest, but of none that told something in the last two
//! minutes. Seconds are those of a monotonic clock.

use super::encode;
use super::message::{Counters, Transaction, cut};
use super::one::{Application, CountedBy};
use crate::sample::rate::ApplicationRates;
use crate::sflow::counters::app::AppOperations;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::{CountersHeader, FlowHeader};
use crate::sflow::xdr::Full;
use std::collections::HashMap;

/// Most applications at a time.
pub const MOST: usize = 1000;
/// Seconds of silence after which an application is forgotten.
const FORGET_SECS: u64 = 7200;
/// Seconds of silence after which an application gives way to a new one.
const GIVE_WAY_SECS: u64 = 120;
/// Numbers of data sources without a port, and how many there are. The C agent begins at the same number.
const FIRST: u32 = 150_000;
const NUMBERS: u32 = 50_000;
/// Logical entities.
const CLASS: u32 = 3;
/// Most bytes of a name in a record, and most by which an application is known.
const NAME_BYTES: usize = 32;
const KEY_BYTES: usize = 255;

/// Who tells, where, and in which second.
type Heard<'a> = (&'a str, Option<u16>, u64);

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There are [`MOST`] applications already, none of which has been silent for long.
    TooMany,
    /// The sample does not fit into a datagram.
    Full,
}

impl From<Full> for Refusal {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

/// A new application named a service port that is another one's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("service_port {port} of {name:?} is that of {owner:?}: it is {source_instead} instead")]
#[allow(missing_docs)] // the message says it
pub struct PortTaken {
    pub name: String,
    pub port: u16,
    pub owner: String,
    pub source_instead: DataSource,
}

/// The applications.
#[derive(Debug)]
pub struct Table {
    all: HashMap<String, Application>,
    rates: ApplicationRates,
    seed: u64,
    /// The second of the last poll.
    polled: u64,
    /// No application needs a poll before this second.
    wake: Option<u64>,
    taken: Option<PortTaken>,
    /// None of them gives way before this second.
    full_until: u64,
}

impl Table {
    /// Knows nobody. The seed makes the choice of samples unpredictable.
    pub fn new(seed: u64) -> Self {
        let all = HashMap::new();
        let rates = ApplicationRates::default();
        Self { all, rates, seed, polled: 0, wake: None, taken: None, full_until: 0 }
    }

    /// Rates and intervals from now on.
    pub fn set_rates(&mut self, rates: ApplicationRates, second: u64) {
        for (name, application) in &mut self.all {
            (application.sampling, application.polling_secs) = rates.get(name);
        }
        self.rates = rates;
        // What is due in this very second still is, unless it was polled; what was due while nothing was read is not.
        self.polled = self.polled.max(second.saturating_sub(1));
        self.plan();
    }

    /// A transaction was told. Where it is to be sampled, `write` does it; says whether it was.
    pub fn transaction(
        &mut self,
        told: &Transaction<'_>,
        second: u64,
        write: impl FnOnce(&FlowHeader) -> Result<(), Full>,
    ) -> Result<bool, Refusal> {
        let application = self.entry((&told.app_name, told.service_port, second))?;
        let one_in = told.one_in.max(1);
        let first = application.count(told.operation.status, one_in);
        let mut written = Ok(false);
        if let Some(rate) = application.choose(one_in) {
            written = write(&application.flow_header(rate, encode::ports(told))).map(|()| {
                application.flow_written();
                true
            });
        }
        let due = application.next_poll(second).filter(|_| first);
        self.wake = [self.wake, due].into_iter().flatten().min();
        Ok(written?)
    }

    /// Counters were told. `write` gets the operations counted here too, for one that did not tell its own.
    pub fn counters(
        &mut self,
        told: &Counters<'_>,
        second: u64,
        write: impl FnOnce(&CountersHeader, &AppOperations<'_>) -> Result<(), Full>,
    ) -> Result<(), Refusal> {
        let application = self.entry((&told.app_name, told.service_port, second))?;
        application.has_counted(second);
        let by = if told.operations.is_some() { CountedBy::Application } else { CountedBy::Agent };
        let header = application.counters_header(by);
        write(&header, &application.operations(cut(&told.app_name, NAME_BYTES)))?;
        application.counters_written(&header, by);
        Ok(())
    }

    /// What the time brings: forgets who is silent, and has the counters written that are due. Says how many fitted into no
    /// datagram.
    pub fn poll(
        &mut self,
        second: u64,
        mut write: impl FnMut(&CountersHeader, &AppOperations<'_>) -> Result<(), Full>,
    ) -> u64 {
        let mut suppressed = 0;
        self.all.retain(|_, application| application.heard + FORGET_SECS > second);
        for (name, application) in &mut self.all {
            if application.next_poll(self.polled).is_none_or(|due| due > second) {
                continue;
            }
            let header = application.counters_header(CountedBy::Agent);
            match write(&header, &application.operations(cut(name, NAME_BYTES))) {
                Ok(()) => application.counters_written(&header, CountedBy::Agent),
                Err(Full) => suppressed += 1,
            }
        }
        self.polled = second;
        self.plan();
        suppressed
    }

    /// The second in which [`Self::poll`] has something to do, or none.
    pub fn next_poll(&self) -> Option<u64> {
        self.wake
    }

    /// The last new application whose port was taken, once.
    pub fn take_conflict(&mut self) -> Option<PortTaken> {
        self.taken.take()
    }

    /// Each by name, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Application)> {
        self.all.iter().map(|(name, application)| (name.as_str(), application))
    }

    fn plan(&mut self) {
        let each = self.all.values();
        let wakes = each.flat_map(|one| [one.next_poll(self.polled), Some(one.heard + FORGET_SECS)]);
        self.wake = wakes.flatten().min();
    }

    /// The application, new if need be.
    fn entry(&mut self, heard: Heard<'_>) -> Result<&mut Application, Refusal> {
        let (name, port, second) = heard;
        let name = cut(name, KEY_BYTES);
        if !self.all.contains_key(name) {
            self.add((name, port, second))?;
        }
        let application = self.all.get_mut(name).ok_or(Refusal::TooMany)?;
        application.heard = second;
        Ok(application)
    }

    fn add(&mut self, (name, service_port, second): Heard<'_>) -> Result<(), Refusal> {
        if self.all.len() >= MOST && !self.make_room(second) {
            return Err(Refusal::TooMany);
        }
        let owner = service_port.and_then(|port| self.owner(u32::from(port)).map(|owner| (port, owner)));
        let index = match (service_port, owner) {
            (Some(port), None) => u32::from(port),
            _ => self.free_number(name),
        };
        let source = DataSource { class: CLASS, index };
        let taken = owner.map(|(port, owner)| PortTaken {
            name: name.to_owned(),
            port,
            owner: owner.to_owned(),
            source_instead: source,
        });
        // Another one of the same message may be without conflict.
        self.taken = taken.or(self.taken.take());
        let mut application = Application::new(source, self.seed ^ u64::from(index) << 32, second);
        (application.sampling, application.polling_secs) = self.rates.get(name);
        self.all.insert(name.to_owned(), application);
        let forget = second + FORGET_SECS;
        self.wake = Some(self.wake.map_or(forget, |wake| wake.min(forget)));
        Ok(())
    }

    /// Forgets the one that is silent longest, if it has been so for a while. Looked for no oftener than there can be one:
    /// a program that makes up names does not cost a search each.
    fn make_room(&mut self, second: u64) -> bool {
        if second < self.full_until {
            return false;
        }
        let silent = self.all.iter().min_by_key(|(_, application)| application.heard);
        let Some((name, heard)) = silent.map(|(name, application)| (name.clone(), application.heard)) else {
            return true;
        };
        self.full_until = heard + GIVE_WAY_SECS;
        second >= self.full_until && self.all.remove(&name).is_some()
    }

    fn owner(&self, index: u32) -> Option<&str> {
        self.iter().find(|(_, application)| application.source.index == index).map(|(name, _)| name)
    }

    /// The number by the name's hash, or the next one that nobody has: there are more than applications.
    fn free_number(&self, name: &str) -> u32 {
        let first = hash(name) % NUMBERS;
        let numbers = (0..NUMBERS).map(|ahead| FIRST + (first + ahead) % NUMBERS);
        numbers.into_iter().find(|index| self.owner(*index).is_none()).unwrap_or(FIRST)
    }
}

/// 32-bit FNV-1a, closed by the rounds of MurmurHash3: the same on every machine and in every version.
fn hash(name: &str) -> u32 {
    let mut hash =
        name.bytes().fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests;
