//! Damaged hosts: each file missing, empty, cut off, garbage, or full of impossible numbers. What must hold: no
//! panic, the right component is named, and every other record is as on the healthy host.

use super::{fixture, poll, recorded_host};
use hsflow::collect::host::{Component, HostCounters, HostSample};
use hsflow::host::{Host, Space};
use std::fs;
use std::path::{Path, PathBuf};

/// Each file, and the component that it belongs to.
const FILES: [(&str, Component); 9] = [
    ("proc/stat", Component::Cpu),
    ("proc/loadavg", Component::Cpu),
    ("proc/uptime", Component::Cpu),
    ("proc/meminfo", Component::Memory),
    ("proc/vmstat", Component::Memory),
    ("proc/diskstats", Component::Disk),
    ("proc/self/mountinfo", Component::Disk),
    ("proc/net/snmp", Component::Mib2),
    ("proc/sys/kernel/hostname", Component::HostId),
];

/// A copy of a recorded host that may be damaged.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("host-counters-{name}-{}", std::process::id()));
        copy(&fixture("server-2socket"), &root);
        Self(root)
    }

    fn poll(&self) -> HostSample {
        poll(&self.host())
    }

    fn host(&self) -> Host {
        recorded_host(&self.0, |_| Ok(Space { total: 100, free: 60, available: 50 }))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_symlink() {
            let _ = std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target);
        } else if kind.is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// The components of which `damaged` differs from `healthy`.
fn differing(damaged: &HostSample, healthy: &HostSample) -> Vec<Component> {
    let mib2 = |s: &HostSample| (s.ip.clone(), s.icmp.clone(), s.tcp.clone(), s.udp.clone());
    let same = [
        (Component::HostId, damaged.id == healthy.id),
        (Component::Cpu, damaged.cpu == healthy.cpu),
        (Component::Memory, damaged.memory == healthy.memory),
        (Component::Disk, damaged.disk == healthy.disk),
        (Component::Mib2, mib2(damaged) == mib2(healthy)),
    ];
    same.into_iter().filter(|(_, same)| !same).map(|(component, _)| component).collect()
}

/// Polls a host on which `file` holds `bytes` (`None`: is not there).
fn check(root: &Copy, healthy: &HostSample, file: &str, owner: Component, bytes: Option<&[u8]>, what: &str) {
    let path = root.0.join(file);
    match bytes {
        Some(bytes) => fs::write(&path, bytes).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    let damaged = root.poll();
    let differing = differing(&damaged, healthy);
    assert!(differing.iter().all(|&c| c == owner), "{file} {what} changed {differing:?}");
    assert!(damaged.problems.iter().all(|p| p.component == owner), "{file} {what}: {:?}", damaged.problems);
    let legal = file == "proc/diskstats" && bytes.is_some_and(<[u8]>::is_empty);
    assert!(
        legal || differing.is_empty() || !damaged.problems.is_empty(),
        "{file} {what} changed {owner} unnoticed"
    );
}

#[test]
fn a_file_that_is_missing_empty_or_garbage_degrades_its_own_component_only() {
    let root = Copy::new("files");
    let healthy = root.poll();
    assert_eq!(healthy.problems, []);
    for (file, owner) in FILES {
        let good = fs::read(root.0.join(file)).unwrap();
        check(&root, &healthy, file, owner, None, "missing");
        let missing = root.poll();
        assert!(
            missing.problems.iter().any(|p| p.to_string().contains(&format!("/{file}: No such file"))),
            "{file}"
        );
        if owner != Component::HostId {
            // An empty host name is what the kernel says of a host without one.
            for bytes in [b"".as_slice(), b"\0\0\0", b"garbage\n", b"\xff\xfe\n", &b"x ".repeat(5000)] {
                check(&root, &healthy, file, owner, Some(bytes), "garbage");
                // An empty table of disks is that of a host without disks.
                let legal = file == "proc/diskstats" && bytes.is_empty();
                assert_ne!(root.poll().problems.is_empty(), !legal, "{file} {:?}", bytes.get(..8));
            }
        }
        fs::write(root.0.join(file), &good).unwrap();
        assert_eq!(root.poll(), healthy, "{file} is whole again");
    }
}

#[test]
fn a_file_cut_off_after_any_line_or_inside_it_degrades_its_own_component_only() {
    let root = Copy::new("cut");
    let healthy = root.poll();
    for (file, owner) in FILES {
        let good = fs::read(root.0.join(file)).unwrap();
        let ends = good.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at);
        for cut in ends.flat_map(|end| [end.saturating_sub(2), end, end + 1]) {
            if owner == Component::HostId
                || matches!(file, "proc/diskstats" | "proc/self/mountinfo") && good[..cut].ends_with(b"\n")
            {
                continue; // A shorter name or table is as good as the whole one.
            }
            check(&root, &healthy, file, owner, good.get(..cut), &format!("cut at {cut}"));
        }
        fs::write(root.0.join(file), &good).unwrap();
    }
}

#[test]
fn impossible_numbers_degrade_their_own_component_only() {
    let root = Copy::new("numbers");
    let healthy = root.poll();
    for (file, owner) in FILES {
        let good = fs::read_to_string(root.0.join(file)).unwrap();
        for number in ["-1", "99999999999999999999999999", "1e9", "0x10", "NaN"] {
            let bad: String = good
                .split_inclusive([' ', '\n', '/'])
                .map(|w| match w.trim_end_matches([' ', '\n', '/']) {
                    digits if !digits.is_empty() && digits.parse::<f64>().is_ok() => {
                        w.replace(digits, number)
                    }
                    _ => w.to_owned(),
                })
                .collect();
            check(&root, &healthy, file, owner, Some(bad.as_bytes()), number);
        }
        fs::write(root.0.join(file), &good).unwrap();
    }
}

#[test]
fn the_largest_numbers_that_a_kernel_can_print_are_no_fault() {
    let root = Copy::new("largest");
    for file in ["proc/stat", "proc/vmstat", "proc/diskstats", "proc/net/snmp"] {
        let good = fs::read_to_string(root.0.join(file)).unwrap();
        let words = good.split_inclusive([' ', '\n']).map(|w| match w.trim().parse::<u64>() {
            Ok(_) => w.replace(w.trim(), "18446744073709551615"),
            Err(_) => w.to_owned(),
        });
        fs::write(root.0.join(file), words.collect::<String>()).unwrap();
    }
    assert_eq!(root.poll().problems, []);
}

#[test]
fn a_host_with_nothing_has_no_records_and_names_every_component() {
    let sample = poll(&recorded_host("/nonexistent", |_| Err(libc::ENOENT)));
    let problems = sample.problems.clone();
    assert_eq!(HostSample { problems: vec![], ..sample }, HostSample::default());
    let mut named: Vec<Component> = problems.iter().map(|p| p.component).collect();
    named.dedup();
    assert_eq!(named, Component::ALL);
}

#[test]
fn counters_come_back_by_themselves_when_files_do() {
    let root = Copy::new("back");
    let healthy = root.poll();
    let away = root.0.with_extension("away");
    fs::rename(root.0.join("proc"), &away).unwrap();
    let (mut counters, mut sample) = (HostCounters::new(&root.host()), HostSample::default());
    counters.poll(&mut sample);
    assert_eq!((&sample.cpu, &sample.memory, &sample.disk), (&None, &None, &None));
    fs::rename(&away, root.0.join("proc")).unwrap();
    counters.poll(&mut sample);
    assert_eq!(sample.problems, []);
    assert_eq!((sample.memory, sample.disk), (healthy.memory, healthy.disk));
}
