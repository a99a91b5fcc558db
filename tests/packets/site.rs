//! An agent that samples, its collector, and links that carry traffic through a namespace.
//!
//! A link is a veth pair with both ends here: what is sent into `far` comes in by the near end, the one that is
//! sampled; what is sent into the near end goes out by it. Nothing but the tests speaks on it.

use crate::collector::{Collector, Tally};
use crate::netns::{ip_batch, json};
use crate::rig::{LIMIT, Rig, if_index};
use crate::support::wait_until;
use crate::traffic::{Sender, udp_frame};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::ops::Deref;

/// MAC address of the near end of every link, and of its far end.
pub(crate) const NEAR: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const FAR: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// What an sFlow agent calls the host itself.
pub(crate) const HOST: u32 = 0x3FFF_FFFF;
pub(crate) const NEAR_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const FAR_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// Which way traffic crosses the near end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    In,
    Out,
}

impl Way {
    /// Input and output of a packet that the host gets by an interface, or sends by it.
    pub(crate) fn ends(self, if_index: u32) -> (u32, u32) {
        if self == Self::In { (if_index, HOST) } else { (HOST, if_index) }
    }
}

/// Packets that crossed an interface, by the kernel's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crossed {
    pub(crate) inward: u64,
    /// With those that were lost behind the tap.
    pub(crate) outward: u64,
}

impl Crossed {
    /// One way.
    pub(crate) fn way(self, way: Way) -> u64 {
        if way == Way::In { self.inward } else { self.outward }
    }

    /// Both ways.
    pub(crate) fn all(self) -> u64 {
        self.inward + self.outward
    }
}

/// A veth pair.
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) index: u32,
    near: Sender,
    far: Sender,
}

impl Link {
    /// Makes it: `NAME` is the near end, `NAMEx` the far one.
    pub(crate) fn new(name: &str) -> Self {
        quiet();
        let [near, far] = [NEAR, FAR].map(text);
        ip_batch(&format!(
            "link add {name} address {near} type veth peer name {name}x address {far}\n\
             link set {name} arp off up\nlink set {name}x arp off up\n"
        ));
        Self::of(name)
    }

    /// One that exists.
    pub(crate) fn of(name: &str) -> Self {
        let index = if_index(name);
        let far = Sender::new(if_index(&format!("{name}x")));
        Self { name: name.to_owned(), index, near: Sender::new(index), far }
    }

    /// Sends `count` frames of `length` bytes.
    pub(crate) fn send(&mut self, way: Way, length: usize, count: usize) {
        self.send_frame(way, &frame(way, length), count);
    }

    /// Sends this frame.
    pub(crate) fn send_frame(&mut self, way: Way, frame: &[u8], count: usize) {
        let sender = if way == Way::In { &mut self.far } else { &mut self.near };
        sender.send(frame, count);
    }

    /// Sends this frame if the kernel takes it.
    pub(crate) fn try_send(&self, way: Way, frame: &[u8]) -> bool {
        if way == Way::In { self.far.try_send(frame) } else { self.near.try_send(frame) }
    }

    /// What the kernel has counted since the link was made.
    pub(crate) fn crossed(&self) -> Crossed {
        let stats = &json(&format!("ip -s -j link show dev {}", self.name))[0]["stats64"];
        let number = |way: &str, what: &str| stats[way][what].as_u64().unwrap();
        Crossed {
            inward: number("rx", "packets"),
            outward: number("tx", "packets") + number("tx", "dropped"),
        }
    }
}

/// The frame that a link sends that way.
pub(crate) fn frame(way: Way, length: usize) -> Vec<u8> {
    match way {
        Way::In => udp_frame(length, [NEAR, FAR], [NEAR_IP, FAR_IP], 0),
        Way::Out => udp_frame(length, [FAR, NEAR], [FAR_IP, NEAR_IP], 0),
    }
}

/// No interface made from now on speaks on its own.
pub(crate) fn quiet() {
    std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
    std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap();
    crate::netns::run("ip address replace 192.0.2.1/32 dev lo");
}

fn text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// An agent and a collector of its samples.
pub(crate) struct Site {
    rig: Rig,
    pub(crate) collector: Collector,
}

impl Deref for Site {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.rig
    }
}

