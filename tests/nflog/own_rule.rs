//! The agent's own rules: what they sample, and that they come and go without a trace.

use super::host::{Host, NEAR, datagram, drain, flood, is_udp, settings, z};
use super::netns::{isolated, run};
use super::support::wait_until;
use hsflow::host::Clock;
use hsflow::sample::frame::Frame;
use hsflow::source::Source;
use hsflow::source::nflog::{Log, Settings};
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

const CHAINS: [&str; 3] = ["INPUT", "OUTPUT", "FORWARD"];

/// A source whose rules stand, or that says why they do not.
fn own(one_in: u32) -> Log {
    let mut source = Log::new(Settings { own_rule: true, ..settings(one_in, 1) }).unwrap();
    settle(&mut source, Clock::system().now());
    source
}

/// Waits for the programs from `now` on. Its time passes, because the group may be taken for a moment: a program that
/// another test begins has the socket of a source that has ended until it is executed.
fn settle(source: &mut Log, now: Instant) {
    let clock = Clock::system();
    let start = clock.now();
    while is_unsettled(source, now + (clock.now() - start)) {
        drain(source, |_| {});
    }
}

/// True where programs for the rules run, or the group is tried again soon.
fn is_unsettled(source: &mut Log, now: Instant) -> bool {
    let next = source.check(now, &mut |finding| panic!("{finding:?}"));
    next.is_some_and(|next| next <= now + Duration::from_secs(1))
}

/// All rules, without counters and dates.
fn saved() -> Vec<String> {
    ["iptables-save", "ip6tables-save"]
        .map(run)
        .concat()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(" [").next().unwrap().to_owned())
        .collect()
}

fn ours(saved: &[String]) -> usize {
    saved.iter().filter(|line| line.contains("--comment hsflowd-rs ")).count()
}

/// Rules that look somewhat like ours.
fn others() {
    for program in ["iptables", "ip6tables"] {
        for rest in [
            "INPUT -m comment --comment hsflowd-rs -j ACCEPT",
            "INPUT -m comment --comment hsflowd-rs2 -j NFLOG --nflog-group 5",
            "OUTPUT -j NFLOG --nflog-group 7",
            "FORWARD -p tcp -m statistic --mode random --probability 0.1 -j NFLOG --nflog-group 7",
        ] {
            run(&format!("{program} -A {rest}"));
        }
    }
}

#[test]
fn own_rules_stand_at_the_head_and_leave_no_trace() {
    isolated("own_rules_stand_at_the_head_and_leave_no_trace", || {
        others();
        let before = saved();
        let source = own(1000);
        assert_eq!(source.obstacle(), None);
        let with = saved();
        assert_eq!(ours(&with) - ours(&before), 6);
        for program in ["iptables", "ip6tables"] {
            for chain in CHAINS {
                let text = run(&format!("{program} -S {chain} 1"));
                assert!(text.contains("--comment hsflowd-rs ") && text.contains("0.00100000"), "{text}");
            }
        }
        drop(source);
        assert_eq!(saved(), before);
    });
}

#[test]
fn rules_of_a_killed_agent_are_replaced_and_flushed_ones_come_back() {
    isolated("rules_of_a_killed_agent_are_replaced_and_flushed_ones_come_back", || {
        others();
        let before = saved();
        let mut first = own(10);
        let now = Clock::system().now();
        run("iptables -D INPUT 1");
        settle(&mut first, now + Duration::from_secs(500));
        assert_eq!(ours(&saved()) - ours(&before), 5, "not yet looked at");
        settle(&mut first, now + Duration::from_secs(700));
        assert_eq!(ours(&saved()) - ours(&before), 6);
        drop(first);
        // An agent that is killed does not remove what it has set up.
        for program in ["iptables", "ip6tables"] {
            run(&format!("{program} -I INPUT 1 -m comment --comment hsflowd-rs -j NFLOG --nflog-group 9"));
        }
        let source = own(100);
        let with = saved();
        assert_eq!(ours(&with) - ours(&before), 6);
        assert!(!with.iter().any(|line| line.contains("--nflog-group 9")), "{with:?}");
        drop(source);
        assert_eq!(saved(), before);
    });
}

