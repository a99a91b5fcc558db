//! Shaping by the real `tc`, on a veth pair in a namespace of the test's own, judged by the counters of the kernel's
//! qdiscs over a time, while UDP is sent faster than the limit.
#![allow(clippy::disallowed_methods)] // rates are measured against real time

use crate::netns::{Elsewhere, isolated, run};
use crate::support::script_file;
use crate::wishes::{block, wanted};
use hsflow::policy::apply::Runner;
use hsflow::policy::shape::Traffic;
use hsflow::policy::shape::plan::Chain;
use hsflow::policy::wanted::Outcome;
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

pub(crate) fn apply(traffic: &mut Traffic, text: &str) -> Outcome {
    block(traffic.apply(&wanted(text), SystemTime::UNIX_EPOCH))
}

/// Two devices; what is sent to 10.9.0.2 leaves by `v0` and comes in by `v1`, which throws it away.
pub(crate) fn pair() {
    run("ip link add name v0 type veth peer name v1");
    run("ip addr add 10.9.0.1/24 dev v0");
    for device in ["v0", "v1"] {
        // Or IPv6 sends of its own accord, and a counter of HTB is shown.
        run(&format!("ip link set {device} addrgenmode none"));
    }
    run("ip link set v0 up");
    run("ip link set v1 up");
    run("ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0");
}

/// Everything of `tc` on both devices, without counters.
pub(crate) fn shown() -> String {
    ["qdisc show", "filter show dev v0 ingress", "filter show dev v1 ingress"]
        .map(|what| run(&format!("tc {what}")))
        .join("\n")
}

/// Sends to each port in turn, as fast as the sockets take it, while `body` runs.
pub(crate) fn flooded<T>(ports: &[u16], body: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Together they may have more on the way than a sender that gets no time for a while would have sent.
            let sockets: Vec<_> = (0..16).map(|_| UdpSocket::bind("10.9.0.1:0").unwrap()).collect();
            sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
            while !is_over.load(Ordering::Relaxed) {
                for (socket, port) in
                    sockets.iter().flat_map(|socket| ports.iter().map(move |port| (socket, port)))
                {
                    let _ = socket.send_to(&[0; 1400], ("10.9.0.2", *port));
                }
                std::thread::yield_now();
            }
        });
        let _over = Over(&is_over);
        body()
    })
}

/// The real program under a script of the test's, where it is `$real`.
pub(crate) struct Programs(std::path::PathBuf);

