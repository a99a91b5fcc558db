//! What the settings say is what the data base has, whoever changes what and when.

use crate::open_vswitch::with_switch;
use crate::rig::{LIMIT, ip};
use crate::support::wait_until;

/// A device for the agent address, on loopback's side of the world.
fn agent_device() {
    ip("link add mgmt type veth peer name far");
    ip("addr add 10.1.1.1/24 dev mgmt");
    ip("link set mgmt up");
    ip("link set far up");
}

#[test]
fn the_record_is_what_the_settings_are_and_every_bridge_has_it_the_later_too() {
    with_switch(|switch, rig| {
        agent_device();
        switch.add_bridge("br0");
        let port = rig.catcher.port();
        rig.configure(&format!(
            "agent = mgmt polling = 7 sampling = 123 headerBytes = 80 {}",
            switch.object()
        ));
        rig.start();
        let row = switch.wait_row("our record", |row| row.columns["sampling"] == "123");
        let expected = format!(
            "agent=\"mgmt\" external_ids=[\"map\",[[\"owner\",\"hsflowd-rs\"]]] header=80 polling=7 sampling=123 targets=\"127.0.0.1:{port}\""
        );
        assert_eq!(row.text(), expected);
        switch.wait_bridge("br0", &row.uuid);
        (1..4).for_each(|n| switch.add_bridge(&format!("br{n}")));
        (1..4).for_each(|n| switch.wait_bridge(&format!("br{n}"), &row.uuid));
        assert_eq!(switch.rows(), [row]);
        wait_until("the status has all bridges", LIMIT, || {
            rig.ctl(&["status"])
                .1
                .contains("ovs        4 of 4 bridges send sFlow by themselves: 1 in 123")
                .then_some(())
        });
        // Nobody carries it out, and that is said.
        rig.wait_component("ovs", "ovs-vswitchd has not taken over");
    });
}

#[test]
fn a_bridge_with_anothers_record_is_left_alone_and_it_is_said_how_to_change_that() {
    with_switch(|switch, rig| {
        switch.add_bridge("br0");
        switch.add_bridge("br1");
        switch.vsctl("--no-wait -- --id=@s create sflow targets=\"192.0.2.9:6343\" sampling=64 -- set bridge br1 sflow=@s");
        let [foreign] = switch.rows().try_into().unwrap();
        rig.configure(&switch.object());
        rig.start();
        let state = rig.wait_component("ovs", "bridge br1 has another's sFlow record");
        assert!(
            state.contains("192.0.2.9:6343") && state.contains("ovs-vsctl clear Bridge br1 sflow"),
            "{state}"
        );
        wait_until("br0 has ours", LIMIT, || (!switch.sflow("br0").is_empty()).then_some(()));
        assert_eq!(switch.sflow("br1"), foreign.uuid);
        assert!(switch.rows().contains(&foreign));
        assert!(rig.ctl(&["status"]).1.contains("br1: bridge br1 has another's sFlow record"));
        // The remedy is one.
        switch.vsctl("--no-wait clear Bridge br1 sflow");
        let ours = switch.sflow("br0");
        switch.wait_bridge("br1", &ours);
        // And at the end what was foreign would still be there.
        switch.vsctl("--no-wait -- --id=@s create sflow targets=\"192.0.2.9:6343\" sampling=64 -- set bridge br1 sflow=@s");
        let foreign = switch.sflow("br1");
        rig.wait_component("ovs", "bridge br1 has another's sFlow record");
        assert!(rig.agent().stop(LIMIT).success());
        assert_eq!((switch.sflow("br0"), switch.sflow("br1")), (String::new(), foreign));
    });
}

#[test]
fn what_a_reload_changes_is_changed_in_the_same_record() {
    with_switch(|switch, rig| {
        switch.add_bridge("br0");
        rig.configure(&format!("sampling = 100 {}", switch.object()));
        rig.start();
        let first = switch.wait_row("our record", |row| row.columns["sampling"] == "100");
        rig.reload(&format!(
            "sampling = 200 collector {{ ip = ::1 udpport = 7777 }} collector {{ ip = 127.0.0.9 dev = lo }} {}",
            switch.object()
        ));
        let second = switch.wait_row("the new settings", |row| row.columns["sampling"] == "200");
        assert_eq!(second.uuid, first.uuid);
        let port = rig.catcher.port();
        assert_eq!(second.columns["targets"], format!("[\"set\",[\"127.0.0.1:{port}\",\"[::1]:7777\"]]"));
        rig.wait_component(
            "ovs",
            "collector 127.0.0.9 port 6343 gets nothing from Open vSwitch, which cannot send by dev lo",
        );
        // Nothing to sample and nothing to count, and then not named any more: nothing of ours.
        rig.reload(&format!("sampling = 0 polling = 0 {}", switch.object()));
        switch.wait_bridge("br0", "");
        assert_eq!(switch.rows(), []);
        rig.wait_component("ovs", "unavailable sampling and polling are both 0");
        rig.reload(&switch.object());
        switch.wait_row("a new record", |row| row.columns["sampling"] == "400");
        rig.reload("");
        switch.wait_bridge("br0", "");
        wait_until("no component", LIMIT, || rig.component("ovs").is_empty().then_some(()));
    });
}

#[test]
fn somebodys_edit_of_our_record_is_undone_and_his_own_ids_are_kept() {
    with_switch(|switch, rig| {
        switch.add_bridge("br0");
        rig.configure(&switch.object());
        rig.start();
        let row = switch.wait_row("our record", |_| true);
        switch.vsctl(&format!("--no-wait set sflow {} sampling=1 external_ids:note=mine", id(&row.uuid)));
        let again = switch.wait_row("the settings again", |row| row.columns["sampling"] == "400");
        assert_eq!(again.uuid, row.uuid);
        assert!(again.columns["external_ids"].contains("mine"));
    });
}

fn id(uuid: &str) -> &str {
    uuid.trim_start_matches("[\"uuid\",\"").trim_end_matches("\"]")
}
