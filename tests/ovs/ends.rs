//! Ends of all kinds: of the agent, politely and not, and of the data base.

use crate::open_vswitch::with_switch;
use crate::rig::LIMIT;
use crate::support::wait_until;
use hsflow::host::Clock;
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn a_killed_agents_record_is_adopted_and_the_polite_end_removes_it() {
    with_switch(|switch, rig| {
        switch.add_bridge("br0");
        let before = switch.rows();
        rig.configure(&switch.object());
        rig.start();
        let row = switch.wait_row("our record", |_| true);
        rig.agent().signal(Signal::SIGKILL);
        rig.agent().wait_exit(LIMIT);
        assert_eq!(switch.sflow("br0"), row.uuid);
        switch.add_bridge("br1");
        rig.start();
        switch.wait_bridge("br1", &row.uuid);
        assert_eq!(switch.rows(), [row]);
        assert!(rig.agent().stop(LIMIT).success());
        assert_eq!((switch.sflow("br0"), switch.sflow("br1")), (String::new(), String::new()));
        assert_eq!(switch.rows(), before);
    });
}

#[test]
fn at_exit_keep_leaves_bridges_sending() {
    with_switch(|switch, rig| {
        switch.add_bridge("br0");
        rig.configure(&switch.object().replace('}', "atExit = keep }"));
        rig.start();
        let row = switch.wait_row("our record", |_| true);
        assert!(rig.agent().stop(LIMIT).success());
        assert_eq!((switch.sflow("br0"), switch.rows()), (row.uuid.clone(), vec![row]));
    });
}

#[test]
fn a_data_base_that_is_killed_and_comes_back_is_found_and_put_right() {
    with_switch(|switch, rig| {
        switch.add_bridge("br0");
        rig.configure(&format!("sampling = 100 {}", switch.object()));
        rig.start();
        let row = switch.wait_row("our record", |_| true);
        switch.kill_server();
        rig.wait_component("ovs", "ovs");
        wait_until("it is noticed", LIMIT, || rig.component("ovs").starts_with("degraded").then_some(()));
        rig.reload(&format!("sampling = 300 {}", switch.object()));
        switch.start_server();
        let after = switch.wait_row("the new settings", |row| row.columns["sampling"] == "300");
        assert_eq!(after.uuid, row.uuid);
        switch.add_bridge("br1");
        switch.wait_bridge("br1", &row.uuid);
    });
}

#[test]
fn a_data_base_that_hangs_does_not_hold_up_the_agents_end() {
    with_switch(|switch, rig| {
        switch.add_bridge("br0");
        rig.configure(&switch.object());
        rig.start();
        switch.wait_row("our record", |_| true);
        switch.signal_server(Signal::SIGSTOP);
        let clock = Clock::system();
        let begin = clock.now();
        assert!(rig.agent().stop(LIMIT).success());
        // An answer would be waited for 10 s.
        assert!(clock.now() - begin < Duration::from_secs(9), "{:?}", clock.now() - begin);
        switch.signal_server(Signal::SIGCONT);
    });
}
