//! The stream socket: what programs of this host get there, and what they cannot do to the agent.

use crate::packets::{send, wait_source, wire};
use crate::rig::{LIMIT, Rig, all_flows, all_samples, assert_whole, isolated, source};
use crate::support::wait_until;
use hsflow::sflow::decode::{Datagram, decode};
use hsflow::sflow::ids::DataSource;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A program that reads along.
pub(crate) struct Reader(Socket);

impl Reader {
    fn try_new(rig: &Rig) -> Option<Self> {
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        socket.connect(&SockAddr::unix(rig.path("run/stream.sock")).unwrap()).ok()?;
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Some(Self(socket))
    }

    /// One that the agent knows of.
    pub(crate) fn new(rig: &Rig) -> Self {
        let before = readers(rig).len();
        let reader = wait_until("the stream socket", LIMIT, || Self::try_new(rig));
        wait_until("a reader in the status", LIMIT, || (readers(rig).len() > before).then_some(()));
        reader
    }

    /// The next datagram; none where the agent has hung up.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = [0; 65536];
        let length = self.0.read(&mut bytes).expect("a datagram in time");
        (length > 0).then(|| bytes[..length].to_vec())
    }

    fn next_decoded(&mut self) -> Datagram {
        decode(&self.next().expect("the agent is there")).unwrap()
    }
}

fn readers(rig: &Rig) -> Vec<Value> {
    rig.snapshot()["readers"].as_array().unwrap().clone()
}

#[track_caller]
fn assert_in_a_row(read: &[Datagram]) {
    for (one, next) in read.iter().zip(&read[1..]) {
        assert_eq!(next.sequence, one.sequence + 1);
    }
}

const TAPPED: &str = "polling = 1 pcap { dev = a0 sampling = 1 }";

#[test]
fn a_reader_gets_every_datagram_byte_by_byte_as_a_collector_does() {
    isolated(|| {
        wire();
        let rig = Rig::running(TAPPED);
        rig.first_sample(DataSource::HOST);
        let mut reader = Reader::new(&rig);
        send(100);
        let mut read: Vec<Vec<u8>> = Vec::new();
        while read.len() < 12 {
            read.push(reader.next().unwrap());
        }
        let last = decode(&read[11]).unwrap().sequence;
        rig.wait("the same", |d| d.iter().any(|d| d.sequence >= last));
        let caught = rig.catcher.datagrams();
        let first = caught.iter().position(|bytes| *bytes == read[0]).expect("the first of them");
        assert_eq!(caught[first..first + read.len()], read);
        assert!(first > 0, "what was sent before it came is not told again");
    });
}

#[test]
fn a_reader_that_sleeps_costs_nobody_anything_and_its_losses_are_counted() {
    isolated(|| {
        wire();
        let rig = Rig::running(TAPPED);
        rig.first_sample(DataSource::HOST);
        wait_source(&rig, "a0", "pcap");
        let mut awake = Reader::new(&rig);
        let _asleep = Reader::new(&rig);
        let (lost, before) = (|| readers(&rig)[1]["dropped"].as_u64().unwrap(), rig.own_kib());
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        let follow = std::thread::spawn(move || {
            let mut read = Vec::new();
            // Ends with the agent.
            while let Some(bytes) = awake.next() {
                read.push(decode(&bytes).unwrap());
                count.fetch_add(all_flows(&read[read.len() - 1..]).count(), Relaxed);
            }
            read
        });
        let mut sent = 0;
        wait_until("the buffer is full", LIMIT, || {
            send(300);
            sent += 300;
            // Who is awake has its turn of the processor before more comes.
            wait_until("it is read", LIMIT, || (seen.load(Relaxed) >= sent).then_some(()));
            (lost() > 100).then_some(())
        });
        let status = readers(&rig);
        assert_eq!(status[0]["dropped"], 0);
        assert_eq!(status[0]["pid"], std::process::id());
        assert!(rig.own_kib() < before + 1024, "{before} KiB before");
        let (_, page) = rig.ctl(&["status"]);
        let line = format!("reader     process {}: ", std::process::id());
        assert_eq!(page.lines().filter(|l| l.starts_with(&line)).count(), 2, "{page}");
        drop(rig);
        let read = follow.join().unwrap();
        assert_in_a_row(&read);
    });
}

#[test]
fn without_a_collector_that_can_be_reached_readers_get_everything() {
    isolated(|| {
        for collector in ["nowhere.invalid", "192.0.2.1"] {
            let mut rig = Rig::new();
            rig.configure_all(&format!("sflow {{ polling = 1 collector {{ ip = {collector} }} }}"));
            rig.start();
            let mut reader = Reader::new(&rig);
            let read: Vec<_> = (0..3).map(|_| reader.next_decoded()).collect();
            assert_in_a_row(&read);
            assert!(all_samples(&read).any(|sample| sample.header.source == DataSource::HOST));
        }
    });
}

#[test]
fn sixteen_may_read_and_others_are_turned_away_until_one_goes() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        wait_until("the stream socket", LIMIT, || Reader::try_new(&rig));
        let mut all: Vec<_> = (0..20).map(|_| Reader::try_new(&rig).unwrap()).collect();
        wait_until("too many are turned away", LIMIT, || {
            (rig.snapshot()["losses"]["stream_readers"].as_u64()? >= 4).then_some(())
        });
        assert_eq!(readers(&rig).len(), 16);
        assert_eq!(all[19].next(), None, "the last one was turned away");
        all.drain(..10);
        wait_until("those that go are forgotten", LIMIT, || (readers(&rig).len() < 10).then_some(()));
        Reader::new(&rig).next_decoded();
        rig.next_sample(DataSource::HOST);
    });
}

#[test]
fn what_readers_send_is_refused_and_changes_nothing() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        let mut reader = Reader::new(&rig);
        let refused = wait_until("a refusal", LIMIT, || reader.0.send(&[0xFF; 1000]).err());
        assert_eq!(refused.kind(), std::io::ErrorKind::BrokenPipe);
        reader.next_decoded();
        assert_eq!(rig.component("stream"), "running");
        rig.two_cycles();
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn readers_stay_through_a_reload_and_come_back_after_a_restart() {
    isolated(|| {
        wire();
        let mut rig = Rig::running("polling = 1");
        let mut reader = Reader::new(&rig);
        let first = reader.next_decoded();
        rig.reload("polling = 1 interfaceCounters = all");
        let mut last = first.sequence;
        loop {
            let next = reader.next_decoded();
            assert_eq!(next.sequence, last + 1);
            last = next.sequence;
            if all_samples(&[next]).any(|sample| sample.header.source == source("a0")) {
                break;
            }
        }
        rig.agent().stop(LIMIT);
        while reader.next().is_some() {}
        assert!(!rig.path("run/stream.sock").exists());
        rig.start();
        assert!(Reader::new(&rig).next_decoded().sequence > 0);
    });
}
