use super::*;
use crate::host::Clock;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("hsflow-apps-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn text(&self, name: &str) -> Option<String> {
        Some(self.0.join(name).to_str().unwrap().to_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const NOTHING: Json = Json { udp_port: None, fifo: None, socket: None, limit: 0 };

fn open(json: &Json) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.apply(Some(json), Path::new("/"), Clock::system().now());
    inputs
}

fn obstacles(inputs: &Inputs) -> Vec<String> {
    inputs.iter().filter_map(|input| Some(input.obstacle()?.to_string())).collect()
}

fn read(inputs: &mut Inputs) -> Vec<(Sender, String)> {
    let mut all = Vec::new();
    inputs.read(Clock::system().now(), &mut |sender, message| {
        all.push((sender, String::from_utf8_lossy(message).into_owned()))
    });
    all
}

fn texts(inputs: &mut Inputs) -> Vec<String> {
    read(inputs).into_iter().map(|(_, text)| text).collect()
}

fn append(path: &str, text: &str) -> fs::File {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn a_pipe_outlives_its_writers_and_is_not_readable_without_them() {
    let folder = Folder::new();
    let path = folder.text("fifo").unwrap();
    mkfifo(path.as_str(), Mode::from_bits_truncate(0o644)).unwrap();
    let mut inputs = open(&Json { fifo: Some(path.clone()), ..NOTHING });
    assert_eq!((obstacles(&inputs), texts(&mut inputs)), (vec![], vec![]));
    for round in 0..3 {
        let one = append(&path, "{\"a\":1}\n{\"b\"");
        assert_eq!(texts(&mut inputs), ["{\"a\":1}"]);
        let two = append(&path, ":2}{\"c\":");
        drop(one);
        assert_eq!(texts(&mut inputs), ["{\"b\":2}"]);
        drop(two);
        assert_eq!(texts(&mut inputs), ["{\"c\":"], "round {round}: nobody can complete it");
        let readable = |inputs: &Inputs| {
            let fd = inputs.descriptors().next().unwrap();
            let mut fds = [nix::poll::PollFd::new(fd, nix::poll::PollFlags::POLLIN)];
            nix::poll::poll(&mut fds, 0_u8).unwrap() > 0
        };
        assert!(!readable(&inputs), "round {round}: a pipe without writers keeps nobody awake");
        drop(append(&path, ""));
        assert_eq!(texts(&mut inputs), Vec::<String>::new());
        assert!(!readable(&inputs), "round {round}: nor does one whose writer wrote nothing");
    }
}

#[test]
fn what_is_written_while_the_pipe_is_opened_anew_is_not_lost() {
    let folder = Folder::new();
    let path = folder.text("fifo").unwrap();
    mkfifo(path.as_str(), Mode::from_bits_truncate(0o644)).unwrap();
    let mut inputs = open(&Json { fifo: Some(path.clone()), ..NOTHING });
    let mut seen = Vec::new();
    for n in 0..500 {
        drop(append(&path, &format!("{{\"n\":{n}}}")));
        seen.extend(texts(&mut inputs));
    }
    seen.extend(texts(&mut inputs));
    assert_eq!(seen, (0..500).map(|n| format!("{{\"n\":{n}}}")).collect::<Vec<_>>());
}

#[test]
fn a_pipe_that_is_missing_or_something_else_is_an_obstacle_until_it_is_made() {
    let folder = Folder::new();
    let path = folder.text("fifo").unwrap();
    let (mut inputs, now) = (open(&Json { fifo: Some(path.clone()), ..NOTHING }), Clock::system().now());
    assert_eq!(obstacles(&inputs), [format!("open {path}: No such file or directory (os error 2)")]);
    assert!(!inputs.check(now), "the same obstacle is no news");
    fs::write(&path, "{}").unwrap();
    assert!(inputs.check(now));
    assert_eq!(obstacles(&inputs), [format!("{path} is not a named pipe")]);
    fs::remove_file(&path).unwrap();
    mkfifo(path.as_str(), Mode::from_bits_truncate(0o644)).unwrap();
    assert!(inputs.check(now));
    assert!(!inputs.check(now), "an open one stays");
    fs::rename(&path, format!("{path}.old")).unwrap();
    mkfifo(path.as_str(), Mode::from_bits_truncate(0o644)).unwrap();
    inputs.check(now);
    let _writer = append(&path, "{}");
    assert_eq!(texts(&mut inputs), ["{}"], "the pipe that has the name now");
}

#[test]
fn both_loopback_ports_are_open_and_one_that_is_taken_is_an_obstacle_of_its_own() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (mut inputs, now) = (open(&Json { udp_port: Some(port), ..NOTHING }), Clock::system().now());
    assert_eq!(obstacles(&inputs)[0], format!("bind 127.0.0.1:{port}: Address already in use (os error 98)"));
    drop(taken);
    assert!(inputs.check(now));
    assert!(inputs.iter().all(|input| input.obstacle().is_none_or(Obstacle::is_harmless)));
    let all_open = inputs.iter().all(|input| input.obstacle().is_none());
    assert_eq!(inputs.check_at().is_none(), all_open, "open ports need no looking after");
    for loopback in ["127.0.0.1", "::1"] {
        let Ok(socket) = UdpSocket::bind((loopback, 0)) else { continue };
        socket.send_to(b"{}", (loopback, port)).unwrap();
        let sender = Sender::Socket(mailbox::Sender::Address(socket.local_addr().unwrap()));
        assert_eq!(read(&mut inputs), [(sender, "{}".to_owned())]);
    }
}

#[test]
fn a_flood_takes_its_share_of_a_visit_and_no_more() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = Folder::new();
    let json = Json { udp_port: Some(free), socket: folder.text("json.sock"), ..NOTHING };
    let mut inputs = open(&json);
    let (flood, calm) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UnixDatagram::unbound().unwrap());
    for _ in 0..150 {
        flood.send_to(b"{}", ("127.0.0.1", free)).unwrap();
    }
    calm.send_to(b"{\"calm\":1}", json.socket.as_ref().unwrap()).unwrap();
    let mut seen = Vec::new();
    let (visit, _) = inputs.read(Clock::system().now(), &mut |sender, _| seen.push(sender.to_string()));
    assert_eq!((visit.messages, visit.more), (129, true));
    let me = format!("process {} of user {}", std::process::id(), nix::unistd::getuid());
    assert_eq!(seen.last(), Some(&me));
    let (visit, _) = inputs.read(Clock::system().now(), &mut |_, _| ());
    assert_eq!((visit.messages, visit.more), (22, false));
}

