//! Samples that a chip takes more often than is wanted: several are made into one, which stands for the packets of all.
//!
//! In: for each switch port the 1-in-N that is wanted, and the one that its chip is known to have; the rate that each sample
//! tells. Out: for each sample what it stands for, or that it is held back. Rules: no packet is forgotten, also where rates change: what was held back is told with
//! the next sample; a sample that is rare enough, and one of any other interface, passes as it is. Nothing is allocated
//! for a sample.

use std::num::NonZeroU32;

/// The switch ports.
#[derive(Clone, Debug, Default)]
pub struct Thinning {
    /// By ifIndex.
    ports: Vec<Port>,
}

#[derive(Clone, Copy, Debug)]
struct Port {
    if_index: u32,
    rate: PortRate,
    /// Packets that samples held back stand for; fewer than are wanted, unless that has changed.
    held: u32,
}

/// How a switch port is sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortRate {
    /// One packet in so many is wanted; `None`: whatever comes.
    pub wanted: Option<NonZeroU32>,
    /// What the chip was set to, for sources that do not tell it.
    pub set: Option<NonZeroU32>,
}

/// What becomes of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is sent, and stands for this many packets.
    Sent(u32),
    /// It is held back; one in this many is wanted.
    Held(u32),
}

impl Thinning {
    /// Makes this the rate of an interface; the default for what is no switch port.
    pub fn set_rate(&mut self, if_index: u32, rate: PortRate) {
        match (self.position(if_index), rate == PortRate::default()) {
            (Ok(at), false) => self.ports[at].rate = rate,
            (Ok(at), true) => _ = self.ports.remove(at),
            (Err(at), false) => self.ports.insert(at, Port { if_index, rate, held: 0 }),
            (Err(_), true) => {}
        }
    }

    /// What the chip was set to for a switch port, where that is known.
    pub fn set_to(&self, if_index: u32) -> Option<u32> {
        self.position(if_index).ok().and_then(|at| self.ports[at].rate.set).map(NonZeroU32::get)
    }

    /// Takes a sample of an interface that stands for `one_in` packets.
    pub fn take(&mut self, if_index: u32, one_in: u32) -> Taken {
        let Ok(at) = self.position(if_index) else { return Taken::Sent(one_in) };
        let port = &mut self.ports[at];
        port.held = port.held.saturating_add(one_in);
        if let Some(wanted) = port.rate.wanted.filter(|wanted| port.held < wanted.get()) {
            return Taken::Held(wanted.get());
        }
        Taken::Sent(std::mem::take(&mut port.held))
    }

    fn position(&self, if_index: u32) -> Result<usize, usize> {
        self.ports.binary_search_by_key(&if_index, |port| port.if_index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanting(one_in: u32) -> Thinning {
        let mut thinning = Thinning::default();
        thinning.set_rate(7, wish(one_in));
        thinning
    }

    fn wish(one_in: u32) -> PortRate {
        PortRate { wanted: NonZeroU32::new(one_in), set: None }
    }

    #[test]
    fn samples_that_are_too_frequent_are_sent_as_one_that_stands_for_all() {
        let mut ports = wanting(1000);
        let taken: Vec<_> = (0..8).map(|_| ports.take(7, 300)).collect();
        let (held, sent) = (Taken::Held(1000), Taken::Sent(1200));
        assert_eq!(taken, [held, held, held, sent, held, held, held, sent]);
    }

    #[test]
    fn a_sample_that_is_rare_enough_passes_as_it_is() {
        for (wanted, told) in [(1000, 1000), (1000, 4096), (1, 1)] {
            let mut ports = wanting(wanted);
            assert_eq!([ports.take(7, told), ports.take(7, told)], [Taken::Sent(told); 2]);
        }
        assert_eq!(wanting(1000).take(8, 1), Taken::Sent(1), "no switch port");
    }

    #[test]
    fn a_change_of_rates_forgets_nothing() {
        let mut ports = wanting(1000);
        assert_eq!(ports.take(7, 600), Taken::Held(1000));
        ports.set_rate(7, wish(100));
        assert_eq!((ports.take(7, 600), ports.take(7, 600)), (Taken::Sent(1200), Taken::Sent(600)));
        assert_eq!(ports.take(7, 60), Taken::Held(100));
        ports.set_rate(7, PortRate { wanted: None, set: NonZeroU32::new(60) });
        assert_eq!((ports.set_to(7), ports.take(7, 60)), (Some(60), Taken::Sent(120)));
        ports.set_rate(7, PortRate::default());
        assert_eq!((ports.set_to(7), ports.take(7, 1)), (None, Taken::Sent(1)));
    }

    proptest! {
        #[test]
        fn what_is_sent_and_what_is_held_is_all_there_was(
            steps in prop::collection::vec((0_u32..4, prop::option::weighted(0.1, 1_u32..5000), 1_u32..2000), 1..300),
        ) {
            let mut ports = Thinning::default();
            let mut told = [(0_u64, 0_u64, 0_u32); 4];
            let mut wanted = [0; 4];
            for (if_index, new, one_in) in steps {
                if let Some(new) = new {
                    ports.set_rate(if_index, wish(new));
                    wanted[if_index as usize] = new;
                }
                let (all, sent, held) = &mut told[if_index as usize];
                *all += u64::from(one_in);
                match ports.take(if_index, one_in) {
                    Taken::Held(wanted) => {
                        *held += one_in;
                        prop_assert!(*held < wanted, "held back too long");
                    }
                    Taken::Sent(stands_for) => {
                        prop_assert!(stands_for >= wanted[if_index as usize] && stands_for == *held + one_in);
                        *sent += u64::from(stands_for);
                        *held = 0;
                    }
                }
                prop_assert_eq!(*all, *sent + u64::from(*held));
            }
        }
    }
}
