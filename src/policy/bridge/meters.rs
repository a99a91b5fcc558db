//! Meters of a bridge: what measures the packets of a policy with `limit`.
//!
//! In: a rate, what `ovs-ofctl dump-meters` printed. Out: the text of a meter, and a number that is free. Rule: a meter bears
//! no mark of its owner, so the same policy and rate try the same numbers: one that is there with the same words and no
//! flow of others is what a run before has left. Spec: ovs-ofctl(8), METER TABLE COMMANDS.

use crate::policy::model::{PolicyName, Rate};
use std::collections::{BTreeMap, BTreeSet};

/// Those of ours begin here; others count from 1.
const FIRST: u32 = 26_739;
const NUMBERS: u32 = 4096;
/// So many numbers on is one of ours looked for whose place was taken at first.
const NEAR: usize = 8;
/// At least so much may come at once: a packet that the kernel has not cut yet, in kilobits; and some packets.
const BURST: (u64, u64) = (600, 10);

/// What a bridge has, by number: the words of each.
pub type Meters = BTreeMap<u32, BTreeSet<String>>;

/// One that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// By which flows name it.
    pub number: u32,
    words: String,
}

impl Meter {
    /// For a policy, with a number that nobody else's meter has.
    pub(super) fn new<'m>(
        policy: &PolicyName,
        rate: Rate,
        there: &Meters,
        ours: impl IntoIterator<Item = &'m Self>,
    ) -> Self {
        let (unit, rate, least) = match rate {
            Rate::Bits(bits) => ("kbps", (bits / 1000).max(1), BURST.0),
            Rate::Packets(packets) => ("pktps", packets.max(1), BURST.1),
        };
        // A tenth of a second at once.
        let burst = (rate / 10).max(least);
        let words = format!("{unit},burst,stats,bands=type=drop,rate={rate},burst_size={burst}");
        let its = words_of(&words);
        let start =
            policy.as_str().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let numbers = (0..NUMBERS).map(|at| FIRST + start % NUMBERS + at);
        let ours: BTreeSet<_> = ours.into_iter().map(|other| other.number).collect();
        let mut numbers = numbers.filter(|number| !ours.contains(number));
        let left = numbers.clone().take(NEAR).find(|number| there.get(number) == Some(&its));
        let free = || numbers.find(|number| !there.contains_key(number));
        Self { number: left.or_else(free).unwrap_or(FIRST), words }
    }

    /// As `add-meter` wants it.
    pub fn text(&self) -> String {
        format!("meter={},{}", self.number, self.words)
    }
}

fn words_of(text: &str) -> BTreeSet<String> {
    let words = text.split([',', ' ', '\n']).map(|word| word.trim_start_matches("bands="));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Reads what `ovs-ofctl dump-meters` printed.
pub(super) fn parse(text: &str) -> Meters {
    let all = text.split("meter=").skip(1).filter_map(|meter| {
        let (number, words) = meter.split_once(' ')?;
        Some((number.parse().ok()?, words_of(words)))
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Open vSwitch 3.1 prints them.
    const PRINTED: &str = "OFPST_METER_CONFIG reply (OF1.5) (xid=0x2):\n\
        meter=1 kbps burst stats bands=\ntype=drop rate=5000 burst_size=100\n\n\
        meter=7 pktps bands=\ntype=drop rate=10\n";

    #[test]
    fn a_meter_has_a_number_that_is_free_and_the_same_one_again() {
        let policy = "p".parse().unwrap();
        let new = |there: &Meters| Meter::new(&policy, Rate::Bits(5_000_000), there, []);
        let mut there = parse(PRINTED);
        assert_eq!(there.keys().copied().collect::<Vec<_>>(), [1, 7]);
        let first = new(&there);
        assert!(
            first.text().ends_with(",kbps,burst,stats,bands=type=drop,rate=5000,burst_size=600"),
            "{first:?}"
        );
        there.insert(first.number, words_of(&first.words));
        assert_eq!(new(&there), first, "a run before has left it");
        assert_ne!(Meter::new(&policy, Rate::Bits(5_000_000), &there, [&first]).number, first.number);
        there.insert(first.number, there[&7].clone());
        assert_eq!(new(&there).number, first.number + 1, "it is somebody's");
    }
}
