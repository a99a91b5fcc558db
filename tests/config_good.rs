//! Files that are accepted and what they mean. The values of the first part were measured on the C agent 2.1.25.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use hsflow::config::model::{InterfaceCounters, Settings};
use hsflow::config::{self, Problem, Severity, SpeedRange};
use std::{collections::BTreeSet, fs, path::Path};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/config/good");

type Expect = fn(&Settings);

const EXPECTED: [(&str, Expect); 31] = [
    ("one-line", |s| {
        assert_eq!((s.sampling, s.polling_secs, collectors(s)), (700, 5, "127.0.0.1/6343//".into()))
    }),
    ("any-case", |s| {
        assert_eq!((s.polling_secs, s.sampling), (5, 700));
        assert_eq!(keyed(s), "APP.x=-/20 http=50/- 10G=7/-");
    }),
    ("number-forms", |s| assert_eq!((s.sampling, s.polling_secs, s.header_bytes), (1000, 8, 64))),
    ("number-junk", |s| assert_eq!((s.sampling, s.polling_secs), (12, 5))),
    ("number-comma", |s| assert_eq!((s.sampling, s.polling_secs), (7, 5))),
    ("missing-brace", |s| assert_eq!((s.polling_secs, s.collectors.len()), (7, 1))),
    ("three-collectors", |s| {
        assert_eq!(collectors(s), "127.0.0.1/16402// 127.0.0.1/16403// 127.0.0.1/6343//");
    }),
    ("collector-dev", |s| assert_eq!(collectors(s), "127.0.0.1/16405/lo/")),
    ("collector-namespace", |s| assert_eq!(collectors(s), "10.255.0.1/6343//ns1")),
    ("number-cut", |s| assert_eq!(s.sampling, 1)),
    ("separators", |s| assert_eq!((s.sampling, s.polling_secs, s.collectors.len()), (700, 5, 1))),
    ("missing-braces", |s| assert_eq!((s.polling_secs, s.collectors.len()), (7, 1))),
    ("collector-name", |s| assert_eq!(collectors(s), "sflow.example.org/6343// fe80::1%eth0/6343//")),
    ("last-wins", |s| {
        assert_eq!((s.polling_secs, collectors(s)), (6, "::1/2//".into()));
        assert_eq!(keyed(s), "10G=2/- 1G=3/-");
    }),
    ("old-spellings", |s| {
        assert_eq!((s.polling_secs, s.sampling), (9, 99));
        let nflog = s.modules.nflog.as_ref().unwrap();
        assert_eq!((nflog.group, nflog.sampling), (Some(u32::MAX), Some(400)));
        assert!(s.modules.json.is_none() && s.modules.ulog.is_none() && s.modules.xen.is_none());
    }),
    ("old-dns-sd", |s| {
        assert_eq!(s.modules.dns_sd.as_ref().unwrap().domain.as_deref(), Some(".example.org"));
        assert!(s.collectors.is_empty());
    }),
    ("old-dns-sd-off", |s| assert!(s.modules.dns_sd.is_none())),
    ("dns-sd", |s| {
        assert!(s.collectors.is_empty());
        assert!(!s.modules.dns_sd.as_ref().unwrap().srv_priority, "as the C agent does");
    }),
    ("dns-sd-priority", |s| {
        let dns = s.modules.dns_sd.as_ref().unwrap();
        assert_eq!((dns.domain.as_deref(), dns.srv_priority), (None, true));
    }),
    ("eapi", |s| assert!(s.modules.eapi && s.collectors.is_empty())),
    ("reset-blocks", |s| {
        let m = &s.modules;
        let psample = m.psample.as_ref().unwrap();
        assert_eq!((psample.group, psample.ingress, psample.egress), (1, false, false));
        let dropmon = m.dropmon.as_ref().unwrap();
        assert_eq!(
            (dropmon.limit, dropmon.sw, dropmon.hw, dropmon.max, dropmon.max_trip),
            (100, false, true, 100_000, 2)
        );
        let nlroute = m.nlroute.as_ref().unwrap();
        assert_eq!((nlroute.limit, nlroute.link, nlroute.addr), (50, false, true));
        let vpp = m.vpp.as_ref().unwrap();
        assert_eq!((vpp.if_offset, vpp.os_index), (1_000_000_000, false));
        let k8s = m.k8s.as_ref().unwrap();
        assert_eq!((k8s.mark_traffic, k8s.eof, k8s.set_if_alias, k8s.set_if_name), (false, true, true, true));
    }),
    ("merge-blocks", |s| {
        let json = s.modules.json.as_ref().unwrap();
        assert_eq!((json.udp_port, json.fifo.as_deref()), (Some(1), Some("/tmp/x")));
        let docker = s.modules.docker.as_ref().unwrap();
        assert!(docker.hostname && docker.mark_traffic);
        assert_eq!(s.modules.opx.as_ref().unwrap().ports, ["e101-001-0", "e101-002-0"]);
    }),
    ("sonic-reset", |s| {
        let sonic = s.modules.sonic.as_ref().unwrap();
        assert_eq!((sonic.unix_socket, sonic.wait_ready_secs, sonic.set_if_name), (true, 180, true));
        assert!(sonic.suppress_other && sonic.switchport.is_none());
    }),
    ("taps", |s| {
        let [first, above, between, exact, dynamic] = s.modules.pcap.as_slice() else { panic!("five taps") };
        assert_eq!((first.device.as_deref(), first.promiscuous), (Some("eth0"), true));
        assert_eq!((first.vport, first.sampling, first.speed), (Some(false), Some(17), None));
        let g = 1_000_000_000;
        assert_eq!(above.speed, Some(SpeedRange { min: g, max: u64::MAX }));
        assert_eq!(between.speed, Some(SpeedRange { min: g, max: 10 * g }));
        assert_eq!(exact.speed, Some(SpeedRange { min: 10 * g, max: 10 * g }));
        assert_eq!((dynamic.dynamic, dynamic.vport), (true, None));
        assert_eq!(s.modules.epcap[0].device_pattern.as_ref().unwrap().as_str(), "^veth");
    }),
    ("quotes", |s| {
        assert_eq!((collectors(s), s.agent_device.as_deref()), ("127.0.0.1/6343//".into(), Some("et h#0")));
        let pattern = s.modules.pcap[0].device_pattern.as_ref().unwrap();
        assert!(pattern.is_match("enth1=;#") && !pattern.is_match("eth1"));
    }),
    ("cidrs", |s| {
        let cidrs = s
            .agent_cidrs
            .iter()
            .map(|c| format!("{}{}/{}", if c.negate { "!" } else { "" }, c.network, c.prefix));
        assert_eq!(cidrs.collect::<Vec<_>>(), ["10.0.0.0/8", "!192.168.0.0/16", "2001:db8::/32"]);
        assert_eq!((s.agent_ip.as_deref(), s.sub_agent_id), (Some("192.0.2.2"), 7));
        assert_eq!(s.uuid.unwrap()[..4], [0x00, 0x11, 0x22, 0x33]);
        assert_eq!(s.uuid.unwrap()[15], 0xff);
    }),
    ("guests", |s| {
        let m = &s.modules;
        let kvm = m.kvm.as_ref().unwrap();
        assert_eq!((kvm.refresh_vms_secs, kvm.forget_vms_secs), (120, 240));
        let xen = m.xen.as_ref().unwrap();
        assert_eq!(
            (xen.refresh_vms_secs, xen.forget_vms_secs, xen.dsk, xen.update_dominfo),
            (120, 300, true, false)
        );
        let docker = m.docker.as_ref().unwrap();
        assert_eq!((docker.refresh_vms_secs, docker.forget_vms_secs), (60, 240));
        assert_eq!(m.containerd.as_ref().unwrap().forget_vms_secs, 240);
        assert_eq!(m.systemd.as_ref().unwrap().refresh_vms_secs, 10);
        assert!(m.ovs.is_some() && m.nvml && m.dbus && !m.eapi && m.tcp.as_ref().unwrap().udp);
        assert_eq!(m.nflog.as_ref().unwrap().sampling, Some(400));
        assert_eq!(m.ulog.as_ref().unwrap().sampling, None);
    }),
    ("interface-counters", |s| assert_eq!(s.interface_counters, InterfaceCounters::Physical)),
    ("speed-keys", |s| assert_eq!(keyed(s), "40G=3/- 2500M=2/- 10G=1/-")),
    ("latin-1-comment", |s| assert_eq!(s.collectors.len(), 1)),
    ("metrics", |s| {
        let listen = s.modules.metrics.as_ref().map(|metrics| metrics.listen.to_string());
        assert_eq!((s.collectors.len(), listen.as_deref()), (0, Some("unix:/run/hsflowd/metrics.sock")));
    }),
];

