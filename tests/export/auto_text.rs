//! The text of the settings file, as the sub-agents in the field read it.

use crate::readers::{Kind, Taken};
use hsflow::config::model::{CollectorSettings, KeyedRate};
use hsflow::export::auto::{AutoCollector, AutoInfo, AutoSettings, body, frame};
use std::net::IpAddr;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn plain(address: &str, port: u16) -> AutoCollector {
    AutoCollector { ip: ip(address), port }
}

fn keyed() -> Vec<KeyedRate> {
    let rate = |key: &str, sampling, polling| KeyedRate { key: key.into(), sampling, polling };
    vec![rate("APP.x", None, Some(20)), rate("http", Some(50), Some(7)), rate("10G", Some(7), None)]
}

fn settings<'a>(keyed: &'a [KeyedRate], collectors: Vec<AutoCollector>) -> AutoSettings<'a> {
    AutoSettings {
        hostname: "vm",
        sampling: 400,
        header_bytes: 128,
        datagram_bytes: 1400,
        polling_secs: 3,
        keyed,
        agent_ip: None,
        agent_device: None,
        collectors,
    }
}

fn info<'a>(settings: Option<AutoSettings<'a>>) -> AutoInfo<'a> {
    AutoInfo { settings, elected_ip: Some(ip("192.0.2.2")), elected_device: Some("eth0"), json_port: None }
}

#[test]
fn lines_stand_in_the_order_of_the_reference() {
    let keyed = keyed();
    let mut info = info(Some(settings(
        &keyed,
        vec![
            plain("127.0.0.1", 16403),
            plain("127.0.0.1", 16402),
            plain("127.0.0.1", 6343),
            plain("2001:db8::1", 6343),
        ],
    )));
    info.json_port = Some(36343);
    let text = frame(&body(&info).text, 7);
    let (comment, rest) = text.split_once('\n').unwrap();
    assert!(comment.starts_with('#'));
    let expected = "rev_start=7 hostname=vm sampling=400 header=128 datagram=1400 polling=3 polling.APP.x=20 \
        sampling.http=50 polling.http=7 sampling.10G=7 collector=127.0.0.1_16402 collector=127.0.0.1_16403 \
        collector=127.0.0.1_6343 collector=2001:db8::1_6343 agentIP=192.0.2.2 agent=eth0 jsonPort=36343 ds_index=1 \
        rev_end=7";
    assert_eq!(rest.trim_end().replace(' ', "_").replace('\n', " "), expected.replace("        ", ""));
}

#[test]
fn every_reader_takes_what_is_meant_for_it() {
    let keyed =
        [keyed(), vec![KeyedRate { key: "memcache".into(), sampling: Some(9), polling: None }]].concat();
    let text = frame(
        &body(&info(Some(settings(&keyed, vec![plain("10.0.0.1", 6343), plain("10.0.0.2", 9999)])))).text,
        3,
    );
    let taken = |sampling, polling, parent| Taken {
        agent: Some(ip("192.0.2.2")),
        sampling,
        polling,
        collectors: vec![(ip("10.0.0.1"), 6343), (ip("10.0.0.2"), 9999)],
        parent,
    };
    let expected = [
        (Kind::Nginx, taken(50, 7, Some(1))),
        (Kind::Apache, taken(50, 7, Some(1))),
        (Kind::Memcached, taken(9, 3, None)),
        (Kind::Tomcat, taken(50, 3, Some(1))),
        (Kind::Jmx, taken(0, 3, Some(1))),
        (Kind::Node, taken(50, 3, None)),
    ];
    for (kind, expected) in expected {
        assert_eq!(kind.take(&text), Some(expected), "{kind:?}");
    }
}

#[test]
fn configured_agent_address_and_device_stand_before_the_collectors_and_replace_the_elected() {
    let mut configured = settings(&[], vec![plain("10.0.0.1", 6343)]);
    (configured.agent_ip, configured.agent_device) = (Some(ip("198.51.100.1")), Some("absent0"));
    let text = body(&info(Some(configured))).text;
    assert!(
        text.ends_with(
            "polling=3\nagentIP=198.51.100.1\nagent=absent0\ncollector=10.0.0.1 6343\nds_index=1\n"
        ),
        "{text}"
    );
}

#[test]
fn collectors_that_sub_agents_cannot_send_to_are_not_theirs() {
    let settings = CollectorSettings { host: "c".to_owned(), port: 7, ..CollectorSettings::default() };
    let listed = |settings: &CollectorSettings| AutoCollector::of(ip("10.0.0.1"), settings).is_some();
    assert!(listed(&settings));
    let text = || Some("x".to_owned());
    assert!(!listed(&CollectorSettings { device: text(), ..settings.clone() }));
    assert!(!listed(&CollectorSettings { namespace: text(), ..settings.clone() }));
    assert!(listed(&CollectorSettings { rank: 1, ..settings }), "a stand-by that has stepped in");
}

#[test]
fn the_eleventh_collector_is_left_out_so_that_readers_keep_the_rest() {
    let many =
        (1..=12).map(|n| plain(&format!("10.0.0.{n}"), 6343)).chain([plain("10.0.0.1", 6343)]).collect();
    let body = body(&info(Some(settings(&[], many))));
    assert_eq!(body.collectors_left_out, 2);
    assert_eq!(Kind::Nginx.take(&frame(&body.text, 1)).unwrap().collectors.len(), 10);
}

#[test]
fn without_settings_the_agent_remains_and_without_an_address_nothing_does() {
    let off = body(&info(None)).text;
    assert_eq!(off, "agentIP=192.0.2.2\nagent=eth0\nds_index=1\n");
    assert_eq!(Kind::Tomcat.take(&frame(&off, 2)).unwrap().sending(), None);
    let silent = AutoInfo { elected_ip: None, ..info(Some(settings(&[], vec![plain("10.0.0.1", 6343)]))) };
    let text = frame(&body(&silent).text, 2);
    assert_eq!(Kind::Tomcat.take(&text).unwrap().sending(), None);
    // It goes on with what it had.
    assert_eq!(Kind::Nginx.take(&text), None);
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), ["rev_start=2", "rev_end=2"]);
}

#[test]
fn what_would_break_a_reader_is_left_out_and_counted() {
    let long = "k".repeat(1100);
    let keyed: Vec<_> = [long.as_str(), "a b", "a=b", "a#b"]
        .map(|k| KeyedRate { key: k.into(), sampling: Some(1), polling: None })
        .into();
    let mut settings = settings(&keyed, vec![plain("10.0.0.1", 6343)]);
    settings.hostname = "two words";
    let body = body(&info(Some(settings)));
    assert_eq!(body.lines_left_out, 5);
    let taken = Kind::Nginx.take(&frame(&body.text, 1)).unwrap();
    assert_eq!((taken.collectors, taken.sampling), (vec![(ip("10.0.0.1"), 6343)], 400));
}
