//! The settings file as the sub-agents in the field read it: each reader here follows the rules of one of them.

use hsflow::config::model::KeyedRate;
use hsflow::export::auto::{AutoCollector, AutoInfo, AutoSettings, body, frame};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a sub-agent takes from the file.
#[derive(Debug, Default, PartialEq)]
struct Taken {
    agent: String,
    sampling: u32,
    polling: u32,
    collectors: Vec<(String, u16)>,
    parent: u32,
}

/// nginx, Apache, haproxy, memcached: words, `#` anywhere, keys in any case, all or nothing.
fn c_reader(text: &str, application: &str) -> Option<Taken> {
    let mut taken = Taken { sampling: 400, polling: 30, ..Taken::default() };
    let (mut rev_start, mut rev_end, mut own) = (None, None, [None, None]);
    for line in text.lines() {
        if line.len() > 1023 {
            return None;
        }
        let line = line.split('#').next()?;
        let words: Vec<&str> = line.split([' ', '\t', '\r', '\n', '=']).filter(|w| !w.is_empty()).collect();
        let Some((key, rest)) = words.split_first() else { continue };
        let one = || rest.first().filter(|_| rest.len() == 1).copied();
        match key.to_lowercase().as_str() {
            "rev_start" => rev_start = Some(one()?.parse::<u32>().ok()?),
            "rev_end" => rev_end = Some(one()?.parse::<u32>().ok()?),
            "sampling" => taken.sampling = one()?.parse().ok()?,
            "polling" => taken.polling = one()?.parse().ok()?,
            "agentip" => taken.agent = one()?.parse::<IpAddr>().ok()?.to_string(),
            "ds_index" => taken.parent = one()?.parse().ok()?,
            "collector" => {
                if words.len() > 4 || taken.collectors.len() == 10 {
                    return None;
                }
                let ip = rest.first()?.parse::<IpAddr>().ok();
                let port = rest.get(1).map_or(Some(6343), |port| port.parse().ok())?;
                taken.collectors.extend(ip.map(|ip| (ip.to_string(), port)));
            }
            key if key == format!("sampling.{application}") => own[0] = Some(one()?.parse().ok()?),
            key if key == format!("polling.{application}") => own[1] = Some(one()?.parse().ok()?),
            _ => {}
        }
    }
    taken.sampling = own[0].unwrap_or(taken.sampling);
    taken.polling = own[1].unwrap_or(taken.polling);
    (rev_start.is_some() && rev_start == rev_end && !taken.agent.is_empty()).then_some(taken)
}

/// Single keys, and the words of each collector.
type Lines = (BTreeMap<String, String>, Vec<Vec<String>>);

/// Tomcat, JMX, Node: exact keys before the first `=`, `#` only at the line's start, the later line wins.
fn exact_reader(text: &str) -> Option<Lines> {
    let (mut keys, mut collectors) = (BTreeMap::new(), Vec::new());
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let Some((key, value)) = line.split_once('=') else { continue };
        if key == "collector" {
            collectors.push(value.split_whitespace().map(String::from).collect());
        } else {
            keys.insert(key.to_owned(), value.to_owned());
        }
    }
    let whole = keys.get("rev_start").is_some_and(|start| keys.get("rev_end") == Some(start));
    whole.then_some((keys, collectors))
}

/// The port counts only where a collector has exactly two words.
fn java_reader(text: &str, application: &str) -> Option<Taken> {
    let (keys, collectors) = exact_reader(text)?;
    let number = |key: &str| keys.get(key).and_then(|v| v.parse().ok());
    let rate = |key: &str| number(&format!("{key}.{application}")).or_else(|| number(key)).unwrap_or(0);
    let collectors = collectors
        .iter()
        .filter_map(|words| {
            let port = if words.len() == 2 { words[1].parse().ok()? } else { 6343 };
            Some((words.first()?.parse::<IpAddr>().ok()?.to_string(), port))
        })
        .collect();
    let parent = number("ds_index").unwrap_or(0);
    let agent = keys.get("agentIP").cloned().unwrap_or_default();
    Some(Taken { agent, sampling: rate("sampling"), polling: rate("polling"), collectors, parent })
}

