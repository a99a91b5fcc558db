//! Lines of TXT records, right and wrong.

use super::*;
use proptest::prelude::*;

const NAME: &str = "_sflow._udp.example.org";

fn read(lines: &[&str]) -> Read {
    Dynamic::read(NAME, &[], lines, None)
}

fn read_after(previous: &Dynamic, lines: &[&str]) -> Read {
    Dynamic::read(NAME, &[], lines, Some(previous))
}

fn target(host: &str) -> Target {
    let settings = CollectorSettings { host: host.into(), port: 6343, ..CollectorSettings::default() };
    Target { settings, record: format!("SRV {NAME} 0 0 6343 {host}") }
}

#[test]
fn every_key_is_taken_in_any_case_with_blanks_and_quotes() {
    let Read { dynamic, remarks } = read(&[
        "txtvers=1",
        "SAMPLING=1K",
        " polling = \"5\" ",
        "sampling.10g=500",
        "polling.http=7",
        "Sampling.HTTP=9",
        "headerBytes=0x40",
        "datagramBytes=900",
        "agentIP=192.0.2.1",
        "agent=eth0",
        "agent.cidr=10.0.0.0/8",
        "agent.cidr=!10.1.0.0/16",
        "dropLimit=250",
        "collector=192.0.2.9/7000/eth1/blue",
        "=192.0.2.10",
    ]);
    assert_eq!(remarks, Vec::<String>::new());
    assert_eq!((dynamic.sampling, dynamic.polling_secs), (Some(1000), Some(5)));
    assert_eq!((dynamic.header_bytes, dynamic.datagram_bytes), (Some(64), Some(900)));
    assert_eq!(dynamic.agent_ip.as_deref(), Some("192.0.2.1"));
    assert_eq!(dynamic.agent_device.as_deref(), Some("eth0"));
    assert_eq!(dynamic.agent_cidrs.iter().map(|rule| rule.negate).collect::<Vec<_>>(), [false, true]);
    assert_eq!(dynamic.drop_limit, Some(250));
    let keyed: Vec<_> = dynamic.keyed.iter().map(|k| (k.key.as_str(), k.sampling, k.polling)).collect();
    assert_eq!(keyed, [("HTTP", Some(9), None), ("http", None, Some(7)), ("10G", Some(500), None)]);
    let [first, second] = &dynamic.collectors[..] else { panic!("{:?}", dynamic.collectors) };
    let with = (first.host.as_str(), first.port, first.device.as_deref(), first.namespace.as_deref());
    assert_eq!(with, ("192.0.2.9", 7000, Some("eth1"), Some("blue")));
    assert_eq!((second.host.as_str(), second.port, second.device.as_deref()), ("192.0.2.10", 6343, None));
}

/// The key table is one: what a line says is what a file with the same words would say.
#[test]
fn a_line_means_what_the_same_words_mean_in_a_file() {
    let words = [
        "sampling=2M",
        "polling=010",
        "sampling.1000M=3K",
        "headerBytes=128",
        "agent=br0",
        "agent.cidr=10.1.2.3/8",
    ];
    let text = format!("sflow {{ {} collector {{ ip=127.0.0.1 }} }}", words.join("\n"));
    let file = crate::config::parse("file", &text).settings.unwrap();
    let dynamic = read(&words).dynamic;
    assert_eq!(dynamic.sampling, Some(file.sampling));
    assert_eq!(dynamic.polling_secs, Some(file.polling_secs));
    assert_eq!(dynamic.keyed, file.keyed);
    assert_eq!(dynamic.header_bytes, Some(file.header_bytes));
    assert_eq!(dynamic.agent_device, file.agent_device);
    assert_eq!(dynamic.agent_cidrs, file.agent_cidrs);
}

#[test]
fn every_key_of_the_list_is_in_the_table() {
    let top = crate::config::keys::Object::of(crate::config::keys::ObjectId::Sflow);
    for key in KEYS {
        assert!(top.keys.iter().any(|known| known.name == key), "{key}");
    }
}

#[test]
fn a_line_without_an_equals_sign_is_a_remark_and_not_a_crash() {
    let Read { dynamic, remarks } = read(&["nonsense", "", "sampling=", "polling=5"]);
    assert_eq!(dynamic.polling_secs, Some(5));
    assert_eq!(remarks.len(), 3, "{remarks:?}");
    assert_eq!(remarks[0], format!("TXT {NAME} \"nonsense\": there is no '=', ignored"));
}

