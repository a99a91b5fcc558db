//! The program's law, run by a small machine of the test's own; that kernels take it, is in `tests/ebpf.rs`.

use super::super::event::Event;
use super::*;
use proptest::prelude::*;

const DRAWS: u64 = 1 << 32;

/// What a run did: the event, or why there is none, and the counters after it.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Passed,
    Taken(Vec<u8>),
    Lost,
}

struct Kernel<'a> {
    draws: &'a [u32],
    cpu: u64,
    room: bool,
    packet: &'a [u8],
    words: Vec<u64>,
}

const CONTEXT: u64 = 1 << 40;
const COUNTERS_AT: u64 = 2 << 40;
const EVENT_AT: u64 = 3 << 40;

impl Kernel<'_> {
    fn with<'a>(one_in: u32, draws: &'a [u32], packet: &'a [u8]) -> Kernel<'a> {
        let mut words = vec![0; words(4)];
        words[RATE] = u64::from(one_in);
        Kernel { draws, cpu: 1, room: true, packet, words }
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
                0xBC => r[to] = u64::from(r[from] as u32),
                0x07 => r[to] = r[to].wrapping_add(number),
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
                    r[to] = COUNTERS_AT;
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
                    GET_PRANDOM_U32 => {
                        let (first, rest) = self.draws.split_first().expect("a draw too many");
                        (r[0], self.draws) = (u64::from(*first), rest);
                    }
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
        let mut kernel = Kernel { cpu, ..Kernel::with(1000, &[u32::MAX], &[0; 60]) };
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
    let mut kernel = Kernel { room: false, ..Kernel::with(1, &[5], &[0; 60]) };
    assert_eq!(kernel.run(&sampler(64).program()), End::Lost);
    assert_eq!(kernel.words[LOST], 1);
}

#[test]
fn an_event_says_the_rate_it_was_taken_at_and_has_the_bytes_there_are() {
    let packet: Vec<u8> = (0..100).collect();
    for (length, snap, kept) in [(100, 64, 64), (100, 200, 100), (1, 64, 1), (0, 64, 0), (64, 64, 64)] {
        let mut kernel = Kernel::with(7, &[0], &packet[..length]);
        let End::Taken(record) = kernel.run(&sampler(snap).program()) else { panic!("not taken") };
        let event = Event::parse(&record).unwrap();
        assert_eq!((event.time, event.one_in, event.if_index, event.egress), (77, 7, 9, true));
        assert_eq!((event.length as usize, event.protocol, event.ingress), (length, 0x0800, 3));
        assert_eq!((event.bytes, event.vlan), (&packet[..kept], None));
        assert_eq!(record.len(), HEADER_LEN + usize::from(snap));
    }
}

proptest! {
    /// Of all pairs of draws exactly one in N is taken: all x below a limit whatever y is, and at the limit as many y as
    /// are missing.
    #[test]
    fn probability_is_exactly_one_in_n(n in prop_oneof![1u32..10_000_001, any::<u32>().prop_map(|n| n.max(1))]) {
        let program = sampler(1).program();
        let taken = |x: u64, y: u64| {
            let draws = [x, y].map(|draw| u32::try_from(draw).unwrap());
            matches!(Kernel::with(n, &draws, &[0]).run(&program), End::Taken(_))
        };
        let sure = first(|x| !taken(x, DRAWS - 1));
        let partly = if sure < DRAWS && taken(sure, 0) { first(|y| !taken(sure, y)) } else { 0 };
        prop_assert!(sure + 1 >= DRAWS || !taken(sure + 1, 0));
        let pairs = u128::from(sure) << 32 | u128::from(partly);
        let wanted = (1u128 << 64) / u128::from(n);
        prop_assert!(pairs.abs_diff(wanted) <= 1, "1:{}: {} for {}", n, pairs, wanted);
    }
}

/// The first number for which `holds`, found by halving; 2³² where there is none.
fn first(holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, DRAWS);
    while low < high {
        let middle = u64::midpoint(low, high);
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}
