//! What was sampled at each data source. In: frames and losses, by ifIndex. Out: the numbers of samples, and what the
//! status shows. Rules: packets come in runs of one interface, so the source that was asked for last is found at once, and
//! any other by halving; nothing is allocated for a source that is known; one that has vanished is forgotten.

use crate::sample::flow::Sampler;

/// What was sampled at one data source.
#[derive(Clone, Copy, Debug)]
pub struct Sampled {
    if_index: u32,
    /// Sequence, pool, drops.
    pub sampler: Sampler,
    /// The packet source that sampled last.
    pub source: &'static str,
    /// The rate of its last sample.
    pub one_in: u32,
    /// Packets that no sample can describe.
    pub unknown: u64,
    /// `psample` has had samples of it.
    pub(super) by_psample: bool,
}

/// All data sources that were sampled.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By ifIndex.
    all: Vec<Sampled>,
    last: usize,
}

impl Ledger {
    /// A data source, where it was sampled.
    pub(super) fn get(&self, if_index: u32) -> Option<&Sampled> {
        self.position(if_index).ok().and_then(|at| self.all.get(at))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Sampled> {
        self.all.iter()
    }

    /// A data source, new if need be, that this packet source samples at this rate.
    #[inline]
    pub(super) fn entry(&mut self, if_index: u32, source: &'static str, one_in: u32) -> &mut Sampled {
        if self.all.get(self.last).is_none_or(|sampled| sampled.if_index != if_index) {
            self.last = self.position(if_index).unwrap_or_else(|at| {
                let sampler = Sampler::new(if_index);
                let new = Sampled { if_index, sampler, source, one_in, unknown: 0, by_psample: false };
                self.all.insert(at, new);
                at
            });
        }
        let sampled = &mut self.all[self.last];
        (sampled.source, sampled.one_in) = (source, one_in);
        sampled
    }

    /// Only data sources that exist are remembered.
    pub(super) fn retain(&mut self, exists: impl Fn(u32) -> bool) {
        self.all.retain(|sampled| exists(sampled.if_index));
    }

    /// A data source is no more.
    pub(super) fn forget(&mut self, if_index: u32) {
        if let Ok(at) = self.position(if_index) {
            self.all.remove(at);
        }
    }

    fn position(&self, if_index: u32) -> Result<usize, usize> {
        self.all.binary_search_by_key(&if_index, |sampled| sampled.if_index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn each_source_has_its_own_numbers_in_whatever_order_they_come_and_go(
            steps in prop::collection::vec((0_u32..9, prop::bool::weighted(0.2)), 0..300),
        ) {
            let (mut ledger, mut truth) = (Ledger::default(), BTreeMap::<u32, u32>::new());
            for (if_index, forget) in steps {
                if forget {
                    ledger.forget(if_index);
                    truth.remove(&if_index);
                } else {
                    let drops = truth.entry(if_index).or_default();
                    ledger.entry(if_index, "pcap", 1).sampler.lost(if_index + 1, 1);
                    *drops += if_index + 1;
                }
                for index in 0..9 {
                    let told = ledger.get(index).map(|sampled| sampled.sampler.drops());
                    prop_assert_eq!(told, truth.get(&index).copied());
                }
            }
        }
    }
}
