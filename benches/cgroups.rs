//! What it costs to read the counters of 500 containers, once for each poll of the agent.
//!
//! Goal: below 15 ms of CPU, the network's part included. The clock is this thread's CPU time, so that others on the
//! machine count less. Beside it, what one `pread` for each of the same files costs. In cgroups of its own where this user
//! may make them, else in plain files, whose texts the kernel need not make. Run by hand: `cargo bench --bench cgroups`.

#[path = "support/on_cpu.rs"]
mod on_cpu;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hsflow::collect::guests::cgroup::{Cgroup, Hierarchies};
use hsflow::host::Host;
use on_cpu::on_cpu;
use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const GUESTS: usize = 500;
const FILES: [&str; 12] = [
    "cpuacct.usage",
    "memory.usage_in_bytes",
    "memory.limit_in_bytes",
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_serviced_recursive",
    "cpu.stat",
    "memory.current",
    "memory.max",
    "io.stat",
    "cpu.pressure",
    "memory.pressure",
    "io.pressure",
];

/// The guests' directories in all hierarchies, removed at the end.
struct Made {
    host: Host,
    tops: Vec<PathBuf>,
    name: String,
    plain: bool,
}

impl Made {
    fn new() -> Self {
        let name = format!("hsflow-bench-{}", std::process::id());
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let cgroups = mounts.lines().map(words).filter(|words| words[2].starts_with("cgroup"));
        let mut made = Self {
            host: Host::default(),
            tops: cgroups.map(|words| Path::new(&words[1]).join(&name)).collect(),
            name,
            plain: false,
        };
        if made.tops.is_empty() || made.make().is_err() {
            made.remove();
            made.pretend();
        }
        made
    }

    fn make(&self) -> std::io::Result<()> {
        for top in &self.tops {
            fs::create_dir(top)?;
            for controller in ["+cpu", "+memory", "+io"] {
                _ = fs::write(top.with_file_name("cgroup.subtree_control"), controller);
                _ = fs::write(top.join("cgroup.subtree_control"), controller);
            }
            (0..GUESTS).try_for_each(|n| fs::create_dir(top.join(n.to_string())))?;
        }
        Ok(())
    }

    fn pretend(&mut self) {
        let root = std::env::temp_dir().join(&self.name);
        let put = |path: PathBuf, text: &str| {
            _ = path.parent().map(fs::create_dir_all);
            _ = fs::write(path, text);
        };
        put(root.join("proc/self/mountinfo"), "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        let top = root.join("sys/fs/cgroup").join(&self.name);
        for n in 0..GUESTS {
            for (file, text) in [
                ("cpu.stat", "usage_usec 1\nuser_usec 1\nsystem_usec 0\n"),
                ("memory.current", "1\n"),
                ("memory.max", "max\n"),
                ("io.stat", "8:0 rbytes=1 wbytes=1 rios=1 wios=1 dbytes=0 dios=0\n"),
            ] {
                put(top.join(n.to_string()).join(file), text);
            }
        }
        (self.host, self.tops, self.plain) = (Host::at(&root), vec![top], true);
    }

    fn remove(&self) {
        if self.plain {
            _ = fs::remove_dir_all(&self.host.root);
        }
        for top in &self.tops {
            (0..GUESTS).for_each(|n| _ = fs::remove_dir(top.join(n.to_string())));
            _ = fs::remove_dir(top);
        }
    }

    /// The files that are read of every guest.
    fn files(&self) -> Vec<File> {
        let first = |file: &str| self.tops.iter().any(|top| top.join("0").join(file).exists());
        let both = first("cpuacct.usage");
        let read = FILES.into_iter().filter(|file| !(both && *file == "cpu.stat"));
        let dirs = || (0..GUESTS).flat_map(|n| self.tops.iter().map(move |top| top.join(n.to_string())));
        read.flat_map(|file| dirs().map(move |dir| File::open(dir.join(file)))).flatten().collect()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.remove();
    }
}

fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

fn cgroups(c: &mut Criterion) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
    let made = Made::new();
    let hierarchies = Hierarchies::read(&made.host);
    assert!(hierarchies.is_ok(), "{hierarchies:?}");
    let Ok(hierarchies) = hierarchies else { return };
    let before = resident();
    let mut guests: Vec<Cgroup> =
        (0..GUESTS).map(|n| Cgroup::open(&hierarchies.at(&format!("/{}/{n}", made.name)))).collect();
    for guest in &mut guests {
        let reading = guest.read();
        assert!(!reading.gone && reading.problems.is_empty() && reading.cpu_ns.is_some(), "{reading:?}");
    }
    println!("resident memory of a guest: {} bytes", (resident() - before) / GUESTS as u64);
    let files = made.files();
    let mut group = c.benchmark_group(format!("{GUESTS} guests, {} files", files.len()));
    group.throughput(Throughput::Elements(GUESTS as u64));
    group.bench_function("read", |b| {
        on_cpu(b, || guests.iter_mut().for_each(|guest| _ = black_box(guest.read())));
    });
    drop(guests);
    let places = (0..GUESTS).map(|n| hierarchies.at(&format!("/{}/{n}", made.name)));
    let mut guests: Vec<Cgroup> = places.map(|place| Cgroup::without_pressure(&place)).collect();
    group.bench_function("read, without pressure", |b| {
        on_cpu(b, || guests.iter_mut().for_each(|guest| _ = black_box(guest.read())));
    });
    let mut buffer = [0; 4096];
    group.bench_function("floor: one pread a file", |b| {
        on_cpu(b, || files.iter().for_each(|file| _ = black_box(file.read_at(&mut buffer, 0))));
    });
    group.finish();
}

criterion_group!(benches, cgroups);
criterion_main!(benches);
