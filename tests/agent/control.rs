//! The control socket and `hsflowctl status`.

use crate::netns::ip_batch;
use crate::rig::{LIMIT, Rig, assert_whole, ip, isolated};
use crate::support::process::Process;
use crate::support::wait_until;
use hsflow::sflow::ids::DataSource;
use serde_json::Value;
use std::os::unix::net::UnixStream;

#[test]
fn status_answers_yes_no_or_that_nobody_is_there() {
    isolated(|| {
        ip("link add a0 type veth peer name a1");
        let mut rig = Rig::new();
        rig.configure("polling = 1\ninterfaceCounters = all");
        assert_eq!(rig.ctl(&["status"]).0, 3);
        rig.start();
        rig.next_sample(DataSource::HOST);
        let (status, json) = rig.ctl(&["status", "--json"]);
        let answer: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((status, &answer["version"], &answer["healthy"]), (0, &1.into(), &true.into()), "{json}");
        let names: Vec<_> = answer["interfaces"].as_array().unwrap().iter().map(|i| &i["name"]).collect();
        assert_eq!(names, ["lo", "a1", "a0"], "by ifIndex");
        assert!(answer["telemetry"]["datagrams"].as_u64().unwrap() >= 1);
        let (status, page) = rig.ctl(&["status"]);
        assert!(status == 0 && page.starts_with("hsflowd ") && page.contains(" healthy, pid "), "{page}");
        rig.configure("polling = never");
        rig.hang_up("configuration degraded");
        let (status, page) = rig.ctl(&["status"]);
        assert!(status == 1 && page.contains("component  configuration DEGRADED"), "{page}");
        rig.agent().stop(LIMIT);
        assert_eq!(rig.ctl(&["status", "--json"]), (3, String::new()));
    });
}

// Descriptors are counted to within one: while news of interfaces gathers, their socket is not waited for.

/// Fifty clients that connect and do nothing.
fn idle_clients(rig: &Rig) -> Vec<UnixStream> {
    (0..50).map(|_| UnixStream::connect(rig.path("run/control.sock")).unwrap()).collect()
}

#[test]
fn clients_that_never_read_cost_neither_samples_nor_descriptors() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        let before = rig.descriptors().len();
        let clients = idle_clients(&rig);
        rig.two_cycles();
        wait_until("its ends of the connections to be closed", LIMIT, || {
            (rig.descriptors().len() <= before + 1).then_some(())
        });
        assert_eq!(rig.snapshot()["healthy"], true);
        assert_whole(&rig.datagrams());
        drop(clients);
    });
}

#[test]
#[ignore = "a thousand pairs; tests/long.sh runs it"]
fn long_clients_that_never_read_a_long_answer_are_few_and_dropped() {
    isolated(|| {
        ip_batch(&(0..1000).map(|n| format!("link add a{n} type veth peer name b{n}\n")).collect::<String>());
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        assert!(rig.snapshot().to_string().len() > 212_992, "longer than a socket's buffer");
        let before = rig.descriptors().len();
        let clients = idle_clients(&rig);
        rig.two_cycles();
        let now = rig.descriptors().len();
        assert!(now <= before + 16, "{now} and {before} before");
        wait_until("all of them to be dropped", LIMIT, || {
            (rig.descriptors().len() <= before + 1).then_some(())
        });
        assert_eq!(rig.snapshot()["healthy"], true);
        assert_whole(&rig.datagrams());
        drop(clients);
    });
}

#[test]
fn an_agent_without_a_control_socket_does_its_work() {
    isolated(|| {
        let mut rig = Rig::new();
        rig.configure("polling = 1");
        rig.start_with(&["--socket", "/proc/absent/control.sock"]);
        rig.next_sample(DataSource::HOST);
        rig.two_cycles();
        rig.assert_logged("control degraded: control socket /proc/absent/control.sock: ", 1);
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn a_second_agent_leaves_the_socket_to_the_first() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        let first = rig.snapshot()["agent"]["pid"].clone();
        let mut arguments = rig.arguments();
        arguments.insert(0, "-d".to_owned());
        let mut second = Process::hsflowd(&arguments);
        second.wait_line("control degraded: control socket ", LIMIT);
        assert_eq!(rig.snapshot()["agent"]["pid"], first);
        assert_eq!(second.stop(LIMIT).code(), Some(0));
        assert_eq!(rig.snapshot()["agent"]["pid"], first, "nor does it take it away when it ends");
    });
}

#[test]
fn a_socket_left_behind_is_replaced_and_a_file_is_not() {
    isolated(|| {
        let mut rig = Rig::running("polling = 1");
        rig.snapshot();
        rig.agent().signal(nix::sys::signal::Signal::SIGKILL);
        rig.agent().wait_exit(LIMIT);
        assert!(rig.path("run/control.sock").exists());
        rig.start();
        assert_eq!(rig.snapshot()["agent"]["pid"], rig.process().pid().as_raw());

        let file = rig.dir.write("precious", "not a socket");
        rig.start_with(&["--socket", file.to_str().unwrap()]);
        rig.agent().wait_line("control degraded: ", LIMIT);
        assert_eq!(std::fs::read_to_string(file).unwrap(), "not a socket");
    });
}

/// An agent with the configuration of `rig` and a control socket of its own in the same directory.
fn beside(rig: &Rig, socket: &str) -> Process {
    let mut arguments = rig.arguments();
    *arguments.iter_mut().find(|word| word.ends_with("control.sock")).unwrap() = rig.text(socket);
    arguments.insert(0, "-d".to_owned());
    let agent = Process::hsflowd(&arguments);
    wait_until("its control socket", LIMIT, || UnixStream::connect(rig.path(socket)).ok());
    agent
}

fn reload(rig: &Rig, socket: &str) -> (i32, String) {
    let mut ctl = Process::hsflowctl(&["reload", "--socket", &rig.text(socket)]);
    (ctl.wait_exit(LIMIT).code().unwrap(), ctl.stdout())
}

#[test]
fn orders_reach_the_agent_that_is_meant_and_no_other_file_is_touched() {
    isolated(|| {
        let rig = Rig::new();
        rig.configure("polling = 1");
        let precious = rig.dir.write("c.sock.command", "not a socket");
        let [a, b, c] = ["a.sock", "b.sock", "c.sock"].map(|socket| beside(&rig, socket));
        let said = "reloaded, nothing changed";
        assert_eq!(reload(&rig, "a.sock"), (0, format!("{said}, revision 1")));
        a.wait_line(said, LIMIT);
        assert!(!b.stderr().contains(said), "{}", b.stderr());
        drop(b);
        assert_eq!(reload(&rig, "a.sock").0, 0, "nor does the other take it away");
        c.wait_line("commands degraded: no hsflowctl reload: ", LIMIT);
        assert_eq!(std::fs::read_to_string(precious).unwrap(), "not a socket");
    });
}

#[test]
fn clients_that_order_nothing_are_few_and_an_order_is_carried_out_after_them() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        let before = rig.descriptors().len();
        let connect = || UnixStream::connect(rig.path("run/command.sock")).unwrap();
        let clients: Vec<_> = (0..50).map(|_| connect()).collect();
        rig.two_cycles();
        let now = rig.descriptors().len();
        assert!(now <= before + 10, "{now} and {before} before");
        drop(clients);
        assert_eq!(rig.ctl(&["reload"]).0, 0);
        assert_whole(&rig.datagrams());
    });
}
