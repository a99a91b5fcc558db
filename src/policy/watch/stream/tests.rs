use super::*;
use crate::policy::desk::{self, Clerk, Origin, Receipt, Wish};
use crate::policy::file::parse;
use crate::policy::lines::Dialect;
use crate::policy::model::Policy;
use crate::policy::model::{Action, Body};
use crate::policy::react::flow::tests::datagram;
use crate::sflow::counters::interface::GenericInterface;
use crate::sflow::datagram::{Datagrams, Stream as Numbers, Unsent};
use crate::sflow::ids::DataSource;
use etherparse::PacketBuilder;
use socket2::{Domain, SockAddr};
use std::io::Write;
use std::path::Path;

const LIMIT: Duration = Duration::from_secs(10);
const REACTION: &str = r#"
[[react]]
name = "udp"
keys = ["destination", "source_port"]
filter = { protocol = "udp" }
threshold = "50 Mbit/s"
hold = "1s"
life = "30s"
action = "drop"
"#;

/// Five samples of one in 1,000 packets of 1,400 bytes: 56 Mbit in the second.
fn attack() -> Vec<u8> {
    let mut packet = Vec::new();
    let headers = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([203, 0, 113, 9], [10, 0, 0, 2], 64);
    headers.udp(53, 9).write(&mut packet, &[0; 60]).unwrap();
    datagram(&[(1400, &packet[..]); 5])
}

fn listen(path: &Path) -> Socket {
    let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    socket.bind(&SockAddr::unix(path).unwrap()).unwrap();
    socket.listen(4).unwrap();
    socket
}

async fn accept(listener: &Socket) -> Socket {
    let listener = listener.try_clone().unwrap();
    tokio::task::spawn_blocking(move || listener.accept().unwrap().0).await.unwrap()
}

async fn order(clerk: &mut Clerk) -> (Wish, String) {
    let order = tokio::time::timeout(LIMIT, clerk.orders.recv()).await.unwrap().unwrap();
    order.reply.send(Ok(Receipt::default())).unwrap();
    assert_eq!(order.origin, Origin::Reaction);
    (order.wish, order.by)
}

fn put(wish: &Wish) -> &Policy {
    let Wish::Put { policies, .. } = wish else { panic!("{wish:?}") };
    &policies[0]
}

/// Counters of the link that [`attack`] is sampled on.
fn counters(bits_per_sec: u64) -> Vec<u8> {
    let agent = [10, 0, 0, 1].into();
    let (mut queue, mut stream, mut sent) = (Datagrams::new(1400, agent), Numbers::new(agent, 0), Vec::new());
    let mut send = |unsent: Unsent<'_>| sent = stream.complete(unsent).to_vec();
    let link = GenericInterface { if_index: 7, if_speed: bits_per_sec, ..GenericInterface::default() };
    queue.add_counters(0, DataSource::interface(7), 1, |out| out.record(&link), &mut send).unwrap();
    queue.flush(0, &mut send);
    sent
}

fn with_stream(name: &str, test: impl AsyncFnOnce(Socket, Clerk, watch::Receiver<Seen>)) {
    with_reaction(name, REACTION, test);
}

fn with_reaction(name: &str, reaction: &str, test: impl AsyncFnOnce(Socket, Clerk, watch::Receiver<Seen>)) {
    let path = std::env::temp_dir().join(format!("hsflow-react-{name}-{}", std::process::id()));
    let listener = listen(&path);
    let wishes = parse(&[("policy.toml", reaction)], Dialect::Linux);
    let (desk, clerk) = desk::open();
    let owner = "react".parse().unwrap();
    let stream = Stream::new(desk, path.clone(), Clock::system(), owner, wishes.reactions);
    let seen = stream.seen();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            () = stream.run() => {}
            () = test(listener, clerk, seen) => {}
        }
    });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_attack_is_asked_to_be_dropped_and_no_more_when_it_is_over() {
    with_stream("attack", async |listener, mut clerk, _| {
        let agent = accept(&listener).await;
        (&agent).write_all(&attack()).unwrap();
        let (wish, by) = order(&mut clerk).await;
        let policy = put(&wish);
        let Body::Rule(rule) = &policy.body else { panic!("a rule") };
        assert_eq!((rule.action(), &*by), (&Action::Drop, "reaction 'udp'"));
        assert_eq!(rule.matching().traffic().source_ports[0].ends().0, 53);
        let name = policy.name.clone();
        assert_eq!(order(&mut clerk).await.0, Wish::Remove(vec![name]));
    });
}

#[test]
fn an_agent_that_goes_ends_no_reaction_and_what_was_lost_is_counted() {
    with_stream("away", async |listener, mut clerk, mut seen| {
        let agent = accept(&listener).await;
        let mut bytes = attack();
        (&agent).write_all(&bytes).unwrap();
        order(&mut clerk).await;
        // The sequence number is behind version, address (8 bytes) and sub-agent.
        let number = u32::from_be_bytes(bytes[16..20].try_into().unwrap());
        bytes[16..20].copy_from_slice(&(number + 4).to_be_bytes());
        (&agent).write_all(&bytes).unwrap();
        (&agent).write_all(b"no sFlow").unwrap();
        let told = seen.wait_for(|seen| seen.broken == 1);
        let told = tokio::time::timeout(LIMIT, told).await.unwrap().unwrap().clone();
        assert_eq!((told.datagrams, told.samples, told.lost), (3, 10, 3));
        drop(agent);
        // Longer than the window and the hold time: nothing is taken back while nobody looks.
        let early = tokio::time::timeout(Duration::from_secs(3), clerk.orders.recv());
        drop(listener);
        assert!(early.await.is_err(), "taken back though nobody looks");
        assert!(seen.borrow().away.is_some());
    });
}

#[test]
fn a_link_whose_speed_changes_and_is_no_longer_known_keeps_its_alarm_and_ends_it() {
    let reaction = REACTION.replace("\"source_port\"]", "\"sampled\"]").replace("50 Mbit/s", "10 %");
    with_reaction("speed", &reaction, async |listener, mut clerk, mut seen| {
        let agent = accept(&listener).await;
        (&agent).write_all(&attack()).unwrap();
        let told = tokio::time::timeout(LIMIT, seen.wait_for(|seen| seen.passed == 5)).await;
        told.expect("samples of a link of unknown speed are counted").unwrap();
        for datagram in [counters(100_000_000), attack(), counters(200_000_000), counters(0)] {
            (&agent).write_all(&datagram).unwrap();
        }
        let name = put(&order(&mut clerk).await.0).name.clone();
        assert_eq!(order(&mut clerk).await.0, Wish::Remove(vec![name]));
        // 56 Mbit are no tenth of 1 Gb/s.
        for datagram in [counters(1_000_000_000), attack()] {
            (&agent).write_all(&datagram).unwrap();
        }
        let told = tokio::time::timeout(LIMIT, seen.wait_for(|seen| seen.samples == 15)).await;
        told.unwrap().unwrap();
        assert!(clerk.orders.try_recv().is_err());
    });
}
