//! A Cumulus Linux switch without its chip: ports are taps, whose speed can be set, and a script stands in for the program that
//! sets the chip. It notes how it was called in a file that only root may write, so it needs what the agent hands it.

use crate::netns::run;
use crate::rig::{LIMIT, Rig, if_index, ip, isolated, record, source};
use crate::support::wait_until;
use hsflow::sflow::ids::DataSource;
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const PORTSAMP: &str = "usr/lib/cumulus/portsamp";

/// Taps with a program behind them, so that they have a link; they go with it.
struct Taps(Child);

impl Taps {
    fn new(names: &[&str]) -> Self {
        let script = "
import fcntl, os, struct, sys
kept = []
for name in sys.argv[1:]:
    tap = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(tap, 0x400454ca, struct.pack('16sH', name.encode(), 0x1002))
    kept.append(tap)
print('ready', flush=True)
sys.stdin.read()";
        let mut command = Command::new("python3");
        command.args(["-c", script]).args(names).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3");
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Self(child)
    }

    /// Taps of 1 Gb/s that are up.
    fn up(names: &[&str]) -> Self {
        let taps = Self::new(names);
        for name in names {
            run(&format!("ethtool -s {name} speed 1000 duplex full autoneg off"));
            ip(&format!("link set {name} up"));
        }
        taps
    }
}

impl Drop for Taps {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The agent on the files of such a switch.
struct Switch {
    rig: Rig,
    root: PathBuf,
}

impl Switch {
    /// Nothing runs yet. `faults` is what the program does before it notes its call.
    fn new(faults: &str) -> Self {
        let rig = Rig::new();
        let switch = Self { root: rig.path("root"), rig };
        for folder in ["etc/cumulus", "usr/lib/cumulus"] {
            std::fs::create_dir_all(switch.root.join(folder)).unwrap();
        }
        for kernel in ["proc", "sys"] {
            symlink(format!("/{kernel}"), switch.root.join(kernel)).unwrap();
        }
        switch.write("etc/os-release", "NAME=\"Cumulus Linux\"\nID=cumulus-linux\nVERSION_ID=5.9.0\n");
        switch.write("calls", "");
        let calls = switch.root.join("calls");
        std::fs::set_permissions(&calls, PermissionsExt::from_mode(0o600)).unwrap();
        let script = format!("#!/bin/sh\n{faults}\necho \"$*\" >> {}\n", calls.display());
        switch.write(PORTSAMP, &script);
        let program = switch.root.join(PORTSAMP);
        std::fs::set_permissions(program, PermissionsExt::from_mode(0o755)).unwrap();
        switch
    }

    fn running(faults: &str, body: &str) -> Self {
        let mut switch = Self::new(faults);
        switch.rig.configure(body);
        switch.start();
        switch
    }

    fn start(&mut self) {
        let root = self.root.to_str().unwrap().to_owned();
        self.rig.start_with(&["--root", &root]);
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.root.join(name), text).unwrap();
    }

    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.root.join("calls")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until these calls were made, in any order within each list, and no other.
    #[track_caller]
    fn expect(&self, calls: &[&[&str]]) {
        let total = calls.iter().map(|step| step.len()).sum();
        let mut last = Vec::new();
        wait_until(&format!("calls {calls:?}"), LIMIT, || {
            last = self.calls();
            (last.len() >= total).then_some(())
        });
        let mut rest = &last[..];
        for step in calls {
            let (mut found, after) = (rest[..step.len()].to_vec(), &rest[step.len()..]);
            found.sort();
            assert_eq!(found, *step, "in {last:?}");
            rest = after;
        }
        assert!(rest.is_empty(), "{rest:?} beyond {calls:?}");
    }

    fn explain(&self, port: &str) -> String {
        self.rig.ctl(&["explain", "interface", port]).1
    }

    /// Ends the agent as a service manager does.
    fn stop(&mut self) {
        self.rig.process().signal(Signal::SIGTERM);
        self.rig.agent().wait_exit(LIMIT);
    }
}

#[test]
fn a_switch_needs_no_configuration_but_a_collector() {
    isolated(|| {
        let _taps = Taps::up(&["eth9", "swp1", "swp2"]);
        run("ethtool -s swp2 speed 25000 duplex full autoneg off");
        let mut switch = Switch::running("", "polling = 1");
        switch.expect(&[&["swp1 1000 0 1", "swp2 25000 0 1"]]);
        switch.rig.wait_component("cumulus", "running");
        for port in ["swp1", "swp2"] {
            switch.rig.first_sample(source(port));
        }
        let (_, settings) = switch.rig.ctl(&["config", "show"]);
        for (line, origin) in [
            ("cumulus.switchport = ^swp[0-9s]+$", "default"),
            ("nflog.group = 1", "platform Cumulus Linux"),
            ("dropmon.hw = on", "platform Cumulus Linux"),
            ("psample.ingress = on", "platform Cumulus Linux"),
        ] {
            let found = settings
                .lines()
                .find(|l| l.starts_with(line))
                .unwrap_or_else(|| panic!("{line}: {settings}"));
            assert!(found.ends_with(origin), "{found}");
        }
        let words = "in force though not named: cumulus, nflog, psample, dropmon by platform Cumulus Linux";
        switch.rig.assert_logged(words, 1);
        let text = wait_until("the thread tells of it", LIMIT, || {
            Some(switch.explain("swp2")).filter(|text| text.contains("sampled 1 in 25000 by the switch chip"))
        });
        assert!(text.contains("its speed in Mb/s, at least 100, set in the chip by portsamp"), "{text}");
        assert!(switch.rig.component("pcap").is_empty());
        switch.stop();
        switch.expect(&[&["swp1 1000 0 1", "swp2 25000 0 1"], &["swp1 0 0 1", "swp2 0 0 1"]]);
    });
}

