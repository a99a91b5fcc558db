//! False alarms: what is computed is what is counted where the real agent samples.

use crate::agent::{Agent, LIMIT, beside, until};
use crate::netns::isolated;
use crate::react::{Worker, wire};
use crate::traffic::{Sender, udp_frame};
use crate::wishes::read;
use hsflow::host::Clock;
use hsflow::policy::desk::{self, Receipt, Wish};
use hsflow::policy::react::odds::quiet;
use hsflow::policy::watch::stream::Stream;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Streams that are alike, each of so many packets a second, of which one in a hundred is sampled: one sample a second.
const STREAMS: u16 = 64;
const PER_SEC: u32 = 100;
/// Samples in a second that are an alarm of a reaction.
const NEEDED: [u32; 3] = [2, 3, 4];
const SECS: f64 = 5.0;

/// Sends them all; the longest that it was held up, and how long it sent.
fn send(near: u32) -> Worker<(f64, f64)> {
    let socket = Sender::socket(near);
    let frame = |number: u16| {
        let macs = [[2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]];
        let mut frame = udp_frame(100, macs, [Ipv4Addr::new(10, 9, 0, 2), Ipv4Addr::new(203, 0, 113, 9)], 0);
        frame[34..36].copy_from_slice(&(10_000 + number).to_be_bytes());
        frame
    };
    let frames: Vec<_> = (0..STREAMS).map(frame).collect();
    Worker::new(move |is_over| {
        let (mut sender, clock) = (Sender::over(socket), Clock::system());
        let (begun, mut before, mut longest) = (clock.now(), 0.0, 0.0_f64);
        let mut sent = vec![0; frames.len()];
        while !is_over.load(Relaxed) {
            let passed = clock.now().duration_since(begun).as_secs_f64();
            longest = longest.max(passed - before);
            before = passed;
            for (at, (frame, sent)) in frames.iter().zip(&mut sent).enumerate() {
                // Each at its own time.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a few thousand
                let due = (passed * f64::from(PER_SEC) + at as f64 / f64::from(STREAMS)) as usize;
                sender.send(frame, due - *sent);
                *sent = due;
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        (longest, before)
    })
}

/// How many streams were too much, by the samples that it took; how long the sender was held up, and sent.
fn counted(agent: &Agent, near: u32) -> (BTreeMap<u32, u32>, f64, f64) {
    let reaction = |needed: &u32| {
        format!(
            "[[react]]\nname = \"n{needed}\"\nkeys = [\"source_port\"]\nfilter = {{ protocol = \"udp\", source_port = \"10000-10999\" }}\n\
             threshold = \"{} pps\"\nhold = \"1h\"\nlife = \"1h\"\nmost = 256\naction = \"drop\"\n",
            needed * PER_SEC
        )
    };
    let reactions = read(&NEEDED.iter().map(reaction).collect::<String>()).reactions;
    let (desk, mut clerk) = desk::open();
    let stream =
        Stream::new(desk, agent.socket("stream"), Clock::system(), "react".parse().unwrap(), reactions);
    let (mut seen, alarms) = (stream.seen(), RefCell::new(BTreeMap::new()));
    let note = async {
        while let Some(order) = clerk.orders.recv().await {
            let Wish::Put { policies, .. } = &order.wish else { panic!("{:?}", order.wish) };
            let needed = policies[0].name.as_str()["react-n".len()..].split('-').next().unwrap();
            *alarms.borrow_mut().entry(needed.parse().unwrap()).or_default() += 1;
            let _ = order.reply.send(Ok(Receipt::default()));
        }
    };
    let (mut longest, mut secs) = (0.0, 0.0);
    beside(async { tokio::join!(stream.run(), note).0 }, async {
        seen.wait_for(|seen| seen.since.is_some()).await.unwrap();
        let clock = Clock::system();
        let pass = async |secs| {
            let end = clock.now() + Duration::from_secs_f64(secs);
            until("time passes", LIMIT, || (clock.now() >= end).then_some(())).await;
        };
        let sender = send(near);
        pass(SECS).await;
        (longest, secs) = sender.end();
        // The last ones are sent within a tenth of a second, and read.
        pass(0.5).await;
    });
    (alarms.into_inner(), longest, secs)
}

#[test]
fn alarms_of_normal_traffic_are_as_many_as_the_table_says() {
    const NAME: &str = "odds::alarms_of_normal_traffic_are_as_many_as_the_table_says";
    isolated(NAME, || {
        let near = wire();
        let agent = Agent::start("agentIP = 10.9.0.2 polling = 1 sampling.10G = 100 pcap { dev = far }", &[]);
        let rounds = if std::env::var_os("HSFLOW_LONG").is_some() { 20 } else { 1 };
        // Expected at least and at most, and counted, by the samples that it takes.
        let mut sums: BTreeMap<u32, (f64, f64, u32)> = BTreeMap::new();
        for _ in 0..rounds {
            let (counts, longest, secs) = counted(&agent, near);
            for needed in NEEDED {
                // A window is between nine tenths and the whole of a second; a sender that was held up makes up for it.
                let alarms = |window, secs| f64::from(STREAMS) * (1.0 - quiet(needed, 1.0, window, secs));
                let sum = sums.entry(needed).or_default();
                sum.0 += alarms(0.9, secs - longest - 0.1);
                sum.1 += alarms(1.0 + longest, secs + 0.1);
                sum.2 += counts.get(&needed).copied().unwrap_or(0);
            }
            println!("held up {longest:.3} s of {secs:.2}");
        }
        for (needed, (least, most, count)) in sums {
            println!(
                "{needed} samples: {count} alarms of {} streams, {least:.1} to {most:.1} computed",
                rounds * STREAMS
            );
            // Four standard deviations of what is counted one by one.
            let (low, high) = (least - 4.0 * least.sqrt(), most + 4.0 * most.sqrt());
            assert!((low..=high).contains(&f64::from(count)), "{needed}: {count}, not {low:.1} to {high:.1}");
        }
    });
}
