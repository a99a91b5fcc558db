//! The program's law, run by a small machine of the test's own; that kernels take it, is in `tests/ebpf.rs`.

use super::super::event::Event;
use super::*;
use proptest::prelude::*;

/// What a run did: the event, or why there is none, and the counters after it.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Passed,
    Taken(Vec<u8>),
    Lost,
}

struct Kernel<'a> {
    /// What the kernel's generator says, if asked.
    seed: Option<u32>,
    cpu: u64,
    room: bool,
    packet: &'a [u8],
    words: Vec<u64>,
}

const CONTEXT: u64 = 1 << 40;
const COUNTERS_AT: u64 = 2 << 40;
const EVENT_AT: u64 = 3 << 40;

impl Kernel<'_> {
    /// A kernel in which the next random number is `z`.
    fn with(one_in: u32, z: u64, packet: &[u8]) -> Kernel<'_> {
        let mut words = vec![0; words(4)];
        words[RATE] = u64::from(one_in);
        (0..4).for_each(|cpu| words[STATE + cpu * LINE] = state_before(z));
        Kernel { seed: None, cpu: 1, room: true, packet, words }
    }

    /// The instructions that this program has, as RFC 9669 describes them.
    #[allow(clippy::too_many_lines, clippy::cast_possible_truncation)]
    fn run(&mut self, program: &[Instruction]) -> End {
        let (mut at, mut r, mut event, mut end) = (0, [0u64; 10], Vec::new(), End::Passed);
        r[1] = CONTEXT;
        loop {
            let [code, registers, o0, o1, n @ ..] = program[at];
            let (to, from) = (usize::from(registers & 15), usize::from(registers >> 4));
            let (offset, number) = (i16::from_ne_bytes([o0, o1]), i32::from_ne_bytes(n));
            let number = i64::from(number).cast_unsigned();
            let place = |base: u64| base.wrapping_add_signed(offset.into());
            at += 1;
            let mut jump = |condition: bool| {
                at = if condition { at.wrapping_add_signed(offset.into()) } else { at };
            };
            match code {
                0xB7 => r[to] = number,
                0xBF => r[to] = r[from],
                0x07 => r[to] = r[to].wrapping_add(number),
                0xAF => r[to] ^= r[from],
                0x0F => r[to] = r[to].wrapping_add(r[from]),
                0x2F => r[to] = r[to].wrapping_mul(r[from]),
                0x57 => r[to] &= number,
                0x67 => r[to] <<= number,
                0x77 => r[to] >>= number,
                0x05 => jump(true),
                0x15 => jump(r[to] == number),
                0x55 => jump(r[to] != number),
                0xA5 => jump(r[to] < number),
                0xB5 => jump(r[to] <= number),
                0x18 => {
                    let [_, _, _, _, high @ ..] = program[at];
                    let number = number & 0xFFFF_FFFF | u64::from(u32::from_ne_bytes(high)) << 32;
                    r[to] = if from == 2 { COUNTERS_AT } else { number };
                    at += 1;
                }
                0x61 if place(r[from]) == COUNTERS_AT => r[to] = u64::from(self.words[0] as u32),
                0x61 => r[to] = u64::from(self.context(place(r[from]) - CONTEXT)),
                0x79 => r[to] = self.words[((place(r[from]) - COUNTERS_AT) / 8) as usize],
                0x7B if r[to] < EVENT_AT => {
                    self.words[((place(r[to]) - COUNTERS_AT) / 8) as usize] = r[from];
                }
                0xDB => {
                    self.words[((place(r[to]) - COUNTERS_AT) / 8) as usize] += r[from];
                    end = End::Lost;
                }
                0x7B => write(&mut event, place(r[to]), &r[from].to_ne_bytes()),
                0x63 => write(&mut event, place(r[to]), &(r[from] as u32).to_ne_bytes()),
                0x62 => write(&mut event, place(r[to]), &(number as u32).to_ne_bytes()),
                0x85 => match i32::from_ne_bytes(n) {
                    GET_SMP_PROCESSOR_ID => r[0] = self.cpu,
                    GET_PRANDOM_U32 => r[0] = self.seed.take().expect("seeded already").into(),
                    RINGBUF_RESERVE => {
                        event = vec![0; r[2] as usize];
                        r[0] = if self.room { EVENT_AT } else { 0 };
                    }
                    KTIME_GET_NS => r[0] = 77,
                    SKB_LOAD_BYTES => {
                        write(&mut event, r[3], &self.packet[..r[4] as usize]);
                        r[0] = 0;
                    }
                    RINGBUF_SUBMIT => end = End::Taken(std::mem::take(&mut event)),
                    other => panic!("helper {other}"),
                },
                0x95 => {
                    assert_eq!(r[0].cast_signed(), -1, "it must not decide anything");
                    return end;
                }
                other => panic!("instruction {other:#x} at {at}"),
            }
        }
    }

    fn context(&self, place: u64) -> u32 {
        match place {
            0 => u32::try_from(self.packet.len()).unwrap(),
            16 => u32::from(0x0800u16.to_be()),
            36 => 3,
            _ => 0,
        }
    }
}