#[test]
fn what_is_not_utf8_is_a_remark() {
    let read = Dynamic::read(NAME, &[], &[&b"sampling=\xff"[..], b"polling=5"], None);
    assert_eq!((read.dynamic.sampling, read.dynamic.polling_secs, read.remarks.len()), (None, Some(5), 1));
}

#[test]
fn an_unknown_key_is_a_remark_and_nothing_else() {
    let Read { dynamic, remarks } =
        read(&["foo=bar", "subAgentId=7", "sampling.=5", "counterPollingInterval=3"]);
    assert_eq!(dynamic, Dynamic::default());
    assert_eq!(remarks.len(), 4);
    assert!(remarks[0].contains("unknown key 'foo'"), "{remarks:?}");
}

#[test]
fn text_after_a_second_equals_sign_is_ignored_with_a_remark() {
    let Read { dynamic, remarks } = read(&["agent=eth0=eth1"]);
    assert_eq!((dynamic.agent_device.as_deref(), remarks.len()), (Some("eth0"), 1));
}

#[test]
fn a_value_out_of_range_keeps_the_last_good_one_and_says_the_range() {
    let good = read(&["sampling=500", "sampling.10G=7", "polling=20", "headerBytes=64"]).dynamic;
    let Read { dynamic, remarks } = read_after(
        &good,
        &["sampling=-1", "sampling.10g=99999999", "polling=301", "headerBytes=400", "dropLimit=0"],
    );
    assert_eq!((dynamic.sampling, dynamic.polling_secs), (Some(500), Some(20)));
    assert_eq!((dynamic.header_bytes, dynamic.drop_limit), (Some(64), None));
    assert_eq!(dynamic.keyed, good.keyed);
    assert_eq!(dynamic.stated.get("sampling"), good.stated.get("sampling"), "said by the record of then");
    assert_eq!(remarks.len(), 5);
    for part in [NAME, "'polling'", "'301'", "from 0 to 300", "'20' stays"] {
        assert!(remarks[2].contains(part), "{part} in {}", remarks[2]);
    }
    let again = read_after(&dynamic, &["sampling=x"]).dynamic;
    assert_eq!(again.sampling, Some(500), "also from an answer that had kept it itself");
}

#[test]
fn a_wrong_value_without_a_good_one_before_is_absent() {
    assert_eq!(read(&["polling=301"]).dynamic, Dynamic::default());
}

#[test]
fn a_key_that_is_no_longer_named_goes_back_to_its_default() {
    let good = read(&["sampling=500", "polling=20"]).dynamic;
    assert_eq!(read_after(&good, &["polling=20"]).dynamic.sampling, None);
}

#[test]
fn a_wrong_range_keeps_all_ranges_of_the_last_good_answer() {
    let good = read(&["agent.cidr=10.0.0.0/8", "agent.cidr=!10.1.0.0/16"]).dynamic;
    let after = read_after(&good, &["agent.cidr=10.0.0.0/33", "agent.cidr=172.16.0.0/12"]);
    assert_eq!((after.dynamic, after.remarks.len()), (good, 1));
}

#[test]
fn a_wrong_collector_keeps_those_that_txt_named_last_and_not_those_of_srv() {
    let lines = ["collector=192.0.2.9/7000", "collector=192.0.2.10"];
    let good = Dynamic::read(NAME, &[target("a.example.org")], &lines, None).dynamic;
    let lines = ["collector=192.0.2.9/70000", "collector=192.0.2.10"];
    let after = Dynamic::read(NAME, &[target("b.example.org")], &lines, Some(&good));
    let hosts: Vec<_> = after.dynamic.collectors.iter().map(|c| (c.host.as_str(), c.port)).collect();
    assert_eq!(hosts, [("b.example.org", 6343), ("192.0.2.9", 7000), ("192.0.2.10", 6343)]);
    assert!(after.remarks[0].contains("udpport takes a whole number from 1 to 65535"), "{:?}", after.remarks);
    assert_eq!(after.dynamic.stated["collector.2.udpport"].value, "7000");
}

