//! A bus that lies, refuses, and loses the port between two blocks.

use super::record::{in_words, sfp};
use super::*;
use crate::wire::optics::tests::fixture;
use crate::wire::optics::{Lane, Power};
use nix::errno::Errno;
use std::collections::BTreeMap;

/// Blocks of a fixture; what is refused, with which errno.
#[derive(Default)]
struct Bus {
    blocks: BTreeMap<Block, [u8; 128]>,
    refused: BTreeMap<Block, Errno>,
    asked: Vec<Block>,
}

impl Bus {
    fn of(name: &str) -> Self {
        let blocks = fixture(name).into_iter().collect();
        Self { blocks, ..Self::default() }
    }

    fn refuse(mut self, block: Block, errno: Errno) -> Self {
        self.refused.insert(block, errno);
        self
    }

    fn read(&mut self) -> Result<Readings, OpticsError> {
        read(self, &Port { index: 7, name: "swp1".to_owned() })
    }
}

impl Eeprom for Bus {
    fn read_block(&mut self, port: &Port, block: Block) -> Result<[u8; 128], SysError> {
        self.asked.push(block);
        let refusal = |errno| SysError::new("script", port.name.as_str(), errno);
        match self.refused.get(&block) {
            Some(errno) => Err(refusal(*errno)),
            None => self.blocks.get(&block).copied().ok_or_else(|| refusal(Errno::EINVAL)),
        }
    }
}

#[test]
fn a_block_that_can_be_done_without_costs_only_itself_and_is_asked_for_once() {
    let mut bus = Bus::of("cmis-8").refuse(Block::upper(2), Errno::EIO);
    let readings = bus.read().unwrap();
    assert_eq!((readings.lanes.len(), readings.lanes[0].tx.max_uw), (8, None));
    assert_eq!(bus.asked.iter().filter(|block| **block == Block::upper(2)).count(), 1);
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let error = Bus::of("cmis-8").refuse(Block::banked(0, 0x11), Errno::EIO).read().unwrap_err();
    assert_eq!(error.to_string(), "its page 11h: Input/output error (os error 5)");
    let error = Bus::of("sfp-sr").refuse(Block::DIAGNOSTICS, Errno::EOPNOTSUPP).read().unwrap_err();
    assert!(matches!(error, OpticsError::Read { .. }), "a port that reads its module can read modules");
}

#[test]
fn a_port_without_a_reader_without_a_right_and_without_a_life_are_three_things() {
    for (errno, expected) in [
        (Errno::EOPNOTSUPP, OpticsError::Unsupported),
        (Errno::EPERM, OpticsError::Denied),
        (Errno::ENODEV, OpticsError::Gone),
    ] {
        assert_eq!(Bus::of("sfp-sr").refuse(Block::LOWER, errno).read(), Err(expected));
    }
    let lost = Bus::of("qsfp28-ir4").refuse(Block::upper(3), Errno::ENODEV).read();
    assert_eq!(lost, Err(OpticsError::Gone), "between two blocks, the second of which is no vital one");
}

#[test]
fn a_record_has_all_lanes_from_1_and_the_largest_value_for_what_is_not_known() {
    let record = sfp(7, &Bus::of("cmis-4").read().unwrap());
    assert_eq!((record.module_id, record.total_lanes), (7, 4));
    assert_eq!((record.supply_voltage, record.temperature), (3301, -5250));
    assert_eq!(record.lanes.iter().map(|lane| lane.index).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let lane = &record.lanes[3];
    assert_eq!((lane.tx_power, lane.tx_power_max, lane.rx_power), (u32::MAX, 3981, 933));
    assert_eq!((lane.tx_wavelength, lane.rx_wavelength), (1311, 1311));
    let nothing = Readings { lanes: vec![Lane::default()], ..Readings::default() };
    let record = sfp(7, &nothing);
    assert_eq!((record.supply_voltage, record.temperature), (u32::MAX, i32::MAX));
    assert_eq!((record.lanes[0].rx_power, record.lanes[0].tx_wavelength), (u32::MAX, 0));
}

#[test]
fn readings_are_told_in_words() {
    let lane = Lane { rx: Power { now_uw: Some(2), ..Power::default() }, ..Lane::default() };
    let readings =
        Readings { temperature_mc: Some(35_336), lanes: vec![lane, Lane::default()], ..Readings::default() };
    assert_eq!(in_words(&readings), "2 lanes, 35.3 °C, 2 ? µW received");
    assert_eq!(in_words(&Bus::of("sfp-sr").read().unwrap()), "1 lane, 35.3 °C, 2 µW received");
}
