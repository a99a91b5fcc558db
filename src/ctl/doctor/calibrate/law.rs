//! Is a number of samples right? In: what was sent and what came. Out: yes or no, in words. Pure.

/// How far a right sampler may be off, in standard deviations.
const DEVIATIONS: f64 = 5.0;

/// What was sent and what came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Packets that crossed the wire.
    pub(super) packets: u32,
    /// The rate that was asked for.
    pub(super) one_in: u32,
    /// Samples that came.
    pub(super) samples: u32,
    /// Samples that were told to be lost for want of room.
    pub(super) lost: u32,
    /// Samples that tell another rate, or another length than was sent.
    pub(super) wrong: u32,
}

/// # Errors
/// It is wrong; why.
pub(super) fn verdict(counted: &Counted) -> Result<String, String> {
    let Counted { packets, one_in, samples, lost, wrong } = *counted;
    let rate = f64::from(one_in.max(1));
    let expected = f64::from(packets) / rate;
    let deviation = (expected * (1.0 - 1.0 / rate)).sqrt();
    let allowed = deviation * DEVIATIONS;
    let off = (f64::from(samples) + f64::from(lost) - expected).abs();
    let words = format!(
        "{samples} samples of {packets} packets, {lost} lost; {expected:.0} were to be expected, within {allowed:.0}"
    );
    if wrong > 0 {
        return Err(format!("{words}; {wrong} samples tell another rate or length than was sent"));
    }
    // A sampler that loses all of them is not right either.
    if off > allowed || (samples == 0 && packets > 0) { Err(words) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(packets: u32, one_in: u32, samples: u32) -> Counted {
        Counted { packets, one_in, samples, ..Counted::default() }
    }

    #[test]
    fn every_packet_is_every_packet() {
        assert!(verdict(&counted(2000, 1, 2000)).is_ok());
        assert!(verdict(&counted(2000, 1, 1999)).is_err());
        assert!(verdict(&Counted { lost: 1, ..counted(2000, 1, 1999) }).is_ok());
    }

    #[test]
    fn chance_is_allowed_for_and_no_more() {
        // Of 40,000 at 1 in 10 the standard deviation is 60.
        for (samples, right) in
            [(4000, true), (3700, true), (3699, false), (4300, true), (4301, false), (0, false)]
        {
            assert_eq!(verdict(&counted(40_000, 10, samples)).is_ok(), right, "{samples}");
        }
    }

    #[test]
    fn samples_that_tell_something_else_are_wrong_however_many_there_are() {
        let words = verdict(&Counted { wrong: 3, ..counted(2000, 1, 2000) }).unwrap_err();
        assert!(words.contains("3 samples tell another rate"), "{words}");
        assert!(verdict(&Counted { lost: 2000, ..counted(2000, 1, 0) }).is_err());
    }
}
