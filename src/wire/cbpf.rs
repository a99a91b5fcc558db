//! The classic BPF program that lets the kernel choose 1 packet in N for a packet socket.
//!
//! In: N, how many bytes to keep, which direction. Out: instructions as data (`struct sock_filter`), for
//! `SO_ATTACH_FILTER`. The usual `random % N == 0` takes a packet with probability ceil(2³²/N)/2³²: exact for powers
//! of two, within 0.00002 % at N = 1000, but 0.12 % too often at N = 10,000,000. Here a draw below T = ceil(2³²/N)
//! comes first, and only what passes is drawn for again, against U = 2³²·(2³²/N)/T: the rate is exact to 2⁻³¹ at
//! any N, and a packet that is not chosen costs a comparison instead of a division. Nothing is drawn at N = 1.
//!
//! Spec: Documentation/networking/filter.rst; `SKF_AD_RANDOM` (kernel 3.19) and `SKF_AD_PKTTYPE` of `linux/filter.h`.

use std::num::NonZeroU32;

/// One instruction: `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// Instructions to skip where a comparison is true.
    pub jt: u8,
    /// Instructions to skip where it is false.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// Which packets of a tapped interface may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// All.
    Both,
    /// Those that came from the wire.
    Received,
    /// Those that this host sends.
    Sent,
}

/// Loads 32 bits from a place in the packet or, at the places below, of what the kernel knows of it.
const LD_W_ABS: u16 = 0x20;
const JEQ: u16 = 0x15;
const JGE: u16 = 0x35;
const RET: u16 = 0x06;
/// `SKF_AD_OFF + SKF_AD_PKTTYPE`.
const PACKET_TYPE: u32 = 0xFFFF_F004;
/// `SKF_AD_OFF + SKF_AD_RANDOM`.
const RANDOM: u32 = 0xFFFF_F038;
const PACKET_OUTGOING: u32 = 4;

/// Values of a 32-bit draw.
const DRAWS: u64 = 1 << 32;

/// Writes the program. `snap` is how many bytes of a chosen packet to keep; 0 would reject the packet, so that at
/// least 1 is kept.
pub fn program(sampling: NonZeroU32, snap: u32, direction: Direction) -> Vec<Instruction> {
    let mut program = Vec::with_capacity(8);
    match direction {
        Direction::Both => {}
        Direction::Received => condition(&mut program, PACKET_TYPE, JEQ, PACKET_OUTGOING, true),
        Direction::Sent => condition(&mut program, PACKET_TYPE, JEQ, PACKET_OUTGOING, false),
    }
    for limit in thresholds(sampling).into_iter().flatten() {
        condition(&mut program, RANDOM, JGE, limit, true);
    }
    let reject = program.len() + 1;
    for (at, instruction) in program.iter_mut().enumerate() {
        // A program has at most 8 instructions.
        let skip = u8::try_from(reject - at - 1).unwrap_or(u8::MAX);
        instruction.jt = if instruction.jt == 0 { 0 } else { skip };
        instruction.jf = if instruction.jf == 0 { 0 } else { skip };
    }
    program.push(Instruction { code: RET, jt: 0, jf: 0, k: snap.max(1) });
    program.push(Instruction { code: RET, jt: 0, jf: 0, k: 0 });
    program
}

/// A load and a comparison whose outcome `reject` leads to the end; how far that is, is filled in later.
fn condition(program: &mut Vec<Instruction>, load: u32, code: u16, k: u32, reject: bool) {
    program.push(Instruction { code: LD_W_ABS, jt: 0, jf: 0, k: load });
    program.push(Instruction { code, jt: u8::from(reject), jf: u8::from(!reject), k });
}

