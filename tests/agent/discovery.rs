//! Zero configuration: what the agent does with DNS alone, as its records come, change and go.

use crate::dnsmasq::Dnsmasq;
use crate::mounts;
use crate::packets::{connect_by, quiet, sampling, send, wait_flows, wait_source};
use crate::rig::{LIMIT, Rig, assert_whole, ip, isolated, source};
use crate::support::catcher::UdpCatcher;
use crate::support::wait_until;
use hsflow::sflow::ids::DataSource;
use serde_json::Value;

const NAME: &str = "_sflow._udp.example.org";
/// Seconds; so short that the agent asks again as soon as it ever does.
const TTL: u32 = 1;

fn serve(records: &[String]) -> Option<Dnsmasq> {
    // The bare name is asked for first, and there is no such domain.
    let records: Vec<_> = records.iter().map(String::as_str).chain(["local=/_udp/"]).collect();
    Dnsmasq::start_with_ttl(TTL, &records)
}

fn srv(host: &str, catcher: &UdpCatcher) -> String {
    format!("srv-host={NAME},{host}.example.org,{}", catcher.port())
}

fn hosts() -> [String; 2] {
    ["c1", "c2"].map(|host| format!("host-record={host}.example.org,127.0.0.1"))
}

fn txt(strings: &str) -> String {
    format!("txt-record={NAME},{strings}")
}

/// The lines of the settings file of sub-agents, without the comment.
fn auto(rig: &Rig) -> String {
    std::fs::read_to_string(rig.path("run/hsflowd.auto")).unwrap_or_default()
}

#[track_caller]
fn wait_auto(rig: &Rig, what: &str, holds: impl Fn(&str) -> bool) {
    wait_until(what, LIMIT, || holds(&auto(rig)).then_some(()));
}

/// The name server's file is the test's own, for whoever asks.
fn own_resolver(rig: &Rig) -> bool {
    if !mounts::isolated() {
        return false;
    }
    mounts::cover(
        "/etc/resolv.conf",
        &rig.dir
            .write("resolv.conf", "nameserver 127.0.0.1\nsearch example.org\noptions timeout:3 attempts:1\n"),
    );
    true
}

fn value(rig: &Rig, key: &str) -> (String, String) {
    let snapshot = rig.snapshot();
    let values = snapshot["settings"]["values"].as_array().unwrap();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    values
        .iter()
        .find(|v| v["key"] == key)
        .map(|v| (text(&v["value"]), text(&v["origin"])))
        .unwrap_or_default()
}

/// Without a file and without records: nothing is wrong, and all that is known is said.
#[track_caller]
fn assert_waiting_for_records(rig: &Rig) {
    let state = rig.wait_component("dns-sd", "nothing is sent: DNS has no collector");
    assert!(state.starts_with("unavailable") && state.contains(NAME), "{state}");
    rig.assert_logged("/etc/hsflowd.conf does not exist: DNS is asked", 1);
    wait_auto(rig, "a settings file for nobody", |text| {
        text.contains("agentIP=10.9.0.1\n") && !text.contains("collector=") && !text.contains("polling=")
    });
    assert_eq!(rig.ctl(&["status"]).0, 0, "that is no fault");
    assert_eq!(value(rig, "pcap.1.dev.pattern"), ("^swp[0-9s]+$".to_owned(), "built-in:4".to_owned()));
}