#[test]
fn a_port_is_set_again_only_where_its_rate_is_another_one() {
    isolated(|| {
        let _taps = Taps::up(&["swp1"]);
        let switch = Switch::running("", "polling = 1\npsample { egress = on }\nnflog { group = 3 }");
        let mut calls = vec!["swp1 1000 1000 3"];
        let expect = |calls: &[&str]| {
            let steps: Vec<_> = calls.iter().map(std::slice::from_ref).collect();
            switch.expect(&steps);
        };
        expect(&calls);
        // A link that flaps costs nothing …
        let more = Taps::up(&["swp2"]);
        ip("link set swp1 down");
        let is_down =
            |interface: &serde_json::Value| interface["name"] == "swp1" && interface["oper_up"] == false;
        wait_until("it is seen", LIMIT, || {
            switch.rig.snapshot()["interfaces"].as_array().unwrap().iter().any(is_down).then_some(())
        });
        ip("link set swp1 up");
        calls.push("swp2 1000 1000 3");
        expect(&calls);
        // … but where it comes back with another speed.
        ip("link set swp1 down");
        run("ethtool -s swp1 speed 100000 duplex full autoneg off");
        ip("link set swp1 up");
        calls.push("swp1 100000 100000 3");
        expect(&calls);
        // Ports go and come by breakout; what has gone needs nothing.
        drop(more);
        let _more = Taps::up(&["swp2s0"]);
        calls.push("swp2s0 1000 1000 3");
        expect(&calls);
        switch.rig.reload("polling = 1\nsampling.1G = 500\npsample { egress = on }\nnflog { group = 3 }");
        calls.push("swp2s0 500 500 3");
        expect(&calls);
        switch.rig.reload("polling = 1\nsampling.1G = 500\npsample { }\nnflog { group = 3 }\ncumulus { switchport = ^swp2 }");
        let mut steps: Vec<_> = calls.iter().map(std::slice::from_ref).collect();
        let last = ["swp1 0 0 3", "swp2s0 500 0 3"];
        steps.push(&last);
        switch.expect(&steps);
    });
}

#[test]
fn a_failure_and_a_hang_cost_only_their_port_and_are_explained() {
    isolated(|| {
        let _taps = Taps::up(&["swp1", "swp2", "swp3"]);
        let faults = "[ $1 = swp2 ] && { echo \"swp2 $2\" >> $0.log; echo 'open: Permission denied' >&2; exit 2; }\n\
                      [ $1 = swp3 ] && [ $2 != 0 ] && sleep 1000";
        let mut switch = Switch::new(faults);
        let log = switch.root.join(format!("{PORTSAMP}.log"));
        switch.rig.configure("polling = 1");
        switch.start();
        switch.expect(&[&["swp1 1000 0 1"]]);
        // While one hangs, all else goes on.
        let state = switch.rig.wait_component("cumulus", "swp2: ");
        assert!(
            state.contains("portsamp: exit status: 2: open: Permission denied: the drop-in cumulus.conf"),
            "{state}"
        );
        switch.rig.next_sample(DataSource::HOST);
        switch.rig.wait_component("cumulus", "portsamp had not ended after 5 s");
        let text = switch.explain("swp3");
        assert!(text.contains("asked for 1 in 1000, not possible: "), "{text}");
        assert!(text.contains("portsamp had not ended after 5 s"), "{text}");
        assert!(switch.explain("swp1").contains("sampled 1 in 1000"));
        wait_until("it is tried again", LIMIT, || {
            (std::fs::read_to_string(&log).unwrap_or_default().lines().count() >= 2).then_some(())
        });
        switch.stop();
        let mut calls = switch.calls();
        calls.sort();
        // What may have been set half-way is undone too.
        assert_eq!(calls, ["swp1 0 0 1", "swp1 1000 0 1", "swp3 0 0 1"]);
        assert!(std::fs::read_to_string(&log).unwrap().contains("swp2 0"));
    });
}

