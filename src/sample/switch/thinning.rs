//! Samples that a chip takes more often than is wanted: several are made into one, which stands for the packets of all.
//!
//! In: for each switch port the 1-in-N that is wanted; the rate that each sample tells. Out: for each sample what it stands
//! for, or that it is held back. Rules: no packet is forgotten, also where rates change: what was held back is told with
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
    one_in: NonZeroU32,
    /// Packets that samples held back stand for; below `one_in` unless that has fallen.
    held: u32,
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
    /// Makes this the rate that is wanted of an interface; `None`: it is no switch port.
    pub fn want(&mut self, if_index: u32, one_in: Option<NonZeroU32>) {
        match (self.position(if_index), one_in) {
            (Ok(at), Some(one_in)) => self.ports[at].one_in = one_in,
            (Ok(at), None) => _ = self.ports.remove(at),
            (Err(at), Some(one_in)) => self.ports.insert(at, Port { if_index, one_in, held: 0 }),
            (Err(_), None) => {}
        }
    }

    /// The rate that is wanted of a switch port.
    pub fn wanted(&self, if_index: u32) -> Option<NonZeroU32> {
        self.position(if_index).ok().map(|at| self.ports[at].one_in)
    }

    /// Takes a sample of an interface that stands for `one_in` packets.
    pub fn take(&mut self, if_index: u32, one_in: u32) -> Taken {
        let Ok(at) = self.position(if_index) else { return Taken::Sent(one_in) };
        let port = &mut self.ports[at];
        port.held = port.held.saturating_add(one_in);
        if port.held < port.one_in.get() {
            return Taken::Held(port.one_in.get());
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
        thinning.want(7, NonZeroU32::new(one_in));
        thinning
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
        ports.want(7, NonZeroU32::new(100));
        assert_eq!((ports.take(7, 600), ports.take(7, 600)), (Taken::Sent(1200), Taken::Sent(600)));
        assert_eq!(ports.wanted(7), NonZeroU32::new(100));
        ports.want(7, None);
        assert_eq!((ports.wanted(7), ports.take(7, 1)), (None, Taken::Sent(1)));
    }

    proptest! {
        #[test]
        fn what_is_sent_and_what_is_held_is_all_there_was(
            steps in prop::collection::vec((0_u32..4, prop::option::weighted(0.1, 1_u32..5000), 1_u32..2000), 1..300),
        ) {
            let mut ports = Thinning::default();
            let mut told = [(0_u64, 0_u64, 0_u32); 4];
            for (if_index, wish, one_in) in steps {
                if let Some(wish) = wish {
                    ports.want(if_index, NonZeroU32::new(wish));
                }
                let (all, sent, held) = &mut told[if_index as usize];
                *all += u64::from(one_in);
                match ports.take(if_index, one_in) {
                    Taken::Held(wanted) => {
                        *held += one_in;
                        prop_assert!(*held < wanted, "held back too long");
                    }
                    Taken::Sent(stands_for) => {
                        let wanted = ports.wanted(if_index).map_or(0, NonZeroU32::get);
                        prop_assert!(stands_for >= wanted && stands_for == *held + one_in);
                        *sent += u64::from(stands_for);
                        *held = 0;
                    }
                }
                prop_assert_eq!(*all, *sent + u64::from(*held));
            }
        }
    }
}
