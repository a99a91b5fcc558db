//! Modules of `tests/fixtures/optics`, whole and damaged. What they measure is compared with what Debian's ethtool makes of
//! the same bytes in `tests/optics.rs`.

use super::*;
use crate::wire::optics::memory::BLOCK_LEN;
use proptest::prelude::*;

pub(crate) type Blocks = Vec<(Block, [u8; BLOCK_LEN])>;

/// The blocks that a fixture has.
pub(crate) fn fixture(name: &str) -> Blocks {
    let path = format!("{}/tests/fixtures/optics/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let number = |word: &str| u8::from_str_radix(word, 16).unwrap();
    let block = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [address, bank, page, offset] = [0, 1, 2, 3].map(|place| number(words[place]));
        let bytes = std::array::from_fn(|at| number(&words[4][2 * at..2 * at + 2]));
        (Block { address, bank, page, offset }, bytes)
    };
    text.lines().filter(|line| !line.starts_with('#')).map(block).collect()
}

fn memory(blocks: &Blocks) -> Memory {
    let mut memory = Memory::default();
    blocks.iter().for_each(|(block, bytes)| memory.put(*block, Some(*bytes)));
    memory
}

/// What the module says, all blocks that it does not have being refused.
fn parse_all(blocks: &Blocks) -> Result<Readings, Stop> {
    let mut memory = memory(blocks);
    loop {
        match parse(&memory) {
            Err(Stop::Wanted { block, vital: false }) => memory.put(block, None),
            answer => return answer,
        }
    }
}

fn change(blocks: &mut Blocks, block: Block, at: usize, bytes: &[u8]) {
    let (_, found) = blocks.iter_mut().find(|(other, _)| *other == block).unwrap();
    found[at % BLOCK_LEN..][..bytes.len()].copy_from_slice(bytes);
}

/// Makes a checksum right again.
fn sum(blocks: &mut Blocks, block: Block, first: usize, sum_at: usize) {
    let (_, found) = blocks.iter_mut().find(|(other, _)| *other == block).unwrap();
    let bytes = &found[first % BLOCK_LEN..sum_at % BLOCK_LEN];
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    found[sum_at % BLOCK_LEN] = sum;
}

const NONE: Power = Power { now_uw: None, min_uw: None, max_uw: None };

#[test]
fn an_sfp_of_internal_calibration_has_one_lane_in_the_units_of_sflow() {
    let readings = parse_all(&fixture("sfp-sr")).unwrap();
    // 0x2356, 0x85e0, 0x10f8, 0x1694, 0x0015 by hand.
    assert_eq!((readings.temperature_mc, readings.voltage_mv), (Some(35_336), Some(3427)));
    let lane = Lane {
        bias_ua: Some(8688),
        tx: Power { now_uw: Some(578), min_uw: Some(251), max_uw: Some(1000) },
        rx: Power { now_uw: Some(2), min_uw: Some(10), max_uw: Some(1000) },
        wavelength_nm: Some(850),
    };
    assert_eq!((readings.lanes, readings.flaw), (vec![lane], None));
}

#[test]
fn external_calibration_has_signed_offsets_and_a_polynomial_of_the_raw_number() {
    let readings = parse_all(&fixture("sfp-external")).unwrap();
    // 0x2356 - 512; 2 × 17000 - 1000; 1.5 × 4000 - 20; 0.75 × 6000 + 100; 1.5e-6 × 9000² + 0.25 × 9000 - 3
    assert_eq!((readings.temperature_mc, readings.voltage_mv), (Some(33_336), Some(3300)));
    let [lane] = readings.lanes.as_slice() else { panic!("{readings:?}") };
    assert_eq!((lane.bias_ua, lane.tx.now_uw, lane.rx.now_uw), (Some(11_960), Some(460), Some(237)));
    // The limits go through the same constants: 0.75 × 0x2710 + 100.
    assert_eq!(lane.tx.max_uw, Some(760));
}

#[test]
fn constants_that_are_no_numbers_make_no_reading_and_are_told() {
    let mut blocks = fixture("sfp-external");
    for broken in [f32::NAN, f32::INFINITY, -1e30] {
        change(&mut blocks, Block::DIAGNOSTICS, 56, &broken.to_be_bytes());
        sum(&mut blocks, Block::DIAGNOSTICS, 0, 95);
        let readings = parse_all(&blocks).unwrap();
        assert_eq!(readings.lanes[0].rx, NONE);
        assert_eq!(readings.flaw, Some(Fault::Calibration("received power")));
        assert_eq!(readings.lanes[0].bias_ua, Some(11_960), "the others have constants of their own");
    }
}

