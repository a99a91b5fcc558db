//! Traffic and interfaces that nobody planned for: every frame that crossed gives a sample, with its true length.

use crate::collector::header;
use crate::rig::{LIMIT, ip, isolated};
use crate::rules::Ruled;
use crate::site::{FAR, Link, Site, Way};
use crate::support::wait_until;
use nix::sys::socket::{setsockopt, sockopt};
use std::net::UdpSocket;

const TAP: &str = "pcap { dev = od sampling = 1 }";

/// Waits until all that crossed has given samples or is told lost.
#[track_caller]
fn all(site: &Site, link: &Link, unseen: u64) {
    let crossed = link.crossed().all() - unseen;
    site.wait_tally(&format!("{crossed} samples"), |tally| {
        (tally.of(link.index) + tally.drops(link.index) == crossed).then_some(())
    });
    site.assert_whole();
}

#[test]
fn garbage_and_truncated_frames_are_samples_with_their_length() {
    isolated(|| {
        let mut link = Link::new("od");
        let site = Site::sampling(TAP);
        let unseen = site.until_exact(&mut link);
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let valid = crate::site::frame(Way::In, 200);
        for length in 0..200 {
            let noise: Vec<u8> = std::iter::repeat_with(&mut random).flatten().take(length).collect();
            let mut damaged = valid.clone();
            damaged.iter_mut().skip(14).zip(&noise).for_each(|(byte, noise)| *byte ^= noise & noise >> 1);
            for way in [Way::In, Way::Out] {
                // The kernel refuses some that are shorter than a header.
                let _ = link.try_send(way, &noise);
                let _ = link.try_send(way, &valid[..length]);
                let _ = link.try_send(way, &damaged);
            }
        }
        all(&site, &link, unseen);
        site.collector.look(|tally| {
            let lengths: Vec<_> = tally.flows.iter().filter_map(header).map(|h| h.frame_length - 4).collect();
            assert!((60..200).all(|n| lengths.iter().filter(|length| **length == n).count() >= 4));
            assert!(tally.flows.iter().all(|flow| header(flow).is_some_and(|h| h.header.len() <= 128)));
        });
        wait_until("health", LIMIT, || (site.snapshot()["healthy"] == true).then_some(()));
    });
}

#[test]
fn jumbo_frames_and_frames_that_the_card_cuts_have_their_true_length() {
    isolated(|| {
        let mut link = Link::new("od");
        let far = FAR.map(|byte| format!("{byte:02x}")).join(":");
        for end in ["od", "odx"] {
            ip(&format!("link set {end} mtu 9000"));
        }
        ip("address add 10.9.0.1/24 dev od");
        ip(&format!("neighbour add 10.9.0.2 lladdr {far} dev od"));
        let site = Site::sampling(TAP);
        let unseen = site.until_exact(&mut link);
        link.send(Way::In, 9014, 3);
        let socket = UdpSocket::bind("10.9.0.1:0").unwrap();
        setsockopt(&socket, sockopt::UdpGsoSegment, &1000).unwrap();
        socket.send_to(&[0x5A; 60_000], "10.9.0.2:9").unwrap();
        // The kernel's counters count a cut packet once, too.
        all(&site, &link, unseen);
        site.collector.look(|tally| {
            let length = |n| tally.count(|kind| kind.frame_length == n);
            assert_eq!((length(9018), length(60_000 + 42 + 4)), (3, 1), "{:#?}", tally.kinds);
        });
    });
}

#[test]
fn an_interface_deleted_in_a_flood_costs_the_others_nothing_and_comes_back() {
    isolated(|| {
        let mut stays = Link::new("stays");
        let mut goes = Link::new("goes");
        let site = Site::sampling("pcap { dev = stays sampling = 1 } pcap { dev = goes sampling = 1 }");
        let unseen = site.until_exact(&mut stays);
        for _ in 0..3 {
            site.until_sampled(&mut goes);
            goes.send(Way::In, 64, 10_000);
            stays.send(Way::In, 64, 1000);
            ip("link del goes");
            stays.send(Way::In, 64, 1000);
            all(&site, &stays, unseen);
            goes = Link::new("goes");
        }
        site.until_sampled(&mut goes);
        assert_eq!(site.collector.look(|tally| tally.last.len()), 5, "four of that name had a number each");
        wait_until("health", LIMIT, || (site.snapshot()["healthy"] == true).then_some(()));
    });
}

#[test]
fn a_group_that_another_process_has_is_taken_when_it_is_free() {
    isolated(|| {
        let mut first = Ruled::new(Link::new("gr"), 1);
        let second = Site::sampling("sampling = 1 nflog { group = 5 probability = 1.0 }");
        let state = second.wait_component("nflog", "degraded");
        assert!(state.contains("group 5"), "{state}");
        first.pass();
        let mut link = first.link;
        drop(first.site);
        second.wait_component("nflog", "running");
        wait_until("a sample", LIMIT, || {
            link.send(Way::In, 300, 10);
            second.collector.look(|tally| tally.of(link.index) > 0).then_some(())
        });
    });
}
