//! How many samples a second detection reads from the stream socket, and in how much memory. The goal is 200,000 in less than
//! 32 MB; by hand, alone: `cargo test --release --test policy rate -- --ignored --nocapture`.

use crate::agent::{LIMIT, beside};
use crate::samples::datagrams;
use crate::support::TempDir;
use crate::support::process::resident_kib;
use crate::wishes::read;
use hsflow::host::Clock;
use hsflow::policy::desk;
use hsflow::policy::watch::stream::Stream;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::Write;

const SAMPLES: usize = 200_000;
/// Ten times as many keys as a detector has places, which is the worst.
const SENDERS: usize = 10_240;
const ROUNDS: u64 = if cfg!(debug_assertions) { 1 } else { 10 };
const GOAL: f64 = 200_000.0;
const MOST_KIB: u64 = 32 * 1000 * 1000 / 1024;

fn measure(reactions: usize) {
    let dir = TempDir::new();
    let path = dir.path().join("stream.sock");
    let listener = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(1).unwrap();
    let all = datagrams(SAMPLES, SENDERS);
    let text: String = (0..reactions)
        .map(|n| {
            format!(
                "[[react]]\nname = \"r{n}\"\nkeys = [\"source\", \"source_port\", \"destination\"]\n\
                 filter = {{ protocol = \"udp\" }}\nthreshold = \"100 Gbit/s\"\naction = \"drop\"\n"
            )
        })
        .collect();
    let before = resident_kib("self");
    let (desk, _clerk) = desk::open();
    let (clock, owner) = (Clock::system(), "react".parse().unwrap());
    let stream = Stream::new(desk, path, clock.clone(), owner, read(&text).reactions);
    let mut seen = stream.seen();
    let agent = std::thread::spawn(move || {
        let reader = listener.accept().unwrap().0;
        (0..ROUNDS).flat_map(|_| &all).for_each(|datagram| (&reader).write_all(datagram).unwrap());
        // The reader must not see an end before it has read all.
        (reader, all)
    });
    beside(stream.run(), async {
        seen.wait_for(|seen| seen.datagrams > 0).await.unwrap();
        let begun = clock.now();
        let wanted = ROUNDS * SAMPLES as u64;
        let read = seen.wait_for(|seen| seen.samples == wanted);
        tokio::time::timeout(LIMIT * 6, read).await.expect("all of them").unwrap();
        let rate = wanted as f64 / clock.now().duration_since(begun).as_secs_f64();
        let memory = resident_kib("self").saturating_sub(before);
        println!("{reactions} reactions: {rate:.0} samples/s, {memory} KiB more are resident");
        assert!(memory < MOST_KIB, "{memory} KiB");
        assert!(cfg!(debug_assertions) || rate > GOAL, "{rate} samples/s");
    });
    drop(agent.join().unwrap());
}

#[test]
#[ignore = "measures; by hand and in release mode"]
fn two_hundred_thousand_samples_a_second_are_read_in_little_memory() {
    [1, 4, 8].into_iter().for_each(measure);
}
