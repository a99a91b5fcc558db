//! Interfaces on this machine's kernel, each test in a network namespace of its own; the witnesses are `ip` and
//! `ethtool` (Debian packages iproute2 and ethtool).

#![allow(clippy::unwrap_used)] // helpers of tests fail the test

#[path = "support/netns.rs"]
mod netns;

use hsflow::collect::interfaces::flow_control::FlowControl;
use hsflow::collect::interfaces::optics::{self, OpticsError, Port};
use hsflow::collect::interfaces::{Change, Changes, Duplex, Interface, Interfaces, Kind, RECEIVE_BUFFER};
use hsflow::sys::ethtool::Ethtool;
use hsflow::sys::netlink::{Netlink, Protocol};
use netns::{Elsewhere, can_make_taps, ip_batch, isolated, json, run};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

#[allow(clippy::disallowed_methods)] // the agent's clock stands in a layer that this test does not need
fn now() -> Instant {
    Instant::now()
}

fn open() -> Interfaces {
    Interfaces::open(RECEIVE_BUFFER, now()).unwrap()
}

/// Reads events until the table is as wanted; fails after twenty seconds.
fn wait_until(interfaces: &mut Interfaces, mut wanted: impl FnMut(&Interfaces) -> bool) {
    let deadline = now() + Duration::from_secs(20);
    loop {
        interfaces.read_events(now()).unwrap();
        if wanted(interfaces) {
            return;
        }
        let left = deadline.saturating_duration_since(now());
        assert!(!left.is_zero(), "not as wanted within twenty seconds: {:#?}", interfaces.table());
        let wake = interfaces.wake_at().map_or(left, |at| at.saturating_duration_since(now()).min(left));
        let timeout = PollTimeout::try_from(wake + Duration::from_millis(1)).unwrap();
        poll(&mut [PollFd::new(interfaces.as_fd(), PollFlags::POLLIN)], timeout).unwrap();
    }
}

fn named<'a>(interfaces: &'a Interfaces, name: &str) -> &'a Interface {
    interfaces.table().by_name(name).unwrap_or_else(|| panic!("no {name}"))
}

fn index_of(name: &str) -> u32 {
    let link = json(&format!("ip -j link show dev {name}"));
    u32::try_from(link[0]["ifindex"].as_u64().unwrap()).unwrap()
}

fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Compares everything that `ip` tells too. The kernel adds link-local addresses some time after an interface came
/// up, and a carrier comes some time after the command, so both are waited for.
fn assert_same_as_ip(interfaces: &mut Interfaces) {
    let mut told = Value::Null;
    wait_until(interfaces, |interfaces| {
        told = json("ip -j -d link show");
        let same_state = |link: &Value| {
            let ours = interfaces.table().by_name(link["ifname"].as_str().unwrap());
            ours.is_some_and(|ours| ours.oper_up == is_oper_up(link))
        };
        told.as_array().unwrap().iter().all(same_state) && same_addresses(interfaces)
    });
    let told = told.as_array().unwrap();
    let ours: BTreeSet<u64> = interfaces.table().iter().map(|interface| interface.index.into()).collect();
    assert_eq!(ours, told.iter().map(|link| link["ifindex"].as_u64().unwrap()).collect());
    for link in told {
        let ours = named(interfaces, link["ifname"].as_str().unwrap());
        assert_link(ours, link);
    }
}

fn same_addresses(interfaces: &Interfaces) -> bool {
    let ours = interfaces.table().addresses();
    let ours = ours.map(|address| (address.if_index, address.ip.to_string(), u64::from(address.prefix)));
    let told = json("ip -j addr show");
    let told = told.as_array().unwrap().iter().flat_map(|link| {
        let index = u32::try_from(link["ifindex"].as_u64().unwrap()).unwrap();
        link["addr_info"].as_array().unwrap().iter().map(move |address| {
            let text = address["local"].as_str().unwrap().to_owned();
            (index, text, address["prefixlen"].as_u64().unwrap())
        })
    });
    ours.collect::<BTreeSet<_>>() == told.collect::<BTreeSet<_>>()
}

