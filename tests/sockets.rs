//! Socket questions against the kernel, in a namespace of each test's own. The witnesses are getsockopt(TCP_INFO) on the
//! very socket, `ss`, and `ip`.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests
#![allow(unsafe_code)] // getsockopt(TCP_INFO) has no safe wrapper; nothing of this is in the agent

#[path = "support/netns.rs"]
mod netns;
mod support;
#[path = "support/visit.rs"]
mod visit;

use hsflow::collect::sockets::namespaces::Unreachable;
use hsflow::collect::sockets::{Answer, Counts, Place, Sockets, Wanted};
use hsflow::host::Clock;
use hsflow::sample::connection::{Connection, Scope, of_guest, of_host};
use hsflow::sample::frame::Direction;
use hsflow::source::af_packet::{Tap, Taps};
use hsflow::wire::frame::{Start, parse};
use hsflow::wire::netlink::inet_diag::{TCP, UDP};
use netns::{Elsewhere, isolated, json, run};
use nix::sched::{CloneFlags, setns};
use socket2::{Domain, Socket, Type};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};
use support::{TempDir, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
const LO: u32 = 1;
const LISTEN: u8 = 10;

fn now() -> Instant {
    Clock::system().now()
}

/// Sockets of which those of this namespace can be asked for.
fn open(root: impl Into<std::path::PathBuf>) -> Sockets {
    let mut sockets = Sockets::new(root, now());
    wait_until("an open socket", LIMIT, || {
        let next = sockets.check(now());
        (sockets.is_open() || sockets.obstacle().is_some() || next.is_none()).then_some(())
    });
    sockets
}

fn index(name: &str) -> u32 {
    u32::try_from(json(&format!("ip -j link show {name}"))[0]["ifindex"].as_u64().unwrap()).unwrap()
}

/// A connection that carried 1000 bytes from the first to the second.
fn pair(listener: &TcpListener, client: Socket) -> (TcpStream, TcpStream) {
    client.connect(&listener.local_addr().unwrap().into()).unwrap();
    let mut client = TcpStream::from(client);
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(&[7; 1000]).unwrap();
    server.read_exact(&mut [0; 1000]).unwrap();
    come_to_rest(&client);
    (client, server)
}

fn connected(listen: &str, domain: Domain) -> (TcpStream, TcpStream) {
    pair(&TcpListener::bind(listen).unwrap(), Socket::new(domain, Type::STREAM, None).unwrap())
}

/// The question for a stream's own socket, as a packet on the wire would make it.
fn wanted(stream: &TcpStream) -> Wanted {
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    ask(TCP, plain(stream.local_addr().unwrap()), plain(stream.peer_addr().unwrap()), LO)
}

fn ask(protocol: u8, local: SocketAddr, remote: SocketAddr, if_index: u32) -> Wanted {
    let connection = Connection { protocol, local, remote, sent: true };
    Wanted { connection, place: Place { if_index, ..Place::default() } }
}

fn turned(wanted: Wanted) -> Wanted {
    Wanted { connection: Connection { sent: false, ..wanted.connection }, ..wanted }
}

fn lookup(sockets: &mut Sockets, wanted: &[Wanted]) -> Vec<Option<Answer>> {
    let mut answers = Vec::new();
    sockets.lookup(wanted, &mut answers, now());
    assert_eq!(answers.len(), wanted.len());
    answers
}

fn one(sockets: &mut Sockets, wanted: Wanted) -> Option<Answer> {
    lookup(sockets, &[wanted])[0]
}

/// The answer to a question that is put in so many seconds.
fn one_later(sockets: &mut Sockets, wanted: Wanted, secs: u64) -> Option<Answer> {
    let mut answers = Vec::new();
    sockets.lookup(&[wanted], &mut answers, now() + Duration::from_secs(secs));
    answers[0]
}

/// What the kernel tells the owner of the socket.
fn tcp_info(socket: &impl AsRawFd) -> libc::tcp_info {
    // SAFETY: a structure of integers, for which all zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).unwrap();
    let place = std::ptr::from_mut(&mut info).cast();
    // SAFETY: `info` has room for `length` bytes and outlives the call.
    let done = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, place, &mut length)
    };
    assert_eq!(done, 0);
    info
}

