use super::*;
use crate::sflow::counters::CounterRecord;
use crate::sflow::counters::host::{HostCpu, HostId, HostMemory};
use crate::sflow::counters::interface::{GenericInterface, PortName};
use crate::sflow::counters::virt::VirtCpu;
use crate::sflow::datagram::{Datagrams, Unsent};
use crate::sflow::ids::DataSource;
use crate::sflow::xdr::Entropy;
use crate::status::applications::{Application, Applications};
use crate::status::guests::Guest;
use crate::status::registry::{Component, State};
use crate::status::snapshot::{Collector, Interface};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const AT_MS: u64 = 1_700_000_000_050;

/// Puts a sample on the shelf by the way that the agent's go.
macro_rules! put {
    ($shelf:expr, $source:expr, $($record:expr),*) => {
        put_records(&mut $shelf, $source, |sample| { $( sample.record(&$record)?; )* Ok(()) })
    };
}

fn put_records(
    shelf: &mut Shelf,
    source: DataSource,
    write: impl FnOnce(&mut crate::sflow::sample::SampleWriter<'_, '_>) -> Result<(), crate::sflow::xdr::Full>,
) {
    let mut queue = Datagrams::new(1400, [192, 0, 2, 1].into());
    let mut take = |unsent: Unsent<'_>| shelf.take(unsent.samples(), AT_MS);
    queue.add_counters(0, source, 1, write, &mut take).unwrap();
    queue.flush(0, &mut take);
}

fn page(snapshot: &Snapshot, shelf: &Shelf, format: Format) -> String {
    String::from_utf8(render(snapshot, shelf, format)).unwrap()
}

/// Every line has the form that it must have, families stand together, and no two lines are of the same series. The series,
/// with their values.
fn checked(page: &str) -> BTreeMap<String, String> {
    let (mut families, mut family, mut series) = (BTreeSet::new(), "", BTreeMap::new());
    for line in page.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let name = rest.split(' ').nth(1).unwrap();
            if rest.starts_with("HELP") {
                assert!(families.insert(name), "{name} stands in two places");
            }
            family = name;
            continue;
        }
        assert!(line.starts_with(family) && !family.is_empty(), "{line} stands below {family}");
        let end = line.rfind('}').map_or_else(|| line.find(' ').unwrap(), |brace| brace + 1);
        let (name, rest) = line.split_at(end);
        let mut numbers = rest.split_whitespace();
        let value = numbers.next().unwrap();
        assert!(value.parse::<f64>().unwrap().is_finite(), "{line}");
        assert!(
            numbers.next().is_none_or(|at| at.parse::<f64>().is_ok()) && numbers.next().is_none(),
            "{line}"
        );
        assert_eq!(series.insert(name.to_owned(), value.to_owned()), None, "{name} twice");
    }
    series
}

fn port(index: u32, name: &str) -> Interface {
    Interface { index, name: name.into(), kind: "physical".into(), ..Interface::default() }
}

fn guest(index: u32, name: &str) -> Guest {
    Guest {
        name: name.into(),
        uuid: "u".into(),
        source: format!("3:{index}"),
        engine: "docker".into(),
        ..Guest::default()
    }
}

#[test]
fn a_client_gets_what_it_weighs_most_and_text_otherwise() {
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for (accept, format) in [
        (prometheus, Format::OpenMetrics),
        ("", Format::Text),
        ("*/*", Format::Text),
        ("text/html, application/openmetrics-text; q=0", Format::Text),
        ("application/openmetrics-text", Format::OpenMetrics),
        ("Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", Format::OpenMetrics),
        ("application/openmetrics-text;version=2.0.0", Format::Text),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.3", Format::Text),
        ("application/openmetrics-text;q=nan", Format::Text),
        (";;;,,q=", Format::Text),
    ] {
        assert_eq!(Format::wanted(accept), format, "{accept}");
    }
}