fn is_oper_up(link: &Value) -> bool {
    let flag = |name: &str| link["flags"].as_array().unwrap().iter().any(|flag| flag == name);
    link["operstate"] == "UP" || (link["operstate"] == "UNKNOWN" && flag("UP") && !flag("NO-CARRIER"))
}

fn assert_link(ours: &Interface, link: &Value) {
    let text = |key: &str| link[key].as_str();
    let flag = |name: &str| link["flags"].as_array().unwrap().iter().any(|flag| flag == name);
    assert_eq!(Some(u64::from(ours.index)), link["ifindex"].as_u64());
    assert_eq!(ours.alias.as_deref(), text("ifalias"), "{link}");
    assert_eq!(ours.mtu.map(u64::from), link["mtu"].as_u64());
    assert_eq!(ours.admin_up, flag("UP"), "{link}");
    assert_eq!(ours.oper_up, is_oper_up(link), "{link}");
    assert_eq!(ours.promiscuous, flag("PROMISC") || link["promiscuity"].as_u64() > Some(0), "{link}");
    assert_eq!(ours.mac.map(mac_text).as_deref(), text("address").filter(|mac| mac.len() == 17), "{link}");
    let kind = match (&ours.kind, link["linkinfo"]["info_kind"].as_str()) {
        (Kind::Loopback, None) => text("link_type") == Some("loopback"),
        (Kind::Physical, None) => true,
        (Kind::Tun | Kind::Tap, Some("tun")) => {
            link["linkinfo"]["info_data"]["type"] == if ours.kind == Kind::Tap { "tap" } else { "tun" }
        }
        (Kind::Other(kind), told) => Some(kind.as_str()) == told,
        (kind, told) => serde_json::to_value(kind).unwrap().as_str() == told,
    };
    assert!(kind, "{:?} {link}", ours.kind);
    let name_of = |index| {
        json("ip -j link show").as_array().unwrap().iter().find_map(|link: &Value| {
            (link["ifindex"] == index).then(|| link["ifname"].as_str().unwrap().to_owned())
        })
    };
    assert_eq!(ours.master.and_then(name_of).as_deref(), text("master"), "{link}");
    assert_eq!(ours.link_elsewhere, link.get("link_netnsid").is_some(), "{link}");
    if ours.link_elsewhere {
        assert_eq!(ours.link.map(u64::from), link["link_index"].as_u64(), "{link}");
    } else {
        assert_eq!(ours.link.and_then(name_of).as_deref(), text("link"), "{link}");
    }
}

const STAGE: &str = "link add v0 type veth peer name v1
link set v0 up alias uplink
link set v1 up
link add br0 type bridge
link set v1 master br0
link set br0 up
link set br0 promisc on
link add ifb7 type ifb
link add mv0 link v0 type macvlan mode bridge
addr add 192.0.2.1/24 dev v0
addr add 192.0.2.1/16 dev v0
addr add 192.0.2.9 peer 198.51.100.1/32 dev v0
addr add 2001:db8::5/64 dev v0 nodad
addr add 2001:db8::6/64 dev ifb7
";

#[test]
fn everything_that_ip_tells_is_told_the_same() {
    isolated("everything_that_ip_tells_is_told_the_same", || {
        ip_batch(STAGE);
        if can_make_taps() {
            ip_batch("tuntap add tap0 mode tap\ntuntap add tun0 mode tun\n");
        }
        assert_same_as_ip(&mut open());
    });
}

