//! VPP's plug-in as a program that sends what the plug-in sends: its messages, over the kernel's netlink. Packets, which take
//! the kernel's psample, are in tests/vm/vpp.test.sh.

use crate::rig::{Counters, LIMIT, Rig, if_index, ip, isolated, record, samples, source};
use crate::support::wait_until;
use hsflow::sflow::ids::DataSource;
use netlink_sys::protocols::NETLINK_USERSOCK;
use netlink_sys::{Socket, SocketAddr};

/// A sender; how many messages it has sent.
struct Plugin(Socket, u32);

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

impl Plugin {
    fn new() -> Self {
        Self(Socket::new(NETLINK_USERSOCK).unwrap(), 0)
    }

    fn send_as(&mut self, kind: u16, attributes: &[u8]) {
        self.1 += 1;
        let attributes = [attributes, &attribute(23, &self.1.to_ne_bytes())].concat();
        let mut message = u32::try_from(16 + attributes.len()).unwrap().to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; 10]);
        message.extend(attributes);
        // Nobody takes a multicast for itself: the kernel says so, and delivers it.
        let _ = self.0.send_to(&message, &SocketAddr::new(0, 1 << 28), 0);
    }

    /// An interface that has received so many octets and packets.
    fn interface(&mut self, index: u32, os_index: Option<u32>, name: &str, octets: u64, packets: u64) {
        let mut attributes = [
            attribute(0, name.as_bytes()),
            attribute(1, &index.to_ne_bytes()),
            attribute(2, &6_u32.to_ne_bytes()),
            attribute(3, &10_000_000_000_u64.to_ne_bytes()),
            attribute(4, &1_u32.to_ne_bytes()),
            attribute(5, &1_u32.to_ne_bytes()),
            attribute(6, &1_u32.to_ne_bytes()),
            attribute(7, &octets.to_ne_bytes()),
            attribute(9, &packets.to_ne_bytes()),
            attribute(11, &2_u16.to_ne_bytes()),
            attribute(13, &[3]),
        ]
        .concat();
        os_index.iter().for_each(|index| attributes.extend(attribute(21, &index.to_ne_bytes())));
        self.send_as(2, &attributes);
    }
}

fn name(sample: &Counters) -> &str {
    &record!(sample, PortName).unwrap().name
}

#[track_caller]
fn wait_for(what: &str, mut probe: impl FnMut() -> bool) {
    wait_until(what, LIMIT, || probe().then_some(()));
}

/// Sends until there is a sample of `source` that comes of it.
#[track_caller]
fn sent_until(rig: &Rig, source: DataSource, mut send: impl FnMut()) -> Counters {
    let before = samples(&rig.datagrams(), source).len();
    wait_for("a sample of what VPP told", || {
        send();
        samples(&rig.datagrams(), source).len() > before
    });
    samples(&rig.datagrams(), source)[before].clone()
}

#[test]
fn what_vpp_tells_of_an_interface_is_a_sample_by_its_number() {
    isolated(|| {
        ip("link add lcp0 type veth peer name x0");
        let rig = Rig::running("polling = 1\ninterfaceCounters = all\nvpp { }");
        let lcp0 = source("lcp0");
        // The kernel's counters, until VPP tells its own.
        assert_eq!(name(&rig.first_sample(lcp0)), "lcp0");
        let mut plugin = Plugin::new();
        let own = DataSource::interface(1_000_000_003);
        let sample =
            sent_until(&rig, own, || plugin.interface(3, None, "GigabitEthernet0/8/0", 1 << 40, 1000));
        let generic = record!(sample, GenericInterface).unwrap();
        assert_eq!((name(&sample), generic.if_index), ("GigabitEthernet0/8/0", 1_000_000_003));
        assert_eq!((generic.if_speed, generic.if_status, generic.if_direction), (10_000_000_000, 3, 1));
        assert_eq!((generic.in_octets, generic.in_ucast_pkts), (1 << 40, 995));
        assert_eq!(
            (generic.in_broadcast_pkts, generic.in_multicast_pkts, generic.in_errors),
            (2, 3, u32::MAX)
        );
        assert_eq!(generic.out_octets, u64::MAX);

        let is_vpps =
            |s: &Counters| name(s) == "tap1" && record!(s, GenericInterface).unwrap().in_octets == 7;
        wait_for("VPP's counters of the Linux interface", || {
            plugin.interface(4, Some(if_index("lcp0")), "tap1", 7, 1);
            samples(&rig.datagrams(), lcp0).last().is_some_and(|s| is_vpps(s))
        });
        let first = samples(&rig.datagrams(), lcp0).iter().position(|s| is_vpps(s)).unwrap();
        wait_for("the kernel's counters to be left out", || {
            let interfaces = rig.snapshot()["interfaces"].as_array().unwrap().clone();
            let lcp0 = interfaces.iter().find(|i| i["name"] == "lcp0").unwrap();
            lcp0["counters_reason"].as_str().unwrap().starts_with("VPP tells")
        });
        rig.two_cycles();
        let after = rig.datagrams();
        let count = samples(&after, lcp0).len();
        rig.two_cycles();
        assert_eq!(samples(&rig.datagrams(), lcp0).len(), count, "nobody else tells of it");
        assert!(count > first);
        let snapshot = rig.snapshot();
        let tap1 =
            snapshot["interfaces"].as_array().unwrap().iter().find(|i| i["name"] == "tap1").unwrap().clone();
        assert_eq!((&tap1["kind"], &tap1["counters_reason"]), (&"vpp".into(), &"VPP tells them".into()));
    });
}

#[test]
fn by_vpps_own_numbers_no_other_interface_is_told_of() {
    isolated(|| {
        let rig = Rig::running("polling = 1\ninterfaceCounters = all\nvpp { osIndex = off }");
        let mut plugin = Plugin::new();
        let sample =
            sent_until(&rig, DataSource::interface(5), || plugin.interface(5, Some(77), "tap1", 7, 1));
        assert_eq!((name(&sample), sample.header.sequence), ("tap1", 1));
        ip("link add a0 type veth peer name a1");
        rig.two_cycles();
        assert_eq!(samples(&rig.datagrams(), source("a0")).len(), 0);
    });
}

#[test]
fn messages_that_are_none_are_counted_and_cost_nothing_else() {
    isolated(|| {
        let rig = Rig::running("polling = 1\nvpp { ifOffset = 0 }");
        let mut plugin = Plugin::new();
        let two = DataSource::interface(2);
        sent_until(&rig, two, || plugin.interface(2, None, "tap1", 7, 1));
        let malformed = || rig.snapshot()["losses"]["packets_malformed"].as_u64().unwrap();
        plugin.send_as(2, &[attribute(1, &[1, 2, 3]), vec![0xff; 6]].concat());
        plugin.send_as(2, &attribute(1, &9_u32.to_ne_bytes()));
        plugin.send_as(1, &[200, 0, 22, 0]);
        plugin.send_as(9, b"of another kind!");
        plugin.send_as(2, &vec![0; 4000]);
        wait_for("them to be counted", || malformed() >= 4);
        sent_until(&rig, two, || plugin.interface(2, None, "tap1", 8, 1));
    });
}
