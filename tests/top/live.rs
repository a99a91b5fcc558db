//! A real agent: its absence, its start, its restart; a container under load.

use crate::dockerd::Dockerd;
use crate::rig::{Rig, ip, isolated};
use crate::support::process::resident_kib;
use crate::terminal::{LIMIT, Terminal, skips};
use hsflow::host::Clock;
use nix::sys::signal::Signal;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

#[test]
fn an_agent_that_is_away_is_said_and_when_it_comes_it_is_shown() {
    const NAME: &str = "live::an_agent_that_is_away_is_said_and_when_it_comes_it_is_shown";
    if skips(NAME) {
        return;
    }
    isolated(|| {
        ip("link add d0 type veth peer name d1");
        ip("link set d1 up");
        ip("link set d0 up");
        let mut rig = Rig::new();
        rig.configure("agentIP = 127.0.0.1 polling = 1 interfaceCounters = all");
        let terminal = Terminal::top((80, 24), &["-d", "0.2", "--socket", &rig.text("run/control.sock")]);
        terminal.wait_text("no agent at");
        assert!(terminal.screen().contains("Nothing was received yet."));
        rig.start();
        terminal.wait("rates", |screen| {
            screen.contains("(127.0.0.1)") && screen.contains("d0 ") && !screen.contains("no agent")
        });
        rig.agent().signal(Signal::SIGTERM);
        rig.agent().wait_exit(LIMIT);
        terminal.wait_text("no agent at");
        rig.start();
        terminal.wait("it again", |screen| !screen.contains("no agent"));
        terminal.press(&["q"]);
        assert_eq!(terminal.wait_end(), "0");
    });
}

/// Per cent in the row of a guest: that of the third table's fourth column.
fn cpu_of(screen: &str, guest: &str) -> Option<f64> {
    let row = screen.lines().find(|line| line.starts_with(guest))?;
    row.split_whitespace().nth(3)?.parse().ok()
}

#[test]
fn a_container_under_load_is_shown_within_a_refresh_of_its_sample() {
    const NAME: &str = "live::a_container_under_load_is_shown_within_a_refresh_of_its_sample";
    let has_docker = Command::new("dockerd").arg("--version").output().is_ok();
    if skips(NAME) || !has_docker || !nix::unistd::geteuid().is_root() {
        println!("SKIP {NAME}: needs tmux, dockerd and root");
        return;
    }
    isolated(|| {
        let dockerd = Dockerd::beside(&["--bridge=none"]);
        for name in ["proc", "sys", "etc", "run"] {
            symlink(format!("/{name}"), dockerd.root().join(name)).unwrap();
        }
        let mut rig = Rig::new();
        rig.configure("agentIP = 127.0.0.1 polling = 1 docker { }");
        dockerd.docker_args(&[
            "run",
            "-d",
            "--network",
            "none",
            "--name",
            "busy",
            "bb",
            "sh",
            "-c",
            "while :; do :; done",
        ]);
        dockerd.sleeper("idle", "");
        rig.start_with(&["-P", "--root", dockerd.root().to_str().unwrap()]);
        rig.wait_component("docker", "running");
        let socket = rig.text("run/control.sock");
        let terminal = Terminal::top((100, 24), &["-d", "0.5", "--socket", &socket]);
        terminal.wait_text("(127.0.0.1)");
        terminal.press(&["3"]);
        // Others of this machine are under load too, so half of a processor may be less.
        terminal.wait("the load", |screen| cpu_of(screen, "busy").is_some_and(|cpu| cpu > 20.0));
        let idle = cpu_of(&terminal.screen(), "idle");
        assert!(idle.is_none_or(|cpu| cpu < 20.0), "{idle:?}");
        // It ends: that is on the screen a refresh after the agent has told it.
        dockerd.docker("pause busy");
        let before = rig.datagrams().len();
        rig.wait("two more polls", |datagrams| {
            let host = hsflow::sflow::ids::DataSource::HOST;
            crate::rig::samples(&datagrams[before..], host).len() >= 3
        });
        let clock = Clock::system();
        let told = clock.now();
        terminal.wait("the pause", |screen| cpu_of(screen, "busy").is_none_or(|cpu| cpu < 1.0));
        let took = clock.now() - told;
        assert!(took < Duration::from_secs(10), "{took:?} after the agent told it");
        let pid = terminal.pid();
        let resident = resident_kib(&pid);
        println!("top: {resident} KiB resident, an unoptimised build");
        assert!(resident < 40 << 10, "{resident} KiB");
        dockerd.docker("unpause busy");
        dockerd.docker("rm -f busy idle");
        terminal.press(&["q"]);
        assert_eq!(terminal.wait_end(), "0");
    });
}