#[test]
fn own_rules_sample_at_their_rate_and_a_packet_once() {
    isolated("own_rules_sample_at_their_rate_and_a_packet_once", || {
        let host = Host::new();
        host.count();
        for one_in in [10, 100] {
            let mut source = own(one_in);
            let (before, mut samples) = (host.counted(), 0);
            flood(&host, 30, &mut source, |frame| samples += 1 + frame.lost);
            let z = z(samples, host.counted() - before, one_in);
            assert!(z.abs() <= 4.5, "1:{one_in}: {samples}, z = {z}");
        }
        let mut source = own(1);
        let mut seen = |what: &str| {
            let mut seen = 0;
            drain(&mut source, |frame| seen += u32::from(is_udp(frame)));
            assert_eq!(seen, 1, "{what}");
        };
        host.far.send_many(&datagram(NEAR, 18), 1);
        seen("received");
        host.far.send_many(&datagram([10, 2, 0, 2], 18), 1);
        seen("forwarded");
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.send_to(b"out", "10.1.0.2:9").unwrap();
        seen("sent");
        socket.send_to(b"inside", "127.0.0.1:9").unwrap();
        seen("inside this host");
        let socket = UdpSocket::bind("[::]:0").unwrap();
        socket.send_to(b"out", "[fd00::2]:9").unwrap();
        seen("sent by IPv6");
    });
}

#[test]
fn rules_wait_for_the_group() {
    isolated("rules_wait_for_the_group", || {
        let first = Log::new(settings(1, 1)).unwrap();
        let mut source = Log::new(Settings { own_rule: true, ..settings(10, 1) }).unwrap();
        let now = Clock::system().now();
        assert!(source.check(now, &mut |finding| panic!("{finding:?}")).is_some());
        assert!(source.obstacle().unwrap().to_string().contains("taken"));
        assert_eq!(saved(), [""; 0]);
        drop(first);
        // A program that another test is about to start has it too, until it is that program.
        let mut now = now;
        wait_until("the group to be free", Duration::from_secs(10), || {
            now += Duration::from_secs(60);
            settle(&mut source, now);
            source.obstacle().is_none().then_some(())
        });
        assert_eq!((source.obstacle(), ours(&saved())), (None, 6));
    });
}

#[test]
fn a_reload_with_another_rate_never_leaves_two_sets_of_rules() {
    isolated("a_reload_with_another_rate_never_leaves_two_sets_of_rules", || {
        others();
        let before = saved();
        let mut source = own(10);
        for (one_in, rate) in [(4, "0.25000000"), (8, "0.12500000"), (16, "0.06250000")] {
            source.retire();
            source = Log::new(Settings { own_rule: true, ..settings(one_in, 1) }).unwrap();
            while is_unsettled(&mut source, Clock::system().now()) {
                assert!(ours(&saved()) - ours(&before) <= 6);
            }
            let with: Vec<_> = saved().into_iter().filter(|line| !before.contains(line)).collect();
            assert!(with.len() == 6 && with.iter().all(|line| line.contains(rate)), "1:{one_in}: {with:?}");
        }
        // A set-up that has only begun is undone as well.
        source.retire();
        let mut source = Log::new(Settings { own_rule: true, ..settings(7, 1) }).unwrap();
        let _ = source.check(Clock::system().now(), &mut |finding| panic!("{finding:?}"));
        drop(source);
        // Where a program that another test begins still had the group, this one had no rules yet, and nobody waited for those retired.
        wait_until("all rules are undone", Duration::from_secs(20), || (saved() == before).then_some(()));
    });
}

const ALONE: &str = "HSFLOW_TEST_ALONE";

