//! What is worth knowing and no fault: the status says it and exits 0.

use crate::rig::{Rig, ip, isolated};
use crate::scene::{Scene, faults, send, wire};

/// A healthy page that has a note with these words.
#[track_caller]
fn assert_note(rig: Rig, words: &str) -> Scene {
    let scene = Scene::from(rig);
    let is_noted = |page: &str| page.lines().any(|line| line.starts_with("note ") && line.contains(words));
    let page = scene.wait_status(&format!("a note: {words}"), 0, is_noted);
    assert_eq!(faults(&page), Vec::<String>::new());
    scene
}

#[test]
fn a_link_that_is_down_is_no_fault() {
    isolated(|| {
        wire();
        ip("link set a1 down");
        let scene =
            assert_note(Rig::running("polling = 1\npcap { dev = a0 sampling = 1 }"), "the link is down: a0");
        ip("link set a1 up");
        scene.wait_status("no such note", 0, |page| !page.contains("the link is down"));
    });
}

#[test]
fn an_interface_without_traffic_is_no_fault() {
    isolated(|| {
        wire();
        let scene = assert_note(
            Rig::running("polling = 1\npcap { dev = a0 sampling = 1 }"),
            "no packet was sampled yet: a0",
        );
        send(3);
        scene.wait_status("no such note", 0, |page| !page.contains("no packet was sampled yet"));
    });
}

#[test]
fn what_the_settings_switch_off_is_no_fault() {
    isolated(|| {
        assert_note(Rig::running("polling = 1\nnflog { probability = 0.5 }"), "nflog: it names no group");
        assert_note(
            Rig::running("polling = 1\nulog { group = 1 probability = 1 }"),
            "ulog: Linux has no ULOG",
        );
    });
}

#[test]
fn a_collector_that_is_reached_again_is_told_with_its_losses() {
    isolated(|| {
        let rig = Rig::running("polling = 1\ncollector { ip = 203.0.113.9 }");
        rig.wait_component("collector 203.0.113.9 port 6343", "degraded");
        rig.two_cycles();
        ip("link add a0 type veth peer name a1");
        ip("link set a0 up");
        ip("link set a1 up");
        ip("addr add 203.0.113.1/24 dev a0");
        assert_note(rig, "datagrams were lost earlier; the last error was: ");
    });
}
