//! The same watch over `podman system service`, beside what the `podman` program says.

use crate::dockerd::{PATIENCE, PRIVATE, Remains, image};
use crate::life::{differences_from, states};
use crate::rig::{Watched, patient, skips};
use crate::support::process::Process;
use crate::support::wait_listening;
use hsflow::sample::guest::GuestState;
use std::fs;
use std::process::Command;

/// What Debian's podman needs here: limits that it may set, and a runtime that takes both kinds of cgroups at once.
const SETTINGS: &str = r#"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"#;

struct Podman {
    service: Process,
    remains: Remains,
}

impl Podman {
    fn start() -> Self {
        let remains = Remains::new();
        let root = remains.dir.path().join("root/run/podman");
        fs::create_dir_all(&root).unwrap();
        remains.dir.write("containers.conf", SETTINGS);
        let line = format!(
            "{PRIVATE} mount -t tmpfs tmpfs /dev/shm && ip link set lo up && exec podman {} system service --time 0 unix://{}",
            words(&remains).join(" "),
            root.join("podman.sock").display()
        );
        let mut command = Command::new("unshare");
        command.args(["-nm", "sh", "-c", &line]).envs(environment(&remains));
        let service = Process::start(&mut command);
        wait_listening(&root.join("podman.sock"), PATIENCE);
        let podman = Self { service, remains };
        podman.podman(&format!("import {} bb", image(podman.remains.dir.path()).display()));
        podman
    }

    /// Runs `podman` beside the service, among the same mounts; fails the test where that fails.
    #[track_caller]
    fn podman(&self, line: &str) -> String {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.service.pid().to_string(), "-m", "-n", "podman"])
            .args(words(&self.remains));
        let output = command.args(line.split_whitespace()).envs(environment(&self.remains)).output().unwrap();
        assert!(output.status.success(), "podman {line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    #[track_caller]
    fn sleeper(&self, name: &str, options: &str) -> String {
        let cgroup = &self.remains.cgroup;
        self.podman(&format!(
            "run -d --network none --cgroup-parent {cgroup} --name {name} {options} bb sleep 100000"
        ))
    }
}

fn words(remains: &Remains) -> Vec<String> {
    let dir = remains.dir.path().display();
    ["root", "runroot", "tmpdir"]
        .iter()
        .map(|name| format!("--{name}={dir}/{name}.d"))
        .chain(["--storage-driver=vfs".to_owned()])
        .collect()
}

fn environment(remains: &Remains) -> [(&'static str, String); 2] {
    let dir = remains.dir.path().display();
    [("CONTAINERS_CONF", format!("{dir}/containers.conf")), ("HOME", dir.to_string())]
}

#[test]
fn containers_of_podman_are_watched_as_those_of_docker() {
    const NAME: &str = "containers_of_podman_are_watched_as_those_of_docker";
    if skips(NAME, &["podman", "runc", "unshare"]) {
        return;
    }
    let podman = Podman::start();
    let first = podman.sleeper("first", "--hostname inside --label tier=front --cpus 1.5 --memory 64m");
    let paused = podman.sleeper("resting", "");
    podman.podman("pause resting");
    let watched = Watched::start(&podman.remains.dir.path().join("root"), patient());
    watched.wait_running();
    let check = || {
        let ids = podman.podman("ps --quiet --no-trunc --filter status=running --filter status=paused");
        let ids: Vec<_> = ids.lines().collect();
        let descriptions = podman.podman(&format!("inspect {}", ids.join(" ")));
        assert_eq!(differences_from(&ids, &descriptions, &watched.told().guests), [""; 0]);
    };
    check();
    assert_eq!(watched.told().guests[&paused].state, GuestState::Paused);
    let told = watched.told().guests[&first].clone();
    assert_eq!((told.cpus, told.memory_max), (Some(2), Some(64 << 20)));
    podman.podman("pause first");
    watched.wait_guest(&first, "paused", |guest| guest.state == GuestState::Paused);
    podman.podman("unpause first");
    watched.wait_guest(&first, "unpaused", |guest| guest.state == GuestState::Running);
    podman.podman("kill --signal HUP resting").clear();
    podman.podman("rename first second");
    watched.wait_guest(&first, "renamed", |guest| guest.name == "second");
    podman.podman("restart --time 0 second");
    watched.wait_guest(&first, "another process", |guest| guest.pid.is_some() && guest.pid != told.pid);
    let later = podman.sleeper("later", "");
    watched.wait_guest(&later, "started", |guest| guest.state == GuestState::Running);
    podman.podman("stop --time 0 later");
    watched.wait_gone(&later);
    check();
    podman.podman("rm --force --time 0 second");
    watched.wait_gone(&first);
    let states = states(&watched.told().news, &first);
    assert_eq!(states.last_chunk(), Some(&[Some(GuestState::Shutdown), None]));
    check();
}