/// As in the C agent's output file.
fn collectors(settings: &Settings) -> String {
    let text = settings.collectors.iter().map(|c| {
        let (device, namespace) = (c.device.as_deref().unwrap_or(""), c.namespace.as_deref().unwrap_or(""));
        format!("{}/{}/{device}/{namespace}", c.host, c.port)
    });
    text.collect::<Vec<_>>().join(" ")
}

fn keyed(settings: &Settings) -> String {
    let show = |rate: Option<u32>| rate.map_or("-".into(), |rate| rate.to_string());
    let text = settings
        .keyed
        .iter()
        .map(|rate| format!("{}={}/{}", rate.key, show(rate.sampling), show(rate.polling)));
    text.collect::<Vec<_>>().join(" ")
}

fn read(name: &str) -> (Settings, Vec<Problem>) {
    let path = Path::new(FOLDER).join(name).with_extension("conf");
    let (parsed, _) = config::parse_bytes(name, &fs::read(path).unwrap());
    (parsed.settings.unwrap_or_else(|| panic!("{name}: {:?}", parsed.problems)), parsed.problems)
}

fn warnings(name: &str) -> Vec<String> {
    let problems = read(name).1.into_iter().filter(|problem| problem.severity == Severity::Warning);
    problems.map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.message)).collect()
}

