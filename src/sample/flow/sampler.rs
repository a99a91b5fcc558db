//! The numbers of the flow samples of one data source: sequence, pool, drops.
//!
//! In: every frame of the source, and losses that are found later. Out: the headers of its samples. Rules: the pool
//! only grows, by the packets that lost samples stand for, and by those that a frame stands for or, where the kernel
//! counts, those that it has counted since; so any mixture of packet sources adds up. It is counted when a frame comes,
//! and told together with the sequence number when its sample goes, so that neither ever runs backwards when samples go
//! in another order. At one in one the pool is samples and drops together.
//! Spec: sFlow v5, section 5.3 (`flow_sample`).

use super::Path;
use crate::sample::frame::Frame;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::FlowHeader;

/// One data source's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    source: DataSource,
    sequence: u32,
    pool: u32,
    drops: u32,
    samples: u64,
}

impl Sampler {
    /// Of the interface with this ifIndex.
    pub fn new(if_index: u32) -> Self {
        let source = DataSource::interface(if_index);
        Self { source, sequence: 0, pool: 0, drops: 0, samples: 0 }
    }

    /// Counts a frame, whose sample goes out with [`Self::next`], now or later or never.
    pub fn count(&mut self, frame: &Frame<'_>) {
        self.lost(frame.lost, frame.one_in);
        self.pool = self.pool.wrapping_add(frame.seen.unwrap_or(frame.one_in));
    }

    /// The header of the next sample; `one_in` is that of its frame.
    pub fn next(&mut self, one_in: u32, path: Path) -> FlowHeader {
        self.sequence = self.sequence.wrapping_add(1);
        self.samples += 1;
        FlowHeader {
            sequence: self.sequence,
            source: self.source,
            sampling_rate: one_in,
            sample_pool: self.pool,
            drops: self.drops,
            input: path.input,
            output: path.output,
        }
    }

    /// Counts samples that were lost, found out after the fact; each stood for `one_in` packets.
    pub fn lost(&mut self, added: u32, one_in: u32) {
        self.drops = self.drops.wrapping_add(added);
        self.pool = self.pool.wrapping_add(one_in.wrapping_mul(added));
    }

    /// Packets that could have been sampled; wraps.
    pub fn pool(&self) -> u32 {
        self.pool
    }

    /// Samples that were lost; wraps.
    pub fn drops(&self) -> u32 {
        self.drops
    }

    /// Samples that were made.
    pub fn samples(&self) -> u64 {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(one_in: u32, lost: u32, seen: Option<u32>) -> Frame<'static> {
        Frame { one_in, lost, seen, ..Frame::default() }
    }

    fn take(sampler: &mut Sampler, frame: &Frame<'_>) -> FlowHeader {
        sampler.count(frame);
        sampler.next(frame.one_in, Path::default())
    }

    #[test]
    fn a_lost_sample_stood_for_as_many_packets_as_the_one_behind_it() {
        let mut sampler = Sampler::new(7);
        let first = take(&mut sampler, &frame(400, 0, None));
        assert_eq!((first.source, first.sequence, first.sampling_rate), (DataSource::interface(7), 1, 400));
        assert_eq!((first.sample_pool, first.drops), (400, 0));
        let second = take(&mut sampler, &frame(100, 2, None));
        assert_eq!((second.sequence, second.sampling_rate), (2, 100));
        assert_eq!((second.sample_pool, second.drops), (700, 2));
        sampler.lost(3, 100);
        assert_eq!((sampler.pool(), sampler.drops(), sampler.samples()), (1000, 5, 2));
    }

    #[test]
    fn where_the_kernel_counts_packets_its_count_is_told() {
        let mut sampler = Sampler::new(7);
        assert_eq!(take(&mut sampler, &frame(400, 0, Some(1234))).sample_pool, 1234);
        assert_eq!(take(&mut sampler, &frame(400, 0, Some(0))).sample_pool, 1234);
        sampler.lost(5, 400);
        assert_eq!(take(&mut sampler, &frame(400, 0, Some(6))).sample_pool, 3240);
        assert_eq!(take(&mut sampler, &frame(400, 0, None)).sample_pool, 3640);
        assert_eq!(sampler.drops(), 5);
    }

    #[test]
    fn all_counts_wrap() {
        let mut sampler = Sampler::new(7);
        sampler.lost(u32::MAX, 1);
        let header = take(&mut sampler, &frame(1, 0, None));
        assert_eq!((header.sample_pool, header.drops), (0, u32::MAX));
        let header = take(&mut sampler, &frame(u32::MAX, u32::MAX, None));
        assert_eq!((header.sample_pool, header.drops), (0, u32::MAX - 1));
    }

    proptest! {
        #[test]
        fn the_pool_never_runs_backwards_whatever_mixture_of_sources_there_is(
            steps in prop::collection::vec((any::<bool>(), 1_u32..20_000, 0_u32..5, prop::option::of(0_u32..1 << 30)), 0..200),
        ) {
            let mut sampler = Sampler::new(7);
            for (late, one_in, lost, seen) in steps {
                let before = sampler.pool();
                let added = if late {
                    sampler.lost(lost, one_in);
                    one_in * lost
                } else {
                    sampler.count(&frame(one_in, lost, seen));
                    one_in * lost + seen.unwrap_or(one_in)
                };
                prop_assert_eq!(sampler.pool().wrapping_sub(before), added);
            }
        }

        #[test]
        fn at_one_in_one_the_pool_is_samples_and_drops_in_whatever_order_they_are_found(
            steps in prop::collection::vec((0_u8..3, 0_u32..5), 0..200),
        ) {
            let mut sampler = Sampler::new(7);
            let (mut waiting, mut last) = (0_u32, (0, 0));
            for (step, lost) in steps {
                match step {
                    0 => sampler.lost(lost, 1),
                    1 => {
                        sampler.count(&frame(1, lost, None));
                        waiting += 1;
                    }
                    _ => {
                        sampler.count(&frame(1, lost, None));
                        let header = sampler.next(1, Path::default());
                        prop_assert!(header.sequence == last.0 + 1 && header.sample_pool > last.1);
                        last = (header.sequence, header.sample_pool);
                    }
                }
            }
            for _ in 0..waiting {
                prop_assert_eq!(sampler.next(1, Path::default()).sequence, last.0 + 1);
                last.0 += 1;
            }
            prop_assert_eq!(u64::from(sampler.pool()), sampler.samples() + u64::from(sampler.drops()));
        }
    }
}
