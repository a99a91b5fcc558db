//! containerd that is frozen, killed and started again, and one that is not there.

use crate::rig::{Containerd, Watcher, ctr, isolated, shell, tasks};
use hsflow::collect::guests::containerd;
use hsflow::host::Host;
use hsflow::sample::guest::Engine;
use hsflow::status::registry::State;
use nix::sys::signal::Signal;

fn watch() -> Watcher {
    Watcher::start(Engine::Containerd, || {}, |feed| containerd::run(Host::default(), false, feed))
}

#[test]
fn a_containerd_that_is_killed_and_started_again_is_said_and_its_containers_are_kept() {
    isolated(|| {
        let mut daemon = Containerd::start();
        daemon.run("--label team=blue", "web");
        daemon.run("", "db");
        let watcher = watch();
        watcher.wait_running();
        let before = watcher.told().guests.clone();

        daemon.kill();
        watcher.wait("that it is gone", |told| told.reason().contains("known from the files").then_some(()));
        assert_eq!(watcher.told().guests, before, "the same containers, with all that was known of them");

        daemon.start_again();
        watcher.wait_running();
        assert_eq!(watcher.told().guests, before);
        ctr("task kill -s KILL db");
        watcher.wait("events of the new one", |told| (!told.guests.contains_key("db")).then_some(()));

        // What ends while nobody tells of it is gone all the same.
        let pid = before["web"].pid.unwrap();
        daemon.kill();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
        watcher.wait("an end without containerd", |told| told.guests.is_empty().then_some(()));
    });
}

#[test]
fn a_containerd_that_is_frozen_is_found_out_and_followed_again_when_it_thaws() {
    isolated(|| {
        let daemon = Containerd::start();
        daemon.run("", "web");
        let watcher = watch();
        watcher.wait_running();
        let before = watcher.told().guests.clone();
        daemon.process.signal(Signal::SIGSTOP);
        watcher
            .wait("that it does not answer", |told| told.reason().contains("no answer within").then_some(()));
        assert_eq!(watcher.told().guests, before);
        daemon.process.signal(Signal::SIGCONT);
        watcher.wait_running();
        daemon.run("", "new");
        watcher.wait("events after the thaw", |told| told.guests.get("new").map(|_| ()));
        assert_eq!(watcher.told().guests.len(), tasks("default").len());
    });
}

#[test]
fn no_containerd_at_all_is_a_normal_state_that_names_the_sockets_and_ends_when_one_is_started() {
    isolated(|| {
        // Other tests have pods, in cgroups that everybody sees.
        shell("mount -t tmpfs tmpfs /sys/fs/cgroup");
        let watcher = watch();
        watcher
            .wait("unavailable", |told| matches!(told.state, Some(State::Unavailable { .. })).then_some(()));
        assert!(watcher.told().reason().contains("/run/k3s/containerd/containerd.sock"));
        assert_eq!(watcher.told().lists, 0, "nothing is known, not that there are none");
        shell("umount /sys/fs/cgroup");
        let daemon = Containerd::start();
        daemon.run("", "web");
        watcher.wait("its container", |told| told.guests.get("web").map(|_| ()));
        watcher.wait_running();
    });
}

#[test]
fn something_else_that_listens_there_is_said_and_costs_nothing() {
    isolated(|| {
        shell("mount -t tmpfs tmpfs /sys/fs/cgroup; mkdir /run/containerd");
        let listener = std::os::unix::net::UnixListener::bind(crate::rig::SOCKET).unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                std::io::Write::write_all(&mut socket.unwrap(), b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            }
        });
        let watcher = watch();
        watcher.wait("degraded", |told| matches!(told.state, Some(State::Degraded { .. })).then_some(()));
        let reason = watcher.told().reason().to_owned();
        assert!(reason.contains("/containerd."), "{reason}");
    });
}