#[test]
fn every_change_is_followed_and_told() {
    isolated("every_change_is_followed_and_told", || {
        ip_batch("link add v0 type veth peer name v1\nlink add br0 type bridge\n");
        let mut interfaces = open();
        let (v0, v1, br0) = (index_of("v0"), index_of("v1"), index_of("br0"));
        let mut step = |command: &str, wanted: &dyn Fn(&Interfaces) -> bool| {
            run(command);
            wait_until(&mut interfaces, wanted);
            assert_same_as_ip(&mut interfaces);
        };
        let v4 = |i: &Interfaces| i.table().addresses_of(v0).filter(|address| address.ip.is_ipv4()).count();
        let at = |i: &Interfaces, index: u32| i.table().get(index).unwrap().clone();
        step("ip link set v0 up", &|i| at(i, v0).admin_up && !at(i, v0).oper_up);
        step("ip link set v1 up", &|i| at(i, v0).oper_up && at(i, v1).oper_up);
        step("ip link set v1 down", &|i| at(i, v0).admin_up && !at(i, v0).oper_up);
        step("ip link set v0 address 02:00:00:00:00:77", &|i| at(i, v0).mac == Some([2, 0, 0, 0, 0, 0x77]));
        step("ip link set v0 mtu 1300", &|i| at(i, v0).mtu == Some(1300));
        step("ip link set v0 alias rack7", &|i| at(i, v0).alias.as_deref() == Some("rack7"));
        step("ip link set v1 master br0", &|i| at(i, v1).master == Some(br0));
        // A bridge tells this with RTM_DELLINK of family AF_BRIDGE: the port must not vanish.
        step("ip link set v1 nomaster", &|i| at(i, v1).master.is_none());
        step("ip link set v0 promisc on", &|i| at(i, v0).promiscuous);
        step("ip addr add 192.0.2.7/24 dev v0", &|i| v4(i) == 1);
        step("ip addr del 192.0.2.7/24 dev v0", &|i| v4(i) == 0);
        step("ip link set v0 down", &|i| !at(i, v0).admin_up);
        step("ip link set v0 name uplink0", &|i| i.table().by_name("uplink0").map(|i| i.index) == Some(v0));
        assert!(interfaces.table().by_name("v0").is_none());
    });
}

#[test]
fn same_name_on_another_index_is_another_interface() {
    isolated("same_name_on_another_index_is_another_interface", || {
        run("ip link add v0 type veth peer name v1");
        let mut interfaces = open();
        let old = index_of("v0");
        ip_batch("link del v0\nlink add v0 index 77 type veth peer name v1\n");
        let mut told = Changes::default();
        let deadline = now() + Duration::from_secs(20);
        while interfaces.table().by_name("v0").map(|i| i.index) != Some(77) && now() < deadline {
            for (index, change) in interfaces.read_events(now()).unwrap().iter() {
                told.push(index, change.clone());
            }
        }
        assert!(matches!(told.get(old), Some(Change::Removed(gone)) if gone.name == "v0"), "{told:?}");
        assert_eq!(told.get(77), Some(&Change::Added));
        assert!(interfaces.table().get(old).is_none());
        let mut counters = Vec::new();
        interfaces.read_counters(&[old, 77], &mut counters).unwrap();
        assert_eq!(counters.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [77]);
    });
}

#[test]
fn speed_set_by_ethtool_is_followed_without_polling() {
    isolated("speed_set_by_ethtool_is_followed_without_polling", || {
        if !can_make_taps() {
            println!("SKIP speed_set_by_ethtool_is_followed_without_polling: no right to open /dev/net/tun");
            return;
        }
        run("ip tuntap add tap0 mode tap");
        let mut interfaces = open();
        let told = || {
            let text = run("ethtool tap0");
            let speed = text.lines().find_map(|line| line.trim().strip_prefix("Speed: ")).unwrap();
            Some(speed.strip_suffix("Mb/s").unwrap().parse::<u64>().unwrap() * 1_000_000)
        };
        // 10 Mb/s on older kernels, 10 Gb/s on newer ones.
        assert_eq!(named(&interfaces, "tap0").speed_bps, told());
        run("ethtool -s tap0 speed 1000 duplex half autoneg off");
        wait_until(&mut interfaces, |i| named(i, "tap0").speed_bps == Some(1_000_000_000));
        assert_eq!(named(&interfaces, "tap0").duplex, Some(Duplex::Half));
        assert_eq!(named(&interfaces, "tap0").speed_bps, told());
        run("ethtool -s tap0 speed 100000 duplex full autoneg off");
        wait_until(&mut interfaces, |i| named(i, "tap0").speed_bps == Some(100_000_000_000));
        assert_eq!(named(&interfaces, "tap0").duplex, Some(Duplex::Full));
    });
}

