//! Is a sampler silent that should not be? In: the interface's packet counter and the number of samples, whenever the
//! counters are polled. Out: silence, once it cannot be chance. Rule: silence needs several polls and so many packets
//! that a hundred samples were to be expected; one sample ends it. A network card joins up to some dozen packets
//! before anybody can sample them, which a hundred expected samples outweigh.

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

#[cfg(test)]
mod tests {
    use super::*;

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