#[test]
fn each_format_has_its_own_types_and_dates() {
    let mut shelf = Shelf::default();
    let cpu = HostCpu {
        load_one: 0.15,
        cpu_user: 12_034,
        cpu_nice: u32::MAX,
        cpu_idle: 2000,
        ..HostCpu::default()
    };
    put!(shelf, DataSource::HOST, cpu);
    let text = page(&Snapshot::default(), &shelf, Format::Text);
    for line in [
        "# TYPE node_load1 gauge\nnode_load1 0.15 1700000000050\n",
        "# TYPE node_cpu_seconds_total counter\nnode_cpu_seconds_total{mode=\"user\"} 12.034 1700000000050\n",
        "node_cpu_seconds_total{mode=\"idle\"} 2 1700000000050\n",
        "# TYPE hsflow_agent_info gauge\nhsflow_agent_info{",
        "# TYPE hsflow_agent_healthy gauge\nhsflow_agent_healthy 0\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("node_cpu_seconds_total{mode=\"nice\"}"), "what is not known is left out");
    let open = page(&Snapshot::default(), &shelf, Format::OpenMetrics);
    for line in [
        "# TYPE node_cpu_seconds counter\n# UNIT node_cpu_seconds seconds\nnode_cpu_seconds_total{mode=\"user\"} 12.034 1700000000.050\n",
        "# TYPE hsflow_agent info\nhsflow_agent_info{",
    ] {
        assert!(open.contains(line), "{line}\n{open}");
    }
    assert!(open.ends_with("\n# EOF\n") && !text.contains("EOF"));
    assert_eq!(checked(&text), checked(&open));
}