#[test]
fn ports_without_transceivers_and_flow_control_say_so_and_a_port_that_is_gone_is_gone() {
    isolated("ports_without_transceivers_and_flow_control_say_so_and_a_port_that_is_gone_is_gone", || {
        run("ip link add v0 type veth peer name v1");
        let interfaces = open();
        let index = named(&interfaces, "v0").index;
        let (mut kernel, port) = (optics::Kernel::open().unwrap(), Port { index, name: "v0".to_owned() });
        assert_eq!(optics::read(&mut kernel, &port), Err(OpticsError::Unsupported));
        let mut found = HashMap::new();
        let mut asking = FlowControl::open().unwrap();
        asking.read(std::slice::from_ref(&port), &mut found).unwrap();
        assert_eq!(found.remove(&index), Some(None));
        run("ip link del v0");
        assert_eq!(optics::read(&mut kernel, &port), Err(OpticsError::Gone));
        FlowControl::open().unwrap().read(std::slice::from_ref(&port), &mut found).unwrap();
        assert!(found.is_empty(), "{found:?}");
    });
}

#[test]
fn peer_that_leaves_for_another_namespace_is_elsewhere() {
    isolated("peer_that_leaves_for_another_namespace_is_elsewhere", || {
        run("ip link add v0 type veth peer name v1");
        let mut interfaces = open();
        assert!(!named(&interfaces, "v0").link_elsewhere);
        let elsewhere = Elsewhere::new();
        run(&format!("ip link set v1 netns {}", elsewhere.pid()));
        wait_until(&mut interfaces, |i| named(i, "v0").link_elsewhere && i.table().by_name("v1").is_none());
        assert_same_as_ip(&mut interfaces);
    });
}

#[test]
fn counters_lie_between_two_readings_of_ip() {
    isolated("counters_lie_between_two_readings_of_ip", || {
        ip_batch(
            "link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\naddr add 192.0.2.1/24 dev v0\n",
        );
        let socket = std::net::UdpSocket::bind("192.0.2.1:0").unwrap();
        socket.set_broadcast(true).unwrap();
        for size in 0..50 {
            socket.send_to(&vec![0; 10 * size], "192.0.2.255:9").unwrap();
        }
        let read = || {
            let links = json("ip -j -s link show");
            let entry = |link: &Value| {
                let (rx, tx) = (&link["stats64"]["rx"], &link["stats64"]["tx"]);
                let fields = [
                    &rx["bytes"],
                    &rx["packets"],
                    &rx["errors"],
                    &rx["dropped"],
                    &rx["multicast"],
                    &tx["bytes"],
                    &tx["packets"],
                    &tx["errors"],
                    &tx["dropped"],
                ];
                (link["ifindex"].as_u64().unwrap(), fields.map(|field| field.as_u64().unwrap()))
            };
            links.as_array().unwrap().iter().map(entry).collect::<BTreeMap<_, _>>()
        };
        let mut interfaces = open();
        let indexes: Vec<u32> = interfaces.table().iter().map(|interface| interface.index).collect();
        let before = read();
        let mut ours = Vec::new();
        interfaces.read_counters(&indexes, &mut ours).unwrap();
        let after = read();
        assert_eq!(ours.len(), 3);
        for (index, s) in ours {
            let fields = [
                s.rx_bytes,
                s.rx_packets,
                s.rx_errors,
                s.rx_dropped,
                s.multicast,
                s.tx_bytes,
                s.tx_packets,
                s.tx_errors,
                s.tx_dropped,
            ];
            let key = u64::from(index);
            for ((ours, before), after) in fields.iter().zip(before[&key]).zip(after[&key]) {
                assert!((before..=after).contains(ours), "{index}: {before} {ours} {after}");
            }
        }
        assert!(after.values().any(|fields| fields[6] > 0), "no traffic to compare");
    });
}

