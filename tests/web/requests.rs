//! What is answered to whom.

use crate::client::{get, raw};
use crate::support::process::Process;
use crate::{LIMIT, port, repository, serving};
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

fn of_the_recording() -> (Process, std::net::SocketAddr) {
    serving(&["--file", &repository("tests/data/c-agent.pcap")])
}

#[test]
fn the_page_and_the_model_are_read_and_nothing_can_be_written() {
    let (mut tool, at) = of_the_recording();
    let page = get(at, "/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), ("DENY", "no-store"));
    let model = get(at, "/api/picture");
    assert_eq!((model.status, model.header("content-type")), (200, "application/json"));
    let model = model.json();
    assert_eq!(model["shown"]["address"], "192.0.2.2");
    assert!(model["shown"]["guests"].as_array().unwrap().len() >= 3, "{model}");
    assert!(model["shown"]["host"]["memory_total"].as_u64().unwrap() > 1 << 20);
    for (method, path, status) in [
        ("HEAD", "/", 200),
        ("POST", "/", 405),
        ("PUT", "/api/picture", 405),
        ("DELETE", "/", 405),
        ("OPTIONS", "/api/picture", 405),
        ("GET", "/etc/passwd", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/api/picture?host=nobody", 200),
        ("GET", "/api/picture?host=192.0.2.99", 200),
    ] {
        let answer = raw(at, &format!("{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(!answer.header("content-security-policy").is_empty());
        assert!(answer.header("access-control-allow-origin").is_empty());
    }
    assert!(tool.stop(LIMIT).success());
}

#[test]
fn a_name_that_is_not_ours_is_refused() {
    let (_tool, at) =
        serving(&["--name", "monitor.example", "--file", &repository("tests/data/c-agent.pcap")]);
    for (host, status) in [
        ("evil.example", 421),
        ("evil.example:8080", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost", 200),
        ("[::1]:8080", 200),
        ("monitor.example:443", 200),
    ] {
        let answer =
            raw(at, &format!("GET /api/picture HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.status, status, "{host}");
    }
    let without = raw(at, "GET /api/picture HTTP/1.0\r\n\r\n");
    assert_eq!(without.status, 421);
}

#[test]
fn clients_that_say_nothing_or_nonsense_hold_up_nobody() {
    let (mut tool, at) = of_the_recording();
    let silent: Vec<_> = (0..40).map(|_| TcpStream::connect(at).unwrap()).collect();
    let long = format!("GET / HTTP/1.1\r\nHost: {at}\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let mut greedy = TcpStream::connect(at).unwrap();
    greedy.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = std::io::Write::write_all(&mut greedy, long.as_bytes());
    assert_eq!(get(at, "/api/picture").status, 200);
    let mut said = Vec::new();
    let _ = greedy.read_to_end(&mut said);
    assert!(!String::from_utf8_lossy(&said).starts_with("HTTP/1.1 200"));
    drop(silent);
    assert!(tool.is_running());
}

#[test]
fn other_addresses_than_loopback_are_warned_of_and_a_taken_one_is_an_error() {
    let tool = Process::hsflowctl(&[
        "web",
        "--listen",
        "0.0.0.0:0",
        "--file",
        &repository("tests/data/c-agent.pcap"),
    ]);
    let warning = tool.wait_line("warning", LIMIT);
    assert!(warning.contains("without a password"), "{warning}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut tool = Process::hsflowctl(&["web", "--listen", &address]);
    assert_eq!(tool.wait_exit(LIMIT).code(), Some(2));
    assert!(tool.stderr().contains(&address), "{}", tool.stderr());
}

#[test]
fn an_agent_that_is_away_is_told_and_many_hosts_are_listed() {
    let (_tool, at) = serving(&["--socket", "/nonexistent/control.sock"]);
    let away = crate::support::wait_until("it is said", LIMIT, || {
        get(at, "/api/picture").json()["away"].as_str().map(str::to_owned)
    });
    assert!(away.contains("/nonexistent/stream.sock"), "{away}");
    let port = port::free();
    let (_tool, at) = serving(&["--receive", &format!("127.0.0.1:{port}")]);
    port::wait_bound(port);
    // An agent of IPv6 with an empty datagram.
    let mut other = [0, 0, 0, 5, 0, 0, 0, 2].to_vec();
    other.extend([0x20, 1, 0xd, 0xb8]);
    other.extend([0; 28]);
    port::send(port, &[other, b"garbage".to_vec()]);
    let model = crate::support::wait_until("a host", LIMIT, || {
        let model = get(at, "/api/picture?host=2001%3Adb8%3A%3A").json();
        (model["broken"] == 1).then_some(model)
    });
    assert_eq!((&model["is_many"], &model["shown"]["address"]), (&true.into(), &"2001:db8::".into()));
}
