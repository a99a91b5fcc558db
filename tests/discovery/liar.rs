//! A name server that says what a test wants, over UDP and TCP on port 53 of an address of `lo`, and remembers every question.

use crate::message::{Question, Reply};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

type Say = Arc<dyn Fn(&Question) -> Vec<Vec<u8>> + Send + Sync>;

pub(crate) struct Liar {
    shared: Arc<Shared>,
    address: String,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    say: Mutex<Say>,
    asked: Mutex<Vec<Question>>,
    last: Mutex<Option<(u16, u16, bool)>>,
    over: AtomicBool,
}

impl Liar {
    /// Answers questions with the messages that `say` makes of them; an empty list is silence.
    pub(crate) fn new(say: impl Fn(&Question) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1", true, say)
    }

    /// The same at another address, with or without TCP.
    pub(crate) fn at(
        address: &str,
        tcp: bool,
        say: impl Fn(&Question) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let address = format!("{address}:53");
        let shared = Arc::new(Shared {
            say: Mutex::new(Arc::new(say)),
            asked: Mutex::default(),
            last: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let udp = UdpSocket::bind(&address).unwrap();
        let mut threads = vec![start(&shared, move |shared| serve_udp(&udp, shared))];
        if tcp {
            let listener = TcpListener::bind(&address).unwrap();
            threads.push(start(&shared, move |shared| serve_tcp(&listener, shared)));
        }
        Self { shared, address, threads }
    }

    /// Answers otherwise from now on.
    pub(crate) fn say(&self, say: impl Fn(&Question) -> Vec<Vec<u8>> + Send + Sync + 'static) {
        *self.shared.say.lock().unwrap() = Arc::new(say);
    }

    /// The questions since the last call; one that was sent again because this machine is slow counts once.
    pub(crate) fn take_asked(&self) -> Vec<Question> {
        let mut asked = std::mem::take(&mut *self.shared.asked.lock().unwrap());
        // Also of one that was taken before.
        let mut last = self.shared.last.lock().unwrap();
        asked.retain(|question| {
            let this = Some((question.id, question.kind, question.tcp));
            std::mem::replace(&mut *last, this) != this
        });
        asked
    }

    /// How many packets came since the last call.
    pub(crate) fn take_packets(&self) -> usize {
        std::mem::take(&mut *self.shared.asked.lock().unwrap()).len()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Both wait for somebody.
        let _ = UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], &self.address);
        let _ = TcpStream::connect(&self.address);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

/// One message over.
pub(crate) fn one(reply: &Reply) -> Vec<Vec<u8>> {
    vec![reply.bytes()]
}

fn start(shared: &Arc<Shared>, serve: impl FnOnce(&Shared) + Send + 'static) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || serve(&shared))
}

impl Shared {
    fn answers(&self, message: &[u8], tcp: bool) -> Vec<Vec<u8>> {
        let Some(question) = Question::parse(message, tcp) else { return Vec::new() };
        self.asked.lock().unwrap().push(question.clone());
        let say = Arc::clone(&self.say.lock().unwrap());
        say(&question)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

fn serve_udp(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 2048];
    while !shared.is_over() {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        for answer in shared.answers(&buffer[..length], false) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn serve_tcp(listener: &TcpListener, shared: &Shared) {
    while !shared.is_over() {
        let Ok((mut stream, _)) = listener.accept() else { continue };
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let (mut length, mut message) = ([0; 2], Vec::new());
        if stream.read_exact(&mut length).is_err() {
            continue;
        }
        message.resize(usize::from(u16::from_be_bytes(length)), 0);
        if stream.read_exact(&mut message).is_ok() {
            for answer in shared.answers(&message, true) {
                let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                let _ = stream.write_all(&[&length[..], &answer].concat());
            }
        }
    }
}
