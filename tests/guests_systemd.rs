//! Services where there is no bus, and the program that tests/vm/services.test.sh runs in a machine with systemd.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

mod support;

use hsflow::collect::guests::cgroup::{Cgroup, Hierarchies};
use hsflow::collect::guests::{News, Receiver, channel, systemd};
use hsflow::config;
use hsflow::host::Host;
use hsflow::sample::guest::{Engine, Guest, GuestState};
use hsflow::status::registry::State;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;
use support::TempDir;

const MOUNTS: &str = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

fn settings(text: &str) -> config::model::Systemd {
    config::parse("test", text).settings.unwrap().modules.systemd.unwrap()
}

/// A host with these cgroups; `true` for those with processes.
fn tree(cgroups: &[(&str, bool)]) -> (TempDir, Host) {
    let dir = TempDir::new();
    fs::create_dir_all(dir.path().join("proc/self")).unwrap();
    dir.write("proc/self/mountinfo", MOUNTS);
    for (cgroup, populated) in cgroups {
        put(&dir, cgroup, *populated);
    }
    let host = Host::at(dir.path());
    (dir, host)
}

fn put(dir: &TempDir, cgroup: &str, populated: bool) {
    let at = dir.path().join("sys/fs/cgroup").join(cgroup);
    fs::create_dir_all(&at).unwrap();
    fs::write(at.join("cgroup.events"), format!("populated {}\nfrozen 0\n", u8::from(populated))).unwrap();
}

/// Runs the engine on its own runtime and hands its news to `body`.
fn engine(host: &Host, body: impl AsyncFnOnce(Receiver)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (feed, receiver) = channel();
        let task = tokio::spawn(systemd::run(
            host.clone(),
            settings("sflow { collector { ip = ::1 } systemd { refreshVMs = 10 } }"),
            feed,
        ));
        body(receiver).await;
        // Nobody listens now, and the task ends of itself.
        tokio::time::timeout(Duration::from_secs(60), task).await.expect("the task ends").unwrap();
    });
}

async fn next(receiver: &mut Receiver) -> News {
    let (engine, news) =
        tokio::time::timeout(Duration::from_secs(60), receiver.recv()).await.expect("news in time").unwrap();
    assert_eq!(engine, Engine::Systemd);
    news
}

fn service(unit: &str, cgroup: &str) -> Arc<Guest> {
    Guest { cgroup: Some(cgroup.into()), ..Guest::new(Engine::Systemd, unit, unit) }.into()
}

#[test]
fn without_a_bus_the_cgroup_tree_tells_of_services_and_the_state_says_so() {
    let (dir, host) = tree(&[
        ("system.slice/b.service", true),
        ("system.slice/_cgroup.service", true),
        ("system.slice/idle.service", false),
        ("system.slice/system-t.slice/t@1.service/payload", true),
        ("system.slice/not a unit.service", true),
        ("system.slice/docker-1.scope/a.service", true),
        ("user.slice/user-0.slice/user@0.service", true),
    ]);
    put(&dir, "system.slice/system-t.slice/t@1.service", true);
    engine(&host, async |mut receiver| {
        let News::State(State::Degraded { reason }) = next(&mut receiver).await else { panic!("no state") };
        let socket = dir.path().join("run/dbus/system_bus_socket");
        assert!(reason.contains(&socket.display().to_string()), "{reason}");
        assert!(reason.contains("No such file") && reason.contains("cgroup tree"), "{reason}");
        let wanted = vec![
            service("b.service", "/system.slice/b.service"),
            service("cgroup.service", "/system.slice/_cgroup.service"),
            service("t@1.service", "/system.slice/system-t.slice/t@1.service"),
        ];
        assert_eq!(next(&mut receiver).await, News::All(wanted.clone()));
        put(&dir, "system.slice/idle.service", true);
        put(&dir, "system.slice/b.service", false);
        let all = loop {
            if let News::All(all) = next(&mut receiver).await {
                break all;
            }
        };
        let now = [service("idle.service", "/system.slice/idle.service")];
        let mut wanted: Vec<Arc<Guest>> = wanted.into_iter().skip(1).chain(now).collect();
        wanted.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(all, wanted);
    });
}

#[test]
fn a_host_without_systemd_is_told_as_one_where_this_cannot_work() {
    let (_dir, host) = tree(&[("docker/x", true)]);
    engine(&host, async |mut receiver| {
        let News::State(State::Unavailable { reason }) = next(&mut receiver).await else {
            panic!("no state")
        };
        assert!(reason.contains("no system.slice"), "{reason}");
    });
    engine(&Host::at("/nonexistent"), async |mut receiver| {
        let News::State(State::Unavailable { reason }) = next(&mut receiver).await else {
            panic!("no state")
        };
        assert!(reason.contains("/nonexistent/proc/self/mountinfo"), "{reason}");
    });
}

