//! Files of the kernel that are cut, garbled or empty while the agent runs: what is lost, what is said, how it recovers.

use crate::netns::run;
use crate::rig::{Rig, assert_whole, isolated, record, samples};
use hsflow::sflow::decode::Datagram;
use hsflow::sflow::ids::DataSource;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// An agent that looks at a copy of a recorded host.
fn on_recorded_host(change: impl FnOnce(&Rig)) -> Rig {
    let mut rig = Rig::new();
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/root/server-2socket");
    run(&format!("cp -r {recorded} {}", rig.text("root")));
    rig.configure("polling = 1");
    change(&rig);
    let root = rig.text("root");
    rig.start_with(&["--root", &root]);
    rig
}

/// What the newest host sample knows. Paging is known without the sizes of memory, which are 0 then.
fn has(d: &[Datagram]) -> Vec<&'static str> {
    let Some(host) = samples(d, DataSource::HOST).last().copied() else { return Vec::new() };
    let all = [
        ("cpu", record!(host, HostCpu).is_some()),
        ("memory", record!(host, HostMemory).is_some_and(|m| m.mem_total > 0)),
        ("disk", record!(host, HostDiskIo).is_some()),
        ("ip", record!(host, HostIp).is_some()),
        ("tcp", record!(host, HostTcp).is_some()),
        ("name", record!(host, HostId).is_some()),
    ];
    all.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

const ALL: [&str; 6] = ["cpu", "memory", "disk", "ip", "tcp", "name"];

/// Replaces the whole content in one step, so that no poll sees half of it; both are equally long.
fn overwrite(path: &Path, content: impl AsRef<[u8]>) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    assert_eq!(file.metadata().unwrap().len(), content.as_ref().len() as u64);
    file.write_all_at(content.as_ref(), 0).unwrap();
}

#[test]
fn a_damaged_file_costs_its_own_numbers_is_told_once_and_recovers_once() {
    isolated(|| {
        let rig = on_recorded_host(|_| {});
        rig.next_sample(DataSource::HOST);
        assert_eq!(has(&rig.datagrams()), ALL);
        for (file, component, damaged, lost) in [
            ("proc/meminfo", "memory", "", &["memory"][..]),
            ("proc/net/snmp", "mib2", "no table\n", &["ip", "tcp"]),
            ("proc/stat", "cpu", "cpu  12 x 3\nintr\n", &[]),
            ("proc/loadavg", "cpu", "\u{0}\u{1}\u{2}", &[]),
            ("proc/vmstat", "memory", "pgpgin lots\n", &[]),
        ] {
            let path = rig.path("root").join(file);
            let good = fs::read(&path).unwrap();
            let padded = damaged.to_owned() + &"\n".repeat(good.len() - damaged.len());
            let (told, mended) = (format!("{component} degraded: "), format!("{component} recovered"));
            let before = (rig.log_count(&told), rig.log_count(&mended));
            overwrite(&path, &padded);
            let state = rig.wait_component(component, "degraded");
            assert!(state.contains(&format!("/{file}")), "{file}: {state}");
            rig.next_sample(DataSource::HOST);
            let sent = rig.datagrams();
            let missing: Vec<_> = ALL.into_iter().filter(|name| !has(&sent).contains(name)).collect();
            assert_eq!(missing, lost, "{file}");
            overwrite(&path, &good);
            rig.wait_component(component, "running");
            rig.wait("all records", |d| has(d) == ALL);
            rig.assert_logged(&mended, before.1 + 1);
            rig.assert_logged(&told, before.0 + 1);
        }
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn a_file_that_is_not_there_at_start_is_found_when_it_comes() {
    isolated(|| {
        let hidden = ["proc/meminfo", "proc/net/snmp", "proc/stat"];
        let rig = on_recorded_host(|rig| {
            for file in hidden {
                fs::rename(rig.path("root").join(file), rig.path("root").join(format!("{file}.hidden")))
                    .unwrap();
            }
        });
        rig.next_sample(DataSource::HOST);
        let degraded = [("memory", "/proc/meminfo"), ("mib2", "/proc/net/snmp"), ("cpu", "/proc/stat")];
        for (component, path) in degraded {
            let state = rig.wait_component(component, "degraded");
            assert!(state.contains(path) && state.contains("No such file"), "{state}");
        }
        let there = has(&rig.datagrams());
        assert!(
            there.contains(&"disk") && there.contains(&"name") && !there.contains(&"memory"),
            "{there:?}"
        );
        for file in hidden {
            fs::rename(rig.path("root").join(format!("{file}.hidden")), rig.path("root").join(file)).unwrap();
        }
        rig.wait("all records", |d| has(d) == ALL);
        for (component, _) in degraded {
            rig.wait_component(component, "running");
            rig.assert_logged(&format!("{component} degraded"), 1);
            rig.assert_logged(&format!("{component} recovered"), 1);
        }
    });
}

#[test]
fn a_root_with_nothing_in_it_still_sends_what_the_kernel_tells() {
    isolated(|| {
        let mut rig = Rig::new();
        fs::create_dir(rig.path("empty")).unwrap();
        rig.configure("polling = 1");
        let root = rig.text("empty");
        rig.start_with(&["--root", &root]);
        rig.two_cycles();
        let sent = rig.datagrams();
        assert_whole(&sent);
        assert!(record!(samples(&sent, DataSource::HOST)[0], Adaptors).is_some());
        for component in ["cpu", "memory", "mib2"] {
            assert!(rig.component(component).starts_with("degraded "), "{component}");
        }
        rig.assert_logged("memory degraded", 1);
    });
}