/// In a process of its own, because programs for rules run one after another.
#[test]
fn programs_that_hang_hold_nobody() {
    const NAME: &str = "own_rule::programs_that_hang_hold_nobody";
    if std::env::var_os(ALONE).is_some() {
        return isolated(NAME, hang);
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let again = again.args(["--exact", NAME, "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}

/// Hides the real programs behind others of the same names, for this thread.
fn hang() {
    use nix::sched::{CloneFlags, unshare};
    use std::os::unix::fs::PermissionsExt;
    let source = own(10);
    assert_eq!((source.obstacle(), ours(&saved())), (None, 6));
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    run("mount --make-rprivate /");
    run("mount -t tmpfs none /usr/local/sbin");
    for name in ["iptables", "ip6tables", "iptables-restore", "ip6tables-restore"] {
        let path = format!("/usr/local/sbin/{name}");
        std::fs::write(&path, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let took = |what: &mut dyn FnMut()| {
        let start = Clock::system().now();
        what();
        Clock::system().now() - start
    };
    let (instant, deadline) = (Duration::from_secs(2), Duration::from_secs(7));
    let mut retired = Some(source);
    assert!(took(&mut || retired.take().unwrap().retire()) < instant);
    let mut source = Log::new(Settings { own_rule: true, ..settings(100, 1) }).unwrap();
    let now = Clock::system().now();
    assert!(took(&mut || _ = source.check(now, &mut |finding| panic!("{finding:?}"))) < instant);
    assert!(took(&mut || _ = source.read(&mut |_: &Frame<'_>| {}).unwrap()) < instant);
    let mut dropped = Some(source);
    let spent = took(&mut || drop(dropped.take()));
    assert!(spent < deadline, "{spent:?}");
    assert_eq!(ours(&saved()), 6, "nothing could remove them");
    run("umount /usr/local/sbin");
    drop(own(1000));
    assert_eq!(ours(&saved()), 0);
}

const AS_USER: &str = "HSFLOW_TEST_AS_USER";

#[test]
fn an_ordinary_user_with_the_capabilities_sets_rules_up() {
    const NAME: &str = "own_rule::an_ordinary_user_with_the_capabilities_sets_rules_up";
    if std::env::var_os(AS_USER).is_some() {
        return as_user();
    }
    if !nix::unistd::geteuid().is_root() {
        return println!("SKIP {NAME}: not root");
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let again = again.args(["--exact", NAME, "--nocapture", "--test-threads=1"]).env(AS_USER, "1");
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}

/// As the agent becomes an ordinary user.
fn as_user() {
    use caps::{CapSet, Capability};
    use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
    isolated("", || {
        let host = Host::new();
        host.count();
        let (uid, gid) = (Uid::from_raw(65_534), Gid::from_raw(65_534));
        nix::sys::prctl::set_keepcaps(true).unwrap();
        setgroups(&[]).unwrap();
        setresgid(gid, gid, gid).unwrap();
        setresuid(uid, uid, uid).unwrap();
        let keep = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW].into_iter().collect();
        for set in [CapSet::Effective, CapSet::Permitted] {
            caps::set(None, set, &keep).unwrap();
        }
        nix::sys::prctl::set_no_new_privs().unwrap();
        for one_in in [1, 1] {
            let mut source = own(one_in);
            assert_eq!(source.obstacle(), None);
            let mut seen = 0;
            host.far.send_many(&datagram(NEAR, 18), 5);
            drain(&mut source, |frame| seen += u32::from(is_udp(frame)));
            assert_eq!(seen, 5);
        }
        let mut seen = 0;
        let mut witness = Log::new(settings(1, 1)).unwrap();
        host.far.send_many(&datagram(NEAR, 18), 5);
        drain(&mut witness, |frame| seen += u32::from(is_udp(frame)));
        assert_eq!(seen, 0, "rules were left");
    });
}
