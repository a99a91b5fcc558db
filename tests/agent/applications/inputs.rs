//! Where messages come in: each input, with the configuration, and with what stands in its way.

use super::{PORT, listening, names, say, sender, transaction, wait_messages};
use crate::rig::{LIMIT, Rig, all_flows, assert_whole, isolated};
use crate::support::wait_until;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering::Relaxed};

#[test]
fn every_input_is_read_and_the_status_says_what_came_through_it() {
    isolated(|| {
        let rig = Rig::new();
        let (fifo, socket) = (rig.text("fifo"), rig.text("run/json.sock"));
        crate::netns::run(&format!("mkfifo -m 0644 {fifo}"));
        let mut rig = rig;
        rig.configure(&format!(
            "polling = 0 sampling.app = 1\njson {{ udpport = {PORT} fifo = {fifo} socket = {socket} }}"
        ));
        rig.start();
        rig.wait_component("json", "running");
        sender("127.0.0.1").send(format!("{}\0", transaction("four")).as_bytes()).unwrap();
        sender("::1").send(transaction("six").to_string().as_bytes()).unwrap();
        let unix = UnixDatagram::unbound().unwrap();
        unix.send_to(transaction("unix").to_string().as_bytes(), &socket).unwrap();
        for round in 0..3 {
            let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
            let (one, two) = (format!("pipe{round}"), format!("pipe{round}x"));
            write!(writer, "{}\n{}", transaction(&one), transaction(&two)).unwrap();
        }
        let all = ["four", "pipe0", "pipe0x", "pipe1", "pipe1x", "pipe2", "pipe2x", "six", "unix"];
        let sent = rig.wait("a sample by every input", |d| names(d) == all);
        assert_whole(&sent);
        let status = wait_messages(&rig, 9);
        let inputs: Vec<_> =
            status["inputs"].as_array().unwrap().iter().map(|i| i["messages"].as_u64()).collect();
        assert_eq!(inputs, [Some(1), Some(1), Some(6), Some(1)]);
        let (_, page) = rig.ctl(&["status"]);
        for words in [format!("json       fifo {fifo}: 6 messages"), "application six 3:1".to_owned()] {
            assert!(page.contains(&words), "{words}\n{page}");
        }
        assert_eq!(rig.agent().stop(LIMIT).code(), Some(0));
        assert!(!std::fs::exists(&socket).unwrap(), "the socket goes with the agent");
        assert!(std::fs::exists(&fifo).unwrap(), "the pipe is somebody else's");
    });
}

#[test]
fn inputs_come_and_go_with_the_configuration_and_applications_stay_known() {
    isolated(|| {
        // With a tap the datagrams stay those of one sub-agent.
        let without = "polling = 0\nsampling.app = 1\npcap { dev = none }";
        let mut rig = listening(&format!("udpport = {PORT}"), "sampling.app = 1\npcap { dev = none }");
        say(&transaction("web"));
        rig.wait("a sample", |d| all_flows(d).count() == 1);
        rig.reload(without);
        assert_eq!(rig.component("json"), "");
        wait_until("the port is free", LIMIT, || UdpSocket::bind(("127.0.0.1", PORT)).ok());
        let socket = rig.text("run/json.sock");
        rig.reload(&format!("{without}\njson {{ socket = {socket} }}"));
        rig.wait_component("json", "running");
        let unix = UnixDatagram::unbound().unwrap();
        unix.send_to(transaction("web").to_string().as_bytes(), &socket).unwrap();
        let sent = rig.wait("another sample", |d| all_flows(d).count() == 2);
        assert_whole(&sent);
        rig.reload(without);
        wait_until("the socket is removed", LIMIT, || (!std::fs::exists(&socket).unwrap()).then_some(()));
        assert_eq!(rig.agent().stop(LIMIT).code(), Some(0));
    });
}