#[test]
fn after_a_crash_the_next_start_sets_all_ports_again() {
    isolated(|| {
        let _taps = Taps::up(&["swp1", "swp2"]);
        let mut switch = Switch::running("", "");
        let both: &[&str] = &["swp1 1000 0 1", "swp2 1000 0 1"];
        switch.expect(&[both]);
        switch.rig.process().signal(Signal::SIGKILL);
        switch.rig.agent().wait_exit(LIMIT);
        switch.start();
        switch.expect(&[both; 2]);
    });
}

#[test]
fn what_nvue_has_set_is_left_alone() {
    isolated(|| {
        let _taps = Taps::up(&["swp1", "swp2", "swp3"]);
        let mut switch = Switch::new("");
        switch.write(
            "etc/cumulus/switchd.conf",
            "interface.swp1.sflow.enable = FALSE\ninterface.swp2.sflow.sample_rate.ingress = 77\n",
        );
        switch.rig.configure("polling = 1\ndropmon { group=1 start=on sw=off hw=on }");
        switch.start();
        switch.expect(&[&["swp3 1000 0 1"]]);
        let switchd = "/etc/cumulus/switchd.conf";
        assert!(
            switch.explain("swp1").contains(&format!("not sampled: {switchd} switches samples of it off"))
        );
        let text = switch.explain("swp2");
        assert!(text.contains("sampled 1 in 77 by the switch chip"), "{text}");
        assert!(text.contains(&format!("The rate is that of {switchd}.")), "{text}");
        // NVUE writes the file anew.
        let file = switch.root.join("etc/cumulus/switchd.conf");
        let written = std::fs::metadata(&file).unwrap().modified().unwrap();
        wait_until("another time", LIMIT, || {
            switch.write("etc/cumulus/switchd.conf", "interface.swp3.sflow.sample_rate.ingress = 5\n");
            (std::fs::metadata(&file).unwrap().modified().unwrap() != written).then_some(())
        });
        let all: [&[&str]; 2] = [&["swp3 1000 0 1"], &["swp1 1000 0 1", "swp2 1000 0 1"]];
        switch.expect(&all);
        switch.stop();
        switch.expect(&[all[0], all[1], &["swp1 0 0 1", "swp2 0 0 1"]]);
    });
}

#[test]
fn without_the_program_the_state_says_what_holds() {
    isolated(|| {
        let taps = Taps::up(&["swp1"]);
        let mut switch = Switch::new("");
        std::fs::remove_file(switch.root.join(PORTSAMP)).unwrap();
        switch.write("etc/os-release", "ID=debian\n");
        switch.rig.configure("polling = 1\ncumulus { }");
        switch.start();
        let state = switch.rig.wait_component("cumulus", "unavailable there is no ");
        assert!(state.contains("stay as NVUE or switchd.conf set them"), "{state}");
        switch.rig.first_sample(source("swp1"));
        assert!(switch.explain("swp1").contains("/usr/lib/cumulus/portsamp"));
        let text = switch.rig.ctl(&["config", "show"]).1;
        let line = text.lines().find(|line| line.starts_with("nflog.group")).unwrap();
        assert!(line.ends_with("# cumulus"), "{line}");
        assert!(switch.rig.component("systemd").is_empty());
        // The state follows ports that come and go, though no command runs for them.
        drop(taps);
        switch.rig.wait_component("cumulus", "unavailable no interface is a port");
        let _down = Taps::new(&["swp1"]);
        switch.rig.wait_component("cumulus", "running");
        switch.rig.reload("polling = 1");
        assert_eq!(switch.rig.component("cumulus"), "");
    });
}

#[test]
fn the_tables_of_the_chip_are_in_the_host_sample() {
    isolated(|| {
        let _taps = Taps::up(&["swp1"]);
        let mut switch = Switch::new("");
        let run = switch.root.join("cumulus/switchd/run");
        for (file, value) in [
            ("route_info/route/mode", 2),
            ("route_info/route/count_0", 500),
            ("route_info/route/max_0", 16384),
            ("route_info/host/count_v4", 12),
            ("acl_info/egress/slices_total", 4),
        ] {
            std::fs::create_dir_all(run.join(file).parent().unwrap()).unwrap();
            std::fs::write(run.join(file), format!("{value}\n")).unwrap();
        }
        switch.rig.configure("polling = 1");
        switch.start();
        switch.rig.first_sample(DataSource::HOST);
        // The thread may take longer than until the second.
        let tables = wait_until("a record", LIMIT, || {
            record!(switch.rig.next_sample(DataSource::HOST), BcmTables).cloned()
        });
        assert_eq!((tables.ipv4_entries, tables.ipv4_entries_max, tables.ipv4_routes), (500, 16384, 500));
        assert_eq!((tables.ipv4_neighbors, tables.acl_egress_slices_max), (12, 4));
        assert_eq!((tables.host_entries, tables.ipv4_ipv6_entries), (0, 0));
        assert!(if_index("swp1") > 0);
        std::fs::remove_dir_all(&run).unwrap();
        wait_until("no record", LIMIT, || {
            record!(switch.rig.next_sample(DataSource::HOST), BcmTables).is_none().then_some(())
        });
    });
}
