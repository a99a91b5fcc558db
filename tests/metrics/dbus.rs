//! The agent on a bus of the test's own, asked by gdbus as scripts ask.

use crate::rig::{LIMIT, Rig, isolated};
use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use hsflow::sflow::ids::DataSource;
use hsflow::status::telemetry::Telemetry;
use std::path::Path;
use std::process::Command;

/// A bus with a policy.
struct Bus {
    dir: TempDir,
    daemon: Option<Process>,
}

const ANYBODY: &str = r#"<policy context="default"><allow user="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>"#;
/// As on every system: nobody owns a name that no file gives him.
const NOBODY: &str = r#"<policy context="default"><allow user="*"/><deny own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>"#;

impl Bus {
    fn new(policy: &str) -> Self {
        let mut bus = Self { dir: TempDir::new(), daemon: None };
        let text = format!(
            "<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>{policy}</busconfig>",
            bus.dir.path().join("socket").display()
        );
        bus.dir.write("bus.conf", text);
        // The agent is another user.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(bus.dir.path(), mode).unwrap();
        bus.start();
        bus
    }

    fn start(&mut self) {
        let _ = std::fs::remove_file(self.dir.path().join("socket"));
        let config = format!("--config-file={}", self.dir.path().join("bus.conf").display());
        let mut command = Command::new("dbus-daemon");
        self.daemon = Some(Process::start(command.args([&config, "--nofork", "--nopidfile", "--nosyslog"])));
        let socket = self.dir.path().join("socket");
        wait_until("the bus is there", LIMIT, || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok().then_some(())
        });
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.dir.path().join("socket").display())
    }

    /// What gdbus prints, or why it fails.
    fn call(&self, method: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new("gdbus");
        command.args(["call", "--address", &self.address(), "--dest", "net.sflow.hsflowd", "--object-path"]);
        // Any path will do, as with the C agent.
        command.args(["/net/sflow/hsflowd", "--method", method]).args(arguments);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    fn rig(&self, body: &str) -> Rig {
        let mut rig = Rig::new();
        rig.configure(&format!("polling = 1\ndbus {{ }}\n{body}"));
        rig.start_in(&[], &[("DBUS_SYSTEM_BUS_ADDRESS", Path::new(&self.address()))]);
        rig
    }
}

#[test]
fn telemetry_and_switch_ports_are_told_as_the_c_agent_does() {
    isolated(|| {
        crate::pair();
        let bus = Bus::new(ANYBODY);
        let rig =
            bus.rig("agentIP = 192.0.2.1\nopx { switchport = ^a0$ }\npcap { dev = a0 }\nsampling.10G = 5000");
        rig.wait_component("dbus", "running");
        rig.next_sample(DataSource::HOST);
        let telemetry = |method: &str, arguments: &[&str]| {
            bus.call(&format!("net.sflow.hsflowd.telemetry.{method}"), arguments)
        };
        assert_eq!(telemetry("GetVersion", &[]), Ok(format!("('{}',)", env!("CARGO_PKG_VERSION"))));
        assert_eq!(telemetry("GetAgent", &[]), Ok("('192.0.2.1',)".to_owned()));
        let all = telemetry("GetAll", &[]).unwrap();
        let places = Telemetry::default().fields().map(|(name, _)| all.find(&format!("'{name}':")).unwrap());
        assert!(places.is_sorted() && all.starts_with("({'flow_samples': uint64 "), "{all}");
        let before = telemetry("Get", &["counter_samples"]).unwrap();
        let number = |text: &str| -> u64 {
            text.trim_start_matches("(int64 ")
                .trim_end_matches(",)")
                .parse()
                .unwrap_or_else(|_| panic!("{text}"))
        };
        rig.next_sample(DataSource::HOST);
        let now = wait_until("it counts", LIMIT, || {
            Some(telemetry("Get", &["counter_samples"]).unwrap()).filter(|now| *now != before)
        });
        assert!(number(&now) > number(&before), "{before} {now}");
        assert!(telemetry("Get", &["nonsense"]).unwrap_err().contains("unknown field"));
        let port = |method: &str, arguments: &[&str]| {
            bus.call(&format!("net.sflow.hsflowd.switchport.{method}"), arguments)
        };
        let told =
            wait_until("the port", LIMIT, || port("Get", &["a0"]).ok().filter(|told| told.contains("5000")));
        assert_eq!(told, "(('a0', uint64 10000000000, uint32 5000, uint32 1),)");
        assert_eq!(
            port("GetAll", &[]),
            Ok("([('a0', uint64 10000000000, uint32 5000, uint32 1)],)".to_owned())
        );
        assert!(port("Get", &["lo"]).unwrap_err().contains("not a switch port"));
        assert!(bus.call("net.sflow.hsflowd.telemetry.Reset", &[]).unwrap_err().contains("UnknownMethod"));
        assert!(telemetry("Get", &[]).unwrap_err().contains("expected string arg"), "and nothing worse");
        let described = bus.call("org.freedesktop.DBus.Introspectable.Introspect", &[]).unwrap();
        assert!(
            described.contains("a(stuu)") && described.contains("net.sflow.hsflowd.telemetry"),
            "{described}"
        );
        assert_eq!(rig.component("dbus"), "running");
        // As the manual has it, on this bus.
        let page = include_str!("../../man/hsflowd.8").replace("\\\n", " ");
        let example = page.lines().find(|line| line.starts_with("busctl call ")).unwrap();
        let words = example.split_whitespace().skip(1);
        let asked =
            Command::new("busctl").arg(format!("--address={}", bus.address())).args(words).output().unwrap();
        let answer = String::from_utf8_lossy(&asked.stdout).into_owned();
        assert!(answer.starts_with("x ") && asked.status.success(), "{example}: {answer} {asked:?}");
    });
}

