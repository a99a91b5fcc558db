//! The numbers of one application: sequences, pool, tallies, and when its counters are due.
//!
//! In: transactions and counters that it told of. Out: headers of its samples; its operations by status, counted here.
//! Rules: the pool has every transaction that was heard of, not only those of samples that were sent (the C agent's has
//! only those, which makes a collector's estimate of the rate a matter of chance); there is one counter
//! sequence, which begins anew only where its counts do, that is where the application's own counts take the place of
//! those made here or the other way round (sFlow v5 section 5.3.2: with the counters the sequence number is reset). An
//! application that sends counters is not polled until they stay away for 120 s, and one that never had a transaction
//! not at all: nothing was counted.

use crate::sample::skip::Skip;
use crate::sflow::counters::app::AppOperations;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::{CountersHeader, FlowHeader, Port};
use std::borrow::Cow;
use std::num::NonZeroU32;

/// Seconds for which an application's own counters hold.
const OWN_COUNTERS_SECS: u64 = 120;
/// The status of operations that have no status of their own.
const OTHER: usize = 1;

/// Who counted what is in a counter sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CountedBy {
    Application,
    Agent,
}

/// One application.
#[derive(Clone, Debug)]
pub struct Application {
    /// What its samples are about.
    pub source: DataSource,
    /// 1 in N of its transactions; 0: no flow samples.
    pub sampling: u32,
    /// Seconds between counters that are made here; 0: none.
    pub polling_secs: u32,
    /// Transactions that it told of, those that a sampling sender left out included.
    pub transactions: u64,
    /// Flow samples written.
    pub flow_samples: u64,
    /// Counter samples written.
    pub counter_samples: u64,
    /// The second of its last message.
    pub heard: u64,
    skip: Skip,
    flow_sequence: u32,
    pool: u32,
    counter_sequence: u32,
    counted_by: Option<CountedBy>,
    /// The first second in which counters made here may be sent.
    quiet_until: u64,
    tallies: [u32; 11],
}

impl Application {
    pub(super) fn new(source: DataSource, seed: u64, second: u64) -> Self {
        Self {
            source,
            sampling: 0,
            polling_secs: 0,
            transactions: 0,
            flow_samples: 0,
            counter_samples: 0,
            heard: second,
            skip: Skip::new(NonZeroU32::MIN, seed),
            flow_sequence: 0,
            pool: 0,
            counter_sequence: 0,
            counted_by: None,
            quiet_until: second + OWN_COUNTERS_SECS,
            tallies: [0; 11],
        }
    }

    /// Counts a message that stands for `one_in` transactions; says whether it is the first.
    pub(super) fn count(&mut self, status: u32, one_in: u32) -> bool {
        let status = usize::try_from(status).ok().filter(|status| *status < self.tallies.len());
        if let Some(tally) = self.tallies.get_mut(status.unwrap_or(OTHER)) {
            *tally = tally.wrapping_add(one_in);
        }
        self.pool = self.pool.wrapping_add(one_in);
        let first = self.transactions == 0;
        self.transactions = self.transactions.saturating_add(u64::from(one_in));
        first
    }

    /// Chooses: the rate to be told with the sample of a message that stands for `one_in` transactions, or no sample.
    pub(super) fn choose(&mut self, one_in: u32) -> Option<u32> {
        if self.sampling == 0 {
            return None;
        }
        let further = NonZeroU32::new(self.sampling / one_in).unwrap_or(NonZeroU32::MIN);
        self.skip.set_one_in(further);
        self.skip.take().then(|| one_in.saturating_mul(further.get()))
    }

    /// The header of the next flow sample.
    pub(super) fn flow_header(&self, sampling_rate: u32, (input, output): (Port, Port)) -> FlowHeader {
        FlowHeader {
            sequence: self.flow_sequence.wrapping_add(1),
            source: self.source,
            sampling_rate,
            sample_pool: self.pool,
            drops: 0,
            input,
            output,
        }
    }

    /// The flow sample with that header was written.
    pub(super) fn flow_written(&mut self) {
        self.flow_sequence = self.flow_sequence.wrapping_add(1);
        self.flow_samples += 1;
    }

