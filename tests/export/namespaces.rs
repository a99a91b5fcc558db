//! Collectors in network namespaces: routes, addresses, devices, and namespaces themselves coming and going.

use crate::spaces::{Space, collector, reason, receive};
use hsflow::config::model::CollectorSettings;
use hsflow::export::Collectors;
use hsflow::export::report::State;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Collectors that live in a namespace: every call is made by its thread.
struct Sender<'a> {
    space: &'a Space,
    collectors: Arc<Mutex<Collectors>>,
}

impl<'a> Sender<'a> {
    fn new(space: &'a Space, collectors: Collectors, wanted: &[CollectorSettings]) -> Self {
        let sender = Self { space, collectors: Arc::new(Mutex::new(collectors)) };
        let wanted = wanted.to_vec();
        sender.with(move |c| _ = c.apply(&wanted, secs(0)));
        sender
    }

    fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut Collectors) -> T + Send + 'static) -> T {
        let collectors = self.collectors.clone();
        self.space.run(move || work(&mut collectors.lock().expect("no panic")))
    }

    fn send(&self, datagram: &'static [u8], now: Duration) -> Vec<hsflow::export::report::CollectorStatus> {
        self.with(move |c| {
            c.send(datagram, now);
            c.status(now)
        })
    }
}

/// Two namespaces joined by v0 (192.0.2.1) and v1 (192.0.2.2).
fn joined(test: &str) -> Option<(Space, Space)> {
    let (near, far) = (Space::new(test)?, Space::new(test)?);
    near.cable(&far, ("v0", "192.0.2.1/24"), ("v1", "192.0.2.2/24"));
    Some((near, far))
}

fn is_empty(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).expect("a socket");
    let empty = socket.recv_from(&mut [0; 10]).is_err();
    socket.set_nonblocking(false).expect("a socket");
    empty
}

#[test]
fn a_lost_route_costs_only_its_collector_and_only_until_it_is_back() {
    let Some((near, far)) = joined("route") else { return };
    let (local, remote) = (near.listen("127.0.0.1:7001"), far.listen("192.0.2.2:7002"));
    let wanted = [collector("192.0.2.2", 7002), collector("127.0.0.1", 7001)];
    let sender = Sender::new(&near, Collectors::new("/"), &wanted);
    sender.send(b"1", secs(1));
    near.ip("route del 192.0.2.0/24 dev v0");
    let status = sender.send(b"2", secs(2));
    assert!(reason(&status[0]).contains("unreachable"), "{status:?}");
    assert_eq!((status[0].counts.errors.unreachable, status[0].counts.lost), (1, 1));
    assert_eq!(status[1].state, State::Running);
    near.ip("route add 192.0.2.0/24 dev v0");
    let status = sender.send(b"3", millis(2100));
    assert_eq!(status[0].state, State::Running, "the next datagram tries again");
    assert_eq!((receive(&remote).0, receive(&remote).0), (b"1".to_vec(), b"3".to_vec()));
    for expected in [b"1", b"2", b"3"] {
        assert_eq!(receive(&local).0, expected);
    }
}

#[test]
fn a_collector_without_a_route_is_tried_after_1_2_4_up_to_30_seconds() {
    let Some(space) = Space::new("backoff") else { return };
    let sender = Sender::new(&space, Collectors::new("/"), &[collector("203.0.113.1", 6343)]);
    let tries = |now| sender.send(b"x", now)[0].counts.errors.unreachable;
    assert_eq!(tries(secs(0)), 1);
    for (n, due) in [1, 3, 7, 15, 31, 61, 91, 121].into_iter().enumerate() {
        assert_eq!(tries(millis(due * 1000 - 1)), n as u64 + 1, "before {due} s");
        assert_eq!(tries(secs(due)), n as u64 + 2, "at {due} s");
    }
    let status = sender.send(b"x", secs(121)).remove(0);
    assert_eq!(status.counts.datagrams, 0);
    assert_eq!(status.counts.lost, 18);
    assert!(reason(&status).starts_with("connect: Network is unreachable"), "{status:?}");
}