/// Waits for the last acknowledgement, which the kernel may hold back for a while; then the state changes no more.
fn come_to_rest(stream: &TcpStream) {
    wait_until("acknowledgement", LIMIT, || (tcp_info(stream).tcpi_unacked == 0).then_some(()));
}

/// Compares with the owner's view of a connection at rest.
#[track_caller]
fn assert_same(answer: Option<Answer>, stream: &TcpStream) {
    let (answer, owner) = (answer.unwrap(), tcp_info(stream));
    let tcp = answer.tcp.unwrap();
    assert_eq!(answer.state, owner.tcpi_state);
    assert_eq!((tcp.snd_mss, tcp.rcv_mss), (Some(owner.tcpi_snd_mss), Some(owner.tcpi_rcv_mss)));
    assert_eq!((tcp.rtt, tcp.rttvar), (Some(owner.tcpi_rtt), Some(owner.tcpi_rttvar)));
    assert_eq!((tcp.unacked, tcp.lost), (Some(owner.tcpi_unacked), Some(owner.tcpi_lost)));
    assert_eq!((tcp.pmtu, tcp.snd_cwnd), (Some(owner.tcpi_pmtu), Some(owner.tcpi_snd_cwnd)));
    assert_eq!(tcp.reordering, Some(owner.tcpi_reordering));
    assert_eq!(tcp.total_retrans, Some(owner.tcpi_total_retrans));
    let inode = std::fs::read_link(format!("/proc/self/fd/{}", stream.as_raw_fd())).unwrap();
    assert_eq!(inode.to_str().unwrap(), format!("socket:[{}]", answer.inode));
    assert_eq!(answer.uid, nix::unistd::getuid().as_raw());
}

/// The milliseconds behind `name:` in what `ss` prints, as microseconds.
fn ss_us(text: &str, name: &str) -> u32 {
    let value = text.split(&format!(" {name}:")).nth(1).unwrap();
    let value = value.split([' ', '/', '\n']).next().unwrap();
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    format!("{whole}{part:0<3}").parse().unwrap()
}

#[test]
fn connections_of_both_versions_have_the_state_that_their_owners_see() {
    isolated("connections_of_both_versions_have_the_state_that_their_owners_see", || {
        let pairs = [connected("127.0.0.1:0", Domain::IPV4), connected("[::1]:0", Domain::IPV6)];
        // IPv4 on a socket of IPv6.
        let listener = TcpListener::bind("[::]:0").unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], listener.local_addr().unwrap().port()));
        let client = TcpStream::connect(address).unwrap();
        let mapped = (client, listener.accept().unwrap().0);
        assert!(mapped.1.local_addr().unwrap().is_ipv6());
        let streams: Vec<_> = pairs.iter().chain([&mapped]).flat_map(|(a, b)| [a, b]).collect();
        let mut sockets = open("/");
        assert_eq!(sockets.obstacle(), None);
        let questions: Vec<_> = streams.iter().map(|stream| wanted(stream)).collect();
        for (answer, stream) in lookup(&mut sockets, &questions).into_iter().zip(&streams) {
            assert_same(answer, stream);
        }
        assert_eq!(sockets.counts(), Counts { wanted: 6, found: 6, ..Counts::default() });
    });
}

#[test]
fn round_trips_are_those_that_ss_prints() {
    isolated("round_trips_are_those_that_ss_prints", || {
        let (client, _server) = connected("127.0.0.1:0", Domain::IPV4);
        let told = run(&format!("ss -tinH src {}", client.local_addr().unwrap()));
        let mut sockets = open("/");
        let tcp = one(&mut sockets, wanted(&client)).unwrap().tcp.unwrap();
        assert_eq!(tcp.rtt, Some(ss_us(&told, "rtt")), "{told}");
        assert_eq!(tcp.min_rtt, Some(ss_us(&told, "minrtt")), "{told}");
    });
}

#[test]
fn samples_of_one_connection_in_both_directions_are_one_question() {
    isolated("samples_of_one_connection_in_both_directions_are_one_question", || {
        let (client, server) = connected("127.0.0.1:0", Domain::IPV4);
        let (near, far) = (wanted(&client), wanted(&server));
        let mut sockets = open("/");
        let batch = [near, far, turned(near), near, turned(far)];
        let answers = lookup(&mut sockets, &batch);
        for (answer, stream) in answers.into_iter().zip([&client, &server, &client, &client, &server]) {
            assert_same(answer, stream);
        }
        assert_eq!(sockets.counts(), Counts { wanted: 2, found: 2, ..Counts::default() });
    });
}

