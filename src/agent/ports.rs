//! What the settings say of an interface: is it a switch port, is it tapped and at which rate, does it send counters,
//! and why. In: the interface table and settings. Out: the inputs and the answers of `sample::ports` and `sample::rate`.

use super::packets::Wish;
use crate::collect::interfaces::{Interface, Kind, Table};
use crate::config::model::{Candidate, Settings, Tap as TapSettings, TapId, TapKind};
use crate::sample::ports::{Port, sends_counters};
use crate::sample::rate::RateOrigin;
use crate::source::af_packet::Tap;
use std::collections::HashSet;
use std::num::NonZeroU32;

/// Bytes that are looked at, however few a sample shall have: addresses and tunnels lie in them.
pub(super) const FEWEST_BYTES: u32 = 128;

/// Why there is no tap while there is nobody to send to.
pub const SUSPENDED: &str = "nothing is sent now: see dns-sd";
pub(super) const RATE_ZERO: &str = "its sampling rate is 0";
const NAMED_BOND: &str = "its bond is sampled by name; a pcap with its own name in dev would sample it too";
const ONLY_VPP: &str = "vpp { osIndex = off } leaves all numbers of interfaces to VPP's";

/// Whether `interface` sends counter samples, and why or why not. `chip_sampled` are those that `psample` has samples of.
pub fn decide(
    settings: &Settings,
    table: &Table,
    chip_sampled: &HashSet<u32>,
    interface: &Interface,
) -> (bool, &'static str) {
    if is_only_vpp(settings) {
        return (false, ONLY_VPP);
    }
    let by_chip = |i: &Interface| settings.modules.psample.is_some() && chip_sampled.contains(&i.index);
    let tapped = |i: &Interface| tap_settings(settings, table, i).is_ok();
    let port = Port {
        loopback: interface.kind == Kind::Loopback,
        physical: is_physical(interface),
        switch_port: settings.modules.switchport(&interface.name).is_some(),
        bond_of_switch_ports: has_switch_port(settings, table, interface),
        tapped: tapped(interface),
        bond_sampled: in_bond_with(table, interface, |i| tapped(i) || by_chip(i)),
        behind_tap: interface
            .master
            .and_then(|index| table.get(index))
            .is_some_and(|m| shows_ports(settings, table, m)),
        chip_sampled: by_chip(interface),
    };
    sends_counters(settings.interface_counters, port)
}

/// Whether collectors know VPP's interfaces by VPP's numbers, among which others would be taken for them.
fn is_only_vpp(settings: &Settings) -> bool {
    settings.modules.vpp.as_ref().is_some_and(|vpp| !vpp.os_index)
}

/// Whether a tapped interface has its ports send counters: a bridge does, unless told otherwise.
fn shows_ports(settings: &Settings, table: &Table, master: &Interface) -> bool {
    let tap = tap_settings(settings, table, master);
    tap.is_ok_and(|(_, tap)| tap.vport.unwrap_or(master.kind == Kind::Bridge))
}

/// Whether some other interface of the same aggregation is such a one: a member, or for a member the bond itself.
fn in_bond_with(table: &Table, interface: &Interface, is_such: impl Fn(&Interface) -> bool) -> bool {
    let members = || table.members(interface.index).filter(|i| i.is_bond_slave);
    let bond = interface.master.filter(|_| interface.is_bond_slave).and_then(|index| table.get(index));
    bond.is_some_and(&is_such) || (interface.is_bond_master && members().any(is_such))
}

/// The tap that an interface shall have.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// What the packet thread is told.
    pub wish: Wish,
    /// Which object asks for it.
    pub object: TapId,
    /// Where its rate came from.
    pub origin: String,
}