#[test]
fn every_value_says_which_record_said_it() {
    let lines = ["sampling.10g=500", "collector=192.0.2.9//eth1"];
    let stated = Dynamic::read(NAME, &[target("c1.example.org")], &lines, None).dynamic.stated;
    let said: Vec<_> = stated.iter().map(|(key, s)| format!("{key} {} {}", s.value, s.record)).collect();
    let want = [
        "collector.1.ip c1.example.org SRV _sflow._udp.example.org 0 0 6343 c1.example.org",
        "collector.1.udpport 6343 SRV _sflow._udp.example.org 0 0 6343 c1.example.org",
        "collector.2.dev eth1 TXT _sflow._udp.example.org \"collector=192.0.2.9//eth1\"",
        "collector.2.ip 192.0.2.9 TXT _sflow._udp.example.org \"collector=192.0.2.9//eth1\"",
        "sampling.10G 500 TXT _sflow._udp.example.org \"sampling.10g=500\"",
    ];
    assert_eq!(said, want);
}

#[test]
fn no_more_than_32_collectors_are_taken_and_no_collector_twice() {
    let lines: Vec<_> = (0..50).map(|i| format!("collector=192.0.2.{}", i / 2)).collect();
    let few = Dynamic::read(NAME, &[], &lines, None).dynamic;
    assert_eq!(few.collectors.len(), 25);
    let lines: Vec<_> = (0..50).map(|i| format!("collector=192.0.2.{i}")).collect();
    let Read { dynamic, remarks } = Dynamic::read(NAME, &[target("a")], &lines, None);
    assert_eq!((dynamic.collectors.len(), remarks.len()), (32, 1));
}

fn arb_line() -> impl Strategy<Value = Vec<u8>> {
    let key = prop::sample::select(vec![
        "sampling",
        "polling",
        "sampling.10G",
        "polling.http",
        "headerBytes",
        "datagramBytes",
        "agentIP",
        "agent",
        "agent.cidr",
        "dropLimit",
        "collector",
        "",
        "txtvers",
        "other",
    ]);
    let value =
        prop_oneof!["[0-9]{1,5}[KMG]?".boxed(), "[a-z0-9./:!\" =]{0,12}".boxed(), "\\PC{0,300}".boxed(),];
    prop_oneof![
        4 => (key, value).prop_map(|(key, value)| format!("{key}={value}").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..260),
    ]
}

proptest! {
    #[test]
    fn any_lines_give_valid_settings_and_few_short_remarks(
        before in prop::collection::vec(arb_line(), 0..30),
        lines in prop::collection::vec(arb_line(), 0..60),
    ) {
        let previous = Dynamic::read(NAME, &[], &before, None).dynamic;
        let Read { dynamic, remarks } = Dynamic::read(NAME, &[], &lines, Some(&previous));
        prop_assert!(remarks.len() <= 17 && remarks.iter().all(|remark| remark.len() < 4096 && !remark.contains('\n')));
        prop_assert!(dynamic.polling_secs.is_none_or(|secs| secs <= 300));
        prop_assert!(dynamic.sampling.is_none_or(|rate| rate <= 10_000_000));
        prop_assert!(dynamic.header_bytes.is_none_or(|bytes| bytes <= 256));
        prop_assert!(dynamic.datagram_bytes.is_none_or(|bytes| (200..=8192).contains(&bytes)));
        prop_assert!(dynamic.drop_limit.is_none_or(|limit| (1..=10_000).contains(&limit)));
        prop_assert!(dynamic.collectors.len() <= 32 && dynamic.collectors.iter().all(|c| c.port != 0));
        // The same lines once more change nothing.
        let again = Dynamic::read(NAME, &[], &lines, Some(&dynamic));
        prop_assert_eq!(&again.dynamic, &dynamic);
        prop_assert_eq!(again.remarks.len(), remarks.len());
    }

    #[test]
    fn what_no_line_names_is_absent(lines in prop::collection::vec(arb_line(), 0..30)) {
        let named = |key: &str| lines.iter().any(|line| {
            let key_of = line.split(|&byte| byte == b'=').next().unwrap_or_default();
            String::from_utf8_lossy(key_of).trim().trim_matches('"').trim().eq_ignore_ascii_case(key)
        });
        let dynamic = Dynamic::read(NAME, &[], &lines, None).dynamic;
        prop_assert!(dynamic.sampling.is_none() || named("sampling"));
        prop_assert!(dynamic.polling_secs.is_none() || named("polling"));
        prop_assert!(dynamic.header_bytes.is_none() || named("headerBytes"));
        prop_assert!(dynamic.agent_ip.is_none() || named("agentIP"));
        prop_assert!(dynamic.agent_device.is_none() || named("agent"));
        prop_assert!(dynamic.agent_cidrs.is_empty() || named("agent.cidr"));
        prop_assert!(dynamic.collectors.is_empty() || named("collector") || named(""));
        prop_assert!(dynamic.keyed.len() <= lines.len());
    }
}
