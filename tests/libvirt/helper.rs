//! The helper by itself, against the test driver that is part of libvirt's library.

use crate::rig::LIMIT;
use crate::support::TempDir;
use hsflow::sample::guest::GuestState;
use hsflow::sample::guest::domain::Vnic;
use hsflow::sample::guest::domain::line::Line;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

pub(crate) const HELPER: &str = env!("CARGO_BIN_EXE_hsflowd-libvirt");

/// A running helper and its lines.
pub(crate) struct Helper {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Line>,
}

impl Helper {
    /// Starts it, and waits for its connection.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.split(b'\n').all(|line| sender.send(Line::parse(&line.unwrap()).unwrap()).is_ok())
        });
        Self { input: child.stdin.take(), child, lines }
    }

    /// Its next line.
    #[track_caller]
    pub(crate) fn line(&self) -> Line {
        self.lines.recv_timeout(LIMIT).expect("a line")
    }

    /// Asks, and collects the lines up to the end.
    #[track_caller]
    pub(crate) fn poll(&mut self) -> Vec<Line> {
        self.input.as_mut().unwrap().write_all(b"poll\n").unwrap();
        let mut lines = vec![self.line()];
        while !matches!(lines.last(), Some(Line::End(_))) {
            lines.push(self.line());
        }
        lines
    }

    /// Its resident memory.
    pub(crate) fn resident_kb(&self) -> u64 {
        crate::support::process::resident_kib(self.child.id())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A helper on the test driver with so many domains, each with an interface and a disk that it cannot write.
fn with_domains(count: usize, folder: &TempDir) -> Helper {
    let mut xml = String::from("<node>");
    for n in 1..=count {
        write!(
            xml,
            "<domain type='test'><name>vm {n} &lt;ä&gt;</name><uuid>00000000-0000-4000-8000-{n:012}</uuid>
            <memory>65536</memory><os><type>hvm</type></os><devices>
            <disk type='file' device='cdrom'><source file='/x.iso'/><target dev='sda'/><readonly/></disk>
            <interface type='network'><mac address='52:54:00:00:{:02x}:{:02x}'/><source network='default'/><target dev='tap{n}'/></interface>
            </devices></domain>",
            n / 256,
            n % 256,
        )
        .unwrap();
    }
    let node = folder.write("node.xml", xml + "</node>");
    let log = format!("1:file:{}", folder.path().join("log").display());
    let mut command = Command::new(HELPER);
    command.arg(format!("test://{}", node.display()));
    command.env("LIBVIRT_LOG_FILTERS", "1:libvirt").env("LIBVIRT_LOG_OUTPUTS", log);
    let helper = Helper::start(&mut command);
    assert!(matches!(helper.line(), Line::Connected(uri) if uri.starts_with("test:///")));
    helper
}

/// Calls of libvirt by its own log, without those that only look into what is at hand.
fn calls(folder: &TempDir) -> Vec<String> {
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    let call = |line: &str| {
        let name = line.split(" : ").nth(1)?.split(':').next()?;
        let at_hand =
            ["virDomainGetUUIDString", "virDomainGetName", "virDomainFree", "virDomainStatsRecordListFree"];
        (name.starts_with("vir") && !at_hand.contains(&name)).then(|| name.to_owned())
    };
    log.lines().filter(|line| line.contains(" debug : ")).filter_map(call).collect()
}

#[test]
fn two_hundred_domains_are_one_call_of_libvirt() {
    let folder = TempDir::new();
    let mut helper = with_domains(200, &folder);
    let lines = helper.poll();
    assert_eq!(lines.last(), Some(&Line::End(200)));
    let Line::Domain(domain) = lines
        .iter()
        .find(|line| matches!(line, Line::Domain(domain) if domain.uuid.ends_with("0123")))
        .unwrap()
    else {
        unreachable!()
    };
    assert_eq!((domain.name.as_str(), domain.counters.state), ("vm 123 <ä>", GuestState::Running));
    let vnic = Vnic { tap: Some("tap123".into()), mac: [0x52, 0x54, 0, 0, 0, 123] };
    assert_eq!(domain.counters.vnics, [vnic]);
    let described = calls(&folder).iter().filter(|call| *call == "virDomainGetXMLDesc").count();
    assert_eq!(described, 200, "each once");

    std::fs::write(folder.path().join("log"), "").unwrap();
    assert_eq!(helper.poll().len(), 201);
    let later: Vec<_> = calls(&folder).into_iter().filter(|call| !call.starts_with("virEvent")).collect();
    assert_eq!(later, ["virConnectGetAllDomainStats"]);
}

#[test]
fn two_thousand_polls_leave_the_memory_as_it_was() {
    let folder = TempDir::new();
    let node = folder.path().join("node.xml");
    drop(with_domains(50, &folder));
    let mut helper = Helper::start(Command::new(HELPER).arg(format!("test://{}", node.display())));
    helper.line();
    (0..200).for_each(|_| drop(helper.poll()));
    let before = helper.resident_kb();
    (0..2000).for_each(|_| drop(helper.poll()));
    let after = helper.resident_kb();
    assert!(after < before + 512, "{before} kB, then {after} kB");
}

#[test]
fn it_ends_with_its_input_and_has_no_capabilities() {
    let mut helper = Helper::start(Command::new(HELPER).arg("test:///default"));
    helper.line();
    let status = std::fs::read_to_string(format!("/proc/{}/status", helper.child.id())).unwrap();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert!(status.contains(&format!("{set}:\t0000000000000000\n")), "{status}");
    }
    drop(helper.input.take());
    assert!(helper.child.wait().unwrap().success());
}

#[test]
fn the_environment_chooses_and_a_wrong_uri_is_its_last_word() {
    let helper = Helper::start(Command::new(HELPER).env("LIBVIRT_DEFAULT_URI", "test:///default"));
    assert_eq!(helper.line(), Line::Connected("test:///default".into()));
    let mut helper = Helper::start(Command::new(HELPER).arg("test:///no/such/node.xml"));
    let Line::Failed(reason) = helper.line() else { panic!("connected") };
    assert!(reason.contains("/no/such/node.xml") && reason.contains("libvirt error"), "{reason}");
    assert_eq!(helper.child.wait().unwrap().code(), Some(1));
    let usage = Command::new(HELPER).arg("--help").output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&usage.stderr).contains("usage: hsflowd-libvirt"));
}

/// Built for the agent, it must not bring libvirt into the agent.
#[test]
fn only_the_helper_is_linked_with_libvirt() {
    let needs = |program: &str| {
        let output = Command::new("ldd").arg(program).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("libvirt.so")
    };
    assert!(needs(HELPER));
    assert!(!needs(env!("CARGO_BIN_EXE_hsflowd")) && !needs(env!("CARGO_BIN_EXE_hsflowctl")));
}
