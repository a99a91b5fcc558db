//! Counters of cgroups: recorded trees of version 1, version 2 and both, and the running kernel under load.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

mod support;

#[allow(dead_code)] // only the namespace is wanted
#[path = "support/mounts.rs"]
mod mounts;

use hsflow::collect::guests::cgroup::{
    Cgroup, CgroupError, DiskIo, Hierarchies, Place, Pressure, Reading, Stall,
};
use hsflow::host::Host;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use support::{TempDir, wait_until};

const V2: &str = "\
24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 any\\040name rw,nsdelegate,memory_recursiveprot
";
const V1: &str = "\
31 24 0:28 / /sys/fs/cgroup ro,nosuid shared:8 - tmpfs tmpfs ro,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup none rw,cpu,cpuacct
33 31 0:30 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
34 31 0:31 / /sys/fs/cgroup/blkio rw shared:11 - cgroup cgroup rw,blkio
35 31 0:32 / /sys/fs/cgroup/systemd rw shared:12 - cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd
";
const UNIFIED_BESIDE: &str =
    "36 31 0:33 / /sys/fs/cgroup/unified rw shared:13 - cgroup2 cgroup2 rw,nsdelegate\n";

const IO_STAT: &str = "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n\
                       8:16 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n";
const STALLED: &str =
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=11\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";

fn tree(mounts: &str, files: &[(&str, &str)]) -> (TempDir, Host) {
    let dir = TempDir::new();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("proc/self/mountinfo", mounts);
    files.iter().for_each(|(path, text)| put(path, text));
    let host = Host::at(dir.path());
    (dir, host)
}

fn read(place: &Place) -> Reading {
    Cgroup::open(place).read()
}

#[test]
fn version_2_gives_every_counter_from_one_directory() {
    let at = "sys/fs/cgroup/system.slice/web.service";
    let file = |name: &str| format!("{at}/{name}");
    let (dir, host) = tree(
        V2,
        &[
            (&file("cpu.stat"), "usage_usec 5\nuser_usec 3\nsystem_usec 2\n"),
            (&file("memory.current"), "4096\n"),
            (&file("memory.max"), "max\n"),
            (&file("io.stat"), IO_STAT),
            (&file("cpu.pressure"), STALLED),
            (&file("cgroup.events"), "populated 1\nfrozen 0\n"),
            ("sys/fs/cgroup/memory.max", "1\n"),
            ("sys/fs/cgroup/system.slice/memory.max", "1073741824\n"),
            ("proc/77/cgroup", "0::/system.slice/web.service\n"),
        ],
    );
    let hierarchies = Hierarchies::read(&host).unwrap();
    let place = hierarchies.of_process(77).unwrap();
    assert_eq!(place, hierarchies.at("/system.slice/web.service"));
    assert_eq!(place.path(), "/system.slice/web.service");
    assert!(place.exists() && place.has_processes());
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(dir.path().join(at)).unwrap());
    assert_eq!(place.id(), Some(inode));
    let stall = Stall { some_us: 11, full_us: Some(7) };
    let wanted = Reading {
        cpu_ns: Some(5000),
        memory: Some(4096),
        memory_max: Some(1 << 30),
        disk: Some(DiskIo { rd_req: 4, rd_bytes: 4196, wr_req: 6, wr_bytes: 8392 }),
        pressure: Some(Pressure { cpu: Some(stall), memory: None, io: None }),
        ..Reading::default()
    };
    assert_eq!(read(&place), wanted, "a limit above the cgroup holds, the top's is none");
    assert_eq!(Cgroup::without_pressure(&place).read(), Reading { pressure: None, ..wanted });
}

