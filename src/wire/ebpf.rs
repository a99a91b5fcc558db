//! Programs for the kernel's eBPF machine: instructions as data, written by a small assembler with labels.
//!
//! In: calls of an assembler in the order of the program. Out: the instructions as the kernel takes them. Rule: nothing
//! here fails: a jump whose label was never placed leads to itself, which the kernel's verifier refuses. So neither a
//! compiler nor an object file is needed, at build time or later. Spec: RFC 9669 (instruction set), `linux/bpf.h`
//! (helpers), Documentation/bpf/standardization/instruction-set.rst.

pub mod event;
pub mod sampler;

/// `struct bpf_insn` in the byte order of this machine.
pub type Instruction = [u8; 8];

/// Where on an interface a program sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Packets that came in.
    Ingress,
    /// Packets about to be sent.
    Egress,
}

/// A register. After a call 1 to 5 are lost and 0 is the answer; 6 to 9 are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reg(pub(crate) u8);

/// How many bytes a load or store moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Word = 0x00,
    Double = 0x18,
}

/// A calculation on 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Add = 0x00,
    Multiply = 0x20,
    And = 0x50,
    Left = 0x60,
    Right = 0x70,
    Xor = 0xA0,
    Move = 0xB0,
}

/// An unsigned comparison on 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum If {
    Equal = 0x10,
    NotEqual = 0x50,
    Below = 0xA0,
    AtMost = 0xB0,
}

/// A place to jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

/// Source registers of the long load that say what its number is.
const IS_NUMBER: u8 = 0;
const IS_MAP: u8 = 1;
const IS_MAP_VALUE: u8 = 2;
const TO_ITSELF: i16 = -1;

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    code: u8,
    to: u8,
    from: u8,
    offset: i16,
    number: i32,
    label: Option<usize>,
}

/// A program that is being written.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    lines: Vec<Line>,
    /// The line each label stands before, once it is placed.
    labels: Vec<Option<usize>>,
}

impl Assembler {
    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    pub(crate) fn place(&mut self, label: Label) {
        if let Some(place) = self.labels.get_mut(label.0) {
            *place = Some(self.lines.len());
        }
    }

    /// `to op= number`
    pub(crate) fn number(&mut self, op: Op, to: Reg, number: i32) {
        self.lines.push(Line { code: 0x07 | op as u8, to: to.0, number, ..Line::default() });
    }

    /// `to op= from`
    pub(crate) fn register(&mut self, op: Op, to: Reg, from: Reg) {
        self.lines.push(Line { code: 0x0F | op as u8, to: to.0, from: from.0, ..Line::default() });
    }

    /// `to = *(from + offset)`
    pub(crate) fn load(&mut self, width: Width, to: Reg, from: Reg, offset: i16) {
        self.lines.push(Line { code: 0x61 | width as u8, to: to.0, from: from.0, offset, ..Line::default() });
    }

    /// `*(to + offset) = from`
    pub(crate) fn store(&mut self, width: Width, to: Reg, offset: i16, from: Reg) {
        self.lines.push(Line { code: 0x63 | width as u8, to: to.0, from: from.0, offset, ..Line::default() });
    }

    /// `*(to + offset) = number`, 32 bits
    pub(crate) fn store_number(&mut self, to: Reg, offset: i16, number: i32) {
        self.lines.push(Line { code: 0x62, to: to.0, offset, number, ..Line::default() });
    }

    /// `*(to + offset) += from`, 64 bits, in one step for all CPUs
    pub(crate) fn add_atomically(&mut self, to: Reg, offset: i16, from: Reg) {
        self.lines.push(Line { code: 0xDB, to: to.0, from: from.0, offset, ..Line::default() });
    }

    pub(crate) fn jump(&mut self, label: Label) {
        self.lines.push(Line { code: 0x05, offset: TO_ITSELF, label: Some(label.0), ..Line::default() });
    }

    pub(crate) fn jump_if(&mut self, reg: Reg, condition: If, number: i32, label: Label) {
        let (code, label) = (0x05 | condition as u8, Some(label.0));
        self.lines.push(Line { code, to: reg.0, offset: TO_ITSELF, number, label, ..Line::default() });
    }

    pub(crate) fn call(&mut self, helper: i32) {
        self.lines.push(Line { code: 0x85, number: helper, ..Line::default() });
    }

    pub(crate) fn exit(&mut self) {
        self.lines.push(Line { code: 0x95, ..Line::default() });
    }

    /// `to` = the map behind this file descriptor.
    pub(crate) fn map(&mut self, to: Reg, fd: i32) {
        self.long(to, IS_MAP, [fd, 0]);
    }