#[test]
fn an_input_that_cannot_be_opened_is_told_and_the_others_work() {
    isolated(|| {
        let taken = UdpSocket::bind(("127.0.0.1", PORT)).unwrap();
        let rig = Rig::new();
        let (fifo, far) = (rig.text("no-fifo"), rig.text("no-folder/json.sock"));
        let mut rig = rig;
        rig.configure(&format!(
            "polling = 0\nsampling.app = 1\njson {{ udpport = {PORT} fifo = {fifo} socket = {far} }}"
        ));
        rig.start();
        let state = rig.wait_component("json", "degraded");
        for words in [
            format!("UDP 127.0.0.1:{PORT}: bind 127.0.0.1:{PORT}: Address already in use"),
            format!("fifo {fifo}: open {fifo}: No such file or directory"),
            format!("socket {far}: bind {far}: No such file or directory"),
        ] {
            assert!(state.contains(&words), "{words} is not in {state}");
        }
        rig.assert_logged("json degraded", 1);
        sender("::1").send(transaction("six").to_string().as_bytes()).unwrap();
        rig.wait("a sample", |d| names(d) == ["six"]);
        drop(taken);
    });
}

#[test]
fn while_nothing_is_sent_no_application_is_read() {
    isolated(|| {
        let mut rig = Rig::new();
        let (socket, port) = (rig.text("run/json.sock"), rig.catcher.port());
        let json = format!("polling = 0 sampling.app = 1\njson {{ udpport = {PORT} socket = {socket} }}");
        // Nobody answers questions here.
        rig.configure_all(&format!("sflow {{ dns-sd {{ }}\n{json} }}"));
        rig.start();
        rig.wait_component("json", "unavailable nothing is sent now: see dns-sd");
        drop(UdpSocket::bind(("127.0.0.1", PORT)).unwrap());
        assert!(!std::fs::exists(&socket).unwrap());
        rig.configure_all(&format!("sflow {{ collector {{ ip = 127.0.0.1 udpport = {port} }}\n{json} }}"));
        rig.hang_up("configuration: reloaded, revision");
        rig.wait_component("json", "running");
        say(&transaction("web"));
        let sent = rig.wait("a sample", |d| all_flows(d).count() == 1);
        assert_eq!(all_flows(&sent).next().unwrap().header.sequence, 1);
        rig.configure_all(&format!("sflow {{ dns-sd {{ }}\n{json} }}"));
        rig.hang_up("configuration: reloaded, revision");
        rig.wait_component("json", "unavailable");
        wait_until("the port is free", LIMIT, || UdpSocket::bind(("127.0.0.1", PORT)).ok());
    });
}

#[test]
fn reloads_while_messages_come_cost_no_number() {
    isolated(|| {
        let rig = listening(&format!("udpport = {PORT}"), "sampling.app = 1");
        let socket = rig.text("run/json.sock");
        let (told, ended) = (AtomicU16::new(0), AtomicBool::new(false));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let (unix, udp) = (UnixDatagram::unbound().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
                let voice = transaction("web").to_string();
                while !ended.load(Relaxed) {
                    // Any of these may be closed now.
                    let _ = unix.send_to(voice.as_bytes(), &socket);
                    let port = PORT + told.fetch_add(1, Relaxed) % 2;
                    let _ = udp.send_to(voice.as_bytes(), ("127.0.0.1", port));
                }
            });
            for round in 0..60 {
                let json = match round % 3 {
                    0 => format!("udpport = {} socket = {socket}", PORT + 1),
                    1 => format!("udpport = {PORT} limit = {}", 100 + round * 1000),
                    _ => format!("fifo = /nowhere socket = {socket}"),
                };
                let (bytes, rate) = (200 + round * 100, 10 + round % 4);
                rig.reload(&format!(
                    "polling = {round} datagramBytes = {bytes} sampling.app = {rate}\njson {{ {json} }}"
                ));
                let before = told.load(Relaxed);
                wait_until("messages", LIMIT, || {
                    (told.load(Relaxed).wrapping_sub(before) > 20).then_some(())
                });
            }
            ended.store(true, Relaxed);
        });
        let count = || super::known(&rig, "web")["flow_samples"].as_u64().unwrap();
        let sent = rig.wait("every sample", |d| all_flows(d).count() as u64 == count());
        assert!(count() > 20);
        assert_whole(&sent);
    });
}

#[test]
fn what_came_before_an_input_was_closed_is_told() {
    isolated(|| {
        let json = format!("polling = 0 sampling.app = 1\njson {{ udpport = {PORT} }}");
        let rig = Rig::running(&json);
        for count in 1..=5 {
            rig.wait_component("json", "running");
            say(&transaction("web"));
            rig.reload("polling = 0");
            rig.wait("its sample", |d| all_flows(d).count() == count);
            rig.reload(&json);
        }
    });
}
