//! Without `-d`: the parent that returns, the child that goes on, and the file that names it.

use crate::rig::{LIMIT, Rig, isolated};
use crate::support::process::Process;
use crate::support::wait_until;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::Command;

/// A daemon, killed when the test ends.
struct Daemon(Pid);

impl Daemon {
    /// The one that the file names.
    fn of(rig: &Rig) -> Self {
        let pid = wait_until("a process id", LIMIT, || {
            fs::read_to_string(rig.path("pid"))
                .ok()?
                .strip_suffix('\n')?
                .parse()
                .ok()
                .filter(|&pid| alive(pid))
        });
        Self(Pid::from_raw(pid))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
    }
}

/// Running, and an agent of ours: not a zombie that nobody has collected, nor another program.
fn alive(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.starts_with("Name:\thsflowd\n") && !status.contains("State:\tZ")
}

/// Starts it and waits until the parent has returned.
fn start(rig: &Rig) -> Process {
    let mut arguments = rig.arguments();
    let (pid, log) = (rig.text("pid"), rig.text("log"));
    arguments.extend(["-P", "-p", &pid, "-D", &log].map(str::to_owned));
    let mut parent = Process::hsflowd(&arguments);
    parent.wait_exit(LIMIT);
    parent
}

#[test]
fn the_parent_returns_and_the_child_is_named_and_locked_until_it_ends() {
    isolated(|| {
        let rig = Rig::new();
        rig.configure("polling = 1");
        // Left by an agent that was killed, with the number of a process that is not one.
        rig.dir.write("pid", "1\n");
        let mut parent = start(&rig);
        assert_eq!(parent.wait_exit(LIMIT).code(), Some(0), "{}", parent.stderr());
        let written = fs::read_to_string(rig.path("pid")).unwrap();
        let daemon = Daemon::of(&rig);
        assert_eq!(written, format!("{}\n", daemon.0), "there when the command is back");
        assert_ne!(daemon.0, parent.pid());
        rig.wait("samples of the child", |d| d.len() >= 2);
        assert_eq!(rig.snapshot()["agent"]["pid"], daemon.0.as_raw());
        let file = fs::File::open(rig.path("pid")).unwrap();
        assert!(Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err(), "locked");

        let mut second = start(&rig);
        assert_eq!(second.wait_exit(LIMIT).code(), Some(77));
        let log = fs::read_to_string(rig.path("log")).unwrap();
        assert!(log.contains(&format!("{}: another hsflowd is running", rig.text("pid"))), "{log}");
        assert!(alive(daemon.0.as_raw()));

        kill(daemon.0, Signal::SIGTERM).unwrap();
        wait_until("its end", LIMIT, || (!alive(daemon.0.as_raw())).then_some(()));
        assert!(!rig.path("pid").exists());
        assert!(!rig.path("run/control.sock").exists());
    });
}

#[test]
fn relative_paths_mean_the_folder_of_the_start() {
    isolated(|| {
        let rig = Rig::new();
        rig.configure("polling = 1");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hsflowd"));
        command.current_dir(rig.dir.path()).args(["-P", "-f", "hsflowd.conf", "-p", "pid", "-D", "log"]);
        command.args(["-o", "run/hsflowd.auto", "--socket", "run/control.sock"]);
        assert_eq!(Process::start(&mut command).wait_exit(LIMIT).code(), Some(0));
        let daemon = Daemon::of(&rig);
        rig.wait("a datagram", |d| !d.is_empty());
        rig.configure("polling = 2");
        kill(daemon.0, Signal::SIGHUP).unwrap();
        wait_until("the new settings", LIMIT, || {
            (rig.try_snapshot()["settings"]["polling_secs"] == 2).then_some(())
        });
        assert!(rig.path("run/hsflowd.auto").exists());
        kill(daemon.0, Signal::SIGTERM).unwrap();
        wait_until("its end", LIMIT, || (!rig.path("pid").exists()).then_some(()));
    });
}
