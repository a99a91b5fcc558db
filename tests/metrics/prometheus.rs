//! Prometheus itself, promtool, and another reader of OpenMetrics: what they make of the page, and whether its numbers are those
//! that the collectors got.

use crate::http::{page, page_with, try_get};
use crate::rig::{Counters, LIMIT, Rig, isolated, record, samples, source};
use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use crate::{AT, metered, pair, series};
use hsflow::sflow::ids::DataSource;
use serde_json::Value;
use std::io::Write;
use std::net::UdpSocket;
use std::process::{Command, Stdio};

const SERVER: &str = "127.0.0.1:9090";

/// A Prometheus of the test's own, which scrapes the agent every second.
struct Prometheus {
    _dir: TempDir,
    _process: Process,
}

impl Prometheus {
    fn new() -> Self {
        let dir = TempDir::new();
        let config = dir.write(
            "prometheus.yml",
            format!(
                "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - job_name: hsflowd\n    static_configs: [{{ targets: ['{AT}'] }}]\n"
            ),
        );
        let process = Process::start(
            Command::new("prometheus")
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
                .arg(format!("--web.listen-address={SERVER}")),
        );
        Self { _dir: dir, _process: process }
    }

    /// The result of a query, once it has one.
    fn ask(&self, query: &str) -> Vec<Value> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        wait_until(query, 3 * LIMIT, || {
            let reply = try_get(SERVER, &format!("/api/v1/query?query={escaped}"), "*/*")?;
            let answer: Value = serde_json::from_str(&reply.body).ok()?;
            answer["data"]["result"].as_array().cloned().filter(|result| !result.is_empty())
        })
    }
}

/// Frames out of `a0`, to everybody.
fn traffic(packets: usize) {
    let socket = UdpSocket::bind(("192.0.2.1", 0)).unwrap();
    socket.set_broadcast(true).unwrap();
    (0..packets).for_each(|_| _ = socket.send_to(&[7; 500], ("192.0.2.255", 9)).unwrap());
}

