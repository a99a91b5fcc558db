//! What every source that taps interfaces must show of the same traffic. `make` opens the source with these taps.
#![allow(clippy::unwrap_used)] // helpers of tests fail the test

use crate::link::{FAR, FAR_MAC, Link, OURS, STEP, drain, frame_of, index, tap};
use crate::netns::run;
use crate::support::wait_until;
use crate::visit::visit;
use hsflow::host::Clock;
use hsflow::sample::frame::{Direction, End, LinkType, Vlan};
use hsflow::source::Source;
use hsflow::source::af_packet::{self, Tap};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::{Duration, UNIX_EPOCH};

/// Each packet has its direction, its interface and the time at which it passed.
pub(crate) fn direction_interface_and_time<S: Source>(make: impl Fn(&[Tap]) -> S) {
    let link = Link::new();
    let mut source = make(&[tap(link.near, 1), tap(link.far, 1)]);
    let mut witness = af_packet::Taps::new().unwrap();
    witness.add(tap(link.far, 1)).unwrap();
    let now = || Clock::system().wall().duration_since(UNIX_EPOCH).unwrap();
    let before = now();
    let to = [FAR, [0xFF; 6], [1, 0, 0x5E, 0, 0, 1], [2, 0, 0, 0, 0, 99]];
    to.iter().for_each(|to| link.send(&frame_of(64, *to)));
    // On a busy machine the kernel delivers later than it takes.
    let mut delivered = 0;
    wait_until("all at the far end", Duration::from_secs(20), || {
        visit(&mut witness, STEP, |frame| delivered += usize::from(frame.protocol == OURS)).unwrap();
        (delivered == to.len()).then_some(())
    });
    let (after, slack) = (now(), Duration::from_micros(100));
    let mut seen: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    drain(&mut source, |frame| {
        if frame.protocol != OURS {
            return;
        }
        seen.entry(frame.if_index).or_default().push((frame.direction, frame.input, frame.output));
        let time = Duration::from_nanos(frame.time.unwrap());
        assert!(before - slack <= time && time <= after + slack, "{before:?} {time:?} {after:?}");
        assert_eq!((frame.link, frame.one_in, frame.vlan), (LinkType::Ethernet, 1, None));
    });
    let expected = [
        (link.near, vec![(Direction::Out, End::Unknown, End::Interface(link.near)); 4]),
        (link.far, vec![(Direction::In, End::Interface(link.far), End::Unknown); 4]),
    ];
    assert_eq!(seen, BTreeMap::from(expected));
}

/// A packet over loopback comes once; `counted` is what the kernel's own packet count tells, where there is one.
pub(crate) fn loopback_once<S: Source>(make: impl Fn(&[Tap]) -> S, counted: Option<u32>) {
    let mut source = make(&[tap(index("lo"), 1)]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"once", socket.local_addr().unwrap()).unwrap();
    let mut seen = Vec::new();
    drain(&mut source, |frame| seen.push((frame.direction, frame.link, frame.wire_len, frame.seen)));
    assert_eq!(seen, [(Direction::In, LinkType::Ethernet, 14 + 20 + 8 + 4, counted)]);
}

/// No more than asked for is shown of a packet, and its whole length is told.
pub(crate) fn cut<S: Source>(make: impl Fn(&[Tap]) -> S) {
    let link = Link::new();
    run("ip link set near mtu 9000");
    run("ip link set far mtu 9000");
    for snap in [1, 65, 256, 4096] {
        let mut source = make(&[link.near, link.far].map(|if_index| Tap { snap, ..tap(if_index, 1) }));
        let sent = [15, 60, 65, 66, 256, 257, 1514, 9014].map(|length| frame_of(length, FAR));
        sent.iter().for_each(|frame| link.send(frame));
        let mut seen: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        drain(&mut source, |frame| {
            if frame.protocol == OURS {
                let shown = (frame.bytes.to_vec(), frame.wire_len as usize);
                seen.entry(frame.if_index).or_default().push(shown);
            }
        });
        let cut = |frame: &Vec<u8>| (frame[..frame.len().min(snap.into())].to_vec(), frame.len());
        let expected: Vec<_> = sent.iter().map(cut).collect();
        assert_eq!(seen, BTreeMap::from([(link.near, expected.clone()), (link.far, expected)]));
    }
}

/// A packet that is cut into many only by the card is one packet, of its whole length.
pub(crate) fn cut_by_the_card<S: Source>(make: impl Fn(&[Tap]) -> S) {
    let link = Link::new();
    run("ip address add 10.9.0.1/24 dev near");
    run(&format!("ip neighbour add 10.9.0.2 lladdr {FAR_MAC} dev near"));
    let mut source = make(&[tap(link.near, 1), tap(link.far, 1)]);
    let socket = UdpSocket::bind("10.9.0.1:0").unwrap();
    setsockopt(&socket, sockopt::UdpGsoSegment, &1000).unwrap();
    socket.send_to(&[0x5A; 20_000], "10.9.0.2:9").unwrap();
    let mut seen = Vec::new();
    drain(&mut source, |frame| {
        if frame.protocol == 0x0800 {
            seen.push((frame.if_index, frame.bytes.len(), frame.wire_len));
        }
    });
    seen.sort_unstable();
    let whole = 14 + 20 + 8 + 20_000;
    assert_eq!(seen, link.both().map(|if_index| (if_index, 128, whole)));
}

/// A VLAN tag is in the bytes, or told beside them where the kernel took it out.
pub(crate) fn tag_taken_out<S: Source>(make: impl Fn(&[Tap]) -> S) {
    let link = Link::new();
    let mut source = make(&[tap(link.near, 1), tap(link.far, 1)]);
    for tpid in [0x8100u16, 0x88A8] {
        let mut tagged = frame_of(100, FAR);
        tagged.splice(12..12, [tpid.to_be_bytes(), 0xA064u16.to_be_bytes()].concat());
        link.send(&tagged);
        let mut seen = BTreeMap::new();
        drain(&mut source, |frame| {
            seen.insert(frame.if_index, (frame.wire_len, frame.vlan, frame.bytes.to_vec()));
        });
        // Sent by a raw socket, the tag is still in the frame; the receiving side takes it out.
        assert_eq!(seen[&link.near], (104, None, tagged));
        let vlan = Some(Vlan { tpid, tci: 0xA064 });
        assert_eq!(seen[&link.far], (104, vlan, frame_of(100, FAR)));
    }
}