/// Lines of `ip -batch` for pairs `p0 q0`, `p1 q1` …
fn pairs(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|n| line(n) + "\n").collect()
}

/// Makes a thousand pairs, looking at the notifications meanwhile or only afterwards, and removes them, looking.
fn watch_a_thousand_pairs(receive_buffer: usize, look_meanwhile: bool) -> Interfaces {
    let mut interfaces = Interfaces::open(receive_buffer, now()).unwrap();
    let create = pairs(1000, |n| format!("link add p{n} group 5 type veth peer name q{n}"));
    // The first ones alone, from either end; the others in one go, because each removal alone waits for the kernel.
    let mut delete = pairs(20, |n| format!("link del {}{n}", if n % 2 == 0 { 'p' } else { 'q' }));
    delete.push_str("link del group 5\n");
    let maker = |lines: String, interfaces: &mut Interfaces, look: bool| {
        let mut child = std::process::Command::new("ip")
            .args(["-batch", "-"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // The pipe holds less than all lines, so they are written beside the watching.
        let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, lines.as_bytes()));
        while look && child.try_wait().unwrap().is_none() {
            let timeout = PollTimeout::from(20u8);
            poll(&mut [PollFd::new(interfaces.as_fd(), PollFlags::POLLIN)], timeout).unwrap();
            interfaces.read_events(now()).unwrap();
        }
        writer.join().unwrap().unwrap();
        assert!(child.wait().unwrap().success());
    };
    maker(create, &mut interfaces, look_meanwhile);
    wait_until(&mut interfaces, |i| i.wake_at().is_none() && i.table().len() == 2001);
    assert_same_names_and_links(&interfaces);
    maker(delete, &mut interfaces, true);
    wait_until(&mut interfaces, |i| i.wake_at().is_none() && i.table().len() == 1);
    assert_same_names_and_links(&interfaces);
    interfaces
}

fn assert_same_names_and_links(interfaces: &Interfaces) {
    let told = json("ip -j link show");
    let told = told.as_array().unwrap();
    let names: BTreeMap<u64, &str> =
        told.iter().map(|l| (l["ifindex"].as_u64().unwrap(), l["ifname"].as_str().unwrap())).collect();
    let ours: BTreeMap<u64, &str> =
        interfaces.table().iter().map(|i| (i.index.into(), i.name.as_str())).collect();
    assert_eq!(ours, names);
    for link in told {
        let ours = interfaces.table().by_name(link["ifname"].as_str().unwrap()).unwrap();
        let peer = ours.link.map(|peer| names[&u64::from(peer)]);
        assert_eq!(peer, link["link"].as_str(), "{}", ours.name);
    }
}

#[test]
fn a_thousand_pairs_come_and_go_without_ghost_or_gap() {
    isolated("a_thousand_pairs_come_and_go_without_ghost_or_gap", || {
        let interfaces = watch_a_thousand_pairs(RECEIVE_BUFFER, true);
        let health = interfaces.health();
        assert_eq!((health.malformed, health.truncated), (0, 0), "{health:?}");
        println!("large buffer: {health:?}");
    });
}

#[test]
fn overruns_of_a_tiny_buffer_are_made_good() {
    isolated("overruns_of_a_tiny_buffer_are_made_good", || {
        let interfaces = watch_a_thousand_pairs(4096, false);
        let health = interfaces.health();
        assert!(health.overruns > 0 && health.resyncs > 1, "{health:?}");
        println!("tiny buffer: {health:?}");
    });
}