    /// `to` = the address of the only value of the array behind this file descriptor.
    pub(crate) fn map_value(&mut self, to: Reg, fd: i32) {
        self.long(to, IS_MAP_VALUE, [fd, 0]);
    }

    /// `to` = a number of 64 bits.
    pub(crate) fn wide(&mut self, to: Reg, number: u64) {
        let half = |shift: u32| i32::from_ne_bytes((((number >> shift) & 0xFFFF_FFFF) as u32).to_ne_bytes());
        self.long(to, IS_NUMBER, [half(0), half(32)]);
    }

    fn long(&mut self, to: Reg, kind: u8, [low, high]: [i32; 2]) {
        self.lines.push(Line { code: 0x18, to: to.0, from: kind, number: low, ..Line::default() });
        self.lines.push(Line { number: high, ..Line::default() });
    }

    /// The program, jumps resolved.
    pub(crate) fn finish(self) -> Vec<Instruction> {
        let labels = &self.labels;
        let distance = |at: usize, label: usize| {
            let target = labels.get(label).copied().flatten()?;
            i16::try_from(i64::try_from(target).ok()? - i64::try_from(at).ok()? - 1).ok()
        };
        let resolve = |(at, line): (usize, &Line)| {
            let offset = line.label.map_or(line.offset, |label| distance(at, label).unwrap_or(TO_ITSELF));
            encode(Line { offset, ..*line })
        };
        self.lines.iter().enumerate().map(resolve).collect()
    }
}

fn encode(line: Line) -> Instruction {
    // Two bit fields: the first lies in the low bits on little-endian machines, in the high ones on others.
    let registers =
        if cfg!(target_endian = "little") { line.from << 4 | line.to } else { line.to << 4 | line.from };
    let ([o0, o1], [n0, n1, n2, n3]) = (line.offset.to_ne_bytes(), line.number.to_ne_bytes());
    [line.code, registers, o0, o1, n0, n1, n2, n3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn instructions_are_those_of_the_kernels_own_macros() {
        let mut out = Assembler::default();
        let end = out.label();
        out.number(Op::Move, Reg(0), -1); // BPF_MOV64_IMM(BPF_REG_0, -1)
        out.register(Op::Add, Reg(1), Reg(9)); // BPF_ALU64_REG(BPF_ADD, BPF_REG_1, BPF_REG_9)
        out.load(Width::Double, Reg(2), Reg(1), 136); // BPF_LDX_MEM(BPF_DW, BPF_REG_2, BPF_REG_1, 136)
        out.store(Width::Word, Reg(9), -4, Reg(2)); // BPF_STX_MEM(BPF_W, BPF_REG_9, BPF_REG_2, -4)
        out.jump_if(Reg(4), If::Below, 1, end); // BPF_JMP_IMM(BPF_JLT, BPF_REG_4, 1, 5)
        out.map_value(Reg(7), 5); // BPF_LD_IMM64_RAW(BPF_REG_7, BPF_PSEUDO_MAP_VALUE, 5)
        out.wide(Reg(1), 0x0102_0304_A5A6_A7A8); // BPF_LD_IMM64(BPF_REG_1, 0x01020304a5a6a7a8)
        out.call(131); // BPF_EMIT_CALL(BPF_FUNC_ringbuf_reserve)
        out.place(end);
        out.exit(); // BPF_EXIT_INSN()
        let expected: [Instruction; 11] = [
            [0xB7, 0x00, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF],
            [0x0F, 0x91, 0, 0, 0, 0, 0, 0],
            [0x79, 0x12, 136, 0, 0, 0, 0, 0],
            [0x63, 0x29, 0xFC, 0xFF, 0, 0, 0, 0],
            [0xA5, 0x04, 5, 0, 1, 0, 0, 0],
            [0x18, 0x27, 0, 0, 5, 0, 0, 0],
            [0; 8],
            [0x18, 0x01, 0, 0, 0xA8, 0xA7, 0xA6, 0xA5],
            [0, 0, 0, 0, 4, 3, 2, 1],
            [0x85, 0, 0, 0, 131, 0, 0, 0],
            [0x95, 0, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(out.finish(), expected);
    }

    #[test]
    fn jumps_go_back_and_forth_and_without_a_place_to_themselves() {
        let mut out = Assembler::default();
        let (start, end, nowhere) = (out.label(), out.label(), out.label());
        out.place(start);
        out.jump(end);
        out.jump(nowhere);
        out.jump(start);
        out.place(end);
        out.exit();
        let distance = |instruction: &Instruction| i16::from_ne_bytes([instruction[2], instruction[3]]);
        assert_eq!(out.finish().iter().map(distance).collect::<Vec<_>>(), [2, -1, -3, 0]);
    }
}