/// Every sample of a source that a collector has got, as its page would tell of it.
fn told(
    rig: &Rig,
    source: DataSource,
    tell: impl Fn(&Counters) -> Vec<(&'static str, f64)>,
) -> Vec<Vec<(&'static str, f64)>> {
    samples(&rig.datagrams(), source).into_iter().map(tell).collect()
}

fn of_port(sample: &Counters) -> Vec<(&'static str, f64)> {
    let g = record!(sample, GenericInterface).unwrap();
    vec![
        (r#"node_network_receive_bytes_total{device="a0"}"#, g.in_octets as f64),
        (r#"node_network_transmit_bytes_total{device="a0"}"#, g.out_octets as f64),
        (r#"node_network_transmit_packets_total{device="a0"}"#, f64::from(g.out_ucast_pkts)),
        (r#"node_network_receive_drop_total{device="a0"}"#, f64::from(g.in_discards)),
        (r#"node_network_speed_bytes{device="a0"}"#, (g.if_speed / 8) as f64),
        (r#"node_network_up{device="a0"}"#, f64::from(g.if_status >> 1)),
    ]
}

fn of_host(sample: &Counters) -> Vec<(&'static str, f64)> {
    let (cpu, memory) = (record!(sample, HostCpu).unwrap(), record!(sample, HostMemory).unwrap());
    let (disk, tcp) = (record!(sample, HostDiskIo).unwrap(), record!(sample, HostTcp).unwrap());
    vec![
        (r#"node_cpu_seconds_total{mode="user"}"#, f64::from(cpu.cpu_user) / 1000.0),
        (r#"node_cpu_seconds_total{mode="idle"}"#, f64::from(cpu.cpu_idle) / 1000.0),
        ("node_context_switches_total", f64::from(cpu.contexts)),
        ("node_memory_MemTotal_bytes", memory.mem_total as f64),
        ("node_memory_MemFree_bytes", memory.mem_free as f64),
        ("node_disk_read_bytes_total", disk.bytes_read as f64),
        ("node_netstat_Tcp_CurrEstab", f64::from(tcp.tcp_curr_estab)),
    ]
}

/// Each page is of samples that were sent, all lines of one source of the same one, and of the time of the last poll.
#[test]
fn a_page_tells_what_the_collectors_got() {
    isolated(|| {
        pair();
        let rig = metered("interfaceCounters = all");
        page_with(AT, "node_network_up{device=\"a0\"} 1");
        let port = source("a0");
        for _ in 0..3 {
            traffic(50);
            rig.next_sample(port);
            rig.next_sample(DataSource::HOST);
            let found = series(&page(AT, ""));
            for source in [port, DataSource::HOST] {
                let tell = if source == port { of_port } else { of_host };
                let same = |sample: &Vec<(&'static str, f64)>| {
                    sample.iter().all(|(name, value)| (found[*name].0 - value).abs() < 1e-6)
                };
                // What the page tells of may wait for the thread of the collector.
                let (at, all) = wait_until("what the page tells, as sent", LIMIT, || {
                    let all = told(&rig, source, tell);
                    Some((all.iter().rposition(same)?, all))
                });
                assert!(at + 3 >= all.len(), "an old one: {at} of {}", all.len());
                let (_, time) = found[all[at][0].0];
                let now = hsflow::host::Clock::system().unix_ms() as f64;
                assert!(time.is_some_and(|time| (now - 20_000.0..=now).contains(&time)), "{time:?} {now}");
            }
        }
    });
}

#[test]
fn prometheus_has_the_values_that_were_sent() {
    isolated(|| {
        pair();
        let rig = metered("interfaceCounters = all\npcap { dev = a0 sampling = 2 }");
        let prometheus = Prometheus::new();
        page_with(AT, "node_network_transmit_bytes_total{device=\"a0\"}");
        let scraped = |name: &str| {
            let result = prometheus.ask(&format!("{name}[5m]"));
            let values = result[0]["values"].as_array().unwrap().clone();
            values.iter().map(|pair| pair[1].as_str().unwrap().parse::<f64>().unwrap()).collect::<Vec<_>>()
        };
        let name = r#"node_network_transmit_bytes_total{device="a0"}"#;
        let values = wait_until("several values", 3 * LIMIT, || {
            traffic(20);
            let mut values = scraped(name);
            values.dedup();
            (values.len() >= 3).then_some(values)
        });
        let sent: Vec<f64> = told(&rig, source("a0"), of_port).iter().map(|sample| sample[1].1).collect();
        for value in &values {
            assert!(sent.contains(value), "{value} was not sent: {sent:?}");
        }
        // It understood what each is, and who the agent is.
        let info = prometheus.ask("hsflow_agent_info");
        assert_eq!(info[0]["metric"]["version"], env!("CARGO_PKG_VERSION"));
        prometheus.ask(r#"hsflow_agent_component_state{component="pcap", state="running"} == 1"#);
        prometheus.ask(r#"increase(hsflow_interface_flow_samples_total{device="a0"}[1m]) > 0"#);
        prometheus.ask(r#"up{job="hsflowd"} == 1"#);
    });
}

/// What a program makes of a page that it reads from standard input.
fn fed(command: &mut Command, page: &str) -> (bool, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn promtool_finds_nothing_but_the_names_of_node_exporter() {
    isolated(|| {
        pair();
        let _rig = metered("interfaceCounters = all\njson { udpport = 36343 }");
        page_with(AT, "node_network_up{device=\"a0\"}");
        let (_, said) = fed(Command::new("promtool").args(["check", "metrics"]), &page(AT, ""));
        // They are as they are; dashboards ask for them by that name.
        let ours: Vec<_> = said
            .lines()
            .filter(|line| !line.starts_with("node_memory_") && !line.starts_with("node_netstat_"))
            .collect();
        assert_eq!(ours, [] as [&str; 0]);
        assert!(said.contains("node_memory_MemTotal_bytes"), "promtool looked: {said}");
    });
}

#[test]
fn a_strict_reader_of_openmetrics_reads_every_line() {
    const READ: &str = "import sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
        print(sum(len(family.samples) for family in parse(sys.stdin.read())))";
    isolated(|| {
        pair();
        let _rig = metered("interfaceCounters = all");
        page_with(AT, "node_network_up{device=\"a0\"}");
        let text = page(AT, "application/openmetrics-text; version=1.0.0");
        assert!(text.ends_with("# EOF\n"));
        let (good, said) = fed(
            // Debian's own, which has the package.
            Command::new("/usr/bin/python3").args(["-c", READ]),
            &text,
        );
        assert!(good, "{said}");
        let lines = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(said.trim(), lines.to_string());
    });
}
