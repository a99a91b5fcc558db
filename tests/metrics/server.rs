//! The server of the page: who gets what, and what hostile clients cost.

use crate::http::{by_socket, exchange, page, page_with, request, try_get};
use crate::netns::is_inside;
use crate::rig::{LIMIT, Rig, assert_whole, isolated};
use crate::support::process::Process;
use crate::support::wait_until;
use crate::{AT, metered, series};
use hsflow::sflow::ids::DataSource;
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::Command;

#[test]
fn requests_for_something_else_are_refused_in_words() {
    isolated(|| {
        let rig = metered("");
        page(AT, "");
        let send = |bytes: &[u8]| exchange(&mut TcpStream::connect(AT).unwrap(), bytes).unwrap();
        let post = send(b"POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
        assert!(post.status == 405 && post.headers.contains("allow: get, head"), "{post:?}");
        let lost = send(request("/", "").as_bytes());
        assert_eq!((lost.status, lost.body.as_str()), (404, "metrics are at /metrics\n"));
        let head = send(b"HEAD /metrics HTTP/1.0\r\n\r\n");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        // What it does not read makes the kernel cut the answer off, as may be.
        let long = format!("GET /metrics HTTP/1.0\r\nX: {}\r\n\r\n", "x".repeat(100_000));
        let long = exchange(&mut TcpStream::connect(AT).unwrap(), long.as_bytes());
        assert!(long.as_ref().is_none_or(|reply| reply.status == 431), "{long:?}");
        let get = try_get(AT, "/metrics?a=b", "").unwrap();
        assert!(get.headers.contains("content-type: text/plain; version=0.0.4"), "{}", get.headers);
        let (_, text) = rig.ctl(&["status"]);
        let line = text.lines().find(|line| line.starts_with("metrics ")).unwrap_or_else(|| panic!("{text}"));
        assert!(line.contains(AT) && line.contains("2 other requests") && !line.contains("OPEN"), "{line}");
    });
}

/// Two hundred that say nothing, too little or nonsense, and the next scrape.
#[test]
fn clients_that_say_nothing_lock_nobody_out() {
    isolated(|| {
        let rig = metered("");
        page_with(AT, "hsflow_host_uptime_seconds");
        let before = rig.descriptors().len();
        let mut hostile = Vec::new();
        for start in [
            "",
            "GET /metrics HTTP/1.1\r\n",
            "GET",
            "\u{0}\u{1}\u{2}",
            "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            for _ in 0..40 {
                let mut client = TcpStream::connect(AT).unwrap();
                // It may have made way already.
                let _ = client.write_all(start.as_bytes());
                hostile.push(client);
            }
        }
        assert!(series(&page(AT, "")).contains_key("hsflow_agent_healthy"));
        let now = rig.descriptors().len();
        assert!(now <= before + 40, "{now} descriptors, {before} before");
        // Those that stay are given up in time.
        wait_until("their ends to be closed", LIMIT, || {
            (rig.descriptors().len() <= before + 2).then_some(())
        });
        rig.two_cycles();
        assert_whole(&rig.datagrams());
        assert_eq!(rig.component("metrics"), "running");
        drop(hostile);
    });
}

#[test]
fn many_who_ask_at_once_get_one_page_a_second() {
    isolated(|| {
        let rig = metered("");
        page_with(AT, "hsflow_host_uptime_seconds");
        let asked = |_| std::thread::spawn(|| (0..10).filter_map(|_| try_get(AT, "/metrics", "")).count());
        // In this thread's namespace.
        let all: usize = (0..8).map(asked).collect::<Vec<_>>().into_iter().map(|t| t.join().unwrap()).sum();
        assert!(all >= 40, "{all} of 80");
        let served = rig.snapshot()["metrics"]["served"].as_u64().unwrap();
        assert!(served >= 40, "{served}");
    });
}

#[test]
fn a_socket_serves_as_well_and_is_taken_over_from_the_dead_only() {
    isolated(|| {
        let mut rig = Rig::new();
        let path = rig.path("run/metrics.sock");
        rig.configure_all(&format!("sflow {{ polling = 1 metrics {{ listen = unix:{} }} }}", path.display()));
        rig.start();
        let reply = wait_until("a page", LIMIT, || by_socket(&path));
        assert_eq!(reply.status, 200);
        // Nobody is sent to, and nothing is wrong.
        let (status, text) = rig.ctl(&["status"]);
        assert!(status == 0 && text.contains("collectors unavailable"), "{text}");
        let host = wait_until("the host's counters", LIMIT, || {
            by_socket(&path)
                .map(|reply| reply.body)
                .filter(|page| page.contains("node_memory_MemTotal_bytes"))
        });
        assert_eq!(series(&host)[r#"hsflow_agent_lost_total{stage="datagrams_unsent"}"#].0, 0.0);
        rig.agent().stop(LIMIT);
        assert!(!path.exists(), "it is taken away");

        // One that was left by a program that has gone, and then one of a program that lives.
        let left = UnixListener::bind(&path).unwrap();
        let everybody = || std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&path, everybody()).unwrap();
        drop(left);
        rig.start();
        wait_until("a page again", LIMIT, || by_socket(&path));
        rig.agent().stop(LIMIT);
        let lives = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, everybody()).unwrap();
        rig.start();
        rig.wait_component("metrics", "degraded nothing listens at");
        assert!(path.exists());
        drop(lives);
        std::fs::remove_file(&path).unwrap();
        rig.wait_component("metrics", "running");
    });
}

