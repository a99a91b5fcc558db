use super::Hosted;
use super::containers::virt;
use crate::rig::{LIMIT, isolated};
use crate::support::wait_until;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

const HELD: u64 = 20 << 20;

/// What `docker stats` makes its lines from.
fn stats(hosted: &Hosted, name: &str) -> Value {
    let mut engine = UnixStream::connect(hosted.dockerd.socket()).unwrap();
    let request = format!("GET /v1.41/containers/{name}/stats?stream=false&one-shot=true HTTP/1.0\r\n\r\n");
    engine.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    engine.read_to_string(&mut answer).unwrap();
    let (_head, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

fn number(stats: &Value, pointer: &str) -> u64 {
    stats.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {stats}"))
}

#[test]
fn counters_of_a_container_at_work_lie_between_what_docker_stats_says_before_and_after() {
    isolated(|| {
        let hosted = Hosted::running("docker { }");
        let work = "dd if=/dev/zero of=/dev/shm/held bs=1M count=20; ping 172.31.255.1 > /dev/null & while :; do :; done";
        hosted.dockerd.docker_args(&["run", "-d", "--name", "busy", "bb", "sh", "-c", work]);
        let source = hosted.source("busy");
        wait_until("it to work", LIMIT, || {
            let now = stats(&hosted, "busy");
            let works =
                number(&now, "/memory_stats/usage") > HELD && number(&now, "/networks/eth0/tx_packets") > 2;
            works.then_some(())
        });
        let first = stats(&hosted, "busy");
        for _ in 0..3 {
            let before = stats(&hosted, "busy");
            let told = virt(&hosted.rig.fresh_sample(source).records);
            let after = stats(&hosted, "busy");
            let between = |pointer: &str, unit: u64, told: u64| {
                let bounds = number(&before, pointer) / unit..=number(&after, pointer) / unit;
                assert!(bounds.contains(&told), "{pointer}: {told} is not in {bounds:?}");
            };
            between("/cpu_stats/cpu_usage/total_usage", 1_000_000, told.cpu.cpu_time.into());
            between("/networks/eth0/rx_bytes", 1, told.net.bytes_in);
            between("/networks/eth0/rx_packets", 1, told.net.pkts_in.into());
            between("/networks/eth0/tx_bytes", 1, told.net.bytes_out);
            between("/networks/eth0/tx_packets", 1, told.net.pkts_out.into());
            let memory = number(&after, "/memory_stats/usage");
            assert!(
                told.memory.memory > HELD && told.memory.memory.abs_diff(memory) < 4 << 20,
                "{memory}, {told:?}"
            );
        }
        let last = stats(&hosted, "busy");
        for pointer in ["/cpu_stats/cpu_usage/total_usage", "/networks/eth0/tx_bytes"] {
            assert!(number(&last, pointer) > number(&first, pointer), "{pointer} does not count");
        }
    });
}
