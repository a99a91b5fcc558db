//! Is a sampler silent that should not be? In: the interface's packet counter and the number of samples, whenever the
//! counters are polled. Out: silence, once it cannot be chance. Rule: silence needs several polls and so many packets
//! that a hundred samples were to be expected; one sample ends it. A network card joins up to some dozen packets
//! before anybody can sample them, which a hundred expected samples outweigh. A source that others feed, perhaps with a
//! part of all packets only ([`Hearing`]), is also measured by what it used to hear.

/// Polls without a sample before silence is told.
const POLLS: u32 = 3;
/// Samples that were to be expected in that time.
const EXPECTED: u64 = 100;

/// The watch over one sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    packets: u64,
    samples: u64,
    polls: u32,
}

/// What a sampler has missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Packets that the interface counted since the last sample.
    pub packets: u64,
    /// Samples that were to be expected of them.
    pub expected: u64,
}

impl Watch {
    /// Begins with these numbers.
    pub fn new(packets: u64, samples: u64) -> Self {
        Self { packets, samples, polls: 0 }
    }

    /// Looks at the numbers of a further poll.
    pub fn look(&mut self, packets: u64, samples: u64, one_in: u32) -> Option<Silence> {
        if samples != self.samples || packets < self.packets {
            *self = Self::new(packets, samples);
            return None;
        }
        self.polls = self.polls.saturating_add(1);
        let missed = packets - self.packets;
        let expected = missed / u64::from(one_in.max(1));
        (self.polls >= POLLS && expected >= EXPECTED).then_some(Silence { packets: missed, expected })
    }
}

/// The watch over a source that others feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hearing {
    watch: Watch,
    /// Packets and samples when it began.
    first: (u64, u64),
}

impl Hearing {
    /// Begins with these numbers.
    pub fn new(packets: u64, samples: u64) -> Self {
        Self { watch: Watch::new(packets, samples), first: (packets, samples) }
    }

    /// Looks at the numbers of a further poll.
    pub fn look(&mut self, packets: u64, samples: u64, one_in: u32) -> Option<Silence> {
        if packets < self.first.0 || samples < self.first.1 {
            *self = Self::new(packets, samples);
        }
        let (before, heard) = (self.watch.packets - self.first.0, self.watch.samples - self.first.1);
        let silence = self.watch.look(packets, samples, one_in)?;
        // So many would have come, if it were as before.
        let usual = u128::from(silence.packets) * u128::from(heard) / u128::from(before.max(1));
        (heard == 0 || usual >= u128::from(EXPECTED)).then_some(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_never_heard_anything_is_judged_by_its_rate() {
        let mut hearing = Hearing::new(0, 0);
        assert_eq!(hearing.look(10_000, 0, 100), None);
        assert_eq!(hearing.look(10_000, 0, 100), None);
        assert_eq!(hearing.look(10_000, 0, 100), Some(Silence { packets: 10_000, expected: 100 }));
    }

    #[test]
    fn a_source_that_is_fed_a_part_is_judged_by_that_part() {
        // A rule for one packet in fifty: a hundred samples of that part are 500,000 packets.
        let mut hearing = Hearing::new(0, 0);
        (1..=100).for_each(|n| assert_eq!(hearing.look(n * 5000, n, 100), None));
        assert!((1..=90).all(|n| hearing.look(500_000 + n * 5000, 100, 100).is_none()));
        let silence = hearing.look(1_000_000, 100, 100);
        assert_eq!(silence, Some(Silence { packets: 500_000, expected: 5000 }));
        assert_eq!(hearing.look(1_005_000, 101, 100), None, "one sample ends it");
    }

    #[test]
    fn numbers_that_begin_anew_begin_anew() {
        let mut hearing = Hearing::new(1000, 50);
        for (packets, samples) in [(900, 60), (2000, 40), (0, 0), (u64::MAX, u64::MAX)] {
            assert_eq!(hearing.look(packets, samples, 1), None);
        }
    }

    #[test]
    fn silence_needs_polls_and_packets() {
        let mut watch = Watch::new(1000, 7);
        assert_eq!(watch.look(100_000, 7, 10), None, "one poll");
        assert_eq!(watch.look(200_000, 7, 10), None, "two polls");
        assert_eq!(watch.look(301_000, 7, 10), Some(Silence { packets: 300_000, expected: 30_000 }));
        let mut idle = Watch::new(1000, 7);
        assert!((0..100).all(|poll| idle.look(1000 + poll * 9, 7, 10).is_none()), "89 expected");
    }

    #[test]
    fn a_sample_or_counters_that_begin_anew_end_it() {
        let mut watch = Watch::new(0, 0);
        assert!((1..=3).all(|poll| watch.look(poll * 50_000, 0, 100).is_none() == (poll < 3)));
        assert_eq!(watch.look(200_000, 1, 100), None);
        assert_eq!(watch.look(10, 1, 100), None, "the interface was made anew");
        assert_eq!(watch, Watch::new(10, 1));
    }
}
