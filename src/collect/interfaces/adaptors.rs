//! The host's adaptors (`0:2001`): which interfaces a collector should know as this host's own.
//!
//! In: the interfaces, and which of them are switch ports. Out: at most 32 with their MAC, by rising ifIndex. Left
//! out is what is down, has no MAC, or is the port of somebody else: a guest's, or a pair inside this namespace.
//! Pure. Spec: sFlow Host Structures 2001.

use super::model::{Interface, Kind};
use crate::sflow::counters::host::{Adaptor, Adaptors};

const MOST: usize = 32;

/// The record. Where there are more than 32, hardware goes first.
pub fn adaptors<'a>(
    interfaces: impl Iterator<Item = &'a Interface> + Clone,
    is_switch_port: impl Fn(&Interface) -> bool,
) -> Adaptors {
    let has_hardware = interfaces.clone().any(|interface| interface.kind == Kind::Physical);
    let mut chosen: Vec<_> = interfaces
        .filter(|interface| interface.admin_up && !is_switch_port(interface))
        .filter(|interface| !is_foreign(interface, has_hardware))
        .filter_map(|interface| {
            Some((interface.kind != Kind::Physical, interface.index, interface.real_mac()?))
        })
        .collect();
    chosen.sort_unstable();
    chosen.truncate(MOST);
    chosen.sort_unstable_by_key(|(_, index, _)| *index);
    let adaptor = |(_, if_index, mac)| Adaptor { if_index, macs: vec![mac] };
    Adaptors { adaptors: chosen.into_iter().map(adaptor).collect() }
}

fn is_foreign(interface: &Interface, has_hardware: bool) -> bool {
    let inner_pair = interface.kind == Kind::Veth && interface.link.is_some() && !interface.link_elsewhere;
    let port = matches!(interface.kind, Kind::Veth | Kind::Tap | Kind::XenVif);
    let guest = port && (interface.master.is_some() || interface.link_elsewhere);
    inner_pair || (guest && has_hardware)
}
