//! The rate of packets that a firewall rule samples: what the rule does, what is done here after it, and what is
//! reported.
//!
//! In: the global `sampling` and the 1-in-N of the rule's `probability`. Out: [`RuleRate`]. Rule: as the C agent
//! has it. `sampling` is what is wanted in all; a rule that samples less often than that leaves nothing to do here,
//! one that samples more often is sampled again. Without `probability` the rule is taken to hand over every packet.

use std::num::NonZeroU32;

/// Which settings decided on a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleRateOrigin {
    /// `sampling`: the rule is taken to hand over everything.
    Global,
    /// `probability`: nothing is left to do after the rule.
    Rule,
    /// `probability`, and `sampling` for what is done after the rule.
    RuleAndGlobal,
    /// The rule is the agent's own and does it all.
    OwnRule,
    /// A switch chip does it all.
    Chip,
}

impl RuleRateOrigin {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Global => "global_default",
            Self::Rule => "probability of the rule",
            Self::RuleAndGlobal => "probability of the rule, then sampling",
            Self::OwnRule => "the agent's own rule",
            Self::Chip => "sampling, for what is no port of the switch",
        }
    }
}

/// How packets of a firewall rule are sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleRate {
    /// The rule hands over one packet in this many.
    pub rule_one_in: NonZeroU32,
    /// Of those, one in this many is taken.
    pub skip: NonZeroU32,
    /// Why.
    pub origin: RuleRateOrigin,
}

impl RuleRate {
    /// For a rule that somebody else set up. `None` where `sampling` is 0, which means no samples.
    pub fn of_rule(sampling: u32, rule_one_in: Option<u32>) -> Option<Self> {
        let sampling = NonZeroU32::new(sampling)?;
        let rule_one_in = rule_one_in.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        let skip = NonZeroU32::new(sampling.get().div_ceil(rule_one_in.get())).unwrap_or(NonZeroU32::MIN);
        let origin = match (rule_one_in.get(), skip.get()) {
            (1, _) => RuleRateOrigin::Global,
            (_, 1) => RuleRateOrigin::Rule,
            _ => RuleRateOrigin::RuleAndGlobal,
        };
        Some(Self { rule_one_in, skip, origin })
    }

    /// For a rule that the agent sets up: as often as `probability` says, else as `sampling`, and as the kernel can
    /// keep it. `None` where that is 0.
    pub fn of_own_rule(sampling: u32, rule_one_in: Option<u32>) -> Option<Self> {
        let rule_one_in = kernel_one_in(NonZeroU32::new(rule_one_in.unwrap_or(sampling))?);
        Some(Self { rule_one_in, skip: NonZeroU32::MIN, origin: RuleRateOrigin::OwnRule })
    }

    /// For packets that a switch chip has sampled, each port at its own rate; of other interfaces `sampling` is told.
    /// `None` where that is 0.
    pub fn of_chip(sampling: u32) -> Option<Self> {
        let rule_one_in = NonZeroU32::new(sampling)?;
        Some(Self { rule_one_in, skip: NonZeroU32::MIN, origin: RuleRateOrigin::Chip })
    }

    /// What a sample stands for.
    pub fn one_in(&self) -> NonZeroU32 {
        self.rule_one_in.saturating_mul(self.skip)
    }
}

/// The whole number that is nearest to what the kernel makes of 1 in `one_in`: it keeps probabilities as multiples
/// of 2⁻³¹ (`linux/netfilter/xt_statistic.h`). Beyond 1 in 2³¹ it is not able to sample at all.
fn kernel_one_in(one_in: NonZeroU32) -> NonZeroU32 {
    const WHOLE: u32 = 1 << 31;
    let nearest = |n: u32| (WHOLE + n / 2) / n;
    NonZeroU32::new(nearest(nearest(one_in.get()).max(1))).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sampling: u32, rule: Option<u32>, want: Option<(u32, u32, RuleRateOrigin)>) {
        let rate = RuleRate::of_rule(sampling, rule);
        assert_eq!(rate.map(|rate| (rate.skip.get(), rate.one_in().get(), rate.origin)), want);
    }

    #[test]
    fn a_rule_of_others_is_sampled_again_up_to_the_global_rate() {
        use RuleRateOrigin::{Global, Rule, RuleAndGlobal};
        check(400, None, Some((400, 400, Global)));
        check(400, Some(1), Some((400, 400, Global)));
        check(400, Some(100), Some((4, 400, RuleAndGlobal)));
        check(400, Some(150), Some((3, 450, RuleAndGlobal)));
        check(400, Some(400), Some((1, 400, Rule)));
        check(400, Some(1000), Some((1, 1000, Rule)));
        check(1, None, Some((1, 1, Global)));
        check(0, Some(100), None);
        check(u32::MAX, Some(2), Some((1 << 31, u32::MAX, RuleAndGlobal)));
    }

    #[test]
    fn a_rule_of_the_agent_does_it_all() {
        let own = |sampling, rule| {
            RuleRate::of_own_rule(sampling, rule).map(|rate| (rate.rule_one_in.get(), rate.skip.get()))
        };
        assert_eq!(own(400, None), Some((400, 1)));
        assert_eq!(own(400, Some(10)), Some((10, 1)));
        assert_eq!(own(0, Some(10)), Some((10, 1)));
        assert_eq!(own(0, None), None);
    }

    #[test]
    fn the_kernel_keeps_usual_rates_and_rounds_rare_ones() {
        let kept = |n| kernel_one_in(NonZeroU32::new(n).unwrap()).get();
        for n in [1, 2, 3, 10, 100, 1000, 10_000, 32_768] {
            assert_eq!(kept(n), n);
        }
        // 2³¹ / 10⁷ is 214.7, and the kernel has 215 of 2³¹.
        assert_eq!(kept(10_000_000), 9_988_296);
        assert_eq!(kept(u32::MAX), 1 << 31);
    }
}