#[test]
fn a_source_address_that_is_gone_is_not_kept() {
    let Some((near, far)) = joined("source") else { return };
    let remote = far.listen("192.0.2.2:7002");
    let sender = Sender::new(&near, Collectors::new("/"), &[collector("192.0.2.2", 7002)]);
    let source = || receive(&remote).1.ip().to_string();
    sender.send(b"x", secs(1));
    assert_eq!(source(), "192.0.2.1");
    near.ip("addr del 192.0.2.1/24 dev v0");
    near.ip("addr add 192.0.2.9/24 dev v0");
    sender.with(Collectors::addresses_changed);
    sender.send(b"x", secs(2));
    assert_eq!(source(), "192.0.2.9");
    // Without news the failing socket is given up after a second.
    near.ip("addr flush dev v0");
    near.ip("addr add 192.0.2.7/24 dev v0");
    sender.send(b"x", secs(3));
    let status = sender.send(b"x", secs(4));
    assert_eq!(status[0].state, State::Running, "{status:?}");
    assert_eq!(source(), "192.0.2.7");
}

#[test]
fn datagrams_leave_by_the_named_device_or_not_at_all() {
    let Some((near, far)) = joined("device") else { return };
    near.cable(&far, ("w0", "198.51.100.1/24"), ("w1", "198.51.100.2/24"));
    let remote = far.listen("192.0.2.2:7002");
    let by = |device: &str| CollectorSettings { device: Some(device.into()), ..collector("192.0.2.2", 7002) };
    let sender = Sender::new(&near, Collectors::new("/"), &[by("w0")]);
    sender.send(b"x", secs(1));
    assert_eq!(receive(&remote).1.ip().to_string(), "198.51.100.1", "not by v0, where the route points");

    let sender = Sender::new(&near, Collectors::new("/"), &[by("w9")]);
    let status = sender.send(b"x", secs(1));
    assert_eq!(reason(&status[0]), "no device named w9");
    assert!(is_empty(&remote));
    near.ip("link set w0 down");
    near.ip("link set w0 name w9");
    near.ip("link set w9 up");
    sender.with(Collectors::interfaces_changed);
    let status = sender.send(b"x", secs(1));
    assert_eq!(status[0].state, State::Running, "{status:?}");
    assert_eq!(receive(&remote).1.ip().to_string(), "198.51.100.1");
}

#[test]
fn a_link_local_collector_is_reached_by_its_zone() {
    let Some((near, far)) = joined("zone") else { return };
    near.ip("addr add fe80::a1/64 dev v0 nodad");
    far.ip("addr add fe80::a2/64 dev v1 nodad");
    let remote = far.listen("[::]:7004");
    let sender = Sender::new(&near, Collectors::new("/"), &[collector("fe80::a2%v0", 7004)]);
    let status = sender.send(b"x", secs(1));
    assert_eq!(status[0].state, State::Running, "{status:?}");
    assert_eq!(receive(&remote).0, b"x");
}

#[test]
fn a_device_made_anew_under_its_name_is_used_again() {
    let Some((near, far)) = joined("anew") else { return };
    let remote = far.listen("0.0.0.0:7002");
    let settings = CollectorSettings { device: Some("v0".into()), ..collector("192.0.2.2", 7002) };
    let sender = Sender::new(&near, Collectors::new("/"), &[settings]);
    sender.send(b"x", secs(1));
    receive(&remote);
    near.ip("link del v0");
    let status = sender.send(b"x", secs(2));
    assert_ne!(reason(&status[0]), "", "{status:?}");
    near.cable(&far, ("v0", "192.0.2.1/24"), ("v1", "192.0.2.2/24"));
    sender.with(Collectors::interfaces_changed);
    let status = sender.send(b"again", secs(2));
    assert_eq!(status[0].state, State::Running, "{status:?}");
    assert_eq!(receive(&remote).0, b"again");
}

