//! What is told of containers against what `ctr` and the kernel tell.

use crate::rig::{Containerd, LIMIT, Watcher, ctr, isolated, tasks, with_channel};
use crate::support::wait_until;
use hsflow::collect::guests::{News, containerd};
use hsflow::host::{Clock, Host};
use hsflow::sample::guest::{Engine, GuestState};
use hsflow::wire::protobuf::Message;
use std::collections::BTreeMap;

fn watch(docker: bool) -> Watcher {
    Watcher::start(Engine::Containerd, || {}, move |feed| containerd::run(Host::default(), docker, feed))
}

#[test]
fn containers_come_change_and_go_as_ctr_has_them() {
    isolated(|| {
        let daemon = Containerd::start();
        daemon.run(
            "--memory-limit 67108864 --cpus 1.5 --label team=blue --env NVIDIA_VISIBLE_DEVICES=GPU-ab,GPU-cd",
            "web",
        );
        daemon.run("", "db");
        ctr("task pause db");
        let watcher = watch(false);
        watcher.wait_running();
        agrees_with_ctr(&watcher);
        let web = watcher.told().guests["web"].clone();
        assert_eq!((web.name.as_str(), web.memory_max, web.cpus), ("web", Some(64 << 20), Some(2)));
        assert_eq!(
            (web.labels.get("team").map(String::as_str), &web.gpus[..]),
            (Some("blue"), &["ab".to_owned(), "cd".to_owned()][..])
        );
        let kernels = std::fs::read_to_string(format!("/proc/{}/cgroup", web.pid.unwrap())).unwrap();
        assert!(kernels.lines().all(|line| line.ends_with(web.cgroup.as_deref().unwrap())), "{kernels}");

        daemon.run("", "new");
        watcher.wait("a new container", |told| told.guests.get("new").cloned());
        ctr("task resume db");
        watcher.wait("db resumed", |told| (told.guests["db"].state == GuestState::Running).then_some(()));
        ctr("task pause web");
        watcher.wait("web paused", |told| (told.guests["web"].state == GuestState::Paused).then_some(()));
        agrees_with_ctr(&watcher);
        ctr("task resume web");

        // The end of another process in it, and a signal that it does not mind, leave a container as it is.
        ctr("task exec --exec-id other web /bin/true");
        ctr("task kill -s HUP web");
        ctr("container label web team=red");
        watcher.wait("another label", |told| (told.guests["web"].labels["team"] == "red").then_some(()));
        agrees_with_ctr(&watcher);

        // The next list after the second is minutes away: what ends is told by its event.
        watcher.wait("the second list", |told| (told.lists > 1).then_some(()));
        let before = watcher.told().news.len();
        ctr("task kill -s KILL web");
        watcher.wait("web gone", |told| (!told.guests.contains_key("web")).then_some(()));
        match &watcher.told().news[before..] {
            [.., News::One(last), News::Gone(id)] => {
                assert_eq!((last.state, last.pid, id.as_str()), (GuestState::Shutdown, web.pid, "web"));
            }
            other => panic!("{other:?}"),
        }
        ctr("task rm web");
        ctr("task start -d web");
        watcher
            .wait("web again", |told| told.guests.get("web").filter(|again| again.pid != web.pid).cloned());
        agrees_with_ctr(&watcher);
    });
}

/// Ids, first processes and states.
#[track_caller]
fn agrees_with_ctr(watcher: &Watcher) {
    let ours: BTreeMap<_, _> =
        watcher.told().guests.iter().map(|(id, g)| (id.clone(), (g.pid.unwrap(), word(g.state)))).collect();
    assert_eq!(ours, tasks("default"));
}

fn word(state: GuestState) -> String {
    format!("{state:?}").to_uppercase()
}

