//! Shaping by processes that end in the middle, and by random policies: whatever was left, the next one reaches what is
//! wanted, and what others have stays.
#![allow(clippy::disallowed_methods)] // processes are killed after a time

use crate::netns::{isolated, run};
use crate::real;
use crate::shape::{apply, limit, pair, pause, share};
use crate::support::wait_until;
use crate::wishes::block;
use hsflow::policy::apply::Runner;
use hsflow::policy::shape::Traffic;
use hsflow::policy::wanted::Outcome;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CHILD: &str = "HSFLOW_TEST_SHAPE_APPLIES";

/// Often for a long run, else so many times.
pub(crate) fn times<T>(usual: T, long: T) -> T {
    if std::env::var_os("HSFLOW_LONG").is_some() { long } else { usual }
}

/// How long something takes: the median at full size, and the quickest beside other tests, which have the processor for a while.
pub(crate) fn usual(took: &[Duration]) -> Duration {
    let mut took = took.to_vec();
    took.sort();
    took[times(0, took.len() / 2)]
}

/// Qdiscs, filters of others, and one that looks like ours.
fn others() {
    pair();
    run("ip link add name w0 type veth peer name w1");
    for device in ["w0", "w1"] {
        run(&format!("ip link set {device} addrgenmode none"));
    }
    for line in [
        "qdisc add dev v1 clsact",
        "filter add dev v1 ingress protocol all pref 7 u32 match u32 0 0 classid 1:1",
        "filter add dev v1 egress protocol ip pref 49000 u32 match ip dst 10.0.0.9/32 classid 1:2",
        "qdisc add dev w0 root handle 1: htb",
        "filter add dev w0 parent 1: protocol ip pref 1 u32 match ip dst 10.0.0.9/32 flowid 1:1",
        "qdisc add dev w1 root handle 1: htb default 1",
    ] {
        run(&format!("tc {line}"));
    }
}

/// All that `tc` and `ip` show of devices, without what the kernel numbers as it likes.
fn everything() -> Vec<String> {
    // What a killed process had started may take a device away between the list and the look at it.
    wait_until("a look at all devices", Duration::from_secs(20), || look().ok())
}

fn look() -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for device in run("ip -br link show").lines() {
        let name = device.split([' ', '@']).next().unwrap();
        lines.push(name.to_owned());
        for what in ["qdisc show", "class show", "filter show", "filter show ingress", "filter show egress"] {
            let mut words: Vec<_> = what.split(' ').take(2).chain(["dev", name]).collect();
            words.extend(what.split(' ').nth(2));
            let text = real::run("tc", &words, "")?;
            lines.extend(text.lines().map(|line| format!("{name} {what}: {}", plain(line))));
        }
    }
    lines.sort();
    Ok(lines)
}

fn plain(line: &str) -> String {
    let numbers = ["fh", "ht", "index", "ref", "bind", "order", "refcnt", "leaf", "bfifo"];
    let mut words = Vec::new();
    let mut all = line.split_whitespace();
    while let Some(word) = all.next() {
        if numbers.contains(&word) {
            all.next();
        } else {
            words.push(word);
        }
    }
    words.join(" ")
}

fn foreign() -> Vec<String> {
    let marks = ["protocol all pref 7 ", " pref 49000 ", "v1 qdisc show: qdisc clsact"];
    let is_theirs = |line: &String| line.starts_with('w') || marks.iter().any(|mark| line.contains(mark));
    everything().into_iter().filter(is_theirs).collect()
}

fn same(found: &[String], wanted: &[String], what: &str) {
    let without = |all: &[String], others: &[String]| -> Vec<String> {
        all.iter().filter(|line| !others.contains(line)).cloned().collect()
    };
    let (more, less) = (without(found, wanted), without(wanted, found));
    assert!(found == wanted, "{what}: more {more:#?} less {less:#?}");
}

/// A text of policies.
fn new() -> String {
    [
        share("web", 80, 50),
        share("mail", 25, 30),
        limit("in", "from = \"v1\"", 10),
        "[policy.away]\nfrom = \"v1\"\nprotocol = \"udp\"\ndestination_port = 9\naction = { redirect = { device = \"v0\" } }\n".to_owned(),
    ]
    .concat()
}

fn old() -> String {
    limit("in", "to = \"v0\"", 10) + &limit("web", "from = \"v0\"", 3)
}

fn applied(text: &str) {
    let outcome = apply(&mut Traffic::new(Runner::new()), text);
    assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
}

/// Run by the tests below in a process of its own, which ends before its time.
#[test]
fn a_process_that_shapes_and_may_crash() {
    if std::env::var_os(CHILD).is_some() {
        applied(&new());
    }
}

fn child() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "shape_crash::a_process_that_shapes_and_may_crash", "--test-threads=1"]);
    command.env(CHILD, "1").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn after_a_crash_at_any_step_the_next_one_finishes_it() {
    isolated("shape_crash::after_a_crash_at_any_step_the_next_one_finishes_it", || {
        if !cfg!(debug_assertions) {
            return;
        }
        others();
        let before = everything();
        applied(&new());
        let (reached, of_others) = (everything(), foreign());
        let mut crashes = 0;
        for at in (1..).step_by(times(4, 1) as usize) {
            applied(&old());
            let status = child().env("HSFLOW_POLICY_CRASH_AT", at.to_string()).status().unwrap();
            same(&foreign(), &of_others, &format!("crash {at}"));
            applied(&new());
            same(&everything(), &reached, &format!("crash {at}"));
            if status.success() {
                break;
            }
            crashes += 1;
        }
        // From nothing to all: the probe, the looks, devices, queues and filters.
        assert!(crashes * times(4, 1) >= 12, "{crashes}");
        block(Traffic::new(Runner::new()).clear());
        same(&everything(), &before, "after");
    });
}

