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

#[cfg(test)]
mod tests {
    use super::super::example::interface;
    use super::*;

    fn indexes(interfaces: &[Interface]) -> Vec<u32> {
        adaptors(interfaces.iter(), |_| false).adaptors.iter().map(|adaptor| adaptor.if_index).collect()
    }

    #[test]
    fn own_adaptors_are_told_from_those_of_guests() {
        let nic = interface(2, Kind::Physical);
        let guest = Interface { link: Some(9), link_elsewhere: true, ..interface(3, Kind::Veth) };
        let port = Interface { master: Some(7), ..interface(4, Kind::Tap) };
        let inner = Interface { link: Some(6), ..interface(5, Kind::Veth) };
        let bridge = interface(7, Kind::Bridge);
        let own_tap = interface(8, Kind::Tap);
        let host = [own_tap, bridge, inner, port, guest.clone(), nic];
        assert_eq!(indexes(&host), [2, 7, 8]);
        let container = [Interface { mac: Some([0; 6]), ..interface(1, Kind::Loopback) }, guest];
        assert_eq!(indexes(&container), [3], "the only way out of a container is its own adaptor");
    }

    #[test]
    fn down_without_mac_or_a_switch_port_is_left_out() {
        let up = interface(2, Kind::Physical);
        let down = Interface { admin_up: false, ..interface(3, Kind::Physical) };
        let bare = Interface { mac: None, ..interface(4, Kind::Physical) };
        let port = interface(5, Kind::Physical);
        let all = [up, down, bare, port];
        let record = adaptors(all.iter(), |interface| interface.index == 5);
        assert_eq!(record.adaptors, [Adaptor { if_index: 2, macs: vec![[2, 0, 0, 0, 0, 2]] }]);
    }

    #[test]
    fn hardware_goes_first_where_the_list_is_cut() {
        let mut all: Vec<_> = (1..=40).map(|index| interface(index, Kind::Bridge)).collect();
        all.extend([interface(60, Kind::Physical), interface(50, Kind::Physical)]);
        let expected: Vec<u32> = (1..=30).chain([50, 60]).collect();
        assert_eq!(indexes(&all), expected);
    }
}
