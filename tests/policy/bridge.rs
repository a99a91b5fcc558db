//! Policies on a bridge of a real Open vSwitch, all in user space: what its flows are, and what its own tracing says
//! becomes of packets. Needs root, /dev/net/tun and openvswitch-switch.

use crate::real::run;
use crate::shape_crash::usual;
use crate::support::wait_until;
use crate::switch::{LIMIT, Switch, with_switch};
use crate::wishes::{block, wanted};
use hsflow::host::Clock;
use hsflow::policy::apply::Runner;
use hsflow::policy::bridge::Bridges;
use hsflow::policy::model::Expiry;
use hsflow::policy::wanted::{Outcome, Wanted};
use std::time::{Duration, SystemTime};

const RULES: &str = r#"
[group.web]
addresses = ["10.0.0.1", "2001:db8::1"]
default = "deny"
bridge = "br0"
[group.mail]
addresses = ["10.0.0.7"]
[policy.in]
bridge = "br0"
action = "accept"
source = "@mail"
destination = "@web"
protocol = "tcp"
destination_port = "1000:2000"
[policy.mark]
bridge = "br0"
destination = "10.0.0.9"
action = { mark = { dscp = "ef" } }
"#;

pub(crate) fn apply(bridges: &mut Bridges, wanted: &Wanted) -> Outcome {
    block(bridges.apply(wanted, SystemTime::UNIX_EPOCH))
}

pub(crate) fn done(steps: usize) -> Outcome {
    Outcome { steps, ..Outcome::default() }
}

pub(crate) fn with_bridge(name: &str, body: impl FnOnce(&mut Switch)) {
    with_switch(name, |switch| {
        switch.vsctl("add-br br0 -- set bridge br0 datapath_type=netdev");
        body(switch);
    });
}

#[test]
fn groups_hold_on_a_bridge_and_flows_of_others_stay() {
    with_bridge("bridge::groups_hold_on_a_bridge_and_flows_of_others_stay", |switch| {
        let mgmt = format!("unix:{}", switch.text("br0.mgmt"));
        let other = "cookie=0x77,priority=64000,udp,nw_dst=10.0.0.1,tp_dst=9,actions=NORMAL";
        run("ovs-ofctl", &["-O", "OpenFlow14", "add-flow", &mgmt, other], "").unwrap();
        let before = switch.foreign();
        let mut bridges = Bridges::new(Runner::new(), switch.dir.path().to_owned());
        assert_eq!(apply(&mut bridges, &wanted(RULES)), done(1));
        assert_eq!(apply(&mut bridges, &wanted(RULES)), done(0), "twice is nothing");
        assert_eq!(switch.foreign(), before);
        let tcp = |source: &str, target: &str, port: u16| {
            switch.trace(&format!(
                "in_port=LOCAL,tcp,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src={source},nw_dst={target},nw_ttl=64,tp_src=5,tp_dst={port}"
            ))
        };
        assert!(tcp("10.0.0.7", "10.0.0.1", 1000).contains("NORMAL"));
        assert!(tcp("10.0.0.7", "10.0.0.1", 2000).contains("NORMAL"));
        assert_eq!(tcp("10.0.0.7", "10.0.0.1", 2001), "Datapath actions: drop");
        assert_eq!(tcp("10.0.0.8", "10.0.0.1", 1000), "Datapath actions: drop");
        assert!(tcp("10.0.0.8", "10.0.0.2", 1000).contains("NORMAL"), "not of the group");
        // Bound to the group, it is let in; a new runtime of ours finds what the one before left.
        let joined = RULES.replace("\"10.0.0.7\"", "\"10.0.0.7\", \"10.0.0.8\"");
        let mut again = Bridges::new(Runner::new(), switch.dir.path().to_owned());
        assert_eq!(apply(&mut again, &wanted(&joined)), done(1));
        assert!(tcp("10.0.0.8", "10.0.0.1", 1000).contains("NORMAL"));
        assert_eq!(apply(&mut again, &Wanted::default()), done(1));
        assert_eq!(switch.flows().unwrap(), before);
    });
}

