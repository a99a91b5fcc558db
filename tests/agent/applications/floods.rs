//! Senders who send too much, or nonsense.

use super::{PORT, known, listening, names, sender, transaction, wait_messages};
use crate::packets::{a0, send, wait_source, wire};
use crate::rig::{LIMIT, Rig, assert_whole, flows, isolated};
use crate::support::wait_until;
use serde_json::Value;
use std::os::unix::net::UnixDatagram;

fn fault(status: &Value, cause: &str) -> u64 {
    let faults = status["faults"].as_array().unwrap();
    faults.iter().find(|fault| fault["cause"] == cause).map_or(0, |fault| fault["count"].as_u64().unwrap())
}

#[test]
fn a_flood_by_one_sender_holds_up_neither_another_one_nor_packet_samples() {
    isolated(|| {
        wire();
        let socket = "run/json.sock";
        let mut rig = Rig::new();
        rig.configure(&format!(
            "polling = 0 sampling.app = 1\njson {{ udpport = {PORT} socket = {} limit = 1000 }}\n\
             pcap {{ dev = a0 sampling = 1 }}",
            rig.text(socket)
        ));
        rig.start();
        rig.wait_component("json", "running");
        wait_source(&rig, "a0", "pcap");
        let (flood, calm) = (sender("127.0.0.1"), UnixDatagram::unbound().unwrap());
        let (noise, voice) = (transaction("flood").to_string(), transaction("calm").to_string());
        for _ in 0..20 {
            (0..1000).for_each(|_| _ = flood.send(noise.as_bytes()).unwrap());
            calm.send_to(voice.as_bytes(), rig.path(socket)).unwrap();
            send(1);
        }
        rig.wait("the calm one and the packets", |d| {
            names(d).iter().filter(|name| *name == "calm").count() == 20 && flows(d, a0()).len() == 20
        });
        let read = wait_until("every message is accounted for", LIMIT, || {
            let status = rig.snapshot()["applications"].clone();
            let lost: u64 =
                status["inputs"].as_array().unwrap().iter().map(|i| i["dropped"].as_u64().unwrap()).sum();
            (status["messages"].as_u64().unwrap() + lost == 20_020).then_some(status)
        });
        assert!(read["limited"].as_u64() > Some(0));
        let flooded = known(&rig, "flood")["transactions"].as_u64().unwrap();
        assert_eq!(flooded + 20 + read["limited"].as_u64().unwrap(), read["messages"].as_u64().unwrap());
        rig.assert_logged("json: over-limit: ", 1);
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn nonsense_is_counted_by_its_cause_said_once_and_harms_nothing() {
    isolated(|| {
        let rig = listening(&format!("udpport = {PORT}"), "sampling.app = 1");
        let socket = sender("127.0.0.1");
        let bomb = "[".repeat(9_999);
        let long = vec![b' '; 65_000];
        let bad: [(&str, &[u8]); 6] = [
            ("too-long", &long),
            ("not-utf8", b"{\"rtmetric\":{\"a\":\"\xff\"}}"),
            ("not-json", bomb.as_bytes()),
            ("nothing-known", b"{\"hello\":1}"),
            ("member-missing", b"{\"flow_sample\":{\"app_operation\":{}}}"),
            ("unknown-type", b"{\"rtmetric\":{\"a\":{\"type\":\"gaugedouble\",\"value\":1}}}"),
        ];
        for round in 1..=20 {
            bad.iter().for_each(|(_, bytes)| _ = socket.send(bytes).unwrap());
            socket.send(transaction("good\u{1b}[2J\nname").to_string().as_bytes()).unwrap();
            wait_until("it is read", LIMIT, || {
                (rig.snapshot()["applications"]["messages"] == 7 * round).then_some(())
            });
        }
        let status = wait_messages(&rig, 140);
        for (cause, _) in bad {
            assert_eq!(fault(&status, cause), 20, "{cause}: {status}");
            rig.assert_logged(&format!("json: {cause}: "), 1);
        }
        rig.wait("the good ones", |d| names(d).len() == 20);
        assert_eq!(rig.component("json"), "running");
        let (_, page) = rig.ctl(&["status"]);
        assert!(page.contains("application good\\u{1b}[2J\\nname 3:1"), "{page}");
    });
}