#[test]
fn a_bus_that_goes_away_is_said_and_had_again() {
    isolated(|| {
        let mut bus = Bus::new(ANYBODY);
        let rig = bus.rig("");
        rig.wait_component("dbus", "running");
        bus.daemon.as_mut().unwrap().stop(LIMIT);
        let state = rig.wait_component("dbus", "degraded");
        assert!(state.contains("/socket"), "{state}");
        rig.two_cycles();
        bus.start();
        rig.wait_component("dbus", "running");
        wait_until("an answer", LIMIT, || bus.call("net.sflow.hsflowd.telemetry.GetVersion", &[]).ok());
        // Off: it leaves the bus.
        rig.reload("polling = 1");
        wait_until("the name to be free", LIMIT, || {
            bus.call("net.sflow.hsflowd.telemetry.GetVersion", &[]).is_err().then_some(())
        });
        assert_eq!(rig.component("dbus"), "");
    });
}

#[test]
fn the_policy_that_is_shipped_lets_the_service_have_its_name_and_nobody_else() {
    isolated(|| {
        let bus = Bus::new(NOBODY);
        let rig = bus.rig("");
        let state = rig.wait_component("dbus", "degraded");
        assert!(state.contains("net.sflow.hsflowd.conf is missing"), "{state}");
        drop(rig);
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/net.sflow.hsflowd.conf");
        let bus = Bus::new(&format!("{NOBODY}<include>{}</include>", shipped.display()));
        let mut rig = Rig::new();
        rig.configure("polling = 1\ndbus { }");
        // Root stays root, who may have the name.
        rig.start_in(&["-P"], &[("DBUS_SYSTEM_BUS_ADDRESS", Path::new(&bus.address()))]);
        rig.wait_component("dbus", "running");
        bus.call("net.sflow.hsflowd.telemetry.GetAll", &[]).unwrap();
    });
}

#[test]
fn without_a_bus_everything_else_goes_on() {
    isolated(|| {
        let mut rig = Rig::new();
        rig.configure("polling = 1\ndbus { }");
        let nowhere = format!("unix:path={}", rig.text("no-such-bus"));
        rig.start_in(&[], &[("DBUS_SYSTEM_BUS_ADDRESS", Path::new(&nowhere))]);
        rig.wait_component("dbus", "degraded the bus at unix:path=");
        rig.two_cycles();
        assert_eq!(rig.ctl(&["status"]).0, 1);
    });
}
