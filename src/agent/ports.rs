//! What the settings say of an interface: is it a switch port, is it tapped, does it send counters, and why. In: the
//! interface table and settings. Out: the inputs and the answer of `sample::ports`.

use crate::collect::interfaces::{Interface, Kind, Table};
use crate::config::model::Settings;
use crate::sample::ports::{Port, sends_counters};

/// Whether `interface` sends counter samples, and why or why not.
pub fn decide(settings: &Settings, table: &Table, interface: &Interface) -> (bool, &'static str) {
    let port = Port {
        loopback: interface.kind == Kind::Loopback,
        physical: interface.kind == Kind::Physical,
        switch_port: settings.modules.switchport(&interface.name).is_some(),
        bond_of_switch_ports: has_switch_port(settings, table, interface),
        tapped: is_tapped(settings, interface),
    };
    sends_counters(settings.interface_counters, port)
}

/// A switch port, or a bond of them: not an adaptor of the host itself.
pub fn is_switch_port(settings: &Settings, table: &Table, interface: &Interface) -> bool {
    settings.modules.switchport(&interface.name).is_some() || has_switch_port(settings, table, interface)
}

fn has_switch_port(settings: &Settings, table: &Table, bond: &Interface) -> bool {
    bond.is_bond_master
        && table
            .iter()
            .any(|i| i.master == Some(bond.index) && settings.modules.switchport(&i.name).is_some())
}

/// A tap that names no device takes hardware and bridges, and leaves what is made of them: the same packets pass there.
fn is_tapped(settings: &Settings, interface: &Interface) -> bool {
    let Some(tap) = settings.modules.tap(&interface.name, interface.speed_bps) else { return false };
    let derived = interface.is_bond_master
        || matches!(interface.kind, Kind::Vlan | Kind::Veth | Kind::XenVif | Kind::Openvswitch);
    tap.device.is_some() || !derived
}