#[test]
fn what_is_marked_is_still_asked_about() {
    with_bridge("bridge::what_is_marked_is_still_asked_about", |switch| {
        let drop = "[policy.z-drop]\nbridge = \"br0\"\npriority = 2000\nsource = \"10.0.0.8\"\ndscp = \"ef\"\naction = \"drop\"\n";
        let early = drop.replace("z-drop", "a-early").replace("2000", "1").replace("10.0.0.8", "10.0.0.7");
        let all = wanted(&(RULES.to_owned() + drop + &early));
        let mut bridges = Bridges::new(Runner::new(), switch.dir.path().to_owned());
        assert_eq!(apply(&mut bridges, &all), done(1));
        assert_eq!(apply(&mut bridges, &all), done(0));
        let mut again = Bridges::new(Runner::new(), switch.dir.path().to_owned());
        assert_eq!(apply(&mut again, &all), done(0), "as they are printed");
        let to_marked = |source: &str, tos: u8| {
            switch.trace(&format!(
                "in_port=LOCAL,ip,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src={source},nw_dst=10.0.0.9,nw_tos={tos}"
            ))
        };
        assert_eq!(
            to_marked("10.0.0.8", 0),
            "Datapath actions: drop",
            "a later policy sees what the mark made of it"
        );
        assert!(to_marked("10.0.0.7", 0).contains("NORMAL"), "one before saw it as it was");
        assert_eq!(to_marked("10.0.0.7", 184), "Datapath actions: drop");
        assert!(to_marked("10.0.0.6", 0).contains("NORMAL"));
    });
}

#[test]
fn policies_that_end_while_the_switch_is_away_are_taken_out_when_it_is_back() {
    with_bridge(
        "bridge::policies_that_end_while_the_switch_is_away_are_taken_out_when_it_is_back",
        |switch| {
            let before = switch.flows().unwrap();
            let fresh = || Bridges::new(Runner::new(), switch.dir.path().to_owned());
            let away = |is_away| {
                let [here, there] = ["db.sock", "away.sock"].map(|name| switch.dir.path().join(name));
                let (from, to) = if is_away { (here, there) } else { (there, here) };
                std::fs::rename(from, to).unwrap();
            };
            let mut bridges = fresh();
            assert_eq!(apply(&mut bridges, &wanted(RULES)), done(1));
            away(true);
            let outcome = apply(&mut bridges, &Wanted::default());
            assert!(outcome.trouble.is_some_and(|why| why.starts_with("Open vSwitch does not run")));
            let mut other = fresh();
            assert_eq!(apply(&mut other, &Wanted::default()), done(0), "who left nothing misses nothing");
            away(false);
            assert_eq!(apply(&mut bridges, &Wanted::default()), done(1));
            assert_eq!(switch.flows().unwrap(), before);
            assert_eq!(apply(&mut fresh(), &wanted(RULES)), done(1));
            assert_eq!(apply(&mut other, &Wanted::default()), done(1), "of a run before");
            assert_eq!(switch.flows().unwrap(), before);
        },
    );
}

#[test]
fn a_port_that_goes_and_comes_again_is_followed() {
    with_bridge("bridge::a_port_that_goes_and_comes_again_is_followed", |switch| {
        crate::netns::run("ip link add connection1 type veth peer name far");
        let text = "[policy.a]\nbridge = \"br0\"\nfrom = \"connection1\"\naction = \"drop\"\n";
        let (all, fresh) = (wanted(text), || Bridges::new(Runner::new(), switch.dir.path().to_owned()));
        let port = || switch.vsctl("get Interface connection1 ofport").trim().to_owned();
        let is_cut = |port: &str| {
            switch.flows().unwrap().iter().any(|flow| {
                flow.contains(&format!("in_port={port} ")) || flow.contains(&format!("in_port={port},"))
            })
        };
        switch.vsctl("add-port br0 connection1");
        let first = port();
        let mut bridges = fresh();
        assert_eq!(apply(&mut bridges, &all), done(1));
        assert!(is_cut(&first));
        switch.vsctl("del-port br0 connection1");
        let outcome = apply(&mut bridges, &all);
        assert_eq!(outcome.faults.values().collect::<Vec<_>>(), ["the bridge has no port connection1"]);
        assert!(!is_cut(&first));
        for number in [40, 41] {
            switch.vsctl(&format!("--if-exists del-port br0 connection1 -- add-port br0 connection1 -- set Interface connection1 ofport_request={number}"));
            let number = wait_until("the port's number", LIMIT, || {
                Some(port()).filter(|port| *port == number.to_string())
            });
            // The second time it is a new runtime's to find out.
            assert_eq!(apply(&mut bridges, &all), done(1), "{number}");
            bridges = fresh();
            assert!(is_cut(&number) && !is_cut(&first), "{number}: {:?}", switch.flows());
            assert_eq!(apply(&mut fresh(), &all), done(0));
        }
    });
}