#[test]
#[allow(deprecated)] // the replacement is unsafe; here the descriptor is owned and stays open
fn readiness_wakes_an_event_loop() {
    isolated("readiness_wakes_an_event_loop", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut interfaces = open();
            let ready =
                tokio::io::unix::AsyncFd::new(interfaces.as_fd().try_clone_to_owned().unwrap()).unwrap();
            for round in 0..5 {
                run(&format!("ip link add r{round} type veth peer name s{round}"));
                let seen = async {
                    while interfaces.table().by_name(&format!("s{round}")).is_none() {
                        let mut guard = ready.readable().await.unwrap();
                        guard.clear_ready();
                        interfaces.read_events(now()).unwrap();
                    }
                };
                tokio::time::timeout(Duration::from_secs(20), seen).await.unwrap();
            }
        });
    });
}

#[test]
fn driver_statistics_are_those_that_ethtool_prints() {
    isolated("driver_statistics_are_those_that_ethtool_prints", || {
        run("ip link add v0 type veth peer name v1");
        let driver = Ethtool::open().unwrap();
        let info = driver.driver_info("v0").unwrap();
        assert!(run("ethtool -i v0").starts_with(&format!("driver: {}\n", info.driver)));
        let names = driver.stats_names("v0").unwrap();
        let mut values = Vec::new();
        driver.stats("v0", &mut values).unwrap();
        let ours: Vec<String> = names
            .iter()
            .zip(&values)
            .map(|(name, value)| {
                let name = name.split(|byte| *byte == 0).next().unwrap();
                format!("{}: {value}", String::from_utf8_lossy(name))
            })
            .collect();
        let told = run("ethtool -S v0");
        assert_eq!(ours, told.lines().skip(1).map(str::trim).collect::<Vec<_>>());
        assert_eq!(ours[0], format!("peer_ifindex: {}", index_of("v1")));
        assert_eq!(driver.stats_count("lo").unwrap(), 0);
        let gone = Ethtool::open().unwrap().link_settings("v9").unwrap_err();
        assert!(gone.is_gone() && gone.to_string().contains("v9"), "{gone}");
    });
}

#[test]
fn datagram_of_another_process_is_not_handed_on() {
    isolated("datagram_of_another_process_is_not_handed_on", || {
        let mut ours = Netlink::open(Protocol::Route, 1 << 16).unwrap();
        let port = nix::sys::socket::getsockname::<nix::sys::socket::NetlinkAddr>(ours.as_fd().as_raw_fd());
        let mut other = netlink_sys::Socket::new(netlink_sys::protocols::NETLINK_ROUTE).unwrap();
        other.bind_auto().unwrap();
        let target = netlink_sys::SocketAddr::new(port.unwrap().pid(), 0);
        other.send_to(&[0; 32], &target, 0).unwrap();
        let received = ours.receive(4096, Duration::from_secs(5)).unwrap();
        assert!(!received.is_empty(), "it came");
        assert_eq!(received.iter().count(), 0, "and was dropped");
        assert!(ours.receive(4096, Duration::ZERO).unwrap().is_empty());
    });
}

/// CPU time of this thread so far, in microseconds.
fn cpu_us() -> i64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_THREAD).unwrap();
    let us = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    us(usage.user_time()) + us(usage.system_time())
}

/// `strace -f -e trace=network` around it shows the system calls.
#[test]
#[ignore = "measures; run it alone in release with --ignored --nocapture"]
fn cost_of_reading_two_thousand_interfaces() {
    isolated("cost_of_reading_two_thousand_interfaces", || {
        ip_batch(&pairs(1000, |n| format!("link add p{n} type veth peer name q{n}")));
        let before = cpu_us();
        let mut interfaces = open();
        println!("open with {} links: {} us", interfaces.table().len(), cpu_us() - before);
        let before = cpu_us();
        interfaces.refresh(now()).unwrap();
        println!("refresh: {} us", cpu_us() - before);
        let indexes: Vec<u32> = interfaces.table().iter().map(|interface| interface.index).collect();
        let mut out = Vec::new();
        for count in [50, 1000] {
            let before = cpu_us();
            for _ in 0..20 {
                out.clear();
                interfaces.read_counters(&indexes[1..=count], &mut out).unwrap();
                assert_eq!(out.len(), count);
            }
            println!("read_counters of {count}: {} us", (cpu_us() - before) / 20);
        }
    });
}