#[test]
fn without_a_file_a_switch_samples_its_ports_as_soon_as_a_record_exists_and_stops_when_it_goes() {
    isolated(|| {
        if std::path::Path::new("/etc/hsflowd.conf").exists() {
            println!("SKIP: this machine has a configuration");
            return;
        }
        quiet();
        ip("link add swp1 type veth peer name a1");
        connect_by("swp1");
        let mut rig = Rig::new();
        if !own_resolver(&rig) {
            return;
        }
        mounts::cover("/etc/os-release", &rig.dir.write("os-release", "NAME=DENTOS\nID=debian\n"));
        let Some(server) = serve(&[]) else { return };
        rig.start_unconfigured();

        // DNS has nothing: neither does anybody else.
        assert_waiting_for_records(&rig);
        send(50);
        assert_eq!(rig.datagrams().len(), 0);

        // A record is published.
        server.stop();
        let mut records = vec![srv("c1", &rig.catcher), txt("polling=1,sampling.10G=1")];
        records.extend(hosts());
        let server = serve(&records).unwrap();
        let (status, page) = rig.ctl(&["reload"]);
        assert_eq!((status, page.starts_with("reloaded, nothing changed")), (0, true), "{page}");
        rig.wait("the first datagram", |d| !d.is_empty());
        rig.first_sample(source("swp1"));
        wait_source(&rig, "swp1", "pcap");
        let before = rig.datagrams().len();
        send(20);
        wait_flows(&rig, source("swp1"), 20);
        assert!(rig.datagrams().len() > before);
        assert_eq!(value(&rig, "polling"), ("1".to_owned(), format!("TXT {NAME} \"polling=1\"")));
        assert_eq!(rig.component("dns-sd"), "running");
        wait_auto(&rig, "the collector", |t| {
            t.contains(&format!("collector=127.0.0.1 {}\n", rig.catcher.port()))
        });

        // It goes again.
        server.stop();
        let _server = serve(&[]).unwrap();
        rig.ctl(&["reload"]);
        rig.wait_component("dns-sd", "nothing is sent");
        wait_auto(&rig, "no collector any more", |text| !text.contains("collector="));
        let count = rig.datagrams().len();
        send(20);
        assert!(sampling(&rig, "swp1")["source"].is_null());
        assert_eq!(rig.datagrams().len(), count);
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn changes_of_the_records_are_followed_without_a_word_and_nothing_else_is_disturbed() {
    isolated(|| {
        let other = UdpCatcher::new();
        let mut rig = Rig::new();
        rig.configure_all(
            "sflow {\n dns-sd { }\n polling = 300\n interfaceCounters = all\n agentIP = 127.0.0.1\n}\n",
        );
        if !own_resolver(&rig) {
            return;
        }
        let first = [&[srv("c1", &rig.catcher), txt("polling=1,headerBytes=100")][..], &hosts()].concat();
        let Some(server) = serve(&first) else { return };
        rig.start();
        rig.two_cycles();
        assert_eq!(rig.snapshot()["settings"]["header_bytes"], 100);
        server.stop();

        // A second collector, and nonsense beside a new value.
        let second = [
            &[
                srv("c1", &rig.catcher),
                srv("c2", &other),
                txt("polling=often,headerBytes=90,nonsense,what=5"),
            ][..],
            &hosts(),
        ]
        .concat();
        let server = serve(&second).unwrap();
        let started = rig.snapshot()["agent"]["uptime_secs"].as_u64().unwrap();
        other.wait_count(1, LIMIT);
        let waited = rig.snapshot()["agent"]["uptime_secs"].as_u64().unwrap() - started;
        assert!(waited <= 14, "{waited} s, where at least every 12.5 s is asked");
        let snapshot = rig.snapshot();
        assert_eq!(
            (&snapshot["settings"]["header_bytes"], &snapshot["settings"]["polling_secs"]),
            (&90.into(), &1.into())
        );
        let state = rig.wait_component("dns-sd", "degraded");
        assert!(state.contains("polling") && state.contains("often"), "{state}");
        rig.assert_logged("DNS, revision 3: 1 collectors added, 0 removed, headerBytes 100 to 90", 1);

        // Nobody answers: all goes on.
        server.stop();
        assert_eq!(rig.ctl(&["reload"]).0, 0);
        rig.wait_component("dns-sd", "the last good answer stays in force");
        rig.two_cycles();
        assert_eq!(rig.ctl(&["status"]).0, 1);

        // The file says who gets them instead, and DNS has no word any more.
        rig.configure("polling = 1\nagentIP = 127.0.0.1\ninterfaceCounters = all");
        let (status, page) = rig.ctl(&["reload"]);
        assert_eq!((status, page.contains("2 removed")), (0, true), "{page}");
        rig.two_cycles();
        assert_eq!(rig.component("dns-sd"), "");
        let sent = rig.datagrams();
        assert_whole(&sent);
        assert!(sent.windows(2).all(|pair| pair[0].uptime_ms <= pair[1].uptime_ms));
        assert!(
            sent.iter().flat_map(|d| &d.samples).count() > 0
                && rig.first_sample(DataSource::HOST).header.sequence == 1
        );
    });
}

#[test]
fn before_the_first_answer_every_source_says_so_and_the_settings_file_stays() {
    isolated(|| {
        let mut rig = Rig::new();
        if !own_resolver(&rig) {
            return;
        }
        rig.configure_all("sflow {\n dns-sd { }\n pcap { }\n psample { group = 1 }\n dropmon { }\n}\n");
        rig.start();
        for source in ["pcap", "psample", "dropmon"] {
            rig.wait_component(source, "unavailable nothing is sent now: see dns-sd");
        }
        rig.wait_component("settings-file", "unavailable nothing is known yet");
        assert_eq!((rig.component("packet-samples"), auto(&rig)), (String::new(), String::new()));

        // From a file to DNS: what was known of the sources holds no more.
        rig.configure("psample { group = 1 }\ndropmon { }");
        assert_eq!(rig.ctl(&["reload"]).0, 0);
        for source in ["psample", "dropmon"] {
            wait_until(source, LIMIT, || {
                let state = rig.component(source);
                (!state.is_empty() && !state.contains("see dns-sd")).then_some(())
            });
        }
        wait_auto(&rig, "the file's collector", |text| text.contains("collector="));
        rig.configure_all("sflow {\n dns-sd { }\n psample { group = 1 }\n dropmon { }\n}\n");
        let (status, page) = rig.ctl(&["reload"]);
        assert_eq!((status, page.contains("nothing is sent any more")), (0, true), "{page}");
        for source in ["psample", "dropmon"] {
            rig.wait_component(source, "unavailable nothing is sent now: see dns-sd");
        }
        assert!(auto(&rig).contains("collector="), "the best that is known");
    });
}
