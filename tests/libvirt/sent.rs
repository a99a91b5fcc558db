//! Domains as the whole agent sends and shows them; the helper is where it was built, beside the agent. What `virsh` says
//! before and after a sample is the independent witness.

use crate::agent::{Rig, assert_whole, if_index, record, samples};
use crate::live::{CALLER, Libvirtd, WORKER, isolated, numbers, virsh};
use crate::rig::LIMIT;
use crate::support::process::{Process, Said};
use crate::support::wait_until;
use hsflow::sflow::ids::DataSource;
use nix::sys::signal::Signal;
use serde_json::Value;

fn try_guest(rig: &Rig, uuid: &str) -> Option<Value> {
    let guests = rig.try_snapshot()["guests"].as_array().cloned().unwrap_or_default();
    guests.into_iter().find(|guest| guest["uuid"] == uuid)
}

fn source(rig: &Rig, uuid: &str) -> DataSource {
    let guest = wait_until(uuid, LIMIT, || try_guest(rig, uuid));
    let (_, index) = guest["source"].as_str().unwrap().split_once(':').unwrap();
    DataSource::logical(index.parse().unwrap())
}

/// An agent that watches domains.
fn started() -> Rig {
    let rig = Rig::running("agentIP = 127.0.0.1 polling = 1 kvm { }");
    rig.wait_component("kvm", "running");
    rig
}

#[test]
fn domains_are_sent_with_what_virsh_says_of_them() {
    isolated("sent::domains_are_sent_with_what_virsh_says_of_them", || {
        let libvirtd = Libvirtd::start();
        libvirtd.define_worker();
        libvirtd.create_caller();
        let rig = started();
        let (worker, caller) = (source(&rig, WORKER), source(&rig, CALLER));
        let off = rig.next_sample(worker);
        assert_eq!(record!(off, VirtCpu).unwrap().state, 5);
        assert_eq!(record!(off, VirtDiskIo).unwrap().capacity, 8 << 20, "its disk is there while it is off");
        virsh("start worker");
        wait_until("a sample of a running worker that writes", LIMIT, || {
            let datagrams = rig.datagrams();
            let sample = samples(&datagrams, worker).pop()?;
            let runs = record!(sample, VirtCpu).unwrap().state == 1;
            (runs && record!(sample, VirtDiskIo).unwrap().wr_req > 0).then_some(())
        });

        let look = || {
            let disk = numbers("domblkstat worker vda");
            let cpu = numbers("domstats worker --cpu-total")["cpu.time"] / 1_000_000;
            ["vda rd_req", "vda rd_bytes", "vda wr_req", "vda wr_bytes"]
                .map(|name| disk[name])
                .into_iter()
                .chain([cpu])
        };
        let before = look();
        let sample = rig.fresh_sample(worker);
        let after = look();
        let (disk, cpu) = (record!(sample, VirtDiskIo).unwrap(), record!(sample, VirtCpu).unwrap());
        let told =
            [disk.rd_req.into(), disk.rd_bytes, disk.wr_req.into(), disk.wr_bytes, cpu.cpu_time.into()];
        for ((before, told), after) in before.zip(told).zip(after) {
            assert!(before <= told && told <= after, "{before} {told} {after}: {sample:?}");
        }
        let info = numbers("dommemstat worker");
        assert_eq!(cpu.nr_virt_cpu, 1);
        assert_eq!(record!(sample, VirtMemory).unwrap().max_memory, 32 << 20);
        assert_eq!(record!(sample, VirtMemory).unwrap().memory, info["actual"] << 10);
        assert_eq!(record!(sample, HostId).unwrap().hostname, "worker");
        assert_eq!(record!(sample, HostParent).unwrap().parent, DataSource::HOST);

        let called = rig.next_sample(caller);
        let adaptors = &record!(called, Adaptors).unwrap().adaptors;
        let found: Vec<_> = adaptors.iter().map(|adaptor| (adaptor.if_index, adaptor.macs.clone())).collect();
        assert_eq!(found, [(if_index("tapx0"), vec![[0x52, 0x54, 0, 0xaa, 0xbb, 0xcc]])]);
        let host = rig.next_sample(DataSource::HOST);
        assert_eq!(record!(host, VirtNode).map(|node| node.num_domains), Some(2));

        virsh("destroy caller");
        let ends = |d: &[_]| {
            samples(d, caller).last().is_some_and(|sample| record!(sample, VirtCpu).unwrap().state == 5)
        };
        rig.wait("the last sample of a domain that is no more", ends);
        wait_until("it has gone", LIMIT, || try_guest(&rig, CALLER).is_none().then_some(()));
        assert_whole(&rig.datagrams());
    });
}

#[test]
fn what_a_frozen_libvirtd_said_last_is_not_sent_as_new() {
    isolated("sent::what_a_frozen_libvirtd_said_last_is_not_sent_as_new", || {
        let libvirtd = Libvirtd::start();
        libvirtd.define_worker();
        virsh("start worker");
        let rig = started();
        let worker = source(&rig, WORKER);
        rig.next_sample(worker);
        libvirtd.signal(Signal::SIGSTOP);
        // An answer may be under way.
        rig.two_cycles();
        let before = samples(&rig.datagrams(), worker).len();
        let reason = wait_until("degraded", LIMIT, || {
            Some(rig.component("kvm")).filter(|state| state.contains("degraded"))
        });
        assert!(reason.contains("does not answer within 10 s"), "{reason}");
        rig.two_cycles();
        assert_eq!(samples(&rig.datagrams(), worker).len(), before);
        assert!(try_guest(&rig, WORKER).is_some(), "nobody has said that it is gone");
        let host = rig.next_sample(DataSource::HOST);
        assert_eq!(record!(host, VirtNode).map(|node| node.num_domains), Some(1));

        libvirtd.signal(Signal::SIGCONT);
        wait_until("running", LIMIT, || rig.component("kvm").contains("running").then_some(()));
        assert_eq!(source(&rig, WORKER), worker);
        rig.next_sample(worker);
        assert_whole(&rig.datagrams());
    });
}

/// State and per cent of a processor in the last row of a guest that `hsflowctl top --batch` printed.
fn shown(said: &Said, guest: &str) -> Option<(String, f64)> {
    let row = said.stdout.iter().rev().find(|line| line.starts_with(&format!("{guest} ")))?;
    let words: Vec<_> = row.split_whitespace().collect();
    assert_eq!(words[1], "vm", "{row}");
    // What is high is marked.
    Some((words[2].to_owned(), words[3].trim_end_matches(['!', '+']).parse().ok()?))
}

#[test]
fn top_shows_the_load_of_a_virtual_machine_and_its_pause() {
    isolated("sent::top_shows_the_load_of_a_virtual_machine_and_its_pause", || {
        let libvirtd = Libvirtd::start();
        libvirtd.define_worker();
        virsh("start worker");
        let rig = started();
        let socket = rig.text("run/control.sock");
        let top = Process::hsflowctl(&["top", "--batch", "-d", "0.5", "--socket", &socket]);
        top.wait_for("its load", LIMIT, |said| {
            shown(said, "worker").filter(|(state, cpu)| state == "running" && *cpu > 5.0)
        });
        virsh("suspend worker");
        top.wait_for("its pause", LIMIT, |said| {
            shown(said, "worker").filter(|(state, cpu)| state == "paused" && *cpu < 1.0)
        });
    });
}