#[test]
fn a_blocked_socket_drops_and_counts_and_goes_on_when_it_drains() {
    let Some((near, far)) = joined("blocked") else { return };
    let collectors = Collectors::new("/").with_send_buffer(1);
    let local = near.listen("127.0.0.1:7001");
    // Nobody has that address: datagrams wait for an ARP answer and fill the socket's buffer.
    let sender =
        Sender::new(&near, collectors, &[collector("192.0.2.77", 7002), collector("127.0.0.1", 7001)]);
    (1..20).for_each(|_| _ = sender.send(&[7; 1400], secs(1)));
    let status = sender.send(&[7; 1400], secs(1));
    let counts = status[0].counts;
    assert!(counts.errors.buffer_full > 0 && counts.errors.buffer_full == counts.lost, "{counts:?}");
    assert_eq!(counts.datagrams + counts.lost, 20);
    assert!(reason(&status[0]).starts_with("send: "), "{status:?}");
    assert_eq!(status[1].counts.datagrams, 20);
    receive(&local);

    far.ip("addr add 192.0.2.77/24 dev v1");
    let remote = far.listen("192.0.2.77:7002");
    let link = far.ip("-o link show v1");
    let mac = link.split_whitespace().skip_while(|word| *word != "link/ether").nth(1).unwrap();
    near.ip(&format!("neigh replace 192.0.2.77 lladdr {mac} dev v0 nud permanent"));
    let first = receive(&remote).1;
    let status = sender.send(b"after", secs(1));
    assert_eq!(status[0].state, State::Running, "{status:?}");
    let last = std::iter::repeat_with(|| receive(&remote)).find(|(bytes, _)| bytes == b"after").unwrap();
    assert_eq!(last.1, first, "the socket was kept");
}

/// A file-system root in which namespaces have names.
struct Root(PathBuf);

impl Root {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hsflow-netns-{test}-{}", std::process::id()));
        fs::create_dir_all(path.join("run/netns")).expect("a temporary directory");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join("run/netns").join(name)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn inside(name: &str) -> CollectorSettings {
    CollectorSettings { namespace: Some(name.into()), ..collector("127.0.0.1", 7003) }
}

#[test]
fn a_collector_in_a_namespace_is_reached_there_and_outlives_its_name() {
    let (Some(near), Some(far)) = (Space::new("namespace"), Space::new("namespace")) else { return };
    let (root, remote) = (Root::new("reached"), far.listen("127.0.0.1:7003"));
    symlink(far.file(), root.file("ns1")).unwrap();
    let sender = Sender::new(&near, Collectors::new(&root.0), &[inside("ns1"), inside(&far.file())]);
    let status = sender.send(b"x", secs(1));
    assert_eq!((reason(&status[0]), reason(&status[1])), ("", ""));
    let before = [receive(&remote).1, receive(&remote).1];
    fs::remove_file(root.file("ns1")).unwrap();
    sender.with(Collectors::addresses_changed);
    sender.send(b"y", secs(2));
    let (after, again) = (receive(&remote), receive(&remote));
    assert_eq!((after.0, again.0), (b"y".to_vec(), b"y".to_vec()));
    assert!(!before.contains(&after.1), "a new socket was opened in the namespace");
    let here = near.run(|| UdpSocket::bind("127.0.0.1:7003").is_ok());
    assert!(here, "the agent's own thread never left its namespace");
}

#[test]
fn a_namespace_that_is_missing_or_is_none_is_explained_and_retried() {
    let (Some(near), Some(far)) = (Space::new("missing"), Space::new("missing")) else { return };
    let (root, remote) = (Root::new("missing"), far.listen("127.0.0.1:7003"));
    fs::write(root.file("plain"), "").unwrap();
    let sender = Sender::new(&near, Collectors::new(&root.0), &[inside("ns1"), inside("plain")]);
    let status = sender.send(b"x", secs(0));
    let named = |name: &str| format!("network namespace {}: ", root.file(name).display());
    assert!(reason(&status[0]).starts_with(&(named("ns1") + "No such file")), "{status:?}");
    assert!(
        reason(&status[1]).starts_with(&(named("plain") + "this file is no network namespace")),
        "{status:?}"
    );
    symlink(far.file(), root.file("ns1")).unwrap();
    let status = sender.send(b"y", secs(1));
    assert_eq!(status[0].state, State::Running, "{status:?}");
    assert_eq!(receive(&remote).0, b"y");
}

#[test]
fn without_the_capability_the_state_names_it() {
    let (Some(near), Some(far)) = (Space::new("capability"), Space::new("capability")) else { return };
    let root = Root::new("capability");
    symlink(far.file(), root.file("ns1")).unwrap();
    near.run(|| caps::drop(None, caps::CapSet::Effective, caps::Capability::CAP_SYS_ADMIN)).unwrap();
    let sender = Sender::new(&near, Collectors::new(&root.0), &[inside("ns1")]);
    let status = sender.send(b"x", secs(0));
    assert!(reason(&status[0]).contains("needs CAP_SYS_ADMIN"), "{status:?}");
    assert_eq!(status[0].counts.errors.denied, 1);
}