impl Programs {
    pub(crate) fn new(name: &str, script: &str) -> Self {
        let thread = format!("{:?}", std::thread::current().id());
        let number: String = thread.chars().filter(char::is_ascii_digit).collect();
        let folder = std::env::temp_dir().join(format!("hsflow-shape-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join(name);
        let find = format!("real=$(PATH=/usr/sbin:/sbin:/usr/bin:/bin command -v {name})");
        let text = format!("#!/bin/sh\nPATH=/usr/sbin:/sbin:/usr/bin:/bin\n{find}\n{script}\n");
        script_file(&program, &text);
        Self(folder)
    }

    pub(crate) fn runner(&self) -> Runner {
        let others = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(Into::into);
        Runner::new().with_folders([vec![self.0.clone()], others.to_vec()].concat())
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Ends the sender even where the test fails.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// Bytes by policy, and when the reading of them began and ended.
pub(crate) fn counters(traffic: &mut Traffic) -> ([Instant; 2], BTreeMap<String, u64>) {
    let start = Instant::now();
    let all = block(traffic.count());
    ([start, Instant::now()], all.iter().map(|(name, hits)| (name.to_string(), hits.bytes)).collect())
}

/// What a policy passed, bits a second of layer 2.
#[derive(Debug)]
struct Rate {
    /// Where both counters were read half way through their readings.
    about: f64,
    /// It was not less, whenever they were read.
    least: f64,
}

/// Those of all policies, after their bursts are spent.
fn rates(traffic: &mut Traffic, ports: &[u16]) -> BTreeMap<String, Rate> {
    flooded(ports, || {
        pause(Duration::from_millis(300));
        let (first, before) = counters(traffic);
        pause(Duration::from_secs(2).max(20 * (first[1] - first[0])));
        let (last, after) = counters(traffic);
        let (longest, shortest) = (last[1] - first[0], last[0] - first[1]);
        let rate = |name: &str, bytes: u64| {
            let bits = (bytes - before[name]) as f64 * 8.0;
            Rate {
                about: bits / ((longest + shortest) / 2).as_secs_f64(),
                least: bits / longest.as_secs_f64(),
            }
        };
        after.iter().map(|(name, bytes)| (name.clone(), rate(name, *bytes))).collect()
    })
}

/// Each policy has its rate within so many percent. A sender that the host gives no time is slow, and a reading of
/// counters too, so one that is not near is measured again; one that is surely too high is wrong at once.
fn hold(traffic: &mut Traffic, ports: &[u16], wanted: &[(&str, f64, f64)]) {
    for left in (0..10).rev() {
        let found = rates(traffic, ports);
        println!("{found:?}");
        // What one is not sent enough for the others borrow: surely too high is what they have together.
        let least: f64 = wanted.iter().map(|(name, ..)| found[*name].least).sum();
        let most: f64 = wanted.iter().map(|(_, rate, percent)| rate * (1.0 + percent / 100.0)).sum();
        assert!(least <= most, "{found:?}");
        if wanted.iter().all(|(name, rate, percent)| is_near(found[*name].about, *rate, *percent)) {
            return;
        }
        assert!(left > 0, "{found:?}");
    }
}

pub(crate) fn is_near(found: f64, wanted: f64, percent: f64) -> bool {
    (found / wanted - 1.0).abs() * 100.0 <= percent
}

#[test]
fn a_limit_holds_out_and_in_and_goes_without_a_trace() {
    isolated("shape::a_limit_holds_out_and_in_and_goes_without_a_trace", || {
        pair();
        let before = shown();
        for place in ["to = \"v0\"", "from = \"v1\""] {
            let mut traffic = Traffic::new(Runner::new());
            let text = format!(
                "[policy.slow]\n{place}\naction = {{ shape = {{ rate = \"10 Mbit/s\", latency_ms = 500 }} }}"
            );
            let outcome = apply(&mut traffic, &text);
            assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
            assert_eq!(apply(&mut traffic, &text), Outcome::default(), "twice is nothing");
            hold(&mut traffic, &[5001], &[("slow", 10e6, 2.0)]);
            // As after a crash: another that remembers nothing.
            let cleared = block(Traffic::new(Runner::new()).clear());
            assert_eq!((cleared.trouble, shown()), (None, before.clone()), "{place}");
        }
    });
}

#[test]
fn shares_hold_under_contention_and_the_idle_ones_are_borrowed() {
    isolated("shape::shares_hold_under_contention_and_the_idle_ones_are_borrowed", || {
        pair();
        let share = |name: &str, more: &str, share: u32| {
            format!(
                "[policy.{name}]\nto = \"v0\"\n{more}\naction = {{ shape = {{ share = {share}, of = \"20 Mbit/s\", latency_ms = 500 }} }}\n"
            )
        };
        let port = |port: u16| format!("protocol = \"udp\"\ndestination_port = {port}");
        let text = [share("web", &port(80), 50), share("mail", &port(25), 30), share("all", "", 20)].concat();
        let mut traffic = Traffic::new(Runner::new());
        let outcome = apply(&mut traffic, &text);
        assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
        hold(&mut traffic, &[80, 25, 7], &[("web", 10e6, 3.0), ("mail", 6e6, 3.0), ("all", 4e6, 3.0)]);
        // Alone it has the whole, but for what a busy host's late timers cost; that is `long_shape`'s to measure.
        let found: Vec<_> = (0..3).map(|_| rates(&mut traffic, &[25]).remove("mail").unwrap()).collect();
        println!("alone: {found:?}");
        assert!(found.iter().all(|rate| rate.least < 20e6 * 1.03), "{found:?}");
        assert!(found.iter().any(|rate| rate.about > 6e6 * 1.5), "more than its share: {found:?}");
    });
}

#[test]
fn a_qdisc_of_others_stays_and_a_device_that_is_not_there_is_waited_for() {
    isolated("shape::a_qdisc_of_others_stays_and_a_device_that_is_not_there_is_waited_for", || {
        pair();
        run("tc qdisc add dev v0 root handle 1: htb default 1");
        let before = shown();
        let limit = |name: &str, to: &str| {
            format!("[policy.{name}]\nto = \"{to}\"\naction = {{ shape = {{ rate = \"1 Mbit/s\" }} }}\n")
        };
        let mut traffic = Traffic::new(Runner::new());
        let outcome = apply(&mut traffic, &[limit("a", "v0"), limit("b", "v9"), limit("c", "v1")].concat());
        let told: Vec<_> = outcome.faults.values().map(String::as_str).collect();
        assert_eq!(told, ["v0 has a qdisc 'htb 1:' that is not ours", "waits for v9"]);
        assert!(run("tc qdisc show dev v1").contains("tbf 5f01:"));
        block(traffic.clear());
        assert_eq!(shown(), before);
    });
}

#[test]
fn what_others_change_is_repaired_and_their_filters_stay() {
    isolated("shape::what_others_change_is_repaired_and_their_filters_stay", || {
        pair();
        run("tc qdisc add dev v1 clsact");
        run("tc filter add dev v1 ingress protocol all pref 7 u32 match u32 0 0 classid 1:1");
        let before = shown();
        let text = "[policy.a]\nfrom = \"v1\"\nprotocol = \"udp\"\ndestination_port = 9\naction = { redirect = { device = \"lo\" } }\n\
                    [policy.b]\nto = \"v0\"\naction = { shape = { rate = \"1 Mbit/s\" } }\n";
        let mut traffic = Traffic::new(Runner::new());
        assert!(apply(&mut traffic, text).faults.is_empty());
        // The kernel numbers filters and actions anew.
        let ours = || {
            shown()
                .lines()
                .filter(|line| !line.contains(" fh ") && !line.contains("index"))
                .collect::<String>()
        };
        let whole = ours();
        assert_ne!(shown(), before);
        run("tc qdisc del dev v0 root");
        run(&format!("tc filter del dev v1 ingress pref {}", Chain::Ingress.preference(false) + 1));
        assert!(apply(&mut traffic, text).steps > 0);
        assert_eq!((ours(), apply(&mut traffic, text).steps), (whole, 0));
        block(traffic.clear());
        assert_eq!(shown(), before);
    });
}

/// A policy that limits, `Mbit/s`.
pub(crate) fn limit(name: &str, to: &str, mbits: u32) -> String {
    format!("[policy.{name}]\n{to}\naction = {{ shape = {{ rate = \"{mbits} Mbit/s\" }} }}\n")
}

pub(crate) fn share(name: &str, port: u16, share: u32) -> String {
    let shape = format!("{{ shape = {{ share = {share}, of = \"20 Mbit/s\" }} }}");
    format!("[policy.{name}]\nto = \"v0\"\nprotocol = \"udp\"\ndestination_port = {port}\naction = {shape}\n")
}

#[test]
fn a_rate_changes_in_place_and_a_restart_adopts_what_stands() {
    isolated("shape::a_rate_changes_in_place_and_a_restart_adopts_what_stands", || {
        pair();
        let before = shown();
        let mut traffic = Traffic::new(Runner::new());
        let steps = |traffic: &mut Traffic, text: &str| {
            let outcome = apply(traffic, text);
            assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
            let again = apply(&mut Traffic::new(Runner::new()), text);
            assert_eq!(again, Outcome::default(), "a restart adopts:\n{text}");
            outcome.steps
        };
        let bucket = limit("a", "to = \"v0\"", 10);
        assert_eq!(steps(&mut traffic, &bucket), 1);
        flooded(&[9], || pause(Duration::from_millis(200)));
        let kept = counters(&mut traffic).1["a"];
        assert_eq!(steps(&mut traffic, &limit("a", "to = \"v0\"", 11)), 1);
        assert!(counters(&mut traffic).1["a"] >= kept && kept > 0, "the qdisc is the same one");

        steps(&mut traffic, &[share("a", 80, 50), share("c", 25, 30)].concat());
        flooded(&[80, 25], || pause(Duration::from_millis(200)));
        let (_, kept) = counters(&mut traffic);
        // The classes of 'a', 'b' and the rest; 'b' comes between the others with a queue and a filter.
        let planned = block(traffic.plan(
            &wanted(&[share("a", 80, 40), share("b", 22, 10), share("c", 25, 30)].concat()),
            SystemTime::UNIX_EPOCH,
        ));
        let planned = planned.unwrap();
        assert!(
            planned.iter().all(|line| !line.contains(" root ") && !line.contains("class del")),
            "{planned:?}"
        );
        let done =
            steps(&mut traffic, &[share("a", 80, 40), share("b", 22, 10), share("c", 25, 30)].concat());
        assert_eq!(done, planned.len());
        let (_, now) = counters(&mut traffic);
        assert!(now["a"] >= kept["a"] && now["c"] >= kept["c"] && kept["c"] > 0, "{kept:?} {now:?}");
        steps(&mut traffic, &share("b", 22, 10));
        steps(&mut traffic, &limit("a", "from = \"v1\"", 10));
        steps(&mut traffic, &[share("b", 22, 10), limit("a", "from = \"v1\"", 1000)].concat());
        block(traffic.clear());
        assert_eq!(shown(), before);
    });
}

#[test]
fn while_a_limit_changes_nothing_passes_beyond_it() {
    isolated("shape::while_a_limit_changes_nothing_passes_beyond_it", || {
        pair();
        let mut traffic = Traffic::new(Runner::new());
        let all = "[policy.a]\nto = \"v0\"\naction = { shape = { share = 50, of = \"10 Mbit/s\" } }\n";
        let texts = [limit("a", "to = \"v0\"", 10), all.to_owned(), limit("a", "to = \"v0\"", 9)];
        apply(&mut traffic, &texts[0]);
        let sent =
            || crate::netns::json("ip -s -j link show v0")[0]["stats64"]["tx"]["bytes"].as_u64().unwrap();
        flooded(&[9], || {
            pause(Duration::from_millis(300));
            let (start, before) = (Instant::now(), sent());
            for text in texts.iter().cycle().take(30) {
                assert_eq!(apply(&mut traffic, text).trouble, None);
            }
            let rate = (sent() - before) as f64 * 8.0 / start.elapsed().as_secs_f64();
            println!("30 changes in {:?}: {rate:.0} bit/s", start.elapsed());
            // Each new qdisc has its burst of 12,500 bytes at once.
            let bursts = 30.0 * 2.0 * 12_500.0 * 8.0 / start.elapsed().as_secs_f64();
            assert!(rate < 10e6 * 1.02 + bursts, "{rate}");
        });
    });
}

#[test]
fn of_what_is_refused_the_version_before_stays() {
    isolated("shape::of_what_is_refused_the_version_before_stays", || {
        pair();
        // The kernel refuses the queue of 50 ms at 3 Mbit/s, after the class has changed.
        let programs = Programs::new(
            "tc",
            "[ \"$1\" = -batch ] || exec \"$real\" \"$@\"\nsed 's/bfifo limit 22500b/none-such/' | exec \"$real\" \"$@\"",
        );
        let mut traffic = Traffic::new(programs.runner());
        let class = |name: &str, port: u16, mbits: u32| {
            format!("{}protocol = \"udp\"\ndestination_port = {port}\n", limit(name, "to = \"v0\"", mbits))
        };
        let good = [class("a", 80, 2), class("b", 25, 2)].concat();
        assert_eq!(apply(&mut traffic, &good).faults.len(), 0);
        let outcome =
            apply(&mut traffic, &[class("a", 80, 3), class("b", 25, 4), class("c", 22, 3)].concat());
        let told: Vec<_> = outcome.faults.keys().map(ToString::to_string).collect();
        assert_eq!((told, outcome.trouble), (vec!["a".to_owned(), "c".to_owned()], None));
        // As others see it: 'a' as it was, 'b' as it is to be, 'c' not at all.
        let left = [class("a", 80, 2), class("b", 25, 4)].concat();
        assert_eq!(apply(&mut Traffic::new(Runner::new()), &left), Outcome::default());
    });
}

#[test]
fn what_is_redirected_leaves_by_the_other_device() {
    isolated("shape::what_is_redirected_leaves_by_the_other_device", || {
        pair();
        run("ip link add name w0 type veth peer name w1");
        for device in ["w0", "w1"] {
            run(&format!("ip link set {device} addrgenmode none"));
            run(&format!("ip link set {device} up"));
        }
        let received =
            || crate::netns::json("ip -s -j link show w1")[0]["stats64"]["rx"]["packets"].as_u64().unwrap();
        for place in ["to = \"v0\"", "from = \"v1\""] {
            let mut traffic = Traffic::new(Runner::new());
            let text = format!(
                "[policy.a]\n{place}\nprotocol = \"udp\"\ndestination_port = 9\naction = {{ redirect = {{ device = \"w0\" }} }}"
            );
            let outcome = apply(&mut traffic, &text);
            assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
            let before = received();
            let socket = UdpSocket::bind("10.9.0.1:0").unwrap();
            for port in [9, 10].repeat(20) {
                socket.send_to(b"x", ("10.9.0.2", port)).unwrap();
            }
            let deadline = Instant::now() + Duration::from_secs(5);
            while received() < before + 20 && Instant::now() < deadline {
                std::thread::yield_now();
            }
            let hits = block(traffic.count())[&"a".parse().unwrap()];
            assert_eq!((received() - before, hits.packets), (20, 20), "{place}");
            block(traffic.clear());
        }
    });
}

#[test]
fn a_policy_may_be_for_another_namespace() {
    isolated("shape::a_policy_may_be_for_another_namespace", || {
        let elsewhere = Elsewhere::new();
        pair();
        run(&format!("ip link set v1 netns {}", elsewhere.pid()));
        let inside = |line: &str| run(&format!("nsenter --net=/proc/{}/ns/net {line}", elsewhere.pid()));
        inside("ip link set v1 up");
        let before = inside("tc qdisc show");
        let of = |place: &str| limit("a", &format!("{place}\nnetns = \"{}\"", elsewhere.pid()), 10);
        let mut traffic = Traffic::new(Runner::new());
        for place in ["to = \"v1\"", "from = \"v1\""] {
            let outcome = apply(&mut traffic, &of(place));
            assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
            assert!(inside("tc qdisc show").contains("tbf 5f01:") && !run("tc qdisc show").contains("tbf"));
            assert_eq!(apply(&mut Traffic::new(Runner::new()), &of(place)), Outcome::default(), "{place}");
        }
        assert_eq!(apply(&mut traffic, "").trouble, None);
        assert_eq!(inside("tc qdisc show"), before);
        // Two numbers of one namespace, and one of our own by a number: each policy is where it belongs, and stays.
        let also = std::process::Command::new("nsenter")
            .args([&format!("--net=/proc/{}/ns/net", elsewhere.pid()), "sh", "-c", "echo ready; exec cat"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn();
        let mut also = also.unwrap();
        let mut line = String::new();
        let said = also.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(said), &mut line).unwrap();
        assert_eq!(line, "ready\n");
        run("ip link add name w0 type ifb");
        let at = |name: &str, device: &str, pid: u32| {
            limit(name, &format!("to = \"{device}\"\nnetns = \"{pid}\""), 10)
        };
        run("ip link set v0 down");
        inside("ip link add name w1 type ifb");
        // The thread's own, which has no number of its own for others.
        let this = nix::unistd::gettid().as_raw().cast_unsigned();
        let text = [
            at("a", "v1", elsewhere.pid()),
            at("b", "w1", also.id()),
            at("c", "v0", this),
            limit("d", "to = \"w0\"", 9),
        ]
        .concat();
        let outcome = apply(&mut traffic, &text);
        assert!(outcome.faults.is_empty() && outcome.trouble.is_none(), "{outcome:?}");
        assert_eq!(apply(&mut traffic, &text), Outcome::default());
        assert_eq!(inside("tc qdisc show").matches("tbf").count(), 2);
        assert_eq!(run("tc qdisc show").matches("tbf").count(), 2);
        drop(also.stdin.take());
        also.wait().unwrap();
    });
}
