//! What it costs to read the networks of 500 guests, each with one veth: their counters at a poll, and learning one.
//!
//! Goal: of the 15 ms of CPU that a poll of 500 containers may take, not more than 2. The clock is this thread's CPU
//! time, the kernel's part included. Needs root and about 30 s to make the guests. Run by hand:
//! `cargo bench --bench guests`.
#![allow(clippy::unwrap_used)] // a bench ends where it fails

#[path = "../tests/support/guests.rs"]
mod guests;
#[path = "../tests/support/netns.rs"]
mod netns;

#[path = "support/on_cpu.rs"]
mod on_cpu;

use criterion::{Criterion, criterion_group, criterion_main};
use hsflow::collect::guests::network::{Network, Networks};
use hsflow::host::Host;
use netns::{Elsewhere, ip_batch, isolated};
use on_cpu::on_cpu;

const GUESTS: usize = 500;

fn guest(number: usize) -> Elsewhere {
    let guest = Elsewhere::new();
    let pid = guest.pid();
    ip_batch(&format!("link add ve{number} type veth peer name eth0 netns {pid}\nlink set ve{number} up\n"));
    guests::run_inside(pid, "ip link set eth0 up");
    guests::run_inside(pid, &format!("ip addr add 10.9.{}.{}/16 dev eth0", number / 250, number % 250 + 1));
    guest
}

fn bench(c: &mut Criterion) {
    isolated("guests", || {
        let processes: Vec<Elsewhere> = (0..GUESTS).map(guest).collect();
        let mut networks = Networks::open(&Host::default()).unwrap();
        let mut learned: Vec<Network> =
            processes.iter().map(|process| networks.learn(process.pid()).unwrap()).collect();
        c.bench_function("counters of 500 guests", |b| {
            let all: Vec<&Network> = learned.iter().collect();
            on_cpu(b, || {
                let mut read = 0;
                networks.read_all(&all, |_, counters| read += usize::from(counters.is_ok()));
                assert_eq!(read, GUESTS);
            });
        });
        c.bench_function("learning a guest", |b| {
            on_cpu(b, || drop(networks.learn(processes[7].pid()).unwrap()));
        });
        c.bench_function("looking again at a guest", |b| {
            on_cpu(b, || assert!(!networks.refresh(&mut learned[7]).unwrap()));
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
