//! Rates, pools and counters of applications.

use super::{PORT, known, listening, logical, say, sender, transaction, wait_messages};
use crate::rig::{all_samples, assert_whole, flows, isolated, samples};
use hsflow::sflow::counters::CounterRecord;
use serde_json::json;

#[test]
fn rates_hold_by_name_and_change_without_losing_count() {
    isolated(|| {
        let json = format!("json {{ udpport = {PORT} }}");
        let rig = listening(
            &format!("udpport = {PORT}"),
            "sampling.app = 1 sampling.app.half = 2 sampling.app.none = 0",
        );
        let socket = sender("127.0.0.1");
        let tell = |name: &str, count: usize| {
            (0..count).for_each(|_| _ = socket.send(transaction(name).to_string().as_bytes()).unwrap());
        };
        tell("all", 50);
        tell("half.part", 200);
        tell("none", 50);
        wait_messages(&rig, 300);
        let count = |name: &str| known(&rig, name)["flow_samples"].as_u64().unwrap();
        // 200 fair coins: outside of this once in ten million times.
        assert!((62..=138).contains(&count("half.part")), "{}", count("half.part"));
        assert_eq!((count("all"), count("none")), (50, 0));
        assert_eq!(known(&rig, "none")["transactions"], 50);
        let (half, before) = (known(&rig, "half.part"), count("half.part"));
        rig.reload(&format!("polling = 0\n{json}\nsampling.app = 0 sampling.app.half = 1"));
        tell("all", 20);
        tell("half.part", 20);
        wait_messages(&rig, 340);
        assert_eq!((count("all"), count("half.part")), (50, before + 20));
        assert_eq!(half["source"], known(&rig, "half.part")["source"]);
        let index = half["source"].as_str().unwrap().strip_prefix("3:").unwrap().parse().unwrap();
        let enough = usize::try_from(before).unwrap() + 20;
        let sent = rig.wait("its samples", |d| flows(d, logical(index)).len() == enough);
        assert_whole(&sent);
        for (flow, rate) in
            flows(&sent, logical(index)).iter().zip(vec![2; enough - 20].iter().chain(&[1; 20]))
        {
            assert_eq!(flow.header.sampling_rate, *rate);
        }
        let last = flows(&sent, logical(index))[enough - 1].header;
        assert_eq!((last.sample_pool, last.drops), (220, 0), "every transaction is in the pool");
    });
}

#[test]
fn counters_of_an_application_are_its_own_or_those_that_the_agent_made() {
    isolated(|| {
        let rig = listening(&format!("udpport = {PORT}"), "sampling.app = 0");
        let counters = |operations: Option<u32>| {
            let mut sample = json!({ "app_name": "web", "service_port": 80 });
            if let Some(success) = operations {
                sample["app_operations"] = json!({ "success": success });
            }
            json!({ "counter_sample": sample })
        };
        say(&transaction("web"));
        say(&transaction("web"));
        wait_messages(&rig, 2);
        for (count, message) in
            [counters(None), counters(None), counters(Some(7)), counters(Some(9))].iter().enumerate()
        {
            say(message);
            rig.wait("its counters", |d| all_samples(d).count() == count + 1);
        }
        let index: u32 = known(&rig, "web")["source"].as_str().unwrap()[2..].parse().unwrap();
        assert!((150_000..200_000).contains(&index), "it had no port when it was first heard of");
        let sent = rig.datagrams();
        let told: Vec<_> = samples(&sent, logical(index))
            .iter()
            .map(|sample| {
                let CounterRecord::AppOperations(made) = &sample.records[1] else { panic!("{sample:?}") };
                (sample.header.sequence, made.success, made.other)
            })
            .collect();
        assert_eq!(told, [(1, 2, 0), (2, 2, 0), (1, 7, u32::MAX), (2, 9, u32::MAX)]);
    });
}