#[test]
fn of_many_policies_the_bad_one_is_found_and_the_others_hold() {
    with_bridge("bridge::of_many_policies_the_bad_one_is_found_and_the_others_hold", |switch| {
        let mut text = String::from("[policy.bad]\nbridge = \"br0\"\nfrom = \"veth99\"\naction = \"drop\"\n");
        text += "[policy.lost]\nbridge = \"br9\"\naction = \"drop\"\n";
        for number in 0..50 {
            text += &format!(
                "[policy.p{number}]\nbridge = \"br0\"\nsource = \"10.1.0.{number}\"\naction = \"drop\"\n"
            );
        }
        let mut bridges = Bridges::new(Runner::new(), switch.dir.path().to_owned());
        let outcome = apply(&mut bridges, &wanted(&text));
        let faults: Vec<_> = outcome.faults.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
        assert!(
            matches!(&faults[..], [("bad", why), ("lost", "Open vSwitch has no bridge br9")] if why.contains("veth99")),
            "{faults:?}"
        );
        assert_eq!((outcome.trouble, switch.flows().unwrap().len()), (None, 51));
    });
}

#[test]
fn flows_that_a_restart_or_somebody_took_away_are_put_back() {
    with_bridge("bridge::flows_that_a_restart_or_somebody_took_away_are_put_back", |switch| {
        let mut bridges = Bridges::new(Runner::new(), switch.dir.path().to_owned());
        assert_eq!(apply(&mut bridges, &wanted(RULES)), done(1));
        let good = switch.flows().unwrap();
        let mgmt = format!("unix:{}", switch.text("br0.mgmt"));
        run("ovs-ofctl", &["-O", "OpenFlow14", "mod-flows", &mgmt, "ip,nw_dst=10.0.0.9,actions=drop"], "")
            .unwrap();
        assert_ne!(switch.flows().unwrap(), good);
        assert_eq!(apply(&mut bridges, &wanted(RULES)), done(1), "somebody's change");
        assert_eq!(switch.flows().unwrap(), good);
        switch.run_switch();
        wait_until("the switch is back, with no flow of ours", LIMIT, || {
            switch.flows().ok().filter(|flows| flows.len() == 1)
        });
        assert_eq!(apply(&mut bridges, &wanted(RULES)), done(1), "the restart");
        assert_eq!(switch.flows().unwrap(), good);
    });
}

const CHILD: &str = "HSFLOW_TEST_BRIDGES_APPLY";
const OLD: &str = "[policy.old]\nbridge = \"br0\"\nsource = \"10.7.0.0/16\"\naction = \"drop\"\n";
/// To a port whose name is another word of OpenFlow's, which is refused there.
const BAD: &str = "[policy.bad]\nbridge = \"br0\"\nsource = \"10.8.0.0/16\"\naction = { redirect = { device = \"none\" } }\n";

/// Run by the next test in a process of its own, which ends before some run of a program.
#[test]
fn a_process_that_applies_and_may_crash() {
    if let Some(folder) = std::env::var_os(CHILD) {
        apply(&mut Bridges::new(Runner::new(), folder.into()), &wanted(&format!("{RULES}{BAD}")));
    }
}