/// As Java, but it knows IPv4 only.
fn node_reader(text: &str) -> Option<Taken> {
    java_reader(text, "http").filter(|taken| taken.agent.parse::<std::net::Ipv4Addr>().is_ok())
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn plain(address: &str, port: u16) -> AutoCollector<'static> {
    AutoCollector { ip: ip(address), port, device: None, namespace: None }
}

fn keyed() -> Vec<KeyedRate> {
    let rate = |key: &str, sampling, polling| KeyedRate { key: key.into(), sampling, polling };
    vec![rate("APP.x", None, Some(20)), rate("http", Some(50), Some(7)), rate("10G", Some(7), None)]
}

fn settings<'a>(keyed: &'a [KeyedRate], collectors: Vec<AutoCollector<'a>>) -> AutoSettings<'a> {
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
fn every_reader_takes_the_same() {
    let keyed = keyed();
    let text = frame(
        &body(&info(Some(settings(&keyed, vec![plain("10.0.0.1", 6343), plain("10.0.0.2", 9999)])))).text,
        3,
    );
    let expected = Taken {
        agent: "192.0.2.2".into(),
        sampling: 50,
        polling: 7,
        collectors: vec![("10.0.0.1".into(), 6343), ("10.0.0.2".into(), 9999)],
        parent: 1,
    };
    assert_eq!(c_reader(&text, "http").as_ref(), Some(&expected));
    assert_eq!(java_reader(&text, "http").as_ref(), Some(&expected));
    assert_eq!(node_reader(&text), Some(expected));
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
fn a_device_or_namespace_gives_the_four_field_form() {
    let with = |device, namespace| AutoCollector { device, namespace, ..plain("10.255.0.1", 6343) };
    let text = body(&info(Some(settings(&[], vec![with(None, Some("ns1")), with(Some("lo"), None)])))).text;
    assert!(text.contains("collector=10.255.0.1/6343//ns1\ncollector=10.255.0.1/6343/lo/\n"), "{text}");
}

#[test]
fn the_eleventh_collector_is_left_out_so_that_readers_keep_the_rest() {
    let many =
        (1..=12).map(|n| plain(&format!("10.0.0.{n}"), 6343)).chain([plain("10.0.0.1", 6343)]).collect();
    let body = body(&info(Some(settings(&[], many))));
    assert_eq!(body.collectors_left_out, 2);
    assert_eq!(c_reader(&frame(&body.text, 1), "http").unwrap().collectors.len(), 10);
}

#[test]
fn without_settings_the_agent_remains_and_without_an_address_nothing_does() {
    let off = body(&info(None)).text;
    assert_eq!(off, "agentIP=192.0.2.2\nagent=eth0\nds_index=1\n");
    assert_eq!(java_reader(&frame(&off, 2), "http").unwrap().sampling, 0);
    let silent = AutoInfo { elected_ip: None, ..info(Some(settings(&[], vec![plain("10.0.0.1", 6343)]))) };
    let text = frame(&body(&silent).text, 2);
    assert_eq!(c_reader(&text, "http"), None);
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), ["rev_start=2", "rev_end=2"]);
}

#[test]
fn what_would_break_a_reader_is_left_out_and_counted() {
    let long = "k".repeat(1100);
    let keyed: Vec<_> = [long.as_str(), "a b", "a=b", "a#b"]
        .map(|k| KeyedRate { key: k.into(), sampling: Some(1), polling: None })
        .into();
    let spaced = AutoCollector { device: Some("my dev"), ..plain("10.0.0.9", 6343) };
    let mut settings = settings(&keyed, vec![spaced, plain("10.0.0.1", 6343)]);
    settings.hostname = "two words";
    let body = body(&info(Some(settings)));
    assert_eq!(body.lines_left_out, 6);
    let taken = c_reader(&frame(&body.text, 1), "http").unwrap();
    assert_eq!((taken.collectors, taken.sampling), (vec![("10.0.0.1".into(), 6343)], 400));
}