#[test]
fn who_has_gone_is_not_told_of_and_equal_names_are_told_apart() {
    let mut shelf = Shelf::default();
    for index in [2, 3, 4] {
        let generic =
            GenericInterface { if_index: index, in_octets: index.into(), ..GenericInterface::default() };
        put!(shelf, DataSource::interface(index), PortName { name: "uplink".into() }, generic);
    }
    let named = |name: &str| HostId { hostname: name.into(), ..HostId::default() };
    let cpu = VirtCpu { state: 1, cpu_time: 5, nr_virt_cpu: 1 };
    for index in [100_000, 100_001, 100_002] {
        put!(shelf, DataSource::logical(index), named("a\"b\\\n\u{1b}"), cpu.clone());
    }
    let snapshot = Snapshot {
        interfaces: vec![port(2, "eth2"), port(3, "eth3")],
        guests: vec![guest(100_000, "a"), guest(100_001, "a")],
        ..Snapshot::default()
    };
    let series = checked(&page(&snapshot, &shelf, Format::Text));
    let of = |name: &str| -> Vec<&str> {
        let all = series.iter().filter(|(series, _)| series.starts_with(&format!("{name}{{")));
        all.map(|(series, _)| &series[name.len()..]).collect()
    };
    assert_eq!(
        of("node_network_receive_bytes_total"),
        [r#"{device="uplink",source="0:3"}"#, r#"{device="uplink"}"#]
    );
    assert_eq!(
        of("hsflow_guest_cpu_seconds_total"),
        [
            "{guest=\"a\\\"b\\\\\\n\u{fffd}\",uuid=\"u\",source=\"3:100001\"}",
            "{guest=\"a\\\"b\\\\\\n\u{fffd}\",uuid=\"u\"}"
        ]
    );
    assert_eq!(of("hsflow_guest_info").len(), 2);
    // Sampling is told under the same labels.
    assert_eq!(of("hsflow_interface_polls_total").len(), 2);
}

#[test]
fn packets_of_all_kinds_add_up_as_they_wrap() {
    let mut shelf = Shelf::default();
    let generic = GenericInterface {
        in_ucast_pkts: u32::MAX - 1,
        in_multicast_pkts: 7,
        in_broadcast_pkts: u32::MAX,
        out_ucast_pkts: u32::MAX,
        ..GenericInterface::default()
    };
    put!(shelf, DataSource::interface(2), generic);
    let snapshot = Snapshot { interfaces: vec![port(2, "eth2")], ..Snapshot::default() };
    let series = checked(&page(&snapshot, &shelf, Format::Text));
    assert_eq!(series[r#"node_network_receive_packets_total{device="eth2"}"#], "5");
    assert_eq!(series[r#"node_network_receive_multicast_total{device="eth2"}"#], "7");
    assert!(!series.contains_key(r#"node_network_transmit_packets_total{device="eth2"}"#));
}

#[test]
fn the_agent_tells_its_states_its_losses_and_its_cost() {
    let mut snapshot = Snapshot {
        healthy: false,
        collectors: vec![Collector { name: "192.0.2.1 port 6343".into(), lost: 3, ..Collector::default() }],
        components: vec![
            Component { name: "memory".into(), state: State::degraded("no /proc/meminfo"), since: 0 },
            Component { name: "disk".into(), state: State::Running, since: 0 },
        ],
        applications: Applications {
            known: vec![Application { name: "web".into(), source: "3:80".into(), ..Application::default() }],
            limited: 9,
            ..Applications::default()
        },
        ..Snapshot::default()
    };
    snapshot.telemetry.datagrams = 12;
    snapshot.cost.threads =
        vec![crate::status::cost::Thread { name: "main".into(), user_ms: 1500, system_ms: 0 }];
    snapshot.cost.read_at_ms = Some(AT_MS);
    let text = page(&snapshot, &Shelf::default(), Format::Text);
    let series = checked(&text);
    for (name, value) in [
        ("hsflow_agent_datagrams_total", "12"),
        (r#"hsflow_agent_component_state{component="memory",state="degraded"}"#, "1"),
        (r#"hsflow_agent_component_state{component="memory",state="running"}"#, "0"),
        (r#"hsflow_agent_component_state{component="disk",state="running"}"#, "1"),
        (r#"hsflow_agent_component_degraded_info{component="memory",reason="no /proc/meminfo"}"#, "1"),
        (r#"hsflow_agent_lost_total{stage="application_messages_limited"}"#, "9"),
        (r#"hsflow_collector_lost_datagrams_total{collector="192.0.2.1 port 6343"}"#, "3"),
        (r#"hsflow_agent_thread_cpu_seconds_total{thread="main",mode="user"}"#, "1.500"),
        (r#"hsflow_application_transactions_total{application="web"}"#, "0"),
    ] {
        assert_eq!(series.get(name).map(String::as_str), Some(value), "{name}\n{text}");
    }
}

#[test]
fn names_follow_the_conventions() {
    let mut shelf = Shelf::default();
    every_record(&mut shelf, &[3; 4096]);
    for format in [Format::Text, Format::OpenMetrics] {
        let text = page(&crowd(), &shelf, format);
        assert!(checked(&text).len() > 250, "{}", checked(&text).len());
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            let prefix = ["node_", "hsflow_", "process_"].into_iter().any(|prefix| name.starts_with(prefix));
            assert!(prefix, "{name}");
            let own = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            assert!(own || name.starts_with("node_"), "{name}");
            let is_total = name.ends_with("_total");
            assert_eq!(is_total, kind == "counter" && format == Format::Text, "{name} {kind}");
            assert!(kind != "info" || !name.ends_with("_info"), "{name}");
        }
    }
}

#[test]
fn the_silent_are_forgotten() {
    let mut shelf = Shelf::default();
    put!(shelf, DataSource::HOST, HostMemory::default());
    put!(shelf, DataSource::HOST, HostMemory::default());
    assert_eq!((shelf.len(), shelf.refused(), shelf.is_empty()), (1, 0, false));
    shelf.forget(AT_MS + 899_999);
    assert_eq!(shelf.len(), 1);
    shelf.forget(AT_MS + 900_000);
    assert!(shelf.is_empty());
}

/// A host with an interface, a guest and an application.
fn crowd() -> Snapshot {
    let web = Application { name: "web".into(), source: "3:80".into(), ..Application::default() };
    let mut snapshot = Snapshot {
        interfaces: vec![port(2, "eth2")],
        guests: vec![guest(100_000, "a")],
        applications: Applications { known: vec![web], ..Applications::default() },
        ..Snapshot::default()
    };
    snapshot.interfaces[0].sampling.source = Some("pcap".into());
    snapshot.interfaces[0].sampling.one_in = Some(400);
    snapshot
}

/// Every kind of record with such content, of every kind of source; as many as a sample holds.
fn every_record(shelf: &mut Shelf, content: &[u8]) {
    let sources =
        [DataSource::HOST, DataSource::interface(2), DataSource::logical(100_000), DataSource::logical(80)];
    let records = CounterRecord::any_of_each(&mut Entropy(content.iter()));
    let half = records.len() / 2;
    for source in sources {
        for part in [&records[half..], &records[..half], &records[..]] {
            let mut body = vec![0; 9000];
            let mut out = crate::sflow::xdr::Writer::new(&mut body);
            let written = out.element(crate::sflow::sample::COUNTERS.word(), |out| {
                crate::sflow::xdr::Xdr::encode(
                    &crate::sflow::sample::CountersHeader { sequence: 1, source },
                    out,
                )?;
                out.u32(u32::try_from(part.len()).unwrap())?;
                part.iter().try_for_each(|record| record.encode(out))
            });
            let length = out.len();
            if written.is_ok() {
                shelf.take(&body[..length], AT_MS);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_counters_make_a_page_that_can_be_read(content in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let mut shelf = Shelf::default();
        every_record(&mut shelf, &content);
        checked(&page(&crowd(), &shelf, Format::Text));
        checked(&page(&crowd(), &shelf, Format::OpenMetrics));
    }

    #[test]
    fn any_bytes_may_lie_on_the_shelf(bytes in proptest::collection::vec(any::<u8>(), 0..512), accept in ".*") {
        let mut shelf = Shelf::default();
        shelf.take(&bytes, AT_MS);
        checked(&page(&crowd(), &shelf, Format::wanted(&accept)));
    }
}
