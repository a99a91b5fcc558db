//! An agent under test: its folder, its configuration, a collector on loopback, and what can be asked of it.
//!
//! It runs as it would for an operator who starts it as root: it gives up its privileges. Only inside the user
//! namespace of an ordinary user, where no other user exists to become, it is started with `-P`.

use crate::netns;
use crate::support::catcher::UdpCatcher;
use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use hsflow::sflow::counters::CounterRecord;
use hsflow::sflow::decode::{Datagram, Framed, Sample, decode};
use hsflow::sflow::flow::FlowRecord;
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::{CountersHeader, FlowHeader};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long anything may take on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A counters sample as received.
pub(crate) type Counters = Framed<CountersHeader, CounterRecord>;

/// A flow sample as received.
pub(crate) type Flow = Framed<FlowHeader, FlowRecord>;

/// Runs `body` in a network namespace of its own, with `lo` up.
pub(crate) fn isolated(body: impl FnOnce()) {
    let thread = std::thread::current();
    netns::isolated(thread.name().expect("a test has a name"), body);
}

/// `ip` with these words.
pub(crate) fn ip(words: &str) {
    netns::run(&format!("ip {words}"));
}

/// The kernel's number of a device.
pub(crate) fn if_index(device: &str) -> u32 {
    netns::json(&format!("ip -j link show dev {device}"))[0]["ifindex"].as_u64().unwrap().try_into().unwrap()
}

/// The data source that is a device.
pub(crate) fn source(device: &str) -> DataSource {
    DataSource::interface(if_index(device))
}

/// One agent and its surroundings.
pub(crate) struct Rig {
    pub(crate) dir: TempDir,
    pub(crate) catcher: UdpCatcher,
    agent: Option<Process>,
}

