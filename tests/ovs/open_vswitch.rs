//! An Open vSwitch of a test's own.

use crate::rig::{LIMIT, Rig, isolated};
use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// It does not outlive the value; what it made in the kernel is in the test's network namespace.
pub(crate) struct OpenVswitch {
    pub(crate) dir: TempDir,
    server: Option<Process>,
    switch: Option<Process>,
}

/// A row of the table sFlow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) uuid: String,
    pub(crate) columns: BTreeMap<String, String>,
}

impl Row {
    /// The row without its id, in one line.
    pub(crate) fn text(&self) -> String {
        self.columns.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }
}

/// Runs `body` with an Open vSwitch and an agent's folder, where there can be one.
pub(crate) fn with_switch(body: impl FnOnce(&mut OpenVswitch, &mut Rig)) {
    let installed = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let root = nix::unistd::geteuid().is_root();
    if !root || !installed("ovs-vswitchd") || !installed("ovs-vsctl") || !crate::netns::can_make_taps() {
        println!("SKIP {}: root, Open vSwitch, /dev/net/tun", std::thread::current().name().unwrap());
        return;
    }
    isolated(|| {
        let mut switch = OpenVswitch { dir: TempDir::new(), server: None, switch: None };
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        crate::netns::run(&format!("ovsdb-tool create {} {schema}", switch.text("conf.db")));
        switch.start_server();
        switch.vsctl("--no-wait init");
        let mut rig = Rig::new();
        body(&mut switch, &mut rig);
    });
}

impl OpenVswitch {
    pub(crate) fn text(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("db.sock")
    }

    /// The settings' object that names this one.
    pub(crate) fn object(&self) -> String {
        format!("ovs {{ unixsock = {} }}", self.text("db.sock"))
    }

    /// The data base, on what is in its file.
    pub(crate) fn start_server(&mut self) {
        let mut command = Command::new("ovsdb-server");
        command.arg(self.text("conf.db")).arg(format!("--remote=punix:{}", self.text("db.sock")));
        command.arg(format!("--unixctl={}", self.text("server.ctl"))).args(["--no-chdir", "-vconsole:off"]);
        self.server = Some(Process::start(&mut command));
        wait_until("the data base's socket", LIMIT, || {
            std::os::unix::net::UnixStream::connect(self.socket()).ok()
        });
    }

    /// Ends the data base as a fault does.
    pub(crate) fn kill_server(&mut self) {
        let mut server = self.server.take().unwrap();
        server.signal(Signal::SIGKILL);
        server.wait_exit(LIMIT);
    }

    pub(crate) fn signal_server(&self, signal: Signal) {
        self.server.as_ref().unwrap().signal(signal);
    }

    /// The switch itself, all in its own process.
    pub(crate) fn start_switch(&mut self) {
        let mut command = Command::new("ovs-vswitchd");
        command.arg(format!("unix:{}", self.text("db.sock")));
        command.arg(format!("--unixctl={}", self.text("switch.ctl")));
        command.args(["--no-chdir", "--disable-system", "-vconsole:off"]);
        for variable in ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR"] {
            command.env(variable, self.dir.path());
        }
        self.switch = Some(Process::start(&mut command));
    }

    /// Runs ovs-vsctl; words are separated by blanks.
    #[track_caller]
    pub(crate) fn vsctl(&self, line: &str) -> String {
        let mut command = Command::new("ovs-vsctl");
        command.arg(format!("--db=unix:{}", self.text("db.sock"))).arg("--timeout=20");
        let output = command.args(line.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "ovs-vsctl {line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn add_bridge(&self, name: &str) {
        let wait = if self.switch.is_some() { "" } else { "--no-wait" };
        self.vsctl(&format!("{wait} add-br {name} -- set bridge {name} datapath_type=netdev"));
    }

    /// The table sFlow, as `ovs-vsctl list sflow` has it.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Row> {
        let text = self.vsctl("--format=json list sflow");
        let table: Value = serde_json::from_str(&text).unwrap();
        let headings: Vec<_> =
            table["headings"].as_array().unwrap().iter().map(|h| h.as_str().unwrap()).collect();
        let rows = table["data"].as_array().unwrap().iter().map(|row| {
            let cells = row.as_array().unwrap().iter().map(Value::to_string);
            let mut columns: BTreeMap<_, _> = headings.iter().map(|h| (*h).to_owned()).zip(cells).collect();
            Row { uuid: columns.remove("_uuid").unwrap(), columns }
        });
        rows.collect()
    }

    /// Waits until there is one row that satisfies this.
    #[track_caller]
    pub(crate) fn wait_row(&self, what: &str, enough: impl Fn(&Row) -> bool) -> Row {
        wait_until(what, LIMIT, || match self.rows().as_slice() {
            [row] if enough(row) => Some(row.clone()),
            _ => None,
        })
    }

    /// Waits until a bridge refers to this row; to none where it is empty.
    #[track_caller]
    pub(crate) fn wait_bridge(&self, bridge: &str, uuid: &str) {
        wait_until(&format!("{bridge} has {uuid:?}"), LIMIT, || (self.sflow(bridge) == uuid).then_some(()));
    }

    /// What a bridge refers to, as [`Row::uuid`] has it; empty for nothing.
    #[track_caller]
    pub(crate) fn sflow(&self, bridge: &str) -> String {
        match self.vsctl(&format!("get bridge {bridge} sflow")).as_str() {
            "[]" => String::new(),
            uuid => format!("[\"uuid\",\"{uuid}\"]"),
        }
    }

    /// The switch ends politely, and takes its devices with it.
    pub(crate) fn stop_switch(&mut self) {
        self.switch.take().unwrap().stop(Duration::from_secs(20));
    }
}