#[test]
fn a_port_that_is_taken_is_said_and_had_when_it_is_free() {
    isolated(|| {
        let taken = TcpListener::bind(AT).unwrap();
        let rig = metered("");
        let state = rig.wait_component("metrics", "degraded");
        assert!(state.contains(AT) && state.contains("in use"), "{state}");
        assert_eq!(rig.ctl(&["status"]).0, 1);
        drop(taken);
        rig.wait_component("metrics", "running");
        page_with(AT, "hsflow_host_uptime_seconds");
    });
}

#[test]
fn a_reload_switches_it_on_moves_it_and_switches_it_off() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        rig.next_sample(DataSource::HOST);
        assert_eq!(rig.component("metrics"), "", "there is no such thing");
        assert!(TcpStream::connect(AT).is_err());
        rig.reload(&format!("polling = 1\nmetrics {{ listen = {AT} }}"));
        page_with(AT, "hsflow_host_uptime_seconds");
        rig.reload("polling = 1\nmetrics { listen = 0.0.0.0:9037 }");
        page("127.0.0.1:9037", "");
        assert!(TcpStream::connect(AT).is_err());
        // Open to others, which is said in the log and in the status.
        rig.process().wait_line("whoever reaches 0.0.0.0:9037", LIMIT);
        assert!(rig.ctl(&["status"]).1.contains("OPEN to whoever reaches this address"));
        rig.reload("polling = 1");
        wait_until("nobody to listen", LIMIT, || TcpStream::connect("127.0.0.1:9037").is_err().then_some(()));
        assert_eq!(rig.component("metrics"), "");
    });
}

/// What the agent asks the kernel for while two pages are written.
fn traced(rig: &Rig) -> String {
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-e",
        "trace=openat,open,read,pread64,readv,sendto,sendmsg,ioctl,statfs,getrusage,statx",
    ]);
    let mut strace = Process::start(strace.args(["-p", &rig.process().pid().to_string()]));
    strace.wait_line("attached", LIMIT);
    // Longer than a page is kept.
    let first = page(AT, "");
    wait_until("another page", LIMIT, || Some(page(AT, "")).filter(|page| *page != first));
    strace.signal(Signal::SIGINT);
    strace.wait_exit(LIMIT);
    strace.stderr()
}

/// A page is made of what is known: the agent reads no file and asks the kernel nothing while it is written.
#[test]
fn a_scrape_reads_nothing_from_the_kernel() {
    isolated(|| {
        if is_inside() {
            return;
        }
        let rig =
            Rig::running(&format!("polling = 300\nmetrics {{ listen = {AT} }}\ninterfaceCounters = all"));
        page_with(AT, "hsflow_host_uptime_seconds");
        let polls = || rig.snapshot()["cost"]["polls"].as_u64().unwrap();
        // A source's turn may come meanwhile, once in 300 seconds.
        let calls = (0..5).find_map(|_| {
            let before = polls();
            let calls = traced(&rig);
            (polls() == before).then_some(calls)
        });
        let calls = calls.expect("a moment without a poll");
        for word in ["openat(", "pread64(", "sendmsg(", "ioctl(", "statfs(", "statx(", "getrusage(", "/proc/"]
        {
            assert!(!calls.contains(word), "{word} in\n{calls}");
        }
    });
}

/// Reads what a client that is slow is given in time, and no more than that is kept for it.
#[test]
fn a_client_that_reads_slowly_is_served_and_holds_up_nobody() {
    isolated(|| {
        let rig = metered("interfaceCounters = all");
        page_with(AT, "hsflow_host_uptime_seconds");
        let mut slow = TcpStream::connect(AT).unwrap();
        slow.write_all(request("/metrics", "").as_bytes()).unwrap();
        let mut first = [0; 1];
        slow.read_exact(&mut first).unwrap();
        page(AT, "");
        rig.two_cycles();
        let mut rest = String::new();
        slow.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with('\n') && rest.contains("hsflow_agent_healthy"));
    });
}
