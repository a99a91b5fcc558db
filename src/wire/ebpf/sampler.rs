//! The program that samples one direction of one interface.
//!
//! In: its constants. Out: instructions. For each packet it adds 1 to its CPU's word of the counters, makes a random z of
//! 64 bits, and takes the packet where z·N < 2⁶⁴: 1 in N for every N, to 2⁻³² of itself. The upper half of z decides nearly
//! always, so that a packet that is not taken costs no division, and no call: the generator (SplitMix64, seeded by the
//! kernel's) is part of the program, because a call costs more than the rest where returns are guarded. N is read once
//! a packet, and what the event says is what was read.
//!
//! Counters are one array value that user space maps: the rate alone in its cache line, lost samples in another, then
//! a line for each CPU (received, sent, state of the generator), which only programs on that CPU write. A program always says "next": it decides nothing.
//! Needs kernel 5.8 (ring buffer) and no helper that is reserved to GPL programs. Spec: `linux/bpf.h`.

use super::event::{HEADER_LEN, at};
use super::{Assembler, Hook, If, Instruction, Op, Reg, Width};

/// What differs from tap to tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Written into each event.
    pub if_index: u32,
    /// Where it will sit.
    pub hook: Hook,
    /// Bytes of a packet to keep, up to 4096.
    pub snap: u16,
    /// File descriptor of the ring buffer.
    pub ring: i32,
    /// File descriptor of the counters: an array of one value of [`words`] words.
    pub counters: i32,
    /// CPUs, as given to [`words`].
    pub cpus: u32,
}

/// Word of the counters with N in its first 32 bits.
pub const RATE: usize = 0;
/// Word with samples for which the ring buffer had no room.
pub const LOST: usize = LINE;
/// Words of a cache line.
const LINE: usize = 8;
const CPUS: usize = 2 * LINE;
/// As many as a kernel can be built for.
const MAX_LANES: u32 = 8192;
const MAX_SNAP: u16 = 4096;

/// 64-bit words of the counters.
pub const fn words(cpus: u32) -> usize {
    CPUS + lanes(cpus) as usize * LINE
}

/// Lines for CPUs. A power of two, because a mask keeps the CPU's number in bounds: where `CAP_PERFMON` is missing, older
/// verifiers (6.1) refuse to add a number to an address that two branches lead to.
const fn lanes(cpus: u32) -> u32 {
    match cpus.checked_next_power_of_two() {
        Some(lanes) if lanes <= MAX_LANES => lanes,
        _ => MAX_LANES,
    }
}

/// Words with packets seen: one for each CPU and direction.
pub fn seen(cpus: u32) -> impl Iterator<Item = usize> {
    (CPUS..words(cpus)).step_by(LINE).flat_map(|line| [line, line + 1])
}

/// Places in `struct __sk_buff`, and where they go in the event.
const LEN: i16 = 0;
const COPIED: [(i16, i16); 6] = [
    (LEN, at::LENGTH),
    (16, at::PROTOCOL),
    (20, at::VLAN_PRESENT),
    (24, at::VLAN_TCI),
    (28, at::VLAN_TPID),
    (36, at::INGRESS),
];

/// Helpers, by their numbers.
const KTIME_GET_NS: i32 = 5;
const GET_PRANDOM_U32: i32 = 7;
const GET_SMP_PROCESSOR_ID: i32 = 8;
const SKB_LOAD_BYTES: i32 = 26;
const RINGBUF_RESERVE: i32 = 131;
const RINGBUF_SUBMIT: i32 = 132;

/// `TCX_NEXT` and `TC_ACT_UNSPEC`.
const NEXT: i32 = -1;

const R0: Reg = Reg(0);
const R1: Reg = Reg(1);
const R2: Reg = Reg(2);
const R3: Reg = Reg(3);
const R4: Reg = Reg(4);
const PACKET: Reg = Reg(6);
const COUNTERS: Reg = Reg(7);
const ONE_IN: Reg = Reg(8);
/// This CPU's counters, later the event.
const R9: Reg = Reg(9);

/// The generator's state in the first CPU's line; 0 before the first packet.
const STATE: usize = CPUS + 2;
/// SplitMix64: what is added to the state, and how that is mixed: shifts, and factors between them.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
const MIX: [(i32, u64); 2] = [(30, 0xBF58_476D_1CE4_E5B9), (27, 0x94D0_49BB_1331_11EB)];
const LAST_SHIFT: i32 = 31;

impl Sampler {
    /// Writes the program.
    pub fn program(&self) -> Vec<Instruction> {
        let mut out = Assembler::default();
        let (lost, end) = (out.label(), out.label());
        out.register(Op::Move, PACKET, R1);
        self.count(&mut out);
        choose(&mut out, end);
        self.reserve(&mut out, lost);
        self.describe(&mut out);
        self.copy_bytes(&mut out);
        out.register(Op::Move, R1, R9);
        // No flags: the reader is woken where it had read all before this one, so once for a burst.
        out.number(Op::Move, R2, 0);
        out.call(RINGBUF_SUBMIT);
        out.place(end);
        out.number(Op::Move, R0, NEXT);
        out.exit();
        out.place(lost);
        out.number(Op::Move, R1, 1);
        out.add_atomically(COUNTERS, byte(LOST), R1);
        out.jump(end);
        out.finish()
    }