#[test]
fn a_message_that_is_too_long_is_seen_to_be() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut inputs = open(&Json { udp_port: Some(free), ..NOTHING });
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [MAX_MESSAGE, MAX_MESSAGE + 1, 60_000] {
        socket.send_to(&vec![b' '; length], ("127.0.0.1", free)).unwrap();
    }
    let lengths: Vec<_> = texts(&mut inputs).iter().map(String::len).collect();
    assert_eq!(lengths, [MAX_MESSAGE, MAX_MESSAGE + 1, MAX_MESSAGE + 1]);
}

#[test]
fn a_socket_is_for_everybody_replaces_a_dead_one_and_goes_with_the_agent() {
    let folder = Folder::new();
    let path = folder.text("json.sock").unwrap();
    drop(UnixDatagram::bind(&path).unwrap());
    let (json, now) = (Json { socket: Some(path.clone()), ..NOTHING }, Clock::system().now());
    let mut inputs = open(&json);
    assert_eq!(obstacles(&inputs), Vec::<String>::new());
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o666);
    let other = open(&json);
    assert_eq!(obstacles(&other), [format!("another process listens on {path}")]);
    drop(other);
    fs::remove_file(&path).unwrap();
    inputs.check(now);
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(b"{}", &path).unwrap();
    assert_eq!(texts(&mut inputs), ["{}"], "one that was removed is made anew");
    inputs.apply(None, Path::new("/"), now);
    assert!(!fs::exists(&path).unwrap());
    assert_eq!((inputs.descriptors().count(), inputs.check_at()), (0, None));
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = Folder::new();
    let path = folder.text("precious").unwrap();
    fs::write(&path, "data").unwrap();
    let inputs = open(&Json { socket: Some(path.clone()), ..NOTHING });
    assert_eq!(obstacles(&inputs), [format!("{path} is not a socket")]);
    drop(inputs);
    assert_eq!(fs::read_to_string(&path).unwrap(), "data");
    let inputs = open(&Json { socket: folder.text("missing/json.sock"), ..NOTHING });
    assert!(obstacles(&inputs)[0].ends_with("missing/json.sock: No such file or directory (os error 2)"));
    let inputs = open(&Json { socket: folder.text(&"x".repeat(108)), ..NOTHING });
    assert!(
        obstacles(&inputs)[0].ends_with("x: File name too long (os error 36)"),
        "{:?}",
        obstacles(&inputs)
    );
}

#[test]
fn the_living_socket_of_another_program_is_left_alone_whatever_its_type() {
    let folder = Folder::new();
    let path = folder.text("their.sock").unwrap();
    let theirs = UnixListener::bind(&path).unwrap();
    let inputs = open(&Json { socket: Some(path.clone()), ..NOTHING });
    assert_eq!(obstacles(&inputs), [format!("another process listens on {path}")]);
    drop(inputs);
    assert!(UnixStream::connect(&path).is_ok());
    drop(theirs);
}

#[test]
fn inputs_that_stay_keep_what_was_sent_to_them() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (folder, now) = (Folder::new(), Clock::system().now());
    let json = Json { udp_port: Some(free), ..NOTHING };
    let mut inputs = open(&json);
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"{}", ("127.0.0.1", free)).unwrap();
    inputs.apply(Some(&Json { socket: folder.text("json.sock"), ..json }), Path::new("/"), now);
    assert_eq!(texts(&mut inputs), ["{}"]);
}