#[test]
fn a_little_less_than_no_light_is_no_light() {
    let mut blocks = fixture("sfp-external");
    change(&mut blocks, Block::DIAGNOSTICS, 104, &[0, 0]);
    assert_eq!(parse_all(&blocks).unwrap().lanes[0].rx.now_uw, Some(0), "-3 by the polynomial");
}

#[test]
fn a_module_that_measures_nothing_is_no_fault() {
    for (name, reason) in [
        ("sfp-aoc", NoOptics::NoDiagnostics),
        ("qsfp28-copper", NoOptics::Copper),
        ("cmis-copper", NoOptics::Copper),
    ] {
        assert_eq!(parse_all(&fixture(name)), Err(Stop::NoOptics(reason)), "{name}");
    }
    let mut blocks = fixture("sfp-sr");
    change(&mut blocks, Block::LOWER, 92, &[0x6c]);
    sum(&mut blocks, Block::LOWER, 64, 95);
    assert_eq!(parse_all(&blocks), Err(Stop::NoOptics(NoOptics::AddressChange)));
    change(&mut blocks, Block::LOWER, 0, &[0x77]);
    assert_eq!(parse_all(&blocks), Err(Stop::NoOptics(NoOptics::Identifier(0x77))));
}

#[test]
fn bytes_that_do_not_add_up_are_not_believed() {
    let garbled = parse_all(&fixture("sfp-garbled"));
    assert!(matches!(garbled, Err(Stop::Fault(Fault::Checksum { name: "CC_BASE", .. }))), "{garbled:?}");
    for (name, block, at) in [
        ("sfp-sr", Block::LOWER, 70),
        ("sfp-external", Block::DIAGNOSTICS, 60),
        ("qsfp28-ir4", Block::upper(0), 150),
        ("qsfp28-ir4", Block::upper(0), 220),
        ("cmis-8", Block::upper(0), 150),
        ("cmis-8", Block::upper(1), 160),
    ] {
        let mut blocks = fixture(name);
        change(&mut blocks, block, at, &[0x5a]);
        let answer = parse_all(&blocks);
        assert!(matches!(answer, Err(Stop::Fault(Fault::Checksum { .. }))), "{name} {at}: {answer:?}");
    }
}

#[test]
fn broken_limits_cost_only_the_limits() {
    for (name, block, at) in [
        ("sfp-sr", Block::DIAGNOSTICS, 24),
        ("cmis-8", Block::upper(2), 176),
        ("cmis-8", Block::upper(2), 130),
    ] {
        let mut blocks = fixture(name);
        let whole = parse_all(&blocks).unwrap();
        change(&mut blocks, block, at, &[0x5a]);
        let readings = parse_all(&blocks).unwrap();
        assert!(matches!(readings.flaw, Some(Fault::Checksum { .. })), "{name}: {:?}", readings.flaw);
        for (lane, whole) in readings.lanes.iter().zip(&whole.lanes) {
            assert_eq!((lane.bias_ua, lane.tx.now_uw), (whole.bias_ua, whole.tx.now_uw));
            assert_eq!((lane.tx.min_uw, lane.tx.max_uw, lane.rx.max_uw), (None, None, None));
        }
    }
}

#[test]
fn blank_blocks_are_told() {
    for byte in [0, 0xff] {
        for (name, block) in
            [("sfp-sr", Block::LOWER), ("sfp-sr", Block::DIAGNOSTICS), ("cmis-8", Block::banked(0, 0x11))]
        {
            let mut blocks = fixture(name);
            change(&mut blocks, block, 0, &[byte; BLOCK_LEN]);
            assert_eq!(parse_all(&blocks), Err(Stop::Fault(Fault::Blank { block, byte })), "{name}");
        }
    }
}

#[test]
fn monitors_that_are_not_there_are_unknown_and_never_zero() {
    let mut blocks = fixture("qsfp28-ir4");
    assert!(parse_all(&blocks).unwrap().lanes.iter().all(|lane| lane.tx.now_uw.is_some()));
    // Revision 2.8, no temperature, no voltage, no transmitted power.
    change(&mut blocks, Block::LOWER, 1, &[8]);
    change(&mut blocks, Block::upper(0), 220, &[0x08]);
    sum(&mut blocks, Block::upper(0), 192, 223);
    let readings = parse_all(&blocks).unwrap();
    assert_eq!((readings.temperature_mc, readings.voltage_mv), (None, None));
    assert!(readings.lanes.iter().all(|lane| lane.tx.now_uw.is_none() && lane.rx.now_uw.is_some()));
    // Neither in a module of an older revision that has zeros there.
    change(&mut blocks, Block::LOWER, 1, &[7]);
    change(&mut blocks, Block::LOWER, 22, &[0; 6]);
    let readings = parse_all(&blocks).unwrap();
    assert_eq!((readings.temperature_mc, readings.voltage_mv), (None, None));
    let four = parse_all(&fixture("cmis-4")).unwrap();
    assert!(four.lanes.iter().all(|lane| lane.tx.now_uw.is_none() && lane.bias_ua.is_some()));
}