#[test]
fn after_a_crash_at_any_run_the_next_one_finishes_it() {
    with_bridge("bridge::after_a_crash_at_any_run_the_next_one_finishes_it", |switch| {
        if !cfg!(debug_assertions) {
            return;
        }
        crate::netns::run("ip link add none type veth peer name far");
        switch.vsctl("add-port br0 none");
        let mgmt = format!("unix:{}", switch.text("br0.mgmt"));
        let other = "cookie=0x77,priority=64000,udp,nw_dst=10.0.0.1,tp_dst=9,actions=NORMAL";
        run("ovs-ofctl", &["-O", "OpenFlow14", "add-flow", &mgmt, other], "").unwrap();
        let foreign = switch.foreign();
        let fresh = || Bridges::new(Runner::new(), switch.dir.path().to_owned());
        apply(&mut fresh(), &wanted(&format!("{RULES}{BAD}")));
        let reached = switch.flows().unwrap();
        for at in 1.. {
            assert_eq!(apply(&mut fresh(), &wanted(OLD)).trouble, None);
            let child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "bridge::a_process_that_applies_and_may_crash", "--test-threads=1"])
                .env(CHILD, switch.dir.path())
                .env("HSFLOW_POLICY_CRASH_AT", at.to_string())
                .output()
                .unwrap();
            assert_eq!(switch.foreign(), foreign, "crash {at}");
            let outcome = apply(&mut fresh(), &wanted(&format!("{RULES}{BAD}")));
            let guilty: Vec<_> = outcome.faults.keys().map(|name| name.as_str()).collect();
            assert_eq!((guilty, outcome.trouble), (vec!["bad"], None), "crash {at}");
            assert_eq!(switch.flows().unwrap(), reached, "crash {at}");
            if child.status.success() {
                // A list, a reading, the bundle, and the search for who is to blame.
                assert!(at > 6, "{at}");
                break;
            }
        }
    });
}

#[test]
fn one_that_is_over_is_taken_out_by_itself() {
    with_bridge("bridge::one_that_is_over_is_taken_out_by_itself", |switch| {
        let fresh = || Bridges::new(Runner::new(), switch.dir.path().to_owned());
        let long = "[policy.long]\nbridge = \"br0\"\nsource = \"@web\"\naction = \"drop\"\n";
        assert_eq!(apply(&mut fresh(), &wanted(RULES)), done(1));
        let without = switch.flows().unwrap();
        // Longer than a flow's own timeout may be.
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        let mut all = wanted(&format!("{RULES}{long}"));
        all.policies
            .iter_mut()
            .filter(|it| it.name.as_str() == "long")
            .for_each(|it| it.expiry = Expiry::At(end));
        assert_eq!(apply(&mut fresh(), &all), done(1));
        let mut over = all.clone();
        over.policies.retain(|policy| policy.name.as_str() == "long");
        assert_eq!(block(fresh().take_out(&over)), (1, vec![]));
        assert_eq!(switch.flows().unwrap(), without);
        assert_eq!(block(fresh().take_out(&over)), (0, vec![]));
    });
}

#[test]
fn a_thousandth_member_counts_within_a_second() {
    with_bridge("bridge::a_thousandth_member_counts_within_a_second", |switch| {
        let text = |count: u16| {
            let member = |n: u16| format!("\"10.1.{}.{}\"", n >> 8, n & 255);
            let all: Vec<_> = (0..count).map(member).collect();
            format!(
                "[group.many]\naddresses = [{}]\n[policy.in]\nbridge = \"br0\"\nsource = \"@many\"\naction = \"drop\"\n",
                all.join(",")
            )
        };
        let mut bridges = Bridges::new(Runner::new(), switch.dir.path().to_owned());
        let (clock, mut took) = (Clock::system(), Vec::new());
        for (count, is_open) in [(999, true), (1000, false), (999, true), (1000, false), (999, true)] {
            let (wanted, begun) = (wanted(&text(count)), clock.now());
            assert_eq!(apply(&mut bridges, &wanted), done(1));
            let packet =
                "in_port=LOCAL,ip,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.1.3.231";
            assert_eq!(switch.trace(packet).contains("NORMAL"), is_open, "{count}");
            took.push(clock.now() - begun);
        }
        println!("{took:?}");
        // The first fills the table.
        assert!(usual(&took[1..]) < Duration::from_secs(1), "{took:?}");
    });
}