impl Site {
    /// An agent with `body` in its configuration, running.
    pub(crate) fn sampling(body: &str) -> Self {
        let mut site = Self { rig: Rig::new(), collector: Collector::new() };
        site.write(body);
        site.rig.start();
        // Before that it does not sample.
        site.snapshot();
        site
    }

    /// Puts another configuration in force.
    #[track_caller]
    pub(crate) fn change(&self, body: &str) {
        self.write(body);
        self.hang_up("configuration: reloaded, revision");
    }

    fn write(&self, body: &str) {
        self.configure_all(&format!(
            "sflow {{\n agentIP = 192.0.2.1\n {}\n {body}\n}}\n",
            self.collector.line()
        ));
    }

    /// What the agent says of the sampling of an interface.
    #[track_caller]
    pub(crate) fn sampling_of(&self, device: &str) -> Value {
        let snapshot = self.snapshot();
        let of_device = |i: &&Value| i["name"] == device;
        let found = snapshot["interfaces"].as_array().unwrap().iter().find(of_device);
        found.unwrap_or_else(|| panic!("{device} in {snapshot:#}"))["sampling"].clone()
    }

    /// Waits for something in what has come.
    #[track_caller]
    pub(crate) fn wait_tally<T>(&self, what: &str, enough: impl FnMut(&Tally) -> Option<T>) -> T {
        self.collector.wait(what, LIMIT, enough)
    }

    /// Sends on a link that is sampled 1:1, until a sample of it comes: then it is sampled.
    #[track_caller]
    pub(crate) fn until_sampled(&self, link: &mut Link) {
        let before = self.collector.look(|tally| tally.of(link.index));
        wait_until(&format!("a first sample of {}", link.name), LIMIT, || {
            link.send(Way::In, 100, 10);
            self.collector.look(|tally| tally.of(link.index) > before).then_some(())
        });
    }

    /// Sends on a link that is to be sampled 1:1 until each packet gives a sample; returns how many crossed before that.
    #[track_caller]
    pub(crate) fn until_exact(&self, link: &mut Link) -> u64 {
        self.until_sampled(link);
        wait_until("a sample of each packet", LIMIT, || {
            // The last of what was sent before may still be on its way.
            let before = self.collector.look(|tally| tally.of(link.index));
            link.send(Way::In, 100, 1);
            self.wait_tally("one more", |tally| (tally.of(link.index) > before).then_some(()));
            let now = self.collector.look(|tally| tally.of(link.index));
            (now == before + 1).then(|| link.crossed().all() - now)
        })
    }

    /// Nothing was lost on the way to the collector, or out of order, or unknown to our decoder.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        self.collector.look(|tally| assert!(tally.faults.is_empty(), "{:#?}", tally.faults));
    }
}

/// A link that is sampled 1:1, to know when the agent has taken what came before.
pub(crate) struct Marker {
    link: Link,
    /// Packets since the agent samples it.
    sent: u64,
}

impl Marker {
    /// Its line for the configuration.
    pub(crate) const TAP: &str = "pcap { dev = mark sampling = 1 }";
    /// More than fit into a datagram: the first is sent on at once.
    const BURST: usize = 16;

    /// Makes the link, before the agent starts.
    pub(crate) fn new() -> Self {
        Self { link: Link::new("mark"), sent: 0 }
    }

    /// Waits until the agent samples it.
    #[track_caller]
    pub(crate) fn ready(&mut self, site: &Site) {
        let unseen = site.until_exact(&mut self.link);
        self.sent = self.link.crossed().all() - unseen;
    }

    /// Returns when the agent has read what crossed its taps before.
    #[track_caller]
    pub(crate) fn pass(&mut self, site: &Site) {
        self.link.send(Way::In, 64, Self::BURST);
        self.sent += Self::BURST as u64;
        self.wait(site);
    }

    /// Returns when nothing more comes.
    #[track_caller]
    pub(crate) fn settle(&mut self, site: &Site) {
        let mut last = None;
        loop {
            self.pass(site);
            let now = site.collector.look(|tally| tally.total - tally.of(self.link.index));
            if last.replace(now) == Some(now) {
                return;
            }
        }
    }

    #[track_caller]
    fn wait(&self, site: &Site) {
        let index = self.link.index;
        site.wait_tally("the marker", |tally| (tally.of(index) >= self.sent).then_some(()));
    }
}
