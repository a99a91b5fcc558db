//! The table under every order of messages.

use super::super::example::link;
use super::*;
use crate::wire::netlink::linkinfo::LinkInfo;
use proptest::prelude::*;

fn of_kind(index: u32, name: &str, kind: &'static str) -> Link<'static> {
    Link { info: LinkInfo { kind: Some(kind.into()), ..LinkInfo::default() }, ..link(index, name) }
}

fn table(links: &[Link<'static>]) -> (Table, Changes) {
    let (mut table, mut changes) = (Table::default(), Changes::default());
    for link in links {
        table.apply_link(link, &mut changes);
    }
    (table, changes)
}

#[test]
fn unknown_operstate_with_carrier_is_up() {
    for (operstate, carrier, flags, up) in [
        (Some(0), Some(true), 1, true),
        (None, Some(true), 1, true),
        (Some(0), Some(true), 0, false),
        (Some(0), Some(false), 1, false),
        (Some(6), None, 1, true),
        (Some(2), Some(true), 1, false),
        (Some(7), Some(true), 1, false),
        (Some(5), Some(true), 1, false),
    ] {
        let (table, _) = table(&[Link { operstate, carrier, flags, ..link(2, "eth0") }]);
        assert_eq!(table.get(2).unwrap().oper_up, up, "{operstate:?} {carrier:?}");
    }
}

#[test]
fn bridge_talk_and_nameless_events_do_not_touch_the_interface() {
    let (mut table, _) = table(&[link(2, "eth0")]);
    let mut changes = Changes::default();
    let bridge = Link { family: 7, mtu: Some(9), ..link(2, "eth0") };
    table.apply_link(&bridge, &mut changes);
    table.apply_unlink(&bridge, &mut changes);
    table.apply_link(&Link { name: None, ..link(2, "") }, &mut changes);
    assert!(changes.is_empty() && table.by_name("eth0").is_some());
}

#[test]
fn exchanged_names_belong_to_the_right_interfaces() {
    let (mut table, _) = table(&[link(2, "a"), link(3, "b")]);
    let mut changes = Changes::default();
    for (index, name) in [(2, "tmp"), (3, "a"), (2, "b")] {
        table.apply_link(&link(index, name), &mut changes);
    }
    assert_eq!((table.by_name("a").unwrap().index, table.by_name("b").unwrap().index), (3, 2));
    assert!(table.by_name("tmp").is_none());
    assert!(table.take_doubtful().is_empty());
}

#[test]
fn name_that_another_interface_takes_puts_its_old_holder_in_doubt() {
    let (mut table, _) = table(&[link(2, "a"), link(3, "a")]);
    assert_eq!(table.take_doubtful(), BTreeSet::from([2]));
    table.remove(2, &mut Changes::default());
    assert_eq!(table.by_name("a").unwrap().index, 3, "the name stays with its new holder");
}

#[test]
fn index_used_again_by_another_kind_is_another_interface() {
    let (mut table, _) = table(&[of_kind(2, "x", "veth")]);
    table.apply_speed(2, Some(10), None, &mut Changes::default());
    let mut changes = Changes::default();
    table.apply_link(&of_kind(2, "x", "bridge"), &mut changes);
    assert!(matches!(changes.get(2), Some(Change::Replaced(old)) if old.speed_bps == Some(10)));
    assert_eq!(table.get(2).unwrap().speed_bps, None);
}

#[test]
fn first_end_of_a_pair_is_asked_for_again_when_the_other_names_it() {
    let first = Link { link: Some(0), ..of_kind(2, "q", "veth") };
    let second = Link { link: Some(2), ..of_kind(3, "p", "veth") };
    let (mut table, mut changes) = table(&[first.clone(), second]);
    assert_eq!(table.take_doubtful(), BTreeSet::from([2]));
    table.apply_link(&Link { link: Some(3), ..first }, &mut changes);
    assert!(table.take_doubtful().is_empty());
    table.remove(3, &mut changes);
    assert_eq!(table.take_doubtful(), BTreeSet::from([2]), "its peer may have left for another namespace");
}

#[test]
fn drivers_are_asked_for_new_interfaces_and_changed_state_only() {
    let (mut table, mut changes) = table(&[link(2, "a"), link(3, "b")]);
    assert_eq!(table.take_unmeasured(), BTreeSet::from([2, 3]));
    table.apply_link(&Link { mtu: Some(1400), ..link(2, "a") }, &mut changes);
    assert!(table.take_unmeasured().is_empty());
    table.apply_link(&Link { mtu: Some(1400), flags: 1, ..link(2, "a") }, &mut changes);
    assert_eq!(table.take_unmeasured(), BTreeSet::from([2]));
}

fn address(text: &str, prefix: u8, flags: u32) -> AddressMessage {
    let ip = text.parse().unwrap();
    AddressMessage { ip, peer: None, prefix, scope: 0, if_index: 2, flags, proto: None, target_netnsid: None }
}

#[test]
fn addresses_come_change_and_go_with_their_interface() {
    let (mut table, mut changes) = table(&[link(2, "a"), link(3, "b")]);
    for message in
        [address("192.0.2.1", 24, 0x80), address("192.0.2.1", 16, 0x80), address("2001:db8::1", 64, 0x41)]
    {
        table.apply_address(&message, &mut changes);
    }
    let ours: Vec<Address> = table.addresses_of(2).copied().collect();
    assert_eq!(ours.len(), 3);
    assert!(changes.addresses());
    assert!(ours[2].tentative && ours[2].temporary && ours[2].autoconf);
    assert!(!ours[0].temporary, "the same bit says secondary with IPv4");
    let mut changes = Changes::default();
    table.apply_address(&address("2001:db8::1", 64, 0x41), &mut changes);
    assert!(changes.is_empty() && !changes.addresses(), "the same again is no change");
    table.apply_address(&address("2001:db8::1", 64, 0x80), &mut changes);
    assert!(!changes.is_empty() && !table.addresses_of(2).last().unwrap().autoconf);
    table.apply_unaddress(&address("192.0.2.1", 16, 0x80), &mut changes);
    assert_eq!(table.addresses_of(2).count(), 2);
    let mut changes = Changes::default();
    table.remove(2, &mut changes);
    assert_eq!((table.addresses().count(), changes.addresses()), (0, true));
    assert!(matches!(changes.get(2), Some(Change::Removed(_))));
}

#[test]
fn an_interface_without_addresses_comes_changes_and_goes_without_a_change_of_addresses() {
    let (mut table, mut changes) = table(&[link(3, "b"), of_kind(2, "x", "veth")]);
    table.apply_link(&Link { flags: 1, ..link(3, "b") }, &mut changes);
    table.apply_link(&of_kind(2, "x", "bridge"), &mut changes);
    table.remove(3, &mut changes);
    assert!(!changes.addresses());
    table.apply_address(&address("192.0.2.1", 24, 0x80), &mut changes);
    let mut changes = Changes::default();
    table.apply_link(&of_kind(2, "x", "veth"), &mut changes);
    assert!(matches!(changes.get(2), Some(Change::Replaced(_))) && changes.addresses());
}

#[derive(Clone, Debug)]
enum Step {
    Link(u32, usize, bool, bool, Option<u32>),
    Unlink(u32),
    Keep(Vec<u32>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u32..5, 0usize..4, any::<bool>(), any::<bool>(), proptest::option::of(1u32..5))
            .prop_map(|(i, n, up, veth, master)| Step::Link(i, n, up, veth, master)),
        2 => (1u32..5).prop_map(Step::Unlink),
        1 => proptest::collection::btree_set(1u32..5, 0..4).prop_map(|seen| Step::Keep(Vec::from_iter(seen))),
    ]
}

fn take(table: &mut Table, step: &Step, changes: &mut Changes) {
    match step {
        Step::Link(index, name, up, veth, master) => {
            let kind = if *veth { "veth" } else { "bridge" };
            let link = of_kind(*index, ["a", "b", "c", "d"][*name], kind);
            table.apply_link(&Link { flags: u32::from(*up), master: *master, ..link }, changes);
        }
        Step::Unlink(index) => table.apply_unlink(&link(*index, "?"), changes),
        Step::Keep(seen) => table.retain(seen, changes),
    }
}

proptest! {
    /// Whatever happened, the sum of changes leads from the table before to the table after, each name leads to an
    /// interface that has it, and each master to all that is below it.
    #[test]
    fn changes_lead_from_one_state_to_the_next(
        before in proptest::collection::vec(step(), 0..10),
        steps in proptest::collection::vec(step(), 0..20),
    ) {
        let mut table = Table::default();
        before.iter().for_each(|step| take(&mut table, step, &mut Changes::default()));
        let (old, mut changes) = (table.clone(), Changes::default());
        steps.iter().for_each(|step| take(&mut table, step, &mut changes));
        for index in 1..5 {
            match (old.get(index), table.get(index), changes.get(index)) {
                (None, None, change) => prop_assert_eq!(change, None),
                (None, Some(_), change) => prop_assert_eq!(change, Some(&Change::Added)),
                (Some(_), None, change) => prop_assert!(matches!(change, Some(Change::Removed(_)))),
                (Some(old), Some(new), None) => prop_assert_eq!(old, new),
                (Some(old), Some(new), Some(Change::Updated(parts))) => {
                    prop_assert_eq!(&old.kind, &new.kind);
                    prop_assert!(parts.name || old.name == new.name);
                    prop_assert!(parts.admin || old.admin_up == new.admin_up);
                }
                (Some(_), Some(_), change) => prop_assert!(matches!(change, Some(Change::Replaced(_)))),
            }
        }
        for master in 1..5 {
            let found: Vec<u32> = table.members(master).map(|i| i.index).collect();
            let told: Vec<u32> = table.iter().filter(|i| i.master == Some(master)).map(|i| i.index).collect();
            prop_assert_eq!(found, told);
        }
        for name in ["a", "b", "c", "d"] {
            prop_assert!(table.by_name(name).is_none_or(|interface| interface.name == name));
        }
    }
}

#[test]
fn a_bridge_is_measured_again_when_a_port_changes_comes_or_goes() {
    let port = |oper: u8, master| Link { operstate: Some(oper), master, ..link(3, "p") };
    let (mut table, mut changes) = table(&[of_kind(2, "br0", "bridge"), port(6, Some(2))]);
    table.take_unmeasured();
    table.apply_link(&port(2, Some(2)), &mut changes);
    assert!(table.take_unmeasured().contains(&2), "its link went down");
    table.apply_link(&port(2, None), &mut changes);
    assert!(table.take_unmeasured().contains(&2), "it left the bridge");
    table.apply_link(&port(2, Some(2)), &mut changes);
    table.take_unmeasured();
    table.remove(3, &mut changes);
    assert!(table.take_unmeasured().contains(&2), "it was deleted");
}
