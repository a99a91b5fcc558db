//! The units as systemd itself judges them, alone and with what the generator adds. No service manager has to run for that.

use crate::{Ran, Root, run};
use std::fs;
use std::path::Path;
use std::process::Command;

fn shipped() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let units = entries.filter(|path| {
        path.extension().is_some_and(|end| end == "service" || end == "path" || end == "timer")
    });
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    units.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

/// Where the units lie, with programs that this machine has.
fn folder() -> Root {
    let root = Root::new();
    for (name, text) in shipped() {
        let standing_in = |line: &str| match line.split_once('=') {
            Some((key, command))
                if key.starts_with("Exec")
                    && command.contains("/hsflow")
                    && !command.contains("/install ") =>
            {
                format!("{key}=/bin/true")
            }
            _ => line.to_owned(),
        };
        let text: Vec<_> = text.lines().map(standing_in).collect();
        root.write(&format!("units/{name}"), &(text.join("\n") + "\n"));
    }
    root
}

/// `systemd-analyze` with these arguments, on a unit of that folder; none where it is not installed.
fn analyze(root: &Root, arguments: &[&str], unit: &str) -> Option<Ran> {
    let mut command = Command::new("systemd-analyze");
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("SKIP: no systemd-analyze");
        return None;
    }
    Some(run(command.args(arguments).arg(root.path("units").join(unit)).env("LC_ALL", "C")))
}

/// The settings of a host that has everything that a host can have.
const EVERYTHING: &str = "epcap { } nflog { group = 1 probability = 1 } dropmon { } tcp { } docker { } k8s { } ovs { } nvml { } \
    collector { ip = 192.0.2.2 namespace = blue }";

/// Puts what is made for these settings beside the units.
fn derive(root: &Root, body: &str) {
    root.write("/etc/hsflowd.conf", &format!("sflow {{ collector {{ ip = 192.0.2.1 }} {body} }}"));
    let link = root.path("hsflowd-rs");
    let _ = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hsflowctl"), &link);
    let ran = run(Command::new(link).args(["--root", &root.argument()]).arg(root.path("units")));
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn every_service_is_exposed_at_most_3_0() {
    let root = folder();
    for (unit, _) in shipped().iter().filter(|(name, _)| name.ends_with(".service")) {
        let Some(ran) = analyze(&root, &["security", "--offline=true", "--threshold=30"], unit) else {
            return;
        };
        assert_eq!(ran.status, Some(0), "{unit}: {}", ran.stdout.lines().last().unwrap_or_default());
    }
}

#[test]
fn systemd_has_nothing_to_say_against_the_units_nor_against_what_is_made() {
    let root = folder();
    for body in ["", EVERYTHING, "cumulus { }"] {
        derive(&root, body);
        for (unit, _) in shipped() {
            let Some(ran) = analyze(&root, &["verify", "--man=no"], &unit) else { return };
            let said: Vec<_> = ran.stderr.lines().filter(|line| line.contains("hsflowd")).collect();
            assert_eq!(said, [] as [&str; 0], "{unit} with {body:?}");
        }
    }
}

#[test]
fn what_is_not_needed_makes_the_unit_less_exposed_and_what_is_needed_is_seen() {
    let root = folder();
    let exposure = |body: &str| -> Option<f64> {
        derive(&root, body);
        let ran = analyze(&root, &["security", "--offline=true"], "hsflowd.service")?;
        let last = ran.stdout.lines().last()?.to_owned();
        last.split_whitespace().find_map(|word| word.parse().ok())
    };
    let Some(counters) = exposure("") else { return };
    let (sampling, everything) = (exposure("pcap { }").unwrap(), exposure(EVERYTHING).unwrap());
    println!("exposure: counters {counters}, pcap {sampling}, everything {everything}");
    assert!(counters < sampling && sampling < everything, "{counters} {sampling} {everything}");
    assert!(sampling < 2.4 && everything <= 4.5, "{sampling} {everything}");
}

#[test]
fn units_that_do_one_work_are_confined_alike() {
    let of = |name: &str| shipped().into_iter().find(|(unit, _)| unit == name).unwrap().1;
    let confinement = |text: &str| -> Vec<String> {
        let section = text.split("\n[Service]\n").nth(1).unwrap().split("\n[").next().unwrap().to_owned();
        let kept = |line: &&str| {
            let key = line.split('=').next().unwrap_or_default();
            line.contains('=')
                && !line.starts_with('#')
                && !["Exec", "Type", "Timeout", "Watchdog", "Kill", "Restart", "Log", "Runtime", "Limit"]
                    .iter()
                    .any(|p| key.starts_with(p))
        };
        let mut lines: Vec<_> = section.lines().filter(kept).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for (one, other) in [("policy", "policy-expire"), ("privileges", "privileges-changed")] {
        let [one, other] = [one, other].map(|name| confinement(&of(&format!("hsflowd-{name}.service"))));
        assert_eq!(one, other);
    }
}
