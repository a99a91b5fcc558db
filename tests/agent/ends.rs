//! Signals, options, and how the program ends.

use crate::rig::{LIMIT, Rig, isolated};
use crate::support::process::Process;
use hsflow::sflow::ids::DataSource;
use nix::sys::signal::Signal;
use std::time::Duration;

/// "At once", on a machine that is busy.
const QUICKLY: Duration = Duration::from_secs(5);

/// Runs the program to its end: exit status, standard output, standard error.
fn ended(arguments: &[&str]) -> (i32, String, String) {
    let mut process = Process::hsflowd(arguments);
    let status = process.wait_exit(LIMIT).code().expect("an exit status");
    (status, process.stdout(), process.stderr())
}

#[test]
fn term_and_int_end_it_with_status_zero() {
    isolated(|| {
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let mut rig = Rig::running("polling = 300");
            rig.wait("a datagram", |d| !d.is_empty());
            rig.agent().signal(signal);
            assert_eq!(rig.agent().wait_exit(QUICKLY).code(), Some(0), "{signal}");
            assert!(!rig.path("run/control.sock").exists(), "the socket went with it");
        }
    });
}

#[test]
fn the_next_agent_says_of_one_that_was_killed_and_of_no_other() {
    isolated(|| {
        let mut rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        let says = |rig: &Rig| rig.ctl(&["status"]).1.contains("was killed or crashed");
        for (signal, expected) in
            [(Signal::SIGTERM, false), (Signal::SIGKILL, true), (Signal::SIGTERM, false)]
        {
            rig.agent().signal(signal);
            rig.agent().wait_exit(LIMIT);
            rig.start();
            rig.next_sample(DataSource::HOST);
            assert_eq!(says(&rig), expected, "{signal}");
            assert_eq!(rig.snapshot()["healthy"], true);
        }
    });
}

#[test]
fn usr1_logs_the_eleven_counters_of_the_c_agent() {
    isolated(|| {
        let rig = Rig::running("polling = 300");
        rig.wait("a datagram", |d| !d.is_empty());
        // The second in which the host is due may be this one: from now on there is none.
        rig.reload("polling = 0");
        let sent = rig.snapshot()["telemetry"]["datagrams"].as_u64().unwrap();
        rig.wait("all of them", |d| d.len() as u64 == sent);
        let (counters, datagrams) = (format!("counter_samples={sent}"), format!("datagrams={sent}"));
        rig.process().signal(Signal::SIGUSR1);
        rig.process().wait_line("flow_samples_unknown=", LIMIT);
        let log = rig.process().stderr();
        let values: Vec<_> = log.lines().filter_map(|line| line.strip_prefix("info telemetry: ")).collect();
        let expected = [
            "flow_samples=0",
            &counters,
            "rtmetric_samples=0",
            "rtflow_samples=0",
            &datagrams,
            "dropped_samples=0",
            "flow_samples_suppressed=0",
            "counter_samples_suppressed=0",
            "event_samples=0",
            "event_samples_suppressed=0",
            "flow_samples_unknown=0",
        ];
        assert_eq!(values, expected);
    });
}

#[test]
fn usr2_says_more_from_then_on() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        rig.reload("polling = 1\ncollector { ip = 127.0.0.1 udpport = 9 }");
        rig.assert_logged("debug ", 0);
        rig.process().signal(Signal::SIGUSR2);
        // The signal has been taken when a later event has been.
        rig.snapshot();
        rig.reload("polling = 1\ncollector { ip = 127.0.0.1 udpport = 10 }");
        rig.process().wait_line("debug status: collector 127.0.0.1 port 10 Running", LIMIT);
    });
}

#[test]
fn questions_about_the_program_are_answered_and_unknown_options_refused() {
    let (status, out, err) = ended(&["-v"]);
    assert_eq!(
        (status, out, err),
        (0, format!("hsflowd version {}", env!("CARGO_PKG_VERSION")), String::new())
    );
    let (status, out, err) = ended(&["-h"]);
    assert!(status == 0 && out.contains("-f CONF") && err.is_empty(), "{status} {out} {err}");
    for words in [&["-x"][..], &["--frobnicate"], &["-f"], &["-u", "17"], &["-M", "lots"]] {
        let (status, out, err) = ended(words);
        assert_eq!((status, out.as_str()), (64, ""), "{words:?}");
        assert!(err.starts_with("hsflowd: ") && err.contains("usage:"), "{err}");
    }
}

#[test]
fn a_configuration_that_is_missing_or_wrong_ends_it_with_every_error() {
    let rig = Rig::new();
    let file = rig.text("hsflowd.conf");
    // With and without -d: an operator reads it either way, and no daemon is left behind.
    for foreground in [&["-d"][..], &[]] {
        let pid_file = rig.text("pid");
        let arguments: Vec<&str> = foreground.iter().copied().chain(["-f", &file, "-p", &pid_file]).collect();
        let _ = std::fs::remove_file(&file);
        let (status, _, err) = ended(&arguments);
        assert_eq!(status, 78);
        assert_eq!(err, format!("error configuration: {file}: No such file or directory (os error 2)"));
        rig.configure_all(
            "sflow {\n  polling = -1\n  collector { ip = 192.0.2.1 udpprt = 6343 }\n  agentIP = 1.2.3\n}\n",
        );
        let (status, _, err) = ended(&arguments);
        assert_eq!(status, 78);
        let places: Vec<_> =
            err.lines().filter_map(|l| l.strip_prefix(&format!("error configuration: {file}:"))).collect();
        assert_eq!(places.len(), err.lines().count(), "{err}");
        for place in ["2:13: ", "3:30: "] {
            assert!(places.iter().any(|line| line.starts_with(place)), "{place}: {err}");
        }
        assert!(!rig.path("pid").exists(), "no daemon was begun");
    }
}

#[test]
fn more_memory_than_permitted_ends_it_with_status_seventy() {
    isolated(|| {
        let mut rig = Rig::new();
        rig.configure("");
        rig.start_with(&["-M", "100000"]);
        assert_eq!(rig.agent().wait_exit(LIMIT).code(), Some(70));
        rig.assert_logged("more than -M 100000 permits", 1);
        rig.start_with(&["-M", "1000000000"]);
        rig.wait("a datagram", |d| !d.is_empty());
    });
}

#[test]
fn the_log_file_is_opened_anew_after_a_rotation_and_keeps_its_limit() {
    isolated(|| {
        let mut rig = Rig::new();
        rig.configure("polling = 1");
        let log = rig.text("log");
        rig.start_with(&["-P", "-D", &log, "-L", "2000"]);
        rig.wait("a datagram", |d| !d.is_empty());
        std::fs::rename(&log, rig.path("log.1")).unwrap();
        rig.agent().signal(Signal::SIGHUP);
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let wait = |what: &str, test: &dyn Fn(&str) -> bool| {
            crate::support::wait_until(what, LIMIT, || test(&read(&log)).then_some(()));
        };
        wait("the reload in the new file", &|text| text.contains("reloaded, nothing changed"));
        assert!(!read(&rig.text("log.1")).contains("reloaded"));
        assert_eq!(rig.agent().stderr(), "", "nothing goes elsewhere");
        for _ in 0..5 {
            let before = read(&log).len();
            rig.agent().signal(Signal::SIGUSR1);
            wait("more or the limit", &|text| text.len() > before || text.len() > 1900);
            rig.snapshot();
        }
        assert!((1900..=2000).contains(&read(&log).len()), "{}", read(&log).len());
    });
}