#[test]
fn every_good_file_means_what_the_table_says() {
    for (name, expect) in EXPECTED {
        println!("{name}");
        expect(&read(name).0);
    }
}

#[test]
fn every_good_file_is_in_the_table() {
    let files = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> =
        files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    let table: BTreeSet<_> = EXPECTED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, table);
}

#[test]
fn without_settings_the_values_are_those_of_the_c_agent() {
    let s = Settings::defaults();
    assert_eq!((s.polling_secs, s.sampling, s.header_bytes, s.datagram_bytes), (30, 400, 128, 1400));
    assert_eq!((s.sub_agent_id, s.refresh_adaptors_secs, s.check_adaptors_secs), (100_000, 180, 10));
    assert_eq!((s.refresh_vms_secs, s.forget_vms_secs), (60, 180));
    assert_eq!(s.interface_counters, InterfaceCounters::Sampled);
    assert_eq!(s.modules, config::model::Modules::default());
    assert!(s.agent_ip.is_none() && s.agent_device.is_none() && s.uuid.is_none() && s.collectors.is_empty());
}

#[test]
fn what_the_c_agent_ignores_silently_is_said() {
    assert_eq!(warnings("one-line"), [] as [&str; 0]);
    assert_eq!(
        warnings("number-comma"),
        ["1:17 polling: ',' after the number is ignored: '5,' is read as 5"]
    );
    assert_eq!(warnings("missing-brace"), ["1:7 the '{' of sflow is not closed"]);
    assert_eq!(warnings("number-cut"), ["1:18 sampling: '4294967297' does not fit 32 bits: it is read as 1"]);
    assert_eq!(warnings("latin-1-comment"), ["1:4 a comment that is not UTF-8 text"]);
    assert_eq!(warnings("last-wins").len(), 2);
    assert_eq!(warnings("reset-blocks").len(), 5);
    assert_eq!(warnings("speed-keys").len(), 2);
}

#[test]
fn every_setting_knows_the_line_that_it_came_from() {
    use config::origin::Origin::{Default, Line};
    let origins = read("three-collectors").0.origins;
    assert_eq!(origins.file_name, "three-collectors");
    assert_eq!((origins.of("collector.1.udpport"), origins.of("collector.2.ip")), (Line(2), Line(3)));
    assert_eq!((origins.of("collector.3.udpport"), origins.of("polling")), (Default, Default));
    let origins = read("old-spellings").0.origins;
    assert_eq!((origins.of("polling"), origins.of("nflog.group")), (Line(2), Line(7)));
    let origins = read("any-case").0.origins;
    assert_eq!((origins.of("sampling.10G"), origins.of("polling.APP.x")), (Line(1), Line(1)));
}

#[test]
fn features_without_effect_are_listed_with_their_places() {
    let origins = read("guests").0.origins;
    let listed: Vec<_> =
        origins.inactive.iter().map(|item| (item.key.as_str(), item.line, item.column)).collect();
    assert_eq!(listed[..2], [("xen", 4, 11), ("ulog", 5, 81)]);
    assert_eq!(read("one-line").0.origins.inactive, []);
}

#[test]
fn two_files_that_say_the_same_on_other_lines_are_equal() {
    let parse = |text: &str| config::parse("file", text).settings.unwrap();
    assert_eq!(parse("sflow{collector{ip=::1}}"), parse("\n\nsflow {\n collector {\n ip ::1 }\n}"));
    assert_ne!(parse("sflow{collector{ip=::1}}"), parse("sflow{collector{ip=::2}}"));
}
