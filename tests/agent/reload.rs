//! SIGHUP: what changes, what goes on undisturbed, and files that cannot be used.

use crate::rig::{LIMIT, Rig, assert_whole, if_index, ip, isolated, samples};
use crate::support::catcher::UdpCatcher;
use hsflow::sflow::decode::{Datagram, decode};
use hsflow::sflow::ids::DataSource;
use nix::sys::signal::Signal;

fn second(catcher: &UdpCatcher) -> String {
    format!("collector {{ ip = 127.0.0.1 udpport = {} }}\n", catcher.port())
}

#[test]
fn collectors_come_and_go_and_the_one_that_stays_misses_nothing() {
    isolated(|| {
        let other = UdpCatcher::new();
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        rig.reload(&format!("polling = 1\n{}", second(&other)));
        let got = decode(&other.wait_count(2, LIMIT)[0]).unwrap();
        assert!(got.sequence > 1, "the new collector joins a stream that is under way");
        rig.reload("polling = 1");
        rig.next_sample(DataSource::HOST);
        // What was sent before the reload is there by now.
        let count = other.datagrams().len();
        rig.two_cycles();
        assert_eq!(other.datagrams().len(), count);
        let sent = rig.datagrams();
        assert_whole(&sent);
        assert!(sent.windows(2).all(|pair| pair[0].uptime_ms <= pair[1].uptime_ms), "uptime goes on");
        assert_eq!(rig.snapshot()["settings"]["revision"], 3);
        assert_eq!(rig.snapshot()["collectors"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn a_new_interval_holds_from_now_on() {
    isolated(|| {
        let rig = Rig::running("polling = 300");
        rig.wait("the first sample", |d| !d.is_empty());
        rig.reload("polling = 1");
        rig.two_cycles();
        rig.assert_logged("reloaded, revision 2: polling 300 to 1", 1);
        rig.reload("polling = 0");
        let count = rig.datagrams().len();
        assert_eq!(rig.snapshot()["settings"]["polling_secs"], 0);
        rig.reload("polling = 1");
        rig.two_cycles();
        let sent = rig.datagrams();
        assert_whole(&sent);
        let pause = sent[count].uptime_ms - sent[count - 1].uptime_ms;
        assert!(sent.len() > count && pause < 20_000, "{pause}");
    });
}

#[test]
fn a_file_with_errors_is_refused_with_all_of_them_and_a_mended_one_is_taken() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        let file = rig.text("hsflowd.conf");
        rig.configure("polling = often\nsubAgentId = 7\nagent.cidr = 10.0.0.0/99\nsamplng = 5");
        rig.hang_up("status: configuration degraded");
        for place in ["3:11", "5:14", "6:1"] {
            rig.assert_logged(&format!("error configuration: {file}:{place}: "), 1);
        }
        rig.assert_logged("error configuration: ", 3);
        let state = rig.component("configuration");
        assert!(
            state.starts_with("degraded reload refused, the previous settings stay in force: "),
            "{state}"
        );
        assert!(state.contains(&format!("{file}:3:11")) && state.ends_with("(and 2 more)"), "{state}");
        rig.two_cycles();
        assert_eq!(
            rig.datagrams().last().unwrap().sub_agent_id,
            100_001,
            "nothing of the bad file is in force"
        );
        rig.reload("polling = 1\nsubAgentId = 7");
        assert_eq!(rig.component("configuration"), "running");
        rig.assert_logged("status: configuration recovered", 1);
    });
}

#[test]
fn a_missing_file_is_refused_and_a_file_of_the_same_meaning_changes_nothing() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        std::fs::remove_file(rig.path("hsflowd.conf")).unwrap();
        rig.hang_up("status: configuration degraded");
        assert!(rig.component("configuration").ends_with("No such file or directory (os error 2)"));
        rig.configure("# a remark\npolling = 1");
        rig.hang_up("configuration: reloaded, nothing changed");
        let snapshot = rig.snapshot();
        assert_eq!((&snapshot["healthy"], &snapshot["settings"]["revision"]), (&true.into(), &1.into()));
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn the_size_of_datagrams_takes_effect_and_another_sub_agent_is_another_stream() {
    isolated(|| {
        for n in 0..10 {
            ip(&format!("link add a{n} type veth peer name b{n}"));
        }
        let rig = Rig::running("polling = 1\ninterfaceCounters = all");
        let full = |d: &[Vec<u8>]| d.iter().any(|bytes| bytes.len() > 1100);
        rig.catcher.wait_for("a full datagram", LIMIT, full);
        rig.reload("polling = 1\ninterfaceCounters = all\ndatagramBytes = 400");
        rig.next_sample(DataSource::HOST);
        rig.catcher.clear();
        rig.two_cycles();
        // One host sample is larger than that and travels alone.
        let sent = rig.catcher.datagrams();
        let over = |bytes: &&Vec<u8>| bytes.len() > 400 && decode(bytes).unwrap().samples.len() > 1;
        assert_eq!(sent.iter().filter(over).count(), 0);

        let last = rig.datagrams().last().unwrap().clone();
        rig.reload("polling = 1\nsubAgentId = 7");
        let new = |d: &[Datagram]| d.iter().find(|d| d.sub_agent_id == 8).cloned();
        let sent = rig.wait("the other sub-agent", |d| new(d).is_some());
        let first = new(&sent).unwrap();
        assert_eq!(first.sequence, 1);
        assert!(first.uptime_ms > last.uptime_ms);
        let numbers: Vec<_> = samples(&sent, DataSource::HOST).iter().map(|s| s.header.sequence).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "samples go on: {numbers:?}");
    });
}

#[test]
fn an_interface_that_sent_no_counters_for_a_while_goes_on_with_its_numbers() {
    isolated(|| {
        ip("link add quiet type veth peer name quietx");
        let rig = Rig::running("polling = 1\npcap { dev = quiet }");
        let quiet = DataSource::interface(if_index("quiet"));
        rig.next_sample(quiet);
        rig.reload("polling = 1");
        rig.next_sample(DataSource::HOST);
        let count = samples(&rig.datagrams(), quiet).len();
        rig.two_cycles();
        assert_eq!(samples(&rig.datagrams(), quiet).len(), count);
        rig.reload("polling = 1\npcap { dev = quiet }");
        rig.next_sample(quiet);
        let sent = rig.datagrams();
        let numbers: Vec<_> = samples(&sent, quiet).iter().map(|s| s.header.sequence).collect();
        assert!(numbers.len() > count, "{numbers:?}");
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "samples go on: {numbers:?}");
        // Another interface of that number begins anew.
        ip("link del quiet");
        ip(&format!("link add other index {} type veth peer name otherx", quiet.index));
        rig.reload("polling = 1\npcap { dev = other }");
        let again =
            rig.wait("a first sample", |d| samples(d, quiet).last().is_some_and(|s| s.header.sequence == 1));
        assert!(again.len() > sent.len());
    });
}

#[test]
fn two_hundred_reloads_leave_no_trace() {
    isolated(|| {
        let other = UdpCatcher::new();
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        let round = |n: usize| match n % 4 {
            0 => rig.reload(&format!("polling = 1\n{}", second(&other))),
            1 => {
                rig.configure("polling = many");
                rig.hang_up("error configuration: ");
            }
            2 => rig.reload("polling = 1\nheaderBytes = 100"),
            _ => rig.hang_up("configuration: reloaded, nothing changed"),
        };
        (0..40).for_each(round);
        let (descriptors, resident) = (rig.descriptors(), rig.own_kib());
        (0..200).for_each(round);
        rig.assert_same_size(descriptors.len(), resident);
        rig.two_cycles();
        assert_whole(&rig.datagrams());
        assert_eq!(rig.snapshot()["healthy"], true);
    });
}

#[test]
fn signals_that_come_together_end_in_the_newest_file() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        for n in 1..=50 {
            rig.configure(&format!("polling = 1\nsubAgentId = {}", n * 10));
            rig.process().signal(Signal::SIGHUP);
        }
        rig.wait("the last settings", |d| d.last().is_some_and(|d| d.sub_agent_id == 501));
    });
}