#[test]
fn opening_closing_and_unknown_connections_answer_at_once_and_disturb_nobody() {
    isolated("opening_closing_and_unknown_connections_answer_at_once_and_disturb_nobody", || {
        let mut sockets = open("/");
        let (client, server) = connected("127.0.0.1:0", Domain::IPV4);
        let (closed, mut other) = connected("127.0.0.1:0", Domain::IPV4);
        let waiting = wanted(&closed);
        closed.shutdown(Shutdown::Both).unwrap();
        assert_eq!(other.read(&mut [0]).unwrap(), 0);
        drop((closed, other));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap();
        let to_listener = ask(TCP, port, SocketAddr::from(([127, 0, 0, 1], 1)), LO);
        let nobody = ask(TCP, SocketAddr::from(([127, 0, 0, 1], 1)), port, LO);
        let time_wait = 6;
        wait_until("TIME_WAIT", LIMIT, || one(&mut sockets, waiting).filter(|a| a.state == time_wait));

        // The answer to the SYN never arrives, so that both ends stay where they are.
        run("iptables -A INPUT -p tcp --sport %PORT% --tcp-flags SYN,ACK SYN,ACK -j DROP"
            .replace("%PORT%", &port.port().to_string())
            .as_str());
        let opening = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        opening.set_nonblocking(true).unwrap();
        assert!(opening.connect(&port.into()).is_err());
        let opening_end = opening.local_addr().unwrap().as_socket().unwrap();
        let syn_sent = ask(TCP, opening_end, port, LO);
        let syn_recv = ask(TCP, port, opening_end, LO);

        let batch = [wanted(&client), waiting, nobody, syn_sent, syn_recv, to_listener, wanted(&server)];
        let answers = lookup(&mut sockets, &batch);
        assert_same(answers[0], &client);
        assert_same(answers[6], &server);
        let states: Vec<_> =
            answers.iter().map(|answer| answer.map(|a| (a.state, a.tcp.is_some()))).collect();
        assert_eq!(
            &states[1..6],
            [Some((6, false)), None, Some((2, true)), Some((3, false)), Some((LISTEN, false))]
        );
    });
}

#[test]
fn sockets_that_are_bound_to_an_interface_or_its_master_are_found() {
    isolated("sockets_that_are_bound_to_an_interface_or_its_master_are_found", || {
        let far = Elsewhere::new();
        run("ip link add br0 type bridge");
        run(&format!("ip link add near type veth peer name far netns {}", far.pid()));
        run("ip link set near master br0 up");
        run("ip address add 10.77.0.1/24 dev br0");
        run("ip link set br0 up");
        let listener = inside(far.pid(), || {
            run("ip address add 10.77.0.2/24 dev far");
            run("ip link set far up");
            TcpListener::bind("10.77.0.2:0").unwrap()
        });
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.bind_device(Some(b"br0")).unwrap();
        let (client, _server) = pair(&listener, client);
        let mut sockets = open("/");
        let (near, bridge) = (index("near"), index("br0"));
        let place = |if_index, master| {
            let place = Place { if_index, master, ..Place::default() };
            Wanted { place, ..wanted(&client) }
        };
        let answers = lookup(&mut sockets, &[place(near, 0), place(near, bridge), place(bridge, 0)]);
        assert_eq!(answers[0], None);
        assert_same(answers[1], &client);
        assert_same(answers[2], &client);
        assert_eq!(sockets.counts(), Counts { wanted: 3, found: 2, absent: 1, ..Counts::default() });
    });
}