/// The limits below which the first and the second draw must be; `None` where no draw is needed.
fn thresholds(sampling: NonZeroU32) -> [Option<u32>; 2] {
    let sampling = u64::from(sampling.get());
    let first = DRAWS.div_ceil(sampling);
    // Half of the divisor is added to round to the nearest.
    let divisor = u128::from(sampling) * u128::from(first);
    let second = (u128::from(DRAWS) * u128::from(DRAWS) + divisor / 2) / divisor;
    // 2³² itself does not fit, and means "always".
    [u32::try_from(first).ok(), u32::try_from(second).ok()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The random words and packet type that the kernel would give.
    struct Kernel<F: FnMut() -> u32> {
        random: F,
        outgoing: bool,
    }

    /// Runs a program as Documentation/networking/filter.rst describes it.
    fn run<F: FnMut() -> u32>(program: &[Instruction], kernel: &mut Kernel<F>) -> u32 {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let Instruction { code, jt, jf, k } = program[at];
            at += 1;
            let jump = |taken: bool| usize::from(if taken { jt } else { jf });
            match (code, k) {
                (0x20, 0xFFFF_F038) => accumulator = (kernel.random)(),
                (0x20, 0xFFFF_F004) => accumulator = if kernel.outgoing { 4 } else { 0 },
                (0x15, k) => at += jump(accumulator == k),
                (0x35, k) => at += jump(accumulator >= k),
                (0x06, k) => return k,
                other => panic!("no such instruction: {other:x?}"),
            }
        }
    }

    fn nonzero(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    /// SplitMix64, upper half.
    fn generator(mut state: u64) -> impl FnMut() -> u32 {
        move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap()
        }
    }

    #[test]
    fn one_in_one_keeps_every_packet_without_a_draw() {
        let program = program(nonzero(1), 128, Direction::Both);
        let mut kernel = Kernel { random: || panic!("a draw"), outgoing: false };
        assert_eq!((program.len(), run(&program, &mut kernel)), (2, 128));
    }

    #[test]
    fn chosen_packets_are_cut_to_the_wanted_length_and_never_to_nothing() {
        let kept = |snap| {
            let program = program(nonzero(2), snap, Direction::Both);
            run(&program, &mut Kernel { random: || 0, outgoing: false })
        };
        assert_eq!((kept(256), kept(0)), (256, 1));
    }

    #[test]
    fn direction_is_that_of_the_packet() {
        for (direction, received, sent) in
            [(Direction::Both, 64, 64), (Direction::Received, 64, 0), (Direction::Sent, 0, 64)]
        {
            let program = program(nonzero(400), 64, direction);
            let run = |outgoing| run(&program, &mut Kernel { random: || 0, outgoing });
            assert_eq!((run(false), run(true)), (received, sent), "{direction:?}");
        }
    }

    #[test]
    fn rate_over_random_words_is_one_in_n() {
        for n in [2, 3, 10, 100, 400, 1000, 65_537] {
            let program = program(nonzero(n), 1, Direction::Both);
            let mut kernel = Kernel { random: generator(u64::from(n)), outgoing: false };
            let packets = (n * 300).min(2_000_000);
            let chosen = (0..packets).filter(|_| run(&program, &mut kernel) != 0).count();
            let (packets, n, chosen) = (f64::from(packets), f64::from(n), chosen as f64);
            let deviation = (packets / n * (1.0 - 1.0 / n)).sqrt();
            assert!((chosen - packets / n).abs() < 4.5 * deviation, "1:{n}: {chosen} of {packets}");
        }
    }

    /// For a draw, the number of values that lead on, found by halving: all values below a limit do.
    fn passing(passes: impl Fn(u32) -> bool) -> u64 {
        let (mut low, mut high) = (0u64, DRAWS);
        while low < high {
            let middle = u64::midpoint(low, high);
            if passes(u32::try_from(middle).unwrap()) { low = middle + 1 } else { high = middle }
        }
        low
    }

    proptest! {
        #[test]
        fn probability_is_exact_up_to_the_greatest_rate(n in prop_oneof![1u32..10_000_001, any::<u32>().prop_map(|n| n.max(1))]) {
            let program = program(nonzero(n), 1, Direction::Both);
            let with = |first: u32, second: u32| {
                let mut draws = [first, second].into_iter();
                run(&program, &mut Kernel { random: || draws.next().unwrap(), outgoing: false }) != 0
            };
            let (first, second) = (passing(|word| with(word, 0)), passing(|word| with(0, word)));
            let probability = (first as f64 / DRAWS as f64) * (second as f64 / DRAWS as f64);
            let error = (probability * f64::from(n) - 1.0).abs();
            prop_assert!(error < 2f64.powi(-31), "1:{n}: {error}");
        }
    }
}
