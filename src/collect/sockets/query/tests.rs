//! A kernel that loses, repeats, cuts and refuses, by a script.

use super::*;
use crate::sys::netlink::{Datagrams, Netlink, Protocol};
use nix::errno::Errno;
use std::collections::VecDeque;
use std::net::{TcpListener, TcpStream};
use std::os::fd::BorrowedFd;

const ARENA: usize = 64 * SLOT;

/// What a receive gives: replies, or errno.
type Step = Result<Vec<Vec<u8>>, Errno>;

#[derive(Default)]
struct Script {
    sent: Vec<usize>,
    steps: VecDeque<Step>,
    arena: Vec<u8>,
    lengths: Vec<usize>,
}

impl Transport for Script {
    fn send(&mut self, requests: &[u8]) -> Result<(), SysError> {
        self.sent.push(messages(requests).count());
        Ok(())
    }

    fn receive(&mut self, slot: usize, wait: Duration) -> Result<Datagrams<'_>, SysError> {
        assert!(wait.is_zero(), "samples never wait");
        let step = self.steps.pop_front().unwrap_or(Ok(Vec::new()));
        let datagrams = step.map_err(|errno| SysError::new("recvmmsg", "script", errno))?;
        self.arena = vec![0; ARENA];
        self.lengths = datagrams.iter().map(Vec::len).collect();
        for (place, datagram) in self.arena.chunks_mut(slot).zip(&datagrams) {
            place[..datagram.len()].copy_from_slice(datagram);
        }
        Ok(Datagrams::new(&self.arena, slot, &self.lengths, 0))
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

fn message(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes();
    let head = [&length[..], &kind.to_ne_bytes(), &[0, 0], &sequence.to_ne_bytes(), &[0; 4]];
    [&head.concat(), payload].concat()
}

/// The answer about a socket whose user is `uid`.
fn answer(sequence: u32, uid: u32) -> Vec<u8> {
    let mut payload = [0; 72];
    payload[..2].copy_from_slice(&[2, 1]);
    payload[64..68].copy_from_slice(&uid.to_ne_bytes());
    message(inet_diag::KIND, sequence, &payload)
}

fn refusal(sequence: u32, errno: Errno) -> Vec<u8> {
    message(2, sequence, &(-(errno as i32)).to_ne_bytes())
}

fn questions(count: u16) -> Vec<Question> {
    let end = |port| std::net::SocketAddr::from(([192, 0, 2, 1], port));
    let ask = |port| Connection { protocol: 6, local: end(port), remote: end(443), sent: true };
    (0..count).map(|port| Question { connection: ask(port), if_index: 0 }).collect()
}

/// A reply's place, and user or errno.
type Got = (usize, Result<u32, i32>);

/// What came of so many questions, and the script that is left.
fn run(steps: Vec<Step>, count: u16) -> (Vec<Got>, Script) {
    let mut query = Query::new(Script { steps: steps.into(), ..Script::default() });
    let mut got = Vec::new();
    query.ask(&questions(count), &mut |at, reply| got.push((at, reply.map(|answer| answer.uid)))).unwrap();
    (got, query.socket)
}

const ENOENT: i32 = Errno::ENOENT as i32;

#[test]
fn replies_are_matched_in_any_order_and_absence_is_a_reply() {
    let steps = vec![Ok(vec![answer(3, 30), refusal(1, Errno::ENOENT)]), Ok(vec![answer(2, 20)])];
    let (got, script) = run(steps, 3);
    assert_eq!(got, [(2, Ok(30)), (0, Err(ENOENT)), (1, Ok(20))]);
    assert_eq!(script.sent, [3]);
}

#[test]
fn nothing_is_waited_for_where_replies_are_missing() {
    let (got, _) = run(vec![Ok(vec![answer(2, 20)])], 3);
    assert_eq!(got, [(1, Ok(20))]);
}

#[test]
fn overrun_costs_only_the_replies_that_were_lost() {
    let steps = vec![Err(Errno::ENOBUFS), Ok(vec![answer(1, 10)]), Ok(Vec::new())];
    assert_eq!(run(steps, 2).0, [(0, Ok(10))]);
}

#[test]
fn kernel_that_only_overruns_is_given_up() {
    let mut query = Query::new(Script { steps: vec![Err(Errno::ENOBUFS); 99].into(), ..Script::default() });
    query.ask(&questions(1), &mut |_, _| panic!("no reply")).unwrap();
    assert!(query.socket.steps.len() > 80);
}

#[test]
fn replies_to_older_questions_and_noise_are_passed_over() {
    let noise =
        vec![answer(0, 1), answer(9, 1), vec![1, 2, 3], message(inet_diag::KIND, 1, &[]), answer(1, 10)];
    assert_eq!(run(vec![Ok(noise)], 1).0, [(0, Ok(10))]);
}

#[test]
fn many_questions_go_out_in_batches_that_fit() {
    let replies = |sequences: std::ops::RangeInclusive<u32>| Ok(sequences.map(|s| answer(s, s)).collect());
    let (got, script) = run(vec![replies(1..=64), replies(65..=128), replies(129..=150)], 150);
    assert_eq!(script.sent, [64, 64, 22]);
    let wanted: Vec<_> = (0..150_usize).map(|at| (at, Ok(u32::try_from(at + 1).unwrap()))).collect();
    assert_eq!(got, wanted);
}

#[test]
fn protocol_that_the_kernel_has_no_table_for_is_an_error_and_not_a_host_without_sockets() {
    let open = || Netlink::open(Protocol::SocketDiag, 0).unwrap();
    assert!(Query::probed(open(), inet_diag::TCP).is_ok());
    let error = Query::probed(open(), 99).unwrap_err();
    assert_eq!(error.errno, ENOENT);
}

/// With the least room for replies that the kernel gives, most are lost; the next question is answered again.
#[test]
fn kernel_that_has_no_room_for_replies_loses_only_those() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (local, remote) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    let question =
        Question { connection: Connection { protocol: 6, local, remote, sent: true }, if_index: 1 };
    let mut query = Query::new(Netlink::open(Protocol::SocketDiag, 0).unwrap());
    for _ in 0..3 {
        let mut found = 0;
        query.ask(&[question; 64], &mut |_, reply| found += u32::from(reply.is_ok())).unwrap();
        assert!((1..64).contains(&found), "{found}");
        let mut alone = 0;
        query.ask(&[question], &mut |at, reply| alone += u32::from(at == 0 && reply.is_ok())).unwrap();
        assert_eq!(alone, 1);
    }
}