#[test]
fn udp_sockets_are_found_connected_or_not_and_have_no_state_of_tcp() {
    isolated("udp_sockets_are_found_connected_or_not_and_have_no_state_of_tcp", || {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (server, client) = (UdpSocket::bind(address).unwrap(), UdpSocket::bind(address).unwrap());
            let (server_end, client_end) = (server.local_addr().unwrap(), client.local_addr().unwrap());
            client.connect(server_end).unwrap();
            let mut sockets = open("/");
            let nobody = SocketAddr::new(server_end.ip(), 1);
            let batch = [(server_end, client_end), (client_end, server_end), (nobody, server_end)];
            let answers = lookup(&mut sockets, &batch.map(|(local, remote)| ask(UDP, local, remote, LO)));
            assert_eq!(answers[2], None);
            for (answer, socket) in answers.iter().zip([&server, &client]) {
                let answer = answer.unwrap();
                let inode = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
                assert_eq!(inode.to_str().unwrap(), format!("socket:[{}]", answer.inode));
                assert_eq!(answer.tcp, None);
            }
        }
    });
}

#[test]
fn more_connections_than_fit_in_a_receive_buffer_are_all_answered() {
    isolated("more_connections_than_fit_in_a_receive_buffer_are_all_answered", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let new = || pair(&listener, Socket::new(Domain::IPV4, Type::STREAM, None).unwrap());
        let pairs: Vec<_> = (0..300).map(|_| new()).collect();
        let mut sockets = open("/");
        let questions: Vec<_> = pairs.iter().flat_map(|(a, b)| [wanted(a), wanted(b)]).collect();
        let answers = lookup(&mut sockets, &questions);
        for ((near, far), answers) in pairs.iter().zip(answers.chunks(2)) {
            assert_same(answers[0], near);
            assert_same(answers[1], far);
        }
        assert_eq!(sockets.counts(), Counts { wanted: 600, found: 600, ..Counts::default() });
    });
}

