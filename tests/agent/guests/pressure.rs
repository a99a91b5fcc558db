//! Pressure of a container, against the kernel's own files.

use super::Hosted;
use crate::rig::{LIMIT, isolated};
use crate::support::wait_until;
use hsflow::sflow::decode::{Datagram, Sample};
use hsflow::sflow::realtime::MetricValue;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Microseconds by name, of the last metrics that a source sent.
fn last_metrics(datagrams: &[Datagram], source: &str) -> Option<BTreeMap<String, u64>> {
    let samples = datagrams.iter().flat_map(|d| &d.samples);
    let mut metrics = samples.filter_map(|sample| match sample {
        Sample::RtMetric(metric) if metric.datasource == source => Some(&metric.metrics),
        _ => None,
    });
    let number = |value: &MetricValue<'_>| match value {
        MetricValue::Counter64(number) => *number,
        other => panic!("{other:?}"),
    };
    Some(metrics.next_back()?.iter().map(|metric| (metric.name.to_string(), number(&metric.value))).collect())
}

/// The folder in cgroup v2 of a process, where the kernel counts its pressure.
fn folder(pid: &str) -> Option<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).filter(|path| !path.is_empty())?;
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    mounts
        .map(|mount| Path::new(mount).join(path))
        .into_iter()
        .find(|path| std::fs::read(path.join("cpu.pressure")).is_ok())
}

/// The same numbers by the same names, as the kernel has them.
fn pressure(folder: &Path) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for part in ["cpu", "memory", "io"] {
        let text = std::fs::read_to_string(folder.join(format!("{part}.pressure"))).unwrap();
        for line in text.lines() {
            let (kind, total) = line.split_once(" avg10").unwrap();
            let total = total.rsplit_once("total=").unwrap().1;
            all.insert(format!("{part}_pressure_{kind}_us"), total.parse().unwrap());
        }
    }
    all
}

#[test]
fn pressure_of_a_container_goes_out_by_its_name_while_it_is_asked_for() {
    isolated(|| {
        let hosted = Hosted::running("docker { } guestPressure = on");
        let line = "run -d --network none --cpus 0.1 --name web.1 bb sh -c";
        let work = "while :; do i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; sleep 0.02; done";
        let words: Vec<_> = line.split_whitespace().chain([work]).collect();
        hosted.dockerd.docker_args(&words);
        let Some(folder) = folder(&hosted.pid("web.1")) else {
            println!("SKIP: the kernel counts no pressure of containers here");
            return;
        };
        let source = hosted.source("web.1");
        let before = pressure(&folder);
        let is_later = |told: &BTreeMap<_, _>| before.iter().all(|(name, us)| told.get(name) >= Some(us));
        let all = hosted.rig.wait("metrics of later than now", |d| {
            last_metrics(d, "web_1").is_some_and(|told| is_later(&told))
        });
        let told = last_metrics(&all, "web_1").unwrap();
        let after = pressure(&folder);
        assert_eq!(told.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
        for (name, us) in &told {
            assert!(*us <= after[name], "{name}: {us} {}", after[name]);
        }
        // An answer stays fresh for a tenth of a second.
        wait_until("the pressure in the status", LIMIT, || {
            let us = hosted.guest("web.1")["pressure"]["cpu_us"].as_u64().unwrap();
            (us >= before["cpu_pressure_some_us"]).then_some(())
        });

        hosted.rig.reload("agentIP = 172.31.255.1 polling = 1 docker { }");
        let come = hosted.rig.datagrams().len();
        hosted.rig.next_sample(source);
        assert_eq!(last_metrics(&hosted.rig.datagrams()[come..], "web_1"), None);
    });
}