fn write(event: &mut [u8], place: u64, bytes: &[u8]) {
    let at = usize::try_from(place - EVENT_AT).unwrap();
    event[at..at + bytes.len()].copy_from_slice(bytes);
}

fn sampler(snap: u16) -> Sampler {
    Sampler { if_index: 9, hook: Hook::Egress, snap, ring: 3, counters: 4, cpus: 4 }
}

#[test]
fn every_packet_is_counted_on_its_cpu_and_a_cpu_too_many_on_some_other() {
    let program = sampler(64).program();
    for (cpu, word) in [(0, CPUS + 1), (3, CPUS + 3 * LINE + 1), (703, CPUS + 3 * LINE + 1)] {
        let mut kernel = Kernel { cpu, ..Kernel::with(1000, u64::MAX, &[0; 60]) };
        assert_eq!(kernel.run(&program), End::Passed);
        assert_eq!(seen(4).map(|word| kernel.words[word]).sum::<u64>(), 1);
        assert_eq!((kernel.words[word], kernel.words[LOST]), (1, 0));
    }
}

#[test]
fn there_is_room_for_all_cpus_and_for_one_at_least() {
    assert_eq!([0, 1, 2, 3, 96, u32::MAX].map(lanes), [1, 1, 2, 4, 128, 8192]);
}

#[test]
fn a_packet_without_room_is_lost_and_counted() {
    let mut kernel = Kernel { room: false, ..Kernel::with(1, u64::MAX, &[0; 60]) };
    assert_eq!(kernel.run(&sampler(64).program()), End::Lost);
    assert_eq!(kernel.words[LOST], 1);
}

#[test]
fn an_event_says_the_rate_it_was_taken_at_and_has_the_bytes_there_are() {
    let packet: Vec<u8> = (0..100).collect();
    for (length, snap, kept) in [(100, 64, 64), (100, 200, 100), (1, 64, 1), (0, 64, 0), (64, 64, 64)] {
        let mut kernel = Kernel::with(7, 0, &packet[..length]);
        let End::Taken(record) = kernel.run(&sampler(snap).program()) else { panic!("not taken") };
        let event = Event::parse(&record).unwrap();
        assert_eq!((event.time, event.one_in, event.if_index, event.egress), (77, 7, 9, true));
        assert_eq!((event.length as usize, event.protocol, event.ingress), (length, 0x0800, 3));
        assert_eq!((event.bytes, event.vlan), (&packet[..kept], None));
        assert_eq!(record.len(), HEADER_LEN + usize::from(snap));
    }
}

/// The reference generator: one step from `state`.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The state that the reference generator makes `z` from; every step of it can be undone.
fn state_before(z: u64) -> u64 {
    let unfold = |folded: u64, shift: u32| (0..3).fold(folded, |value, _| folded ^ (value >> shift));
    // An odd number times its inverse is 1; each round doubles the bits that are right.
    let inverse = |odd: u64| (0..6).fold(odd, |x, _| x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x))));
    let mixed = unfold(z, 31).wrapping_mul(inverse(0x94D0_49BB_1331_11EB));
    let mixed = unfold(mixed, 27).wrapping_mul(inverse(0xBF58_476D_1CE4_E5B9));
    unfold(mixed, 30).wrapping_sub(0x9E37_79B9_7F4A_7C15)
}

#[test]
fn the_generator_is_seeded_once_and_is_the_reference_from_there() {
    let program = sampler(1).program();
    let mut kernel = Kernel { seed: Some(0xABCD), ..Kernel::with(2, 0, &[0]) };
    kernel.words[STATE + LINE] = 0;
    let mut state = 0xABCD << 32;
    for _ in 0..1000 {
        let taken = split_mix(&mut state) < 1 << 63;
        assert_eq!(matches!(kernel.run(&program), End::Taken(_)), taken);
        assert_eq!(kernel.words[STATE + LINE], state);
    }
}

proptest! {
    /// All z below a limit are taken and none above it, and the limit is 2⁶⁴/N, rounded up.
    #[test]
    fn probability_is_exactly_one_in_n(
        n in prop_oneof![1u32..10_000_001, any::<u32>().prop_map(|n| n.max(1))],
        near in 0u64..3,
        z in any::<u64>(),
    ) {
        let program = sampler(1).program();
        let taken = |z: u64| matches!(Kernel::with(n, z, &[0]).run(&program), End::Taken(_));
        let limit = (1u128 << 64).div_ceil(u128::from(n));
        prop_assert_eq!(taken(z), u128::from(z) < limit);
        let last = u64::try_from(limit - 1).unwrap();
        prop_assert!(taken(last.saturating_sub(near)));
        if let Some(above) = last.checked_add(1 + near) {
            prop_assert!(!taken(above));
        }
    }
}
