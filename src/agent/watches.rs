//! Is a sampler silent that should not be? In: the packets that interfaces have counted between two polls, beside the samples of
//! them. Out: the state of the watch; a warning for an interface. What is too few is decided in `sample::silence`; sources that
//! others feed are listened to in `hearing`.

use super::daemon::Agent;
use super::measures::Measures;
use super::packets::{WATCH, Wish};
use crate::sample::silence::{Silence, Watch};
use crate::status::registry::State;
use std::collections::BTreeMap;

/// What is known of the sampled interfaces between two polls.
#[derive(Debug, Default)]
pub(super) struct Watches {
    of: BTreeMap<u32, Watch>,
    silent: BTreeMap<u32, Silence>,
    /// Interfaces have gone since the last poll.
    gone: bool,
}

impl Watches {
    fn look(&mut self, index: u32, packets: u64, samples: u64, one_in: u32) {
        let watch = self.of.entry(index).or_insert_with(|| Watch::new(packets, samples));
        match watch.look(packets, samples, one_in) {
            Some(silence) => _ = self.silent.insert(index, silence),
            None => _ = self.silent.remove(&index),
        }
    }

    fn forget(&mut self, index: u32) {
        self.of.remove(&index);
        self.silent.remove(&index);
    }

    /// It is no more.
    pub(super) fn gone(&mut self, index: u32) {
        self.forget(index);
        self.gone = true;
    }

    /// Only these are looked at from now on.
    pub(super) fn retain(&mut self, keep: impl Fn(&u32) -> bool) {
        self.of.retain(|index, _| keep(index));
        self.silent.retain(|index, _| keep(index));
    }

    /// What is wrong with the sampler of an interface, in words.
    pub(super) fn warning(&self, index: u32) -> Option<String> {
        self.silent.get(&index).map(|silence| in_words(*silence))
    }
}

impl Agent {
    /// Looks at the packets that the interfaces of the last poll have counted, beside what was sampled of them.
    pub(super) fn watch_samplers(&mut self) {
        if self.thread_refused {
            return self.apply_sampling();
        }
        self.follow_vpp();
        self.report_connections();
        let mut desk = self.packets.desk.lock();
        if std::mem::take(&mut self.watches.gone) {
            // Packets that were under way when their interface went have brought it back.
            let Measures { interfaces, chip_sampled, .. } = &mut self.measures;
            let exists = |index: u32| interfaces.table().get(index).is_some();
            desk.retain(exists);
            chip_sampled.retain(|index| exists(*index));
        }
        // Where there is no tap, that is said already.
        let (taps, tc) = (&desk.report.taps, &self.tc);
        let runs = |index: &u32| taps.get(index).is_some_and(|tap| tap.obstacle.is_none());
        let tapped = |index: &u32| self.packets.taps().get(index).filter(|_| runs(index));
        let by_tap = |wish: &Wish| (wish.tap.one_in.get(), [true; 2]);
        let sampled = |index: &u32| tapped(index).map(by_tap).or_else(|| tc.sampled(*index));
        self.watches.silent.retain(|index, _| sampled(index).is_some());
        for (index, [arrived, left]) in &self.measures.packets {
            let Some((one_in, [arriving, leaving])) = sampled(index) else {
                self.watches.forget(*index);
                continue;
            };
            let packets =
                (if arriving { *arrived } else { 0 }).saturating_add(if leaving { *left } else { 0 });
            let samples = desk.sampled(*index).map_or(0, |s| s.sampler.samples() + s.unknown);
            self.watches.look(*index, packets, samples, one_in);
        }
        drop(desk);
        self.listen_to_sources();
        if self.packets.taps().is_empty() && !self.tc.samples_any() && !self.ears.are_open() {
            self.registry.remove(WATCH);
            return;
        }
        let table = self.measures.interfaces.table();
        let silent = self.watches.silent.iter();
        let mut problems: Vec<_> = silent
            .filter_map(|(index, s)| Some(format!("{}: {}", table.get(*index)?.name, in_words(*s))))
            .collect();
        problems.extend(self.deaf_sources());
        self.set(WATCH, State::from_problems(&problems));
    }
}

fn in_words(silence: Silence) -> String {
    let Silence { packets, expected } = silence;
    format!(
        "its counters moved by {packets} packets without one sample, where {expected} were to be expected"
    )
}