// ---- for the machine with systemd

/// Prints news as they come, a line each; answers lines of its input: `read CGROUP`, `cost TIMES`, `list`.
#[test]
#[ignore = "a program for tests/vm/services.test.sh"]
fn watch() {
    let Ok(refresh) = std::env::var("HSFLOW_REFRESH_VMS") else {
        return println!("SKIP watch: started by hand");
    };
    // The test's own name stands on this line.
    say("");
    let host = Host::default();
    let hierarchies = Hierarchies::read(&host).unwrap();
    let (lines, mut asked) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).for_each(|line| _ = lines.send(line));
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (feed, mut receiver) = channel();
        let mut settings = settings("sflow { collector { ip = ::1 } systemd { } }");
        settings.refresh_vms_secs = refresh.parse().unwrap();
        tokio::spawn(systemd::run(host.clone(), settings, feed));
        let mut guests: BTreeMap<String, Cgroup> = BTreeMap::new();
        let open = |guest: &Guest| Cgroup::open(&hierarchies.at(guest.cgroup.as_deref().unwrap()));
        loop {
            tokio::select! {
                news = receiver.recv() => {
                    match &news.as_ref().unwrap().1 {
                        News::All(all) => guests = all.iter().map(|g| (g.id.clone(), open(g))).collect(),
                        News::One(one) if one.state == GuestState::Running => {
                            guests.entry(one.id.clone()).or_insert_with(|| open(one));
                        }
                        News::Gone(id) => _ = guests.remove(id),
                        News::One(_) | News::Counters(_) | News::State(_) => {}
                    }
                    print(news.unwrap().1);
                }
                line = asked.recv() => match line {
                    Some(line) => answer(&line, &mut guests),
                    None => return,
                }
            }
        }
    });
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

fn print(news: News) {
    match news {
        News::All(all) => {
            let names: Vec<String> = all.iter().map(|guest| guest.id.clone()).collect();
            say(&format!("all {} {}", names.len(), names.join(" ")));
        }
        News::One(one) => say(&format!("one {} {:?} {}", one.id, one.state, one.cgroup.as_ref().unwrap())),
        News::Gone(id) => say(&format!("gone {id}")),
        News::Counters(counters) => panic!("systemd counts itself: {counters:?}"),
        News::State(State::Running) => say("state running"),
        News::State(State::Degraded { reason }) => say(&format!("state degraded {reason}")),
        News::State(other) => say(&format!("state {other:?}")),
    }
}

fn answer(line: &str, guests: &mut BTreeMap<String, Cgroup>) {
    let cpu = || {
        let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
        let micros = |t: nix::sys::time::TimeVal| t.tv_sec() * 1_000_000 + t.tv_usec();
        micros(usage.user_time()) + micros(usage.system_time())
    };
    match line.split_once(' ') {
        Some(("read", unit)) => {
            let Some(cgroup) = guests.get_mut(unit) else { return say(&format!("reading {unit} unknown")) };
            let r = cgroup.read();
            let value = |v: Option<u64>| v.map_or("none".to_owned(), |v| v.to_string());
            let disk = |of: fn(_) -> u64| value(r.disk.map(of));
            say(&format!(
                "reading {unit} cpu={} memory={} max={} rd={} rdreq={} wr={} wrreq={} id={} gone={} problems={:?} pressure={:?}",
                value(r.cpu_ns),
                value(r.memory),
                value(r.memory_max),
                disk(|d: hsflow::collect::guests::cgroup::DiskIo| d.rd_bytes),
                disk(|d| d.rd_req),
                disk(|d| d.wr_bytes),
                disk(|d| d.wr_req),
                value(cgroup.place().id()),
                r.gone,
                r.problems,
                r.pressure
            ));
        }
        Some(("cost", times)) => {
            let times: i64 = times.parse().unwrap();
            let start = cpu();
            for _ in 0..times {
                guests.values_mut().for_each(|cgroup| _ = std::hint::black_box(cgroup.read()));
            }
            say(&format!(
                "cost {} services {} us a poll, {} us since the start",
                guests.len(),
                (cpu() - start) / times,
                start
            ));
        }
        _ => say(&format!("list {}", guests.keys().cloned().collect::<Vec<_>>().join(" "))),
    }
}