    /// The application's own counters came: for a while none are made here.
    pub(super) fn has_counted(&mut self, second: u64) {
        self.quiet_until = second + OWN_COUNTERS_SECS;
    }

    /// The header of the next counter sample.
    pub(super) fn counters_header(&self, by: CountedBy) -> CountersHeader {
        let same = self.counted_by.is_none_or(|before| before == by);
        let last = if same { self.counter_sequence } else { 0 };
        CountersHeader { sequence: last.wrapping_add(1), source: self.source }
    }

    /// The counter sample with this header was written.
    pub(super) fn counters_written(&mut self, header: &CountersHeader, by: CountedBy) {
        self.counter_sequence = header.sequence;
        self.counted_by = Some(by);
        self.counter_samples += 1;
    }

    /// Operations by status, as counted here.
    pub(super) fn operations<'a>(&self, name: &'a str) -> AppOperations<'a> {
        AppOperations::by_status(Cow::Borrowed(name), self.tallies)
    }

    /// The first second after `after` in which counters made here are due. The index spreads applications over the
    /// seconds, the same after a restart.
    pub(super) fn next_poll(&self, after: u64) -> Option<u64> {
        if self.polling_secs == 0 || self.transactions == 0 {
            return None;
        }
        let interval = u64::from(self.polling_secs);
        let from = self.quiet_until.max(after + 1);
        Some((from + u64::from(self.source.index)).next_multiple_of(interval) - u64::from(self.source.index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn application(sampling: u32) -> Application {
        let source = DataSource { class: 3, index: 8080 };
        Application { sampling, polling_secs: 30, ..Application::new(source, 1, 1000) }
    }

    #[test]
    fn a_sender_that_samples_more_than_asked_for_is_not_sampled_again() {
        let mut app = application(400);
        assert_eq!((0..50).filter(|_| app.choose(400) == Some(400)).count(), 50);
        assert_eq!(app.choose(1000), Some(1000));
        assert_eq!(app.choose(399), Some(399), "399 fits once into 400");
        app.sampling = 0;
        assert_eq!(app.choose(1), None);
    }

    #[test]
    fn statuses_without_a_name_are_other_and_tallies_wrap() {
        let mut app = application(1);
        assert!(app.count(10, 3));
        assert!(!app.count(11, 2));
        app.count(u32::MAX, 1);
        app.count(1, u32::MAX);
        let operations = app.operations("web");
        assert_eq!((operations.unauthorized, operations.other), (3, 2));
        assert_eq!(app.transactions, 6 + u64::from(u32::MAX));
    }

    proptest! {
        #[test]
        fn the_rate_told_is_the_chance_of_a_sample(n in 1_u32..2000, s in 1_u32..50, seed: u64) {
            let mut app = Application { sampling: n, ..Application::new(DataSource::HOST, seed, 0) };
            let further = (n / s).max(1);
            let tries = further * 50;
            let told: Vec<_> = (0..tries).filter_map(|_| app.choose(s)).collect();
            prop_assert!(told.iter().all(|&rate| rate == s * further));
            let p = 1.0 / f64::from(further);
            let sd = (f64::from(tries) * p * (1.0 - p)).sqrt();
            prop_assert!((told.len() as f64 - 50.0).abs() <= 6.5 * sd, "{} of {tries}", told.len());
        }

        #[test]
        fn polls_are_evenly_spaced_and_none_comes_while_the_application_counts(
            polling in 1_u32..300, index in 1_u32..200_000, start in 0_u64..1 << 40,
        ) {
            let mut app = Application::new(DataSource { class: 3, index }, 0, start);
            prop_assert_eq!(app.next_poll(start), None, "nothing was counted");
            app.polling_secs = polling;
            app.count(0, 1);
            let first = app.next_poll(start).unwrap();
            prop_assert!((start + 120..start + 120 + u64::from(polling)).contains(&first));
            prop_assert_eq!(app.next_poll(first), Some(first + u64::from(polling)));
            app.has_counted(first);
            prop_assert!(app.next_poll(first).unwrap() >= first + 120);
        }
    }
}
