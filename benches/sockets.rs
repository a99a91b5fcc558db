//! What it costs to know TCP's state for a sample: batches of 100 on a host with 10,000 established sockets.
//!
//! Goal: below 3 µs of CPU a sample, the kernel's part included. The clock is this thread's CPU time, so that others on
//! the machine count less. Beside it, what the system calls alone cost. Run by hand: `cargo bench --bench sockets` (needs
//! 10,100 descriptors).

#[path = "support/on_cpu.rs"]
mod on_cpu;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hsflow::collect::sockets::{Place, Sockets, Wanted};
use hsflow::host::Clock;
use hsflow::sample::connection::Connection;
use hsflow::sys::netlink::{Netlink, Protocol};
use hsflow::wire::netlink::inet_diag::{self, TCP};
use on_cpu::on_cpu;
use std::hint::black_box;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const PAIRS: usize = 5000;
const BATCH: usize = 100;
/// Questions in one send.
const SENT: usize = 64;

type Ends = (SocketAddr, SocketAddr);

/// Connections to this process itself, and their ends.
fn connections() -> io::Result<(Vec<TcpStream>, Vec<Ends>)> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (mut streams, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        for stream in [TcpStream::connect(listener.local_addr()?)?, listener.accept()?.0] {
            ends.push((stream.local_addr()?, stream.peer_addr()?));
            streams.push(stream);
        }
    }
    Ok((streams, ends))
}

/// Batches whose samples are far apart in the list of all sockets.
fn batches(ends: &[Ends], size: usize) -> Vec<Vec<Ends>> {
    let scattered: Vec<Ends> = (0..ends.len()).map(|at| ends[at * 7919 % ends.len()]).collect();
    scattered.chunks_exact(size).map(<[Ends]>::to_vec).collect()
}

fn wanted(ends: &Ends) -> Wanted {
    let connection = Connection { protocol: TCP, local: ends.0, remote: ends.1, sent: true };
    Wanted { connection, place: Place { if_index: 1, ..Place::default() } }
}

/// Sockets that can be asked: they are opened on a thread.
fn opened() -> Sockets {
    let now = || Clock::system().now();
    let deadline = now() + Duration::from_secs(10);
    let mut sockets = Sockets::new("/", now());
    while !sockets.is_open() {
        assert!(now() < deadline, "{:?}", sockets.obstacle());
        sockets.check(now());
        std::thread::yield_now();
    }
    sockets
}

fn sockets(c: &mut Criterion) {
    let made = connections();
    assert!(made.is_ok(), "{made:?}");
    let Ok((_streams, ends)) = made else { return };
    let now = Clock::system().now();
    let mut group = c.benchmark_group("100 samples, 10,000 sockets");
    group.throughput(Throughput::Elements(BATCH as u64));

    let questions: Vec<Vec<Wanted>> =
        batches(&ends, BATCH).iter().map(|b| b.iter().map(wanted).collect()).collect();
    let (mut sockets, mut answers) = (opened(), Vec::new());
    let mut next = questions.iter().cycle();
    group.bench_function("lookup", |b| {
        on_cpu(b, || {
            sockets.lookup(next.next().map_or(&[], Vec::as_slice), &mut answers, now);
            black_box(&answers);
        });
    });
    let counts = sockets.counts();
    assert_eq!(counts.found, counts.wanted);

    // All samples of one connection are one question.
    let same = vec![questions[0][0]; BATCH];
    group.bench_function("lookup, one connection", |b| {
        on_cpu(b, || sockets.lookup(&same, &mut answers, now));
    });

    let socket = Netlink::open(Protocol::SocketDiag, 256 * 1024);
    assert!(socket.is_ok());
    let Ok(mut socket) = socket else { return };
    let requests = batches(&ends, SENT).into_iter().map(|batch| {
        let mut bytes = Vec::new();
        for (local, remote) in batch {
            inet_diag::get(&mut bytes, 1, TCP, local, remote, 1);
        }
        bytes
    });
    let requests: Vec<Vec<u8>> = requests.collect();
    let mut next = requests.iter().cycle();
    group.throughput(Throughput::Elements(SENT as u64));
    group.bench_function("floor: one send, one receive, 64 questions", |b| {
        on_cpu(b, || {
            let sent = next.next().map_or(Ok(()), |bytes| socket.send(bytes));
            let received = socket.receive(1024, Duration::ZERO).map(|datagrams| datagrams.iter().count());
            assert_eq!((sent, received), (Ok(()), Ok(SENT)));
        });
    });
    group.finish();
}

criterion_group!(benches, sockets);
criterion_main!(benches);
