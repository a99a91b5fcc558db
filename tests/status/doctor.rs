//! `hsflowctl doctor` on hosts that lack something.

use crate::netns::run;
use crate::rig::{LIMIT, Rig, isolated};
use crate::scene::{is_root, wire};
use crate::support::process::Process;
use hsflow::sflow::ids::DataSource;
use serde_json::Value;

/// Exit status and all checks.
#[track_caller]
fn examine(rig: &Rig, more: &[&str]) -> (i32, Vec<Value>) {
    let (status, text) = rig.ctl(&[&["doctor", "--json"], more].concat());
    let page: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!((&page["version"], &page["ok"]), (&1.into(), &(status == 0).into()), "{text}");
    (status, page["checks"].as_array().unwrap().clone())
}

/// The grade of the check whose name and words fit.
#[track_caller]
fn grade(checks: &[Value], what: &str, words: &str) -> String {
    let is_it = |check: &&Value| check["what"] == what && check["found"].as_str().unwrap().contains(words);
    let found = checks.iter().find(is_it).unwrap_or_else(|| panic!("{what}: {words}: {checks:#?}"));
    assert!(found["grade"] == "good" || !found["remedy"].as_str().unwrap().is_empty(), "{found}");
    found["grade"].as_str().unwrap().to_owned()
}

#[test]
fn a_sound_agent_has_nothing_wrong_and_each_check_is_told() {
    isolated(|| {
        wire();
        let rig = Rig::running("polling = 1\npcap { dev = a0 sampling = 1 }");
        rig.next_sample(DataSource::HOST);
        let (status, checks) = examine(&rig, &[]);
        assert_eq!(status, 0, "{checks:#?}");
        for (what, words) in [
            ("configuration", "is accepted"),
            ("agent", " runs as process "),
            ("samples", "the last datagram left "),
            ("other-agents", "no other hsflowd"),
            ("source pcap", "it can be opened"),
            ("CAP_NET_RAW", "pcap: tapping interfaces"),
            ("firewall", "no rule of this host drops"),
        ] {
            assert_eq!(grade(&checks, what, words), "good", "{what}");
        }
        let (_, text) = rig.ctl(&["doctor"]);
        assert!(text.lines().last().unwrap().starts_with("0 wrong, "), "{text}");
    });
}

#[test]
fn a_firewall_in_the_way_of_the_collectors_is_found_by_its_rule() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        let port = rig.catcher.port();
        assert_eq!(grade(&examine(&rig, &[]).1, "firewall", "no rule"), "good");
        run(&format!("iptables -A OUTPUT -p udp --dport {port} -j DROP"));
        let (status, checks) = examine(&rig, &[]);
        assert_eq!(status, 1);
        assert_eq!(
            grade(&checks, "firewall", &format!("datagrams to 127.0.0.1 port {port} are dropped by ")),
            "wrong"
        );
        run("iptables -F OUTPUT");
        run(&format!("iptables -A OUTPUT -p udp --dport {port} -m limit --limit 1/hour -j DROP"));
        assert_eq!(grade(&examine(&rig, &[]).1, "firewall", "may be dropped by "), "unsure");
        run("iptables -F OUTPUT");
        run("nft add table inet own");
        run("nft add chain inet own out { type filter hook output priority 0 ; policy drop ; }");
        assert_eq!(
            grade(&examine(&rig, &[]).1, "firewall", "dropped by the policy of chain out of table inet own"),
            "wrong"
        );
        run("nft add rule inet own out udp dport 1-65535 accept");
        assert_eq!(grade(&examine(&rig, &[]).1, "firewall", "no rule"), "good");
    });
}

#[test]
fn a_second_agent_in_this_namespace_is_found() {
    isolated(|| {
        let mut rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        let second = Rig::running("polling = 1");
        second.next_sample(DataSource::HOST);
        let (status, checks) = examine(&rig, &[]);
        let words = format!("another hsflowd runs as process {}", second.process().pid());
        assert_eq!((status, grade(&checks, "other-agents", &words)), (1, "wrong".to_owned()));
        drop(second);
        crate::support::wait_until("it is alone", LIMIT, || (examine(&rig, &[]).0 == 0).then_some(()));
        rig.agent().stop(LIMIT);
        let file = rig.text("hsflowd.conf");
        let (status, checks) = examine(&rig, &["-f", &file]);
        assert_eq!(
            (status, grade(&checks, "agent", "not running")),
            (0, "unsure".to_owned()),
            "before it is started that is no fault"
        );
    });
}

#[test]
fn a_configuration_with_errors_and_one_that_is_not_there_are_told() {
    isolated(|| {
        let rig = Rig::new();
        rig.configure("polling = never");
        let file = rig.text("hsflowd.conf");
        let (status, checks) = examine(&rig, &["-f", &file]);
        assert_eq!((status, grade(&checks, "configuration", "polling")), (1, "wrong".to_owned()));
        let (status, checks) = examine(&rig, &["-f", "/nonexistent/hsflowd.conf"]);
        assert_eq!(
            (status, grade(&checks, "configuration", "/nonexistent/hsflowd.conf")),
            (1, "wrong".to_owned())
        );
    });
}

#[test]
fn what_an_agent_lacks_is_found_capability_and_module() {
    isolated(|| {
        if !is_root() {
            return;
        }
        wire();
        let mut rig = Rig::new();
        rig.configure("polling = 1\npcap { dev = a0 sampling = 1 }\npsample { group = 1 }");
        rig.start_as_nobody(&[]);
        rig.wait_component("privileges", "degraded");
        rig.wait_component("pcap", "CAP_NET_RAW is missing");
        let (status, checks) = examine(&rig, &[]);
        assert_eq!(status, 1);
        assert_eq!(grade(&checks, "CAP_NET_RAW", "the agent does not have it: pcap"), "wrong");
        assert_eq!(grade(&checks, "source pcap", "it can be opened"), "good", "root may");
        assert_eq!(grade(&checks, "agent/pcap", "CAP_NET_RAW is missing"), "wrong");
        if hsflow::source::psample::probe().is_err() {
            assert_eq!(grade(&checks, "source psample", "psample"), "wrong");
        }
    });
}

#[test]
fn an_ordinary_user_gets_what_he_may_know() {
    isolated(|| {
        if !is_root() {
            return;
        }
        let rig = Rig::running("polling = 1\npcap { dev = lo sampling = 1 }");
        rig.next_sample(DataSource::HOST);
        let program = rig.path("hsflowctl");
        let built = env!("CARGO_BIN_EXE_hsflowctl");
        std::fs::hard_link(built, &program).or_else(|_| std::fs::copy(built, &program).map(drop)).unwrap();
        let socket = rig.text("run/control.sock");
        let mut command = std::process::Command::new("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ]);
        command.arg(&program).args(["doctor", "--json", "--calibrate", "--socket", &socket]);
        let mut ctl = Process::start(&mut command);
        assert_eq!(ctl.wait_exit(LIMIT).code(), Some(0), "{}{}", ctl.stdout(), ctl.stderr());
        let page: Value = serde_json::from_str(&ctl.stdout()).unwrap();
        let checks = page["checks"].as_array().unwrap();
        assert_eq!(grade(checks, "source pcap", "this user may not try it"), "unsure");
        assert_eq!(grade(checks, "firewall", "cannot be read"), "unsure");
        assert_eq!(grade(checks, "calibration", "needs root, or CAP_SYS_ADMIN"), "unsure");
    });
}