#[test]
fn what_docker_runs_is_left_to_docker_and_one_id_in_two_namespaces_is_two_guests() {
    isolated(|| {
        let daemon = Containerd::start();
        daemon.run("", "same");
        for namespace in ["build", "moby"] {
            daemon.run_in(namespace, &format!("{}/{namespace}", crate::rig::cgroup()), "", "same");
        }
        let ids = |watcher: &Watcher| watcher.told().guests.keys().cloned().collect::<Vec<_>>();
        let with_docker = watch(true);
        with_docker.wait_running();
        assert_eq!(ids(&with_docker), ["build/same", "same"]);
        let without = watch(false);
        without.wait_running();
        assert_eq!(ids(&without), ["build/same", "moby/same", "same"]);
        ctr("-n moby task kill -s KILL same");
        without.wait("gone", |told| (!told.guests.contains_key("moby/same")).then_some(()));
        assert_eq!(ids(&with_docker), ["build/same", "same"]);
    });
}

#[test]
fn ten_thousand_dead_containers_cost_nothing_and_a_broken_specification_one_name() {
    isolated(|| {
        let daemon = Containerd::start();
        daemon.run("", "alive");
        with_channel(async |channel| {
            for n in 0..10_000 {
                let id = format!("dead{n}");
                let runtime = Message::default().with(1, b"io.containerd.runc.v2");
                let label = Message::default().with(1, b"note").with(2, "\n\"x".repeat(500).as_bytes());
                let spec = Message::default()
                    .with(1, b"types.containerd.io/opencontainers/runtime-spec/1/Spec")
                    .with(2, b"{");
                let container = Message::default().with(1, id.as_bytes()).with(2, label.as_bytes());
                let container = container.with(4, runtime.as_bytes()).with(5, spec.as_bytes());
                let request = Message::default().with(1, container.as_bytes());
                let method = "/containerd.services.containers.v1.Containers/Create";
                channel.ask(method, "default", request.as_bytes()).await.unwrap();
            }
            // What runs has a specification that cannot be read from now on.
            let spec = Message::default().with(1, b"x").with(2, b"[1, 2");
            let container = Message::default().with(1, b"alive").with(5, spec.as_bytes());
            let request = Message::default()
                .with(1, container.as_bytes())
                .with(2, Message::default().with(1, b"spec").as_bytes());
            channel
                .ask("/containerd.services.containers.v1.Containers/Update", "default", request.as_bytes())
                .await
                .unwrap();
        });
        let clock = Clock::system();
        let start = clock.now();
        let watcher = watch(false);
        watcher.wait_running();
        println!("MEASURED 10,000 dead containers: listed in {:?}", clock.now() - start);
        let told = watcher.told();
        assert_eq!(told.guests.len(), 1);
        assert_eq!(
            (told.guests["alive"].name.as_str(), told.guests["alive"].cgroup.as_deref()),
            ("alive", None)
        );
        assert_eq!(Some(told.guests["alive"].pid.unwrap()), tasks("default").get("alive").map(|task| task.0));
    });
}

#[test]
fn thirty_containers_that_come_and_go_at_once_leave_no_ghost() {
    isolated(|| {
        let daemon = Containerd::start();
        let watcher = watch(false);
        watcher.wait_running();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let daemon = &daemon;
                scope.spawn(move || {
                    for n in 0..10 {
                        let id = format!("c{thread}-{n}");
                        daemon.run("", &id);
                        if n % 2 == 0 {
                            ctr(&format!("task kill -s KILL {id}"));
                            wait_until("its end", LIMIT, || {
                                (tasks("default").get(&id)?.1 == "STOPPED").then_some(())
                            });
                            ctr(&format!("task rm {id}"));
                            ctr(&format!("container rm {id}"));
                        }
                    }
                });
            }
        });
        watcher.wait("what ctr has", |told| {
            let ours: Vec<_> = told.guests.keys().cloned().collect();
            (ours == tasks("default").into_keys().collect::<Vec<_>>()).then_some(())
        });
        assert_eq!(watcher.told().guests.len(), 15);
    });
}