/// Runs something in another namespace, on a thread of its own.
fn inside<T: Send>(pid: u32, work: impl FnOnce() -> T + Send) -> T {
    let file = File::open(format!("/proc/{pid}/ns/net")).unwrap();
    let enter = || {
        setns(&file, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(enter).join().unwrap())
}

/// A container: a namespace behind a veth pair, with one end of a connection in it.
struct Container {
    space: Elsewhere,
    near: u32,
    number: u32,
    far: u32,
    /// The end in the container, and the one here.
    streams: (TcpStream, TcpStream),
}

impl Container {
    fn new() -> Self {
        let space = Elsewhere::new();
        run(&format!("ip link add near type veth peer name far netns {}", space.pid()));
        run("ip address add 10.78.0.1/24 dev near");
        run("ip link set near up");
        let far = inside(space.pid(), || {
            run("ip address add 10.78.0.2/24 dev far");
            run("ip link set far up");
            index("far")
        });
        let listener = TcpListener::bind("10.78.0.1:0").unwrap();
        let client = inside(space.pid(), || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap());
        let streams = pair(&listener, client);
        let link = json("ip -j link show near");
        let number = u32::try_from(link[0]["link_netnsid"].as_u64().unwrap()).unwrap();
        assert_eq!(link[0]["link_index"].as_u64(), Some(far.into()));
        Self { space, near: index("near"), number, far, streams }
    }

    fn wanted(&self) -> Wanted {
        let place = Place { namespace: Some(self.number), if_index: self.far, master: 0 };
        Wanted { place, ..wanted(&self.streams.0) }
    }

    fn at_home(&self) -> Wanted {
        let place = Place { if_index: self.near, ..Place::default() };
        Wanted { place, ..wanted(&self.streams.1) }
    }
}

#[test]
fn connections_of_a_container_are_found_in_its_namespace() {
    isolated("connections_of_a_container_are_found_in_its_namespace", || {
        let container = Container::new();
        let mut sockets = open("/");
        let batch = [container.wanted(), container.at_home()];
        // The way in is being looked for meanwhile, and nobody waits for it.
        let first = lookup(&mut sockets, &batch);
        assert_eq!(first[0], None);
        assert_same(first[1], &container.streams.1);
        let found = wait_until("answer from the container", LIMIT, || one(&mut sockets, batch[0]));
        assert_same(Some(found), &container.streams.0);
        let second = lookup(&mut sockets, &batch);
        assert_same(second[0], &container.streams.0);
        assert_same(second[1], &container.streams.1);
        assert_eq!((sockets.namespaces().open(), sockets.unreachable()), (1, None));
        // The same addresses mean another socket in another place.
        let elsewhere = Wanted { place: batch[1].place, ..batch[0] };
        let mixed = lookup(&mut sockets, &[elsewhere, batch[0], elsewhere, batch[1], turned(batch[0])]);
        assert_eq!((mixed[0], mixed[2]), (None, None));
        assert_same(mixed[1], &container.streams.0);
        assert_same(mixed[3], &container.streams.1);
        assert_eq!(mixed[4], mixed[1]);
        // A socket bound to the interface in the container.
        let device = Socket::from(container.streams.0.as_fd().try_clone_to_owned().unwrap());
        inside(container.space.pid(), || device.bind_device(Some(b"far")).unwrap());
        assert_same(one(&mut sockets, batch[0]), &container.streams.0);
    });
}

/// The whole way: packets on the host's end of a container's link, seen from the host and from the container.
#[test]
fn every_sampled_packet_finds_the_sockets_of_both_its_ends() {
    isolated("every_sampled_packet_finds_the_sockets_of_both_its_ends", || {
        let mut container = Container::new();
        let mut sockets = open("/");
        let open = container.wanted();
        wait_until("answer from the container", LIMIT, || one(&mut sockets, open));
        let mut source = Taps::new().unwrap();
        let one_in = std::num::NonZeroU32::MIN;
        source.add(Tap { if_index: container.near, one_in, snap: 128, promiscuous: false }).unwrap();
        let (far, near) = &mut container.streams;
        for _ in 0..50 {
            far.write_all(&[1; 100]).unwrap();
            near.read_exact(&mut [0; 100]).unwrap();
            near.write_all(&[2; 100]).unwrap();
            far.read_exact(&mut [0; 100]).unwrap();
        }
        come_to_rest(near);
        let mut wanted = Vec::new();
        let here = IpAddr::from([10, 78, 0, 1]);
        for _ in 0..5 {
            let step = Duration::from_millis(20);
            let seen = visit::visit(&mut source, step, |frame| {
                let headers = parse(Start::Ethernet, frame.bytes);
                let ends = [
                    (of_guest(&headers, Scope::default(), frame.direction), open.place),
                    (of_host(&headers, Scope::default(), &|ip| ip == here), container.at_home().place),
                ];
                let both = ends.map(|(connection, place)| Some(Wanted { connection: connection?, place }));
                assert_eq!(both[0].is_some(), both[1].is_some());
                for (wanted, side) in both.iter().flatten().zip([Direction::In, Direction::Out]) {
                    assert_eq!(wanted.connection.sent, frame.direction == side);
                }
                wanted.extend(both.into_iter().flatten());
            });
            seen.unwrap();
        }
        assert!(wanted.len() >= 200, "{}", wanted.len());
        let before = sockets.counts();
        let answers = lookup(&mut sockets, &wanted);
        for pair in answers.chunks(2) {
            assert_same(pair[0], &container.streams.0);
            assert_same(pair[1], &container.streams.1);
        }
        assert_eq!(sockets.counts().found, before.found + 2);
    });
}

#[test]
fn nothing_of_a_deleted_namespace_is_kept() {
    isolated("nothing_of_a_deleted_namespace_is_kept", || {
        let container = Container::new();
        let mut sockets = open("/");
        let question = container.wanted();
        wait_until("answer from the container", LIMIT, || one(&mut sockets, question));
        let Container { space, streams, .. } = container;
        drop((space, streams));
        // Our socket is the last that holds it.
        assert_eq!(
            json("ip -j link show near")[0]["link_index"].as_u64(),
            Some(question.place.if_index.into())
        );
        let again = sockets.check(now() + Duration::from_secs(3));
        assert!(again.is_some());
        assert_eq!(sockets.namespaces().open(), 0);
        wait_until("the veth pair to go", LIMIT, || {
            let left = run("ip -j link");
            (!left.contains("near")).then_some(())
        });
        wait_until("a search in vain", LIMIT, || {
            assert_eq!(one_later(&mut sockets, question, 5), None);
            sockets.unreachable().cloned()
        });
        // Or one of the processes that may not be looked at, as there are on some machines, could have led there.
        let why = sockets.unreachable().unwrap();
        assert!(matches!(why, Unreachable::NoDoor(_) | Unreachable::Look(_)), "{why}");
        // Where no namespace is open, nobody is woken for it every few seconds; in the end there is nothing to look after.
        let again = sockets.check(now() + Duration::from_secs(10)).unwrap();
        assert!(again > now() + Duration::from_secs(60));
        assert_eq!(sockets.check(now() + Duration::from_secs(200)), None);
    });
}

#[test]
fn namespace_without_connections_of_processes_is_left() {
    isolated("namespace_without_connections_of_processes_is_left", || {
        let container = Container::new();
        let mut sockets = open("/");
        let mut question = container.wanted();
        question.connection.remote.set_port(1);
        wait_until("the namespace to open", LIMIT, || {
            assert_eq!(one(&mut sockets, question), None);
            (sockets.namespaces().open() == 1).then_some(())
        });
        sockets.check(now() + Duration::from_secs(30));
        assert_eq!(sockets.namespaces().open(), 1);
        sockets.check(now() + Duration::from_secs(61));
        assert_eq!(sockets.namespaces().open(), 0);
        // What no interface leads to is forgotten at once.
        wait_until("the namespace to open", LIMIT, || one_later(&mut sockets, container.wanted(), 70));
        sockets.namespaces().retain(|_| false);
        assert_eq!(sockets.namespaces().open(), 0);
    });
}

#[test]
fn named_namespace_is_found_below_the_root_without_processes() {
    isolated("named_namespace_is_found_below_the_root_without_processes", || {
        let container = Container::new();
        let root = TempDir::new();
        std::fs::create_dir_all(root.path().join("run/docker/netns")).unwrap();
        let mut sockets = open(root.path());
        wait_until("a search in vain", LIMIT, || {
            assert_eq!(one(&mut sockets, container.wanted()), None);
            sockets.unreachable().cloned()
        });
        let named = root.path().join("run/docker/netns/blue");
        std::os::unix::fs::symlink(format!("/proc/{}/ns/net", container.space.pid()), &named).unwrap();
        let found =
            wait_until("the namespace to open", LIMIT, || one_later(&mut sockets, container.wanted(), 10));
        assert_same(Some(found), &container.streams.0);
        assert_eq!(sockets.unreachable(), None);
        std::fs::remove_file(named).unwrap();
        sockets.check(now() + Duration::from_secs(13));
        assert_eq!(sockets.namespaces().open(), 0);
    });
}

#[test]
fn missing_privileges_are_named_and_cost_only_the_containers() {
    use caps::{CapSet, Capability};
    isolated("missing_privileges_are_named_and_cost_only_the_containers", || {
        let container = Container::new();
        let batch = [container.wanted(), container.at_home()];
        for missing in [Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_PTRACE] {
            caps::drop(None, CapSet::Effective, missing).unwrap();
            let mut sockets = open("/");
            let obstacle = wait_until("a search in vain", LIMIT, || {
                let answers = lookup(&mut sockets, &batch);
                assert_eq!(answers[0], None);
                assert_same(answers[1], &container.streams.1);
                sockets.unreachable().cloned()
            });
            let named = match missing {
                Capability::CAP_SYS_ADMIN => matches!(obstacle, Unreachable::Enter(_)),
                _ => matches!(obstacle, Unreachable::Look(_)),
            };
            assert!(named && obstacle.to_string().starts_with(&missing.to_string()), "{obstacle}");
            let counts = sockets.counts();
            assert_eq!(counts.unreachable * 2, counts.wanted);
            caps::raise(None, CapSet::Effective, missing).unwrap();
        }
        // Everything else needs no privilege at all.
        caps::clear(None, CapSet::Effective).unwrap();
        let mut sockets = open("/");
        assert_same(one(&mut sockets, container.at_home()), &container.streams.1);
    });
}

#[test]
fn opening_holds_nobody_and_what_is_asked_meanwhile_is_counted() {
    isolated("opening_holds_nobody_and_what_is_asked_meanwhile_is_counted", || {
        let (client, _server) = connected("127.0.0.1:0", Domain::IPV4);
        let mut sockets = Sockets::new("/", now());
        assert!(!sockets.is_open(), "somebody waited for it");
        let answer = wait_until("an answer", LIMIT, || one(&mut sockets, wanted(&client)));
        assert_same(Some(answer), &client);
        let counts = sockets.counts();
        assert_eq!((counts.found, counts.unanswered + 1), (1, counts.wanted));
    });
}