#[test]
fn version_1_gives_them_from_a_hierarchy_each_and_combined_ones_count() {
    let (_dir, host) = tree(
        V1,
        &[
            ("sys/fs/cgroup/cpu,cpuacct/docker/x/cpuacct.usage", "123456789\n"),
            ("sys/fs/cgroup/memory/docker/x/memory.usage_in_bytes", "8192\n"),
            ("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "9223372036854771712\n"),
            (
                "sys/fs/cgroup/blkio/docker/x/blkio.throttle.io_service_bytes",
                "8:0 Read 4096\n8:0 Write 512\n8:0 Total 4608\nTotal 4608\n",
            ),
            ("sys/fs/cgroup/blkio/docker/x/blkio.throttle.io_serviced", "8:0 Read 2\n8:0 Write 1\nTotal 3\n"),
            (
                "proc/77/cgroup",
                "4:memory:/docker/x\n3:blkio:/docker/x\n2:cpu,cpuacct:/docker/x\n1:name=systemd:/\n",
            ),
        ],
    );
    let place = Hierarchies::read(&host).unwrap().of_process(77).unwrap();
    let wanted = Reading {
        cpu_ns: Some(123_456_789),
        memory: Some(8192),
        disk: Some(DiskIo { rd_req: 2, rd_bytes: 4096, wr_req: 1, wr_bytes: 512 }),
        ..Reading::default()
    };
    assert_eq!(read(&place), wanted);
    assert_eq!((place.path(), place.id()), ("/docker/x", None));
}

#[test]
fn beside_version_1_the_unified_hierarchy_names_the_cgroup_and_fills_the_gaps() {
    let (dir, host) = tree(
        &format!("{V1}{UNIFIED_BESIDE}"),
        &[
            ("sys/fs/cgroup/unified/system.slice/a.service/cpu.stat", "usage_usec 9\n"),
            ("sys/fs/cgroup/unified/system.slice/a.service/cgroup.events", "populated 0\n"),
            ("sys/fs/cgroup/memory/system.slice/a.service/memory.usage_in_bytes", "1\n"),
            ("sys/fs/cgroup/memory/system.slice/a.service/memory.limit_in_bytes", "70\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpuacct.usage", "999\n"),
            (
                "proc/5/cgroup",
                "3:memory:/system.slice/a.service\n2:cpu,cpuacct:/\n1:name=systemd:/system.slice/a.service\n\
                 0::/system.slice/a.service\n",
            ),
        ],
    );
    let place = Hierarchies::read(&host).unwrap().of_process(5).unwrap();
    let wanted = Reading { cpu_ns: Some(9000), memory: Some(1), memory_max: Some(70), ..Reading::default() };
    assert_eq!(read(&place), wanted, "the top of cpuacct is the host's and not the guest's");
    assert!(place.id().is_some() && !place.has_processes());
    fs::remove_dir_all(dir.path().join("sys/fs/cgroup/unified/system.slice")).unwrap();
    fs::create_dir_all(dir.path().join("sys/fs/cgroup/systemd/system.slice/a.service/deep/er")).unwrap();
    assert!(!place.has_processes());
    fs::write(dir.path().join("sys/fs/cgroup/systemd/system.slice/a.service/deep/er/cgroup.procs"), "5\n")
        .unwrap();
    assert!(place.has_processes(), "processes may be in cgroups of its own only");
}

#[test]
fn a_part_of_a_hierarchy_shows_what_is_in_it_and_nothing_else() {
    let mounts = V2.replace("0:26 / /sys", "0:26 /docker/me /sys");
    let (_dir, host) = tree(
        &mounts,
        &[
            ("sys/fs/cgroup/inner/memory.current", "5\n"),
            ("proc/1/cgroup", "0::/docker/me/inner\n"),
            ("proc/2/cgroup", "0::/docker/other\n"),
            ("proc/3/cgroup", "0::/../../etc\n"),
            ("proc/4/cgroup", "0::/docker/me\n"),
            ("proc/5/cgroup", "0::/docker/me/../other\n"),
        ],
    );
    let hierarchies = Hierarchies::read(&host).unwrap();
    assert_eq!(read(&hierarchies.of_process(1).unwrap()).memory, Some(5));
    for outside in 2..=5 {
        let place = hierarchies.of_process(outside).unwrap();
        assert_eq!((place.exists(), place.id()), (false, None), "{outside}");
        assert_eq!(read(&place), Reading { gone: true, ..Reading::default() });
    }
}

#[test]
fn a_bad_file_is_named_and_costs_only_itself() {
    let at = "sys/fs/cgroup/a.service";
    let file = |name: &str| format!("{at}/{name}");
    let (dir, host) = tree(
        V2,
        &[
            (&file("cpu.stat"), "user_usec 3\n"),
            (&file("memory.current"), "lots\n"),
            (&file("io.stat"), "8:0 rbytes=1 wbytes=x\n"),
            (&file("memory.max"), "70\n"),
        ],
    );
    let reading = read(&Hierarchies::read(&host).unwrap().at("/a.service"));
    assert_eq!(
        (reading.cpu_ns, reading.memory, reading.disk, reading.memory_max),
        (None, None, None, Some(70))
    );
    let malformed =
        |name, line, field| CgroupError::Malformed { path: dir.path().join(at).join(name), line, field };
    let wanted = [
        malformed("cpu.stat", 0, "usage_usec"),
        malformed("memory.current", 1, "usage"),
        malformed("io.stat", 1, "wbytes"),
    ];
    assert_eq!(reading.problems, wanted);
    assert!(wanted[2].to_string().ends_with("a.service/io.stat:1: no wbytes"));
}

#[test]
fn a_text_longer_than_any_page_is_read_to_its_end() {
    let lines: String = (0..4000).map(|n| format!("9:{n} rbytes=1 wbytes=2 rios=1 wios=1\n")).collect();
    let (_dir, host) = tree(V2, &[("sys/fs/cgroup/a.service/io.stat", &lines)]);
    let disk = read(&Hierarchies::read(&host).unwrap().at("/a.service")).disk.unwrap();
    assert_eq!((disk.rd_bytes, disk.wr_bytes, disk.wr_req), (4000, 8000, 4000));
}

#[test]
fn counters_are_never_less_than_before_and_what_is_missing_is_none() {
    let file = "sys/fs/cgroup/a.service/cpu.stat";
    let (dir, host) = tree(V2, &[(file, "usage_usec 50\n")]);
    let mut cgroup = Cgroup::open(&Hierarchies::read(&host).unwrap().at("/a.service"));
    for (usec, wanted) in [(50, 50), (60, 60), (10, 60), (15, 65)] {
        fs::write(dir.path().join(file), format!("usage_usec {usec}\n")).unwrap();
        let reading = cgroup.read();
        assert_eq!(reading.cpu_ns, Some(wanted * 1000));
        assert_eq!(
            (reading.memory, reading.memory_max, reading.disk, reading.pressure),
            (None, None, None, None)
        );
        assert_eq!((reading.gone, reading.problems), (false, vec![]));
    }
}

#[test]
fn a_file_that_comes_later_is_found() {
    let (dir, host) = tree(V2, &[("sys/fs/cgroup/a.service/cpu.stat", "usage_usec 50\n")]);
    let mut cgroup = Cgroup::open(&Hierarchies::read(&host).unwrap().at("/a.service"));
    assert_eq!(cgroup.read().memory, None);
    fs::write(dir.path().join("sys/fs/cgroup/a.service/memory.current"), "7\n").unwrap();
    assert!((0..20).any(|_| cgroup.read().memory == Some(7)));
}

#[test]
fn a_host_without_cgroups_says_so() {
    let (_dir, host) = tree("24 1 8:1 / / rw - ext4 /dev/sda1 rw\n", &[]);
    assert!(matches!(Hierarchies::read(&host), Err(CgroupError::NoneMounted { .. })));
    assert!(matches!(Hierarchies::read(&Host::at("/nonexistent")), Err(CgroupError::Read(_))));
}

#[test]
fn hierarchies_mounted_while_it_runs_are_found() {
    use nix::mount::{MntFlags, MsFlags, mount, umount2};
    if !mounts::isolated() {
        return;
    }
    // The mount table of this thread, which is not the one of the process now.
    let dir = TempDir::new();
    fs::create_dir_all(dir.path().join("proc/self")).unwrap();
    std::os::unix::fs::symlink("/proc/thread-self/mountinfo", dir.path().join("proc/self/mountinfo"))
        .unwrap();
    let table = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let point = |line: &str| line.split(' ').nth(4).unwrap().to_owned();
    let unified: Vec<String> = table.lines().filter(|line| line.contains(" - cgroup2 ")).map(point).collect();
    let Ok(mut hierarchies) = Hierarchies::read(&Host::at(dir.path())) else {
        eprintln!("SKIP: no cgroups are mounted here");
        return;
    };
    assert_eq!(hierarchies.refresh(), Ok(false));
    unified.iter().for_each(|point| umount2(point.as_str(), MntFlags::MNT_DETACH).unwrap());
    let changed = hierarchies.refresh();
    assert!(matches!(changed, Ok(true) | Err(CgroupError::NoneMounted { .. })), "{changed:?}");
    let new = dir.path().join("new place");
    fs::create_dir(&new).unwrap();
    mount(Some("any"), &new, Some("cgroup2"), MsFlags::empty(), None::<&str>).unwrap();
    assert_eq!(hierarchies.refresh(), Ok(true));
    assert_eq!(hierarchies.refresh(), Ok(false));
    umount2(&new, MntFlags::MNT_DETACH).unwrap();
}

// ---- the running kernel

/// A cgroup of the test's own in every hierarchy that `/proc/mounts` names, removed with its processes.
struct Live {
    name: String,
    dirs: Vec<PathBuf>,
    children: Vec<Child>,
}

impl Live {
    fn new(name: &str) -> Option<Self> {
        let name = format!("hsflow-{name}-{}", std::process::id());
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let points: Vec<&str> = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            // A new cgroup of cpuset takes nobody in before it has CPUs.
            .filter(|words| words[2].starts_with("cgroup") && !words[3].ends_with("cpuset"))
            .map(|words| words[1])
            .collect();
        for point in &points {
            // Where version 2 is alone, its controllers are switched on for those below.
            for controller in ["+cpu", "+memory", "+io"] {
                _ = fs::write(Path::new(point).join("cgroup.subtree_control"), controller);
            }
        }
        let dirs: Vec<PathBuf> = points.iter().map(|point| Path::new(point).join(&name)).collect();
        let made = Self { name, dirs, children: Vec::new() };
        made.make().ok()?;
        Some(made)
    }

    fn make(&self) -> std::io::Result<()> {
        self.dirs.iter().try_for_each(fs::create_dir)
    }

    /// Runs a shell command inside.
    fn run(&mut self, command: &str) {
        let enter: String =
            self.dirs.iter().map(|dir| format!("echo $$ > {}/cgroup.procs; ", dir.display())).collect();
        let child = Command::new("sh").args(["-c", &format!("{enter} {command}")]).spawn().unwrap();
        self.children.push(child);
    }

    fn finish(&mut self) {
        self.children.iter_mut().for_each(|child| assert!(child.wait().unwrap().success()));
        self.children.clear();
    }

    fn file(&self, names: &[&str]) -> Option<u64> {
        let paths = self.dirs.iter().flat_map(|dir| names.iter().map(move |name| dir.join(name)));
        let out = Command::new("cat").arg(paths.into_iter().find(|path| path.exists())?).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix("usage_usec ").map(|v| format!("{v}000")));
        value.unwrap_or(text.trim().to_owned()).parse().ok()
    }

    fn cpu(&self) -> Option<u64> {
        self.file(&["cpuacct.usage"]).or_else(|| self.file(&["cpu.stat"]))
    }

    fn memory(&self) -> Option<u64> {
        self.file(&["memory.usage_in_bytes", "memory.current"])
    }

    fn remove(&mut self) {
        for child in &mut self.children {
            _ = child.kill();
            _ = child.wait();
        }
        self.children.clear();
        for dir in &self.dirs {
            wait_until("the cgroup is empty", Duration::from_secs(30), || {
                (!dir.exists() || fs::remove_dir(dir).is_ok()).then_some(())
            });
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for child in &mut self.children {
            _ = child.kill();
            _ = child.wait();
        }
        self.dirs.iter().for_each(|dir| _ = fs::remove_dir(dir));
    }
}

/// `None`, with the reason printed, where cgroups cannot be made.
fn live(name: &str) -> Option<(Live, Cgroup)> {
    let Some(live) = Live::new(name) else {
        eprintln!("SKIP {name}: this user may not make cgroups here");
        return None;
    };
    let place = Hierarchies::read(&Host::default()).unwrap().at(&format!("/{}", live.name));
    let cgroup = Cgroup::open(&place);
    Some((live, cgroup))
}

#[test]
fn cpu_and_memory_under_load_lie_between_what_cat_says_before_and_after() {
    let Some((mut live, mut cgroup)) = live("load") else { return };
    assert!(!cgroup.place().has_processes());
    live.run("head -c 30000000 /dev/zero | tail -c 1 > /dev/null; while :; do :; done");
    for round in 1..=5 {
        wait_until("the CPU is used", Duration::from_secs(60), || {
            (live.cpu()? > round * 50_000_000).then_some(())
        });
        let before = live.cpu();
        let reading = cgroup.read();
        let after = live.cpu();
        assert!(before <= reading.cpu_ns && reading.cpu_ns <= after, "{before:?} {reading:?} {after:?}");
        assert_eq!((reading.gone, &reading.problems), (false, &vec![]));
        assert!(cgroup.place().has_processes());
    }
    // Memory may go down and up while it is read; a stopped process' does not.
    let pid = live.children[0].id().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    wait_until("the memory stands still", Duration::from_secs(60), || {
        let (before, reading, after) = (live.memory(), cgroup.read().memory, live.memory());
        (before == after).then(|| assert_eq!(reading, before))
    });
}

#[test]
fn limits_of_the_cgroup_and_of_those_above_hold() {
    let Some((mut live, _)) = live("limit") else { return };
    let inner: Vec<PathBuf> = live.dirs.iter().map(|dir| dir.join("inner")).collect();
    for dir in &live.dirs {
        _ = fs::write(dir.join("cgroup.subtree_control"), "+memory");
    }
    inner.iter().for_each(|dir| fs::create_dir(dir).unwrap());
    let set = |dirs: &[PathBuf], bytes: &str| {
        let names = ["memory.limit_in_bytes", "memory.max"];
        dirs.iter().any(|dir| names.iter().any(|name| fs::write(dir.join(name), bytes).is_ok()))
    };
    let hierarchies = Hierarchies::read(&Host::default()).unwrap();
    let read = |path: String| Cgroup::open(&hierarchies.at(&path)).read().memory_max;
    let (outer_path, inner_path) = (format!("/{}", live.name), format!("/{}/inner", live.name));
    if set(&live.dirs, "268435456") {
        assert_eq!((read(outer_path.clone()), read(inner_path.clone())), (Some(256 << 20), Some(256 << 20)));
        assert!(set(&inner, "134217728"));
        assert_eq!((read(outer_path), read(inner_path)), (Some(256 << 20), Some(128 << 20)));
    } else {
        eprintln!("SKIP limits: no memory controller can be used here");
        assert_eq!(read(outer_path), None);
    }
    inner.iter().for_each(|dir| fs::remove_dir(dir).unwrap());
    live.remove();
}

#[test]
fn disk_io_is_what_was_asked_for() {
    const BYTES: u64 = 8 << 20;
    let Some((mut live, mut cgroup)) = live("disk") else { return };
    // The program may run on another machine than the one that built it.
    let built = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = if built.is_dir() { built } else { Path::new("/var/tmp") };
    let file = dir.join(format!("cgroup-disk-{}", std::process::id()));
    let dd = format!("dd if=/dev/zero of={} bs=1M count=8 oflag=direct 2>/dev/null", file.display());
    let before = cgroup.read().disk;
    live.run(&dd);
    live.finish();
    let after = cgroup.read().disk;
    _ = fs::remove_file(&file);
    let (Some(before), Some(after)) = (before, after) else {
        eprintln!("SKIP disk: disks are not counted here");
        return;
    };
    if after.wr_bytes == 0 {
        eprintln!("SKIP disk: the file is on no disk");
        return;
    }
    let written = after.wr_bytes - before.wr_bytes;
    assert!(
        (BYTES..BYTES + BYTES / 4).contains(&written),
        "{written}: 8 MiB and what the file system notes of it"
    );
    assert!(after.wr_req > before.wr_req);
}

#[test]
fn a_removed_cgroup_is_gone_with_its_last_values_and_one_of_its_name_goes_on_from_there() {
    let Some((mut live, mut cgroup)) = live("gone") else { return };
    live.run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
    live.finish();
    // The last moment of a process is counted after it has been waited for.
    let settled = |live: &Live, cgroup: &mut Cgroup, before: u64| {
        wait_until("all is counted", Duration::from_secs(60), || {
            let reading = cgroup.read();
            (reading.cpu_ns == Some(before + live.cpu()?)).then_some(reading)
        })
    };
    let last = settled(&live, &mut cgroup, 0);
    live.remove();
    let gone = cgroup.read();
    let values = |reading: &Reading| (reading.cpu_ns, reading.disk, reading.memory, reading.memory_max);
    assert_eq!((gone.gone, values(&gone)), (true, values(&last)));
    assert_eq!((gone.problems, gone.pressure), (vec![], None), "that it is gone is no problem");
    assert!(cgroup.read().gone);
    live.make().unwrap();
    live.run(":");
    live.finish();
    assert!(!settled(&live, &mut cgroup, last.cpu_ns.unwrap()).gone);
}

#[test]
fn a_cgroup_that_is_made_and_removed_all_the_time_is_read_without_a_problem() {
    let Some((mut live, mut cgroup)) = live("flicker") else { return };
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                live.dirs.iter().for_each(|dir| _ = fs::remove_dir(dir));
                live.dirs.iter().for_each(|dir| _ = fs::create_dir(dir));
            }
        });
        let (mut seen, mut gone, mut cpu) = (0, 0, None);
        wait_until("it was seen both ways", Duration::from_secs(60), || {
            let reading = cgroup.read();
            assert_eq!(reading.problems, vec![]);
            assert!(reading.cpu_ns >= cpu);
            cpu = reading.cpu_ns;
            if reading.gone {
                gone += 1
            } else {
                seen += 1
            }
            (seen > 200 && gone > 5).then_some(())
        });
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    live.remove();
}