#[test]
fn cmis_has_the_lanes_of_all_banks_and_not_those_it_denies() {
    for (name, lanes) in [("cmis-4", 4), ("cmis-8", 8), ("cmis-16", 16)] {
        assert_eq!(parse_all(&fixture(name)).unwrap().lanes.len(), lanes, "{name}");
    }
    let readings = parse_all(&fixture("cmis-8")).unwrap();
    assert_eq!((readings.temperature_mc, readings.voltage_mv), (Some(-5250), Some(3301)));
    let eighth = &readings.lanes[7];
    assert_eq!((eighth.bias_ua, eighth.wavelength_nm), (Some(80_280), Some(1311)), "in 4 µA");
    assert_eq!(eighth.rx, Power { now_uw: Some(978), min_uw: Some(40), max_uw: Some(4467) });
    let second_bank = &parse_all(&fixture("cmis-16")).unwrap().lanes[8];
    assert_eq!((second_bank.tx.now_uw, second_bank.bias_ua), (Some(1200), Some(41_000)));
}

#[test]
fn only_blocks_that_are_needed_are_asked_for() {
    for (name, expected) in [
        ("sfp-sr", vec![Block::LOWER, Block::DIAGNOSTICS]),
        ("sfp-aoc", vec![Block::LOWER]),
        ("qsfp28-ir4", vec![Block::LOWER, Block::upper(0), Block::upper(3)]),
        ("qsfp28-copper", vec![Block::LOWER, Block::upper(0)]),
        ("cmis-copper", vec![Block::LOWER, Block::upper(0)]),
    ] {
        let (blocks, mut memory, mut asked) = (fixture(name), Memory::default(), Vec::new());
        while let Err(Stop::Wanted { block, .. }) = parse(&memory) {
            asked.push(block);
            memory.put(block, blocks.iter().find(|(other, _)| *other == block).map(|(_, bytes)| *bytes));
        }
        assert_eq!(asked, expected, "{name}");
    }
}

#[test]
fn a_module_that_is_not_ready_is_asked_again_later() {
    let mut blocks = fixture("qsfp28-ir4");
    change(&mut blocks, Block::LOWER, 2, &[0x01]);
    assert_eq!(parse_all(&blocks), Err(Stop::Fault(Fault::NotReady)));
}

proptest! {
    #[test]
    fn any_bytes_are_readings_a_module_can_have_or_a_reason(
        name in prop::sample::select(vec!["sfp-sr", "sfp-external", "qsfp28-ir4", "cmis-8", "cmis-16"]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..BLOCK_LEN, any::<u8>()), 0..8),
    ) {
        let mut blocks = fixture(name);
        for (which, at, byte) in damage {
            let place = which.index(blocks.len());
            blocks[place].1[at] = byte;
        }
        // Checksums that hold let the damage in.
        for (block, first, sum_at) in [
            (Block::LOWER, 0, 63), (Block::LOWER, 64, 95), (Block::DIAGNOSTICS, 0, 95),
            (Block::upper(0), 128, 191), (Block::upper(0), 192, 223), (Block::upper(0), 128, 222),
            (Block::upper(1), 130, 255), (Block::upper(2), 128, 255),
        ] {
            let belongs = block.page != 0 || block.offset == 0 || name.starts_with("cmis") == (sum_at == 222);
            if belongs && blocks.iter().any(|(other, _)| *other == block) {
                sum(&mut blocks, block, first, sum_at);
            }
        }
        if let Ok(readings) = parse_all(&blocks) {
            prop_assert!(readings.temperature_mc.is_none_or(|mc| (-128_000..128_000).contains(&mc)));
            prop_assert!(readings.voltage_mv.is_none_or(|mv| (1..=6554).contains(&mv) || mv == 0));
            prop_assert!((1..=32).contains(&readings.lanes.len()));
            for lane in &readings.lanes {
                let powers = [lane.tx, lane.rx].map(|p| [p.now_uw, p.min_uw, p.max_uw]).concat();
                prop_assert!(powers.into_iter().flatten().all(|uw| uw <= 6554));
                prop_assert!(lane.bias_ua.is_none_or(|ua| ua <= 524_272));
                prop_assert!(lane.wavelength_nm.is_none_or(|nm| (1..=65_535).contains(&nm)));
            }
        }
    }
}