impl Rig {
    /// Nothing runs yet.
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new(), catcher: UdpCatcher::new(), agent: None }
    }

    /// An agent with `body` in its configuration and the catcher as its collector, running.
    pub(crate) fn running(body: &str) -> Self {
        let mut rig = Self::new();
        rig.configure(body);
        rig.start();
        rig
    }

    /// Writes the configuration: the catcher as collector, and `body`.
    pub(crate) fn configure(&self, body: &str) {
        let port = self.catcher.port();
        self.configure_all(&format!(
            "sflow {{\n  collector {{ ip = 127.0.0.1 udpport = {port} }}\n{body}\n}}\n"
        ));
    }

    /// Writes the whole configuration.
    pub(crate) fn configure_all(&self, text: &str) {
        self.dir.write("hsflowd.conf", text);
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The path as an argument.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The arguments that put everything into the folder. The agent makes `run` itself, so that it owns it.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let options = [("-f", "hsflowd.conf"), ("-o", "run/hsflowd.auto"), ("--socket", "run/control.sock")];
        let mut arguments: Vec<_> =
            options.iter().flat_map(|(option, name)| [(*option).to_owned(), self.text(name)]).collect();
        if netns::is_inside() {
            arguments.push("-P".to_owned());
        }
        arguments
    }

    /// Starts the agent in the foreground.
    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// Starts the agent in the foreground with further arguments.
    pub(crate) fn start_with(&mut self, more: &[&str]) {
        self.start_in(more, &[]);
    }

    /// The same, with these variables in its environment.
    pub(crate) fn start_in(&mut self, more: &[&str], variables: &[(&str, &Path)]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hsflowd"));
        command.arg("-d").args(self.arguments()).args(more).envs(variables.iter().copied());
        self.agent = Some(Process::start(&mut command));
    }

    /// Starts the agent in the foreground, to have at most so many descriptors.
    pub(crate) fn start_with_descriptors(&mut self, most: usize) {
        let mut command = Command::new("prlimit");
        command.arg(format!("--nofile={most}:{most}")).arg(env!("CARGO_BIN_EXE_hsflowd"));
        self.agent = Some(Process::start(command.arg("-d").args(self.arguments())));
    }

    /// Starts the agent without a configuration of its own.
    pub(crate) fn start_unconfigured(&mut self) {
        let mut arguments = vec!["-d".to_owned()];
        arguments.extend(self.arguments().into_iter().skip(2));
        self.agent = Some(Process::hsflowd(&arguments));
    }

    /// Starts the agent as the ordinary user 65534 with these capabilities alone (`net_raw,bpf`), as a service manager
    /// would. Only the real root can do that.
    pub(crate) fn start_as_nobody(&mut self, capabilities: &[&str]) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(self.dir.path(), mode).unwrap();
        let sets = capabilities.iter().fold("-all".to_owned(), |sets, name| sets + ",+" + name);
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(format!("--inh-caps={sets}")).arg(format!("--bounding-set={sets}"));
        command.arg(format!("--ambient-caps={sets}"));
        // Where it was built, this user may not be permitted to look.
        let (built, program) = (env!("CARGO_BIN_EXE_hsflowd"), self.dir.path().join("hsflowd"));
        // A copy is made by a program: what other tests begin would have it open for writing for a moment.
        if std::fs::hard_link(built, &program).is_err() {
            assert!(Command::new("cp").arg(built).arg(&program).status().unwrap().success());
        }
        command.arg(program).arg("-d").args(self.arguments());
        self.agent = Some(Process::start(&mut command));
    }

    /// The running agent.
    pub(crate) fn agent(&mut self) -> &mut Process {
        self.agent.as_mut().expect("started")
    }

    /// The running agent, to look at.
    pub(crate) fn process(&self) -> &Process {
        self.agent.as_ref().expect("started")
    }

    /// Everything received so far.
    pub(crate) fn datagrams(&self) -> Vec<Datagram> {
        decoded(&self.catcher.datagrams())
    }

    /// Waits until what was received satisfies `enough`.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, mut enough: impl FnMut(&[Datagram]) -> bool) -> Vec<Datagram> {
        decoded(&self.catcher.wait_for(what, LIMIT, |datagrams| enough(&decoded(datagrams))))
    }

    /// Waits for a sample of `source` that comes after now, and returns it.
    #[track_caller]
    pub(crate) fn next_sample(&self, source: DataSource) -> Counters {
        let before = samples(&self.datagrams(), source).len();
        let all = self.wait(&format!("a new sample of {source}"), |d| samples(d, source).len() > before);
        samples(&all, source)[before].clone()
    }

    /// A sample of `source` that was made after now: the one that comes may have been made before, the one after it was not.
    #[track_caller]
    pub(crate) fn fresh_sample(&self, source: DataSource) -> Counters {
        self.next_sample(source);
        self.next_sample(source)
    }

    /// The first sample that ever came of `source`, waited for if there is none yet.
    #[track_caller]
    pub(crate) fn first_sample(&self, source: DataSource) -> Counters {
        let all = self.wait(&format!("a sample of {source}"), |d| !samples(d, source).is_empty());
        samples(&all, source)[0].clone()
    }

    /// Waits until every source that is polled every second has had its turn, twice.
    #[track_caller]
    pub(crate) fn two_cycles(&self) {
        (0..3).for_each(|_| _ = self.next_sample(DataSource::HOST));
    }

    /// The agent's answer on its control socket; null while there is none.
    pub(crate) fn try_snapshot(&self) -> Value {
        let mut text = String::new();
        let read =
            UnixStream::connect(self.path("run/control.sock")).and_then(|mut s| s.read_to_string(&mut text));
        read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
    }

    /// The agent's answer on its control socket.
    #[track_caller]
    pub(crate) fn snapshot(&self) -> Value {
        wait_until("an answer on the control socket", LIMIT, || {
            Some(self.try_snapshot()).filter(|answer| !answer.is_null())
        })
    }

    /// Asks this agent with `hsflowctl`: exit status, and what it printed on standard output.
    #[track_caller]
    pub(crate) fn ctl(&self, words: &[&str]) -> (i32, String) {
        let socket = self.text("run/control.sock");
        let arguments: Vec<&str> = words.iter().copied().chain(["--socket", &socket]).collect();
        let mut ctl = Process::hsflowctl(&arguments);
        let status = ctl.wait_exit(LIMIT).code().expect("an exit status");
        (status, ctl.stdout())
    }

    /// State of a component, with the reason if there is one; empty for a component that is not there.
    pub(crate) fn component(&self, name: &str) -> String {
        let snapshot = self.try_snapshot();
        let list = snapshot["components"].as_array().cloned().unwrap_or_default();
        let Some(found) = list.into_iter().find(|c| c["name"] == name) else { return String::new() };
        let reason = found["reason"].as_str().unwrap_or_default();
        format!("{} {reason}", found["state"].as_str().unwrap()).trim().to_owned()
    }

    /// Waits until the state of a component contains `part`, and returns it.
    #[track_caller]
    pub(crate) fn wait_component(&self, name: &str, part: &str) -> String {
        let what = format!("{name}: {part}");
        wait_until(&what, LIMIT, || Some(self.component(name)).filter(|state| state.contains(part)))
    }

    /// So many log lines contain `part`: no fewer after a while, and no more.
    #[track_caller]
    pub(crate) fn assert_logged(&self, part: &str, times: usize) {
        self.process().wait_for(&format!("{times} lines with {part:?}"), LIMIT, |said| {
            (said.stderr.iter().filter(|line| line.contains(part)).count() >= times).then_some(())
        });
        assert_eq!(self.log_count(part), times, "lines with {part:?} in:\n{}", self.process().stderr());
    }

    /// How many log lines contain `part` so far.
    pub(crate) fn log_count(&self, part: &str) -> usize {
        self.process().stderr().lines().filter(|line| line.contains(part)).count()
    }

    /// Sends SIGHUP and waits for the log line that tells what came of it.
    #[track_caller]
    pub(crate) fn hang_up(&self, outcome: &str) {
        let before = self.log_count(outcome);
        self.process().signal(Signal::SIGHUP);
        self.process().wait_for(outcome, LIMIT, |said| {
            (said.stderr.iter().filter(|line| line.contains(outcome)).count() > before).then_some(())
        });
    }

    /// Puts a new configuration in force.
    #[track_caller]
    pub(crate) fn reload(&self, body: &str) {
        self.configure(body);
        self.hang_up("configuration: reloaded, revision");
    }

    /// A line of `/proc/PID/status`, without its name.
    pub(crate) fn proc_status(&self, field: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process().pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {field}")).trim().to_owned()
    }

    /// Resident memory that no file has, in KiB: what is watched for growth, because a program's own pages come and go.
    pub(crate) fn own_kib(&self) -> u64 {
        crate::support::process::own_kib(self.process().pid())
    }

    /// Fails where it holds over one more than so many descriptors, or over 256 KiB more than so much memory, and goes on to: a
    /// poll that is under way has files open, and gives back what it took. The one comes and goes: while news of
    /// interfaces gathers, their socket is not waited for.
    #[track_caller]
    pub(crate) fn assert_same_size(&self, descriptors: usize, own_kib: u64) {
        wait_until("no more descriptors than before", LIMIT, || {
            (self.descriptors().len() <= descriptors + 1).then_some(())
        });
        wait_until("256 KiB more at most", LIMIT, || (self.own_kib() <= own_kib + 256).then_some(()));
    }

    /// What its open file descriptors are.
    pub(crate) fn descriptors(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(format!("/proc/{}/fd", self.process().pid())).unwrap();
        all.filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok()).collect()
    }
}