    /// A plain addition is enough: softirqs are off, so nothing on this CPU comes between.
    fn count(&self, out: &mut Assembler) {
        out.call(GET_SMP_PROCESSOR_ID);
        out.number(Op::And, R0, i32::try_from(lanes(self.cpus) - 1).unwrap_or(0));
        out.number(Op::Left, R0, 6);
        out.map_value(COUNTERS, self.counters);
        out.register(Op::Move, R9, COUNTERS);
        out.register(Op::Add, R9, R0);
        let word = byte(CPUS + usize::from(self.hook == Hook::Egress));
        out.load(Width::Double, R2, R9, word);
        out.number(Op::Add, R2, 1);
        out.store(Width::Double, R9, word, R2);
    }

    fn reserve(&self, out: &mut Assembler, lost: super::Label) {
        let size = HEADER_LEN + usize::from(self.snap());
        out.map(R1, self.ring);
        out.number(Op::Move, R2, i32::try_from(size).unwrap_or(0));
        out.number(Op::Move, R3, 0);
        out.call(RINGBUF_RESERVE);
        out.jump_if(R0, If::Equal, 0, lost);
        out.register(Op::Move, R9, R0);
    }

    fn describe(&self, out: &mut Assembler) {
        out.call(KTIME_GET_NS);
        out.store(Width::Double, R9, at::TIME, R0);
        out.store(Width::Word, R9, at::ONE_IN, ONE_IN);
        out.store_number(R9, at::IF_INDEX, self.if_index.cast_signed());
        out.store_number(R9, at::EGRESS, i32::from(self.hook == Hook::Egress));
        for (from, to) in COPIED {
            out.load(Width::Word, R1, PACKET, from);
            out.store(Width::Word, R9, to, R1);
        }
    }

    fn copy_bytes(&self, out: &mut Assembler) {
        let (fits, none, done) = (out.label(), out.label(), out.label());
        let snap = i32::from(self.snap());
        out.load(Width::Word, R4, PACKET, LEN);
        out.jump_if(R4, If::AtMost, snap, fits);
        out.number(Op::Move, R4, snap);
        out.place(fits);
        // "Below 1" and not "equal to 0": only so do older verifiers see that what follows is at least 1.
        out.jump_if(R4, If::Below, 1, none);
        out.store(Width::Word, R9, at::CAPTURED, R4);
        out.register(Op::Move, R1, PACKET);
        out.number(Op::Move, R2, 0);
        out.register(Op::Move, R3, R9);
        out.number(Op::Add, R3, i32::try_from(HEADER_LEN).unwrap_or(0));
        out.call(SKB_LOAD_BYTES);
        out.jump_if(R0, If::Equal, 0, done);
        out.place(none);
        out.store_number(R9, at::CAPTURED, 0);
        out.place(done);
    }

    fn snap(&self) -> u16 {
        self.snap.clamp(1, MAX_SNAP)
    }
}

/// Goes on with a packet that is taken, and to `end` with others. With z = x·2³² + y, z·N < 2⁶⁴ is the same as
/// x·N + ⌊y·N / 2³²⌋ < 2³².
fn choose(out: &mut Assembler, end: super::Label) {
    random(out);
    out.load(Width::Word, ONE_IN, COUNTERS, byte(RATE));
    out.register(Op::Move, R1, R0);
    out.number(Op::Right, R1, 32);
    out.register(Op::Multiply, R1, ONE_IN);
    out.register(Op::Move, R2, R1);
    out.number(Op::Right, R2, 32);
    out.jump_if(R2, If::NotEqual, 0, end);
    out.number(Op::Left, R0, 32);
    out.number(Op::Right, R0, 32);
    out.register(Op::Multiply, R0, ONE_IN);
    out.number(Op::Right, R0, 32);
    out.register(Op::Add, R0, R1);
    out.number(Op::Right, R0, 32);
    out.jump_if(R0, If::NotEqual, 0, end);
}

/// Register 0 = 64 random bits.
fn random(out: &mut Assembler) {
    let seeded = out.label();
    out.load(Width::Double, R0, R9, byte(STATE));
    out.jump_if(R0, If::NotEqual, 0, seeded);
    out.call(GET_PRANDOM_U32);
    out.number(Op::Left, R0, 32);
    out.place(seeded);
    out.wide(R1, STEP);
    out.register(Op::Add, R0, R1);
    out.store(Width::Double, R9, byte(STATE), R0);
    for (shift, factor) in MIX {
        fold(out, shift);
        out.wide(R1, factor);
        out.register(Op::Multiply, R0, R1);
    }
    fold(out, LAST_SHIFT);
}

/// `r0 ^= r0 >> shift`
fn fold(out: &mut Assembler, shift: i32) {
    out.register(Op::Move, R1, R0);
    out.number(Op::Right, R1, shift);
    out.register(Op::Xor, R0, R1);
}

fn byte(word: usize) -> i16 {
    i16::try_from(word * size_of::<u64>()).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests;