#[test]
fn after_a_kill_at_any_moment_the_next_one_finishes_it() {
    isolated("shape_crash::after_a_kill_at_any_moment_the_next_one_finishes_it", || {
        others();
        let before = everything();
        applied(&new());
        let (reached, of_others) = (everything(), foreign());
        // How long one takes here, now.
        applied(&old());
        let start = Instant::now();
        assert!(child().status().unwrap().success());
        let whole = start.elapsed();
        let count = times(5, 100);
        for at in 1..=count {
            applied(&old());
            let mut child = child().spawn().unwrap();
            pause(whole * at / count);
            let _ = child.kill();
            child.wait().unwrap();
            same(&foreign(), &of_others, &format!("kill {at}"));
            // What it had started ends by itself, perhaps later.
            let deadline = Instant::now() + Duration::from_secs(20);
            loop {
                let outcome = apply(&mut Traffic::new(Runner::new()), &new());
                if outcome == Outcome::default() && everything() == reached {
                    break;
                }
                assert!(Instant::now() < deadline, "kill {at}: {outcome:?}");
            }
        }
        block(Traffic::new(Runner::new()).clear());
        same(&everything(), &before, "after");
    });
}

fn policy() -> impl Strategy<Value = String> {
    let place = prop::sample::select(vec!["to = \"v0\"", "from = \"v0\"", "to = \"v1\"", "from = \"v1\""]);
    let matching = prop_oneof![
        Just(String::new()),
        (1_u16..9999).prop_map(|port| format!("protocol = \"udp\"\ndestination_port = {port}")),
        (1_u16..9999, 0_u16..99)
            .prop_map(|(port, more)| format!("protocol = \"tcp\"\nsource_port = \"{port}:{}\"", port + more)),
        (0_u8..=255, 16_u8..=32).prop_map(|(byte, length)| format!("source = \"10.{byte}.0.0/{length}\"")),
        (0_u8..=255)
            .prop_map(|byte| format!("destination = \"2001:db8:{byte:x}::/48\"\nprotocol = \"icmpv6\"")),
        (0_u8..64).prop_map(|dscp| format!("dscp = {dscp}")),
    ];
    let action = prop_oneof![
        (1_u64..2_000_000).prop_map(|kbits| format!("shape = {{ rate = \"{kbits} kbit/s\" }}")),
        (1_u64..500, 1_u64..1000).prop_map(|(rate, more)| format!(
            "shape = {{ rate = \"{rate} Mbit/s\", ceil = \"{} Mbit/s\", burst_ms = 5 }}",
            rate + more
        )),
        (1_u8..60).prop_map(|share| format!("shape = {{ share = {share}, of = \"20 Mbit/s\" }}")),
        Just("redirect = { device = \"lo\" }".to_owned()),
    ];
    (place, matching, action, 0_u16..3).prop_map(|(place, matching, action, priority)| {
        format!("{place}\n{matching}\npriority = {priority}\naction = {{ {action} }}\n")
    })
}

#[test]
fn u32_on_both_sides_of_a_device_is_told_apart() {
    isolated("shape_crash::u32_on_both_sides_of_a_device_is_told_apart", || {
        others();
        let away = |name: &str, place: &str| {
            format!(
                "[policy.{name}]\n{place}\nprotocol = \"udp\"\naction = {{ redirect = {{ device = \"lo\" }} }}\n"
            )
        };
        let both = away("a", "to = \"v1\"") + &away("b", "from = \"v1\"");
        applied(&both);
        assert_eq!(apply(&mut Traffic::new(Runner::new()), &both), Outcome::default());
    });
}

fn policies() -> impl Strategy<Value = String> {
    prop::collection::btree_map(0_u8..9, policy(), 0..6)
        .prop_map(|all| all.iter().map(|(number, text)| format!("[policy.p{number}]\n{text}")).collect())
}

#[test]
fn any_policies_are_reached_from_any_others_and_leave_nothing() {
    isolated("shape_crash::any_policies_are_reached_from_any_others_and_leave_nothing", || {
        others();
        let before = everything();
        let config = Config { cases: times(6, 300), failure_persistence: None, ..Config::default() };
        let law = |(first, second): (String, String)| {
            for text in [&first, &second] {
                let outcome = apply(&mut Traffic::new(Runner::new()), text);
                prop_assert_eq!(&outcome.trouble, &None);
                for why in outcome.faults.values() {
                    prop_assert!(why.contains("bit/s that others leave"), "{}", why);
                }
                let again = apply(&mut Traffic::new(Runner::new()), text);
                prop_assert_eq!(again, Outcome { steps: 0, ..outcome });
            }
            block(Traffic::new(Runner::new()).clear());
            prop_assert_eq!(everything(), before.clone());
            Ok(())
        };
        TestRunner::new(config).run(&(policies(), policies()), law).unwrap();
    });
}
