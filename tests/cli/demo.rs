//! `demo`: whatever ends it, neither a process nor a folder is left.

use crate::closed_pipe;
use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use nix::sys::signal::Signal;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

fn demo(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hsflowctl"));
    command.arg("demo").args(arguments).env("TMPDIR", folder.path());
    command
}

/// The agents whose command line names the folder.
fn agents(folder: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("cmdline"));
    let lines = processes.filter_map(|file| std::fs::read(file).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(folder.to_str().unwrap())).count()
}

#[track_caller]
fn assert_nothing_left(folder: &TempDir) {
    assert_eq!(agents(folder.path()), 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn it_prints_this_hosts_own_numbers_and_ends_after_the_count() {
    let folder = TempDir::new();
    let mut tool = Process::start(&mut demo(&folder, &["--count", "2"]));
    assert!(tool.wait_exit(LIMIT).success());
    let page = tool.stdout();
    assert_eq!(page.matches("datagram from agent ").count(), 2, "{page}\n{}", tool.stderr());
    let loopback = page.lines().filter(|line| line.split_whitespace().eq(["name", "lo"]));
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = page.lines().filter(|line| line.split_whitespace().eq(["hostname", hostname.trim()]));
    assert!(loopback.count() + host.count() > 0, "{page}");
    assert_nothing_left(&folder);
}

#[test]
fn each_signal_that_ends_it_ends_its_agent_too() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let folder = TempDir::new();
        let mut tool = Process::start(&mut demo(&folder, &[]));
        tool.wait_line("datagram from agent ", LIMIT);
        assert_eq!(agents(folder.path()), 1);
        tool.signal(signal);
        assert_eq!(tool.wait_exit(LIMIT).code(), Some(0), "{signal}");
        assert_nothing_left(&folder);
    }
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let folder = TempDir::new();
    let mut tool = demo(&folder, &[]).stdout(closed_pipe()).spawn().unwrap();
    let status = wait_until("its end", LIMIT, || tool.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    assert_nothing_left(&folder);
}
