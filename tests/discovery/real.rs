//! dnsmasq as the server: what is found, what changes, what goes away.

use crate::dnsmasq::Dnsmasq;
use crate::mounts;
use crate::netns::isolated;
use crate::rig::Rig;
use crate::support::{TempDir, wait_until};
use hsflow::discover::Verdict;
use hsflow::export::Collectors;
use std::net::UdpSocket;
use std::time::Duration;

const SRV: &str = "srv-host=_sflow._udp.example.org,c1.example.org,6343,10,5";

#[test]
fn records_are_found_and_every_change_is_seen_within_their_time_to_live() {
    isolated("real::records_are_found_and_every_change_is_seen_within_their_time_to_live", || {
        let Some(server) =
            Dnsmasq::start(&[SRV, "txt-record=_sflow._udp.example.org,sampling=512,polling=4"])
        else {
            return;
        };
        let mut rig = Rig::example();
        assert!(rig.round());
        assert_eq!(rig.hosts(), ["c1.example.org"]);
        assert_eq!((rig.found().sampling, rig.found().polling_secs), (Some(512), Some(4)));
        let status = rig.status();
        assert_eq!((status.verdict, status.ttl_secs, status.last_error), ("found", Some(20), None));
        assert_eq!(status.names, ["_sflow._udp.example.org"]);
        assert_eq!(
            status.records,
            [
                "SRV _sflow._udp.example.org 10 5 6343 c1.example.org",
                "TXT _sflow._udp.example.org \"sampling=512\"",
                "TXT _sflow._udp.example.org \"polling=4\"",
            ]
        );
        server.wait_asked("SRV", 1);
        server.wait_asked("TXT", 1);

        let mut next = |records: &[&str], server: Dnsmasq| {
            server.stop();
            let server = Dnsmasq::start(records).unwrap();
            assert!(rig.wait() <= Duration::from_secs(20), "{:?}", rig.wait());
            assert!(rig.round(), "{:?}", rig.status());
            (server, rig.discovery.verdict().clone())
        };
        let (server, verdict) = next(&[SRV, "txt-record=_sflow._udp.example.org,sampling=1024"], server);
        let Verdict::Found(dynamic) = verdict else { panic!("{verdict:?}") };
        assert_eq!((dynamic.sampling, dynamic.polling_secs), (Some(1024), None));
        let (server, verdict) = next(&["srv-host=_sflow._udp.example.org,c2.example.org,6344"], server);
        let Verdict::Found(dynamic) = verdict else { panic!("{verdict:?}") };
        assert_eq!(
            (dynamic.collectors[0].host.as_str(), dynamic.collectors[0].port),
            ("c2.example.org", 6344)
        );
        let (_server, verdict) = next(&[], server);
        assert_eq!(verdict, Verdict::None);
    });
}

#[test]
fn a_name_with_other_records_only_has_no_collectors() {
    isolated("real::a_name_with_other_records_only_has_no_collectors", || {
        let Some(_server) = Dnsmasq::start(&["txt-record=_sflow._udp.example.org,polling=4"]) else { return };
        let mut rig = Rig::example();
        assert!(rig.round());
        assert_eq!(*rig.discovery.verdict(), Verdict::None);
    });
}

#[test]
fn a_server_that_stops_and_starts_again_changes_nothing() {
    isolated("real::a_server_that_stops_and_starts_again_changes_nothing", || {
        let Some(server) = Dnsmasq::start(&[SRV]) else { return };
        let mut rig = Rig::example();
        rig.round();
        server.stop();
        for _ in 0..2 {
            assert!(!rig.round());
            assert_eq!(rig.hosts(), ["c1.example.org"]);
            assert!(rig.wait() <= Duration::from_secs(20));
        }
        assert!(rig.status().last_error.is_some());
        let _server = Dnsmasq::start(&[SRV]).unwrap();
        assert!(!rig.round());
        assert_eq!(rig.status().answered_secs_ago, Some(0));
    });
}

#[test]
fn without_a_domain_the_search_list_is_gone_through() {
    isolated("real::without_a_domain_the_search_list_is_gone_through", || {
        let records = [SRV, "srv-host=_sflow._udp.example.net,n.example.net,6343", "local=/_udp/"];
        let Some(server) = Dnsmasq::start(&records) else { return };
        let mut rig =
            Rig::new("nameserver 127.0.0.1\nsearch nothing.example.org example.net example.org\n", None);
        rig.round();
        assert_eq!(rig.hosts(), ["n.example.net"]);
        let names = [
            "_sflow._udp",
            "_sflow._udp.nothing.example.org",
            "_sflow._udp.example.net",
            "_sflow._udp.example.org",
        ];
        assert_eq!(rig.status().names, names);
        server.wait_asked("SRV", 3);
        server.wait_asked("TXT", 1);
        rig.resolv_conf("nameserver 127.0.0.1\nsearch example.org\noptions ndots:2\n");
        assert!(rig.round());
        assert_eq!(rig.hosts(), ["c1.example.org"]);
        server.wait_asked("SRV", 4);
    });
}

#[test]
fn many_targets_and_a_long_txt_come_whole() {
    isolated("real::many_targets_and_a_long_txt_come_whole", || {
        let srv: Vec<_> = (0..32)
            .map(|i| format!("srv-host=_sflow._udp.example.org,collector{i:02}.example.org,6343,{i}"))
            .collect();
        let strings: Vec<_> =
            (0..16).map(|i| format!("sampling.app.{}{i:02}={i}", "x".repeat(200))).collect();
        let txt = format!("txt-record=_sflow._udp.example.org,{}", strings.join(","));
        let records: Vec<_> = srv.iter().chain([&txt]).map(String::as_str).collect();
        let Some(_server) = Dnsmasq::start(&records) else { return };
        let mut rig = Rig::example();
        rig.round();
        assert_eq!((rig.hosts().len(), rig.found().keyed.len()), (32, 16), "more than UDP takes");
        assert_eq!((rig.hosts()[0], rig.hosts()[31]), ("collector00.example.org", "collector31.example.org"));
        assert!(!rig.round(), "dnsmasq turns its answers round");
    });
}

#[test]
fn names_of_both_families_are_resolved_and_sent_to() {
    isolated("real::names_of_both_families_are_resolved_and_sent_to", || {
        let records = [
            "srv-host=_sflow._udp.example.org,v4.example.org,7001,1",
            "srv-host=_sflow._udp.example.org,v6.example.org,7002,2",
            "host-record=v4.example.org,127.0.0.1",
            "host-record=v6.example.org,::1",
        ];
        let Some(_server) = Dnsmasq::start(&records) else { return };
        let mut rig = Rig::example();
        rig.round();
        // The system's resolver has its file in one place only: it is covered for this thread and those it starts.
        let dir = TempDir::new();
        let file = dir.write("resolv.conf", "nameserver 127.0.0.1\n");
        if !mounts::isolated() {
            return;
        }
        mounts::cover("/etc/resolv.conf", &file);
        let receivers = ["127.0.0.1:7001", "[::1]:7002"].map(|at| UdpSocket::bind(at).unwrap());
        let mut collectors = Collectors::new("/");
        collectors.apply(&rig.found().collectors, Duration::ZERO);
        wait_until("both are resolved", Duration::from_secs(30), || {
            collectors.tick(Duration::ZERO);
            (collectors.destinations().count() == 2).then_some(())
        });
        collectors.send(b"datagram", Duration::ZERO);
        for receiver in receivers {
            receiver.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut buffer = [0; 16];
            assert_eq!(receiver.recv(&mut buffer).unwrap(), 8);
        }
    });
}