/// Decodes; a datagram that cannot be decoded, or has anything unknown in it, fails the test.
fn decoded(datagrams: &[Vec<u8>]) -> Vec<Datagram> {
    datagrams.iter().map(|bytes| decode(bytes).unwrap()).collect()
}

/// All counters samples, oldest first.
pub(crate) fn all_samples(datagrams: &[Datagram]) -> impl Iterator<Item = &Counters> {
    datagrams.iter().flat_map(|d| &d.samples).filter_map(|sample| match sample {
        Sample::Counters(counters) => Some(counters),
        Sample::Flow(_) | Sample::Discard(_) | Sample::RtMetric(_) | Sample::RtFlow(_) => None,
        other => panic!("{other:?}"),
    })
}

/// All flow samples, oldest first.
pub(crate) fn all_flows(datagrams: &[Datagram]) -> impl Iterator<Item = &Flow> {
    datagrams.iter().flat_map(|d| &d.samples).filter_map(|sample| match sample {
        Sample::Flow(flow) => Some(flow),
        _ => None,
    })
}

/// The flow samples of one source, oldest first.
pub(crate) fn flows(datagrams: &[Datagram], source: DataSource) -> Vec<&Flow> {
    all_flows(datagrams).filter(|flow| flow.header.source == source).collect()
}

/// The samples of one source, oldest first.
pub(crate) fn samples(datagrams: &[Datagram], source: DataSource) -> Vec<&Counters> {
    all_samples(datagrams).filter(|s| s.header.source == source).collect()
}

/// The interfaces that have sent, by rising ifIndex.
pub(crate) fn senders(datagrams: &[Datagram]) -> Vec<u32> {
    let of_interfaces = all_samples(datagrams).map(|s| s.header.source).filter(|s| s.class == 0);
    of_interfaces.map(|s| s.index).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// No datagram of a stream and no sample of a source is missing, and all begin with 1. Nothing is foreign to the decoder.
#[track_caller]
pub(crate) fn assert_whole(datagrams: &[Datagram]) {
    let mut streams = HashMap::new();
    let mut sources = HashMap::new();
    for d in datagrams {
        let last = streams.insert((d.agent, d.sub_agent_id), d.sequence).unwrap_or(0);
        assert_eq!(d.sequence, last + 1, "datagrams of {} sub-agent {}", d.agent, d.sub_agent_id);
        assert_eq!((d.dirty_padding, d.trailing.len()), (0, 0));
    }
    for sample in all_samples(datagrams) {
        let last = sources.insert(sample.header.source, sample.header.sequence).unwrap_or(0);
        assert_eq!(sample.header.sequence, last + 1, "samples of {}", sample.header.source);
        assert!(!sample.records.iter().any(|r| matches!(r, CounterRecord::Raw(_))), "{sample:?}");
    }
    let mut sampled = HashMap::new();
    for sample in all_flows(datagrams) {
        let last = sampled.insert(sample.header.source, sample.header.sequence).unwrap_or(0);
        assert_eq!(sample.header.sequence, last + 1, "flow samples of {}", sample.header.source);
        assert!(!sample.records.iter().any(|r| matches!(r, FlowRecord::Raw(_))), "{sample:?}");
    }
}

/// The record of one kind in a sample.
macro_rules! record {
    ($sample:expr, $kind:ident) => {
        $sample.records.iter().find_map(|r| {
            if let hsflow::sflow::counters::CounterRecord::$kind(found) = r { Some(found) } else { None }
        })
    };
}
pub(crate) use record;