/// The tap that an interface shall have, or why it has none.
pub fn sampling(settings: &Settings, table: &Table, interface: &Interface) -> Result<Sampling, &'static str> {
    if settings.suspended.is_some() {
        return Err(SUSPENDED);
    }
    if is_only_vpp(settings) {
        return Err(ONLY_VPP);
    }
    let (object, tap) = tap_settings(settings, table, interface)?;
    let (one_in, origin) = match tap.sampling {
        Some(one_in) => (one_in, format!("sampling in {}", object.kind.name())),
        None => {
            let (one_in, origin) = settings.sampling_rate(interface.speed_bps);
            (one_in, in_words(&origin))
        }
    };
    let one_in = NonZeroU32::new(one_in).ok_or(RATE_ZERO)?;
    let snap = u16::try_from(settings.header_bytes.max(FEWEST_BYTES)).unwrap_or(u16::MAX);
    let tapped = Tap { if_index: interface.index, one_in, snap, promiscuous: tap.promiscuous };
    Ok(Sampling { wish: Wish { tap: tapped, ebpf: object.kind == TapKind::Epcap }, object, origin })
}

/// Why an object that fits interfaces taps none of them, if that is what the file says.
pub fn unused(
    settings: &Settings,
    table: &Table,
    by_tc: impl Fn(&Interface) -> bool,
    (object, tap): (TapId, &TapSettings),
) -> Option<String> {
    let mut fitting = table.iter().filter(|i| tap.matches(candidate(i)));
    fitting.find_map(|i| {
        let (chosen, _) = settings.modules.tap(candidate(i))?;
        let why = match sampling(settings, table, i) {
            _ if by_tc(i) => "tc samples it: see dent",
            _ if chosen != object => "the last object that fits counts, and pcap before epcap",
            Err(why @ (RATE_ZERO | NAMED_BOND)) => why,
            _ => return None,
        };
        Some(format!("{}: {why}", i.name))
    })
}

/// Where a rate came from.
pub fn in_words(origin: &RateOrigin) -> String {
    match origin {
        RateOrigin::Global => "sampling, its speed being unknown or the ratio 0".to_owned(),
        RateOrigin::Speed(key) => format!("sampling.{key}"),
        RateOrigin::BpsRatio => "sampling.bps_ratio".to_owned(),
        RateOrigin::SpeedDefault => "its speed in Mb/s, at least 100".to_owned(),
    }
}

/// A tap that names no device takes hardware, bridges and switch ports, and leaves what is made of them: the same packets
/// pass there. Of a bond it takes the members, unless another tap names the bond. Containers are what a dynamic one is for.
fn tap_settings<'s>(
    settings: &'s Settings,
    table: &Table,
    interface: &Interface,
) -> Result<(TapId, &'s TapSettings), &'static str> {
    let found = settings.modules.tap(candidate(interface));
    let (object, tap) = found.ok_or("no pcap or epcap of the configuration fits it")?;
    if tap.device.is_some() || tap.dynamic {
        return Ok((object, tap));
    }
    let derived = matches!(interface.kind, Kind::Vlan | Kind::Veth | Kind::XenVif | Kind::Openvswitch);
    let is_port = settings.modules.switchport(&interface.name).is_some();
    if interface.is_bond_master || (derived && !is_port) {
        return Err("its packets pass another interface too; a pcap with its name in dev would sample it");
    }
    let is_named = |bond: &Interface| {
        bond.is_bond_master
            && settings.modules.tap(candidate(bond)).is_some_and(|(_, tap)| tap.device.is_some())
    };
    if interface.is_bond_slave && interface.master.and_then(|index| table.get(index)).is_some_and(is_named) {
        return Err(NAMED_BOND);
    }
    Ok((object, tap))
}

fn candidate(interface: &Interface) -> Candidate<'_> {
    Candidate {
        name: &interface.name,
        speed_bps: interface.speed_bps,
        is_physical: is_physical(interface),
        leads_to_container: interface.peer_namespace().is_some(),
    }
}

fn is_physical(interface: &Interface) -> bool {
    interface.kind == Kind::Physical
}

/// A switch port, or a bond of them: not an adaptor of the host itself.
pub fn is_switch_port(settings: &Settings, table: &Table, interface: &Interface) -> bool {
    settings.modules.switchport(&interface.name).is_some() || has_switch_port(settings, table, interface)
}

fn has_switch_port(settings: &Settings, table: &Table, bond: &Interface) -> bool {
    bond.is_bond_master && table.members(bond.index).any(|i| settings.modules.switchport(&i.name).is_some())
}
