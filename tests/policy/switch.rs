//! An Open vSwitch of a test's own, all in user space. Needs root, /dev/net/tun and openvswitch-switch.

use crate::netns;
use crate::real::run;
use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use std::process::Command;
use std::time::Duration;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A switch with its data base, which end with the value.
pub(crate) struct Switch {
    pub(crate) dir: TempDir,
    _server: Process,
    /// The switch itself; the data base stays without it.
    pub(crate) switch: Option<Process>,
}

impl Switch {
    pub(crate) fn text(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn start() -> Self {
        let dir = TempDir::new();
        let text = |name: &str| dir.path().join(name).display().to_string();
        run("ovsdb-tool", &["create", &text("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema"], "")
            .unwrap();
        let mut command = Command::new("ovsdb-server");
        command.arg(text("conf.db")).arg(format!("--remote=punix:{}", text("db.sock")));
        command.arg(format!("--unixctl={}", text("server.ctl"))).args(["--no-chdir", "-vconsole:off"]);
        let server = Process::start(&mut command);
        wait_until("the data base's socket", LIMIT, || {
            std::os::unix::net::UnixStream::connect(dir.path().join("db.sock")).ok()
        });
        let mut this = Self { dir, _server: server, switch: None };
        this.vsctl("--no-wait init");
        this.run_switch();
        this
    }

    pub(crate) fn run_switch(&mut self) {
        let mut command = Command::new("ovs-vswitchd");
        command.arg(format!("unix:{}", self.text("db.sock")));
        command.arg(format!("--unixctl={}", self.text("switch.ctl")));
        command.args(["--no-chdir", "--disable-system", "-vconsole:off"]);
        for variable in ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR"] {
            command.env(variable, self.dir.path());
        }
        self.switch = None;
        self.switch = Some(Process::start(&mut command));
    }

    pub(crate) fn vsctl(&self, line: &str) -> String {
        let db = format!("--db=unix:{}", self.text("db.sock"));
        let words: Vec<_> = [&*db, "--timeout=20"].into_iter().chain(line.split(' ')).collect();
        run("ovs-vsctl", &words, "").unwrap()
    }

    pub(crate) fn flows(&self) -> Result<Vec<String>, String> {
        let bridge = format!("unix:{}", self.text("br0.mgmt"));
        let text = run("ovs-ofctl", &["-O", "OpenFlow14", "--no-stats", "dump-flows", &bridge], "")?;
        let mut flows: Vec<_> =
            text.lines().filter(|line| line.contains("actions=")).map(str::to_owned).collect();
        // Within a priority the switch has no order.
        flows.sort();
        Ok(flows)
    }

    pub(crate) fn foreign(&self) -> Vec<String> {
        let is_foreign = |line: &String| !line.contains("cookie=0x68736670");
        self.flows().unwrap().into_iter().filter(is_foreign).collect()
    }

    /// What becomes of a packet, in the words of the switch.
    pub(crate) fn trace(&self, packet: &str) -> String {
        let target = self.text("switch.ctl");
        let text = run("ovs-appctl", &["-t", &target, "ofproto/trace", "br0", packet], "").unwrap();
        text.lines().filter(|line| line.starts_with("Datapath actions") || line.trim() == "NORMAL").collect()
    }
}

/// Runs `body` in a network namespace with a switch that has no bridge yet, where there can be one.
pub(crate) fn with_switch(name: &str, body: impl FnOnce(&mut Switch)) {
    let is_there = run("ovs-vswitchd", &["--version"], "").is_ok();
    if !nix::unistd::geteuid().is_root() || !is_there || !netns::can_make_taps() {
        println!("SKIP {name}: root, Open vSwitch, /dev/net/tun");
        return;
    }
    netns::isolated(name, || body(&mut Switch::start()));
}
