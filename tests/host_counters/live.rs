//! The running kernel: every exported field lies between two independent readings, one before and one after our
//! poll. The readings share no code with `src`: regular expressions and column lookups over fresh text,
//! and other programs (`df`, `nproc`, `uname`, `free`, `getconf`, `find`).

use hsflow::collect::host::identity::machine_type;
use hsflow::collect::host::{HostCounters, HostSample};
use hsflow::host::Host;
use regex_lite::Regex;
use std::collections::HashMap;
use std::process::Command;

fn file(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The output of a program, or `None` where it is not installed or fails.
fn program(name: &str, args: &[&str]) -> Option<String> {
    let out = Command::new(name).args(args).env("LC_ALL", "C").output().ok()?;
    out.status.success().then(|| String::from_utf8(out.stdout).unwrap())
}

/// The first group of a pattern in a file, as a number.
fn number(path: &str, pattern: &str) -> u64 {
    let text = file(path);
    let found = Regex::new(pattern).unwrap().captures(&text).unwrap_or_else(|| panic!("{pattern} in {path}"));
    found[1].parse().unwrap()
}

/// Names of readings and what they were.
type Readings = Vec<(&'static str, u64)>;

/// Exported values, their readings before and after.
fn bracketed(read: impl Fn() -> Readings, export: impl Fn(&HostSample) -> Vec<u64>, wraps: u32) {
    let (mut counters, mut sample) = (HostCounters::new(&Host::default()), HostSample::default());
    let mask = if wraps == 32 { u64::from(u32::MAX) } else { u64::MAX };
    let mut failures = Vec::new();
    // Idle and iowait time may go back in the kernel, and gauges both ways, so one miss proves nothing.
    for _ in 0..200 {
        let before = read();
        counters.poll(&mut sample);
        let after = read();
        assert_eq!(sample.problems, []);
        let exported = export(&sample);
        assert_eq!(exported.len(), before.len(), "a reading for each field");
        failures.clear();
        for ((&(name, low), &(_, high)), &value) in before.iter().zip(&after).zip(&exported) {
            let (low, high) = (low.min(high), low.max(high));
            if (value.wrapping_sub(low) & mask) > (high - low) {
                failures.push(format!("{name}: {value} is not in {low}..={high}"));
            }
        }
        if failures.is_empty() {
            return;
        }
    }
    panic!("{failures:#?}");
}

fn each<const N: usize>(values: [u32; N]) -> Vec<u64> {
    values.map(u64::from).to_vec()
}

#[test]
fn cpu_times_are_those_of_proc_stat() {
    let hz: u64 = program("getconf", &["CLK_TCK"]).expect("getconf").trim().parse().unwrap();
    let read = || {
        let text = file("/proc/stat");
        let row: Vec<u64> =
            text.lines().next().unwrap().split_whitespace().skip(1).map(|n| n.parse().unwrap()).collect();
        let ms = |ticks: u64| ticks * 1000 / hz;
        vec![
            ("user", ms(row[0] - row[8])),
            ("nice", ms(row[1] - row[9])),
            ("system", ms(row[2])),
            ("idle", ms(row[3])),
            ("wio", ms(row[4])),
            ("intr", ms(row[5])),
            ("sintr", ms(row[6])),
            ("steal", ms(row[7])),
            ("guest", ms(row[8])),
            ("guest_nice", ms(row[9])),
            ("interrupts", number("/proc/stat", r"(?m)^intr (\d+)")),
            ("contexts", number("/proc/stat", r"(?m)^ctxt (\d+)$")),
        ]
    };
    let export = |s: &HostSample| {
        let c = s.cpu.as_ref().unwrap();
        each([
            c.cpu_user,
            c.cpu_nice,
            c.cpu_system,
            c.cpu_idle,
            c.cpu_wio,
            c.cpu_intr,
            c.cpu_sintr,
            c.cpu_steal,
            c.cpu_guest,
            c.cpu_guest_nice,
            c.interrupts,
            c.contexts,
        ])
    };
    bracketed(read, export, 32);
}

#[test]
fn cpu_gauges_are_those_of_other_programs() {
    let cpus: u64 = program("getconf", &["_NPROCESSORS_ONLN"]).expect("getconf").trim().parse().unwrap();
    let read = || {
        let text = file("/proc/loadavg");
        let words: Vec<&str> = text.split([' ', '/']).collect();
        let load = |i: usize| u64::from(words[i].parse::<f32>().unwrap().to_bits());
        vec![
            ("uptime", number("/proc/uptime", r"^(\d+)\.")),
            ("load_one", load(0)),
            ("load_five", load(1)),
            ("load_fifteen", load(2)),
            ("proc_run", words[3].parse::<u64>().unwrap() - 1),
            ("proc_total", words[4].parse().unwrap()),
            ("cpu_num", cpus),
        ]
    };
    let export = |s: &HostSample| {
        let c = s.cpu.as_ref().unwrap();
        let load = |l: f32| l.to_bits();
        each([
            c.uptime,
            load(c.load_one),
            load(c.load_five),
            load(c.load_fifteen),
            c.proc_run,
            c.proc_total,
            c.cpu_num,
        ])
    };
    bracketed(read, export, 64);
}

#[test]
fn the_clock_rate_is_within_those_of_all_cpus() {
    let mut sample = HostSample::default();
    HostCounters::new(&Host::default()).poll(&mut sample);
    let speed = sample.cpu.unwrap().cpu_speed;
    let text = file("/proc/cpuinfo");
    let told: Vec<f64> = Regex::new(r"cpu MHz\s*: ([\d.]+)")
        .unwrap()
        .captures_iter(&text)
        .map(|c| c[1].parse().unwrap())
        .collect();
    if told.is_empty() {
        return eprintln!("SKIP the_clock_rate_is_within_those_of_all_cpus: no cpu MHz");
    }
    // Frequencies change from reading to reading; a wrong unit or column is off by far more than this.
    let (low, high) = told.iter().fold((f64::MAX, 0.0), |(l, h), &m| (m.min(l), m.max(h)));
    assert!(f64::from(speed) >= low / 8.0 && f64::from(speed) <= high * 8.0, "{speed} of {low}..{high}");
}

#[test]
fn memory_is_what_meminfo_and_vmstat_say() {
    let page: u64 = program("getconf", &["PAGE_SIZE"]).expect("getconf").trim().parse().unwrap();
    let info = |name: &str| number("/proc/meminfo", &format!(r"(?m)^{name}:\s+(\d+) kB$")) * 1024;
    let sizes = || {
        vec![
            ("total", info("MemTotal")),
            ("free", info("MemFree")),
            ("shared", info("Shmem")),
            ("buffers", info("Buffers")),
            ("cached", info("Cached") + info("SReclaimable")),
            ("swap_total", info("SwapTotal")),
            ("swap_free", info("SwapFree")),
        ]
    };
    let export = |s: &HostSample| {
        let m = s.memory.as_ref().unwrap();
        vec![m.mem_total, m.mem_free, m.mem_shared, m.mem_buffers, m.mem_cached, m.swap_total, m.swap_free]
    };
    bracketed(sizes, export, 64);
    let stat = |name: &str| number("/proc/vmstat", &format!(r"(?m)^{name} (\d+)$"));
    let paging = || {
        vec![
            ("page_in", stat("pgpgin") * 1024 / page),
            ("page_out", stat("pgpgout") * 1024 / page),
            ("swap_in", stat("pswpin")),
            ("swap_out", stat("pswpout")),
        ]
    };
    let export = |s: &HostSample| {
        let m = s.memory.as_ref().unwrap();
        each([m.page_in, m.page_out, m.swap_in, m.swap_out])
    };
    bracketed(paging, export, 32);
}

#[test]
fn memory_is_what_free_shows() {
    let read = || {
        let out = program("free", &["-b", "-w"]).expect("free, from procps");
        let row = |name: &str| -> Vec<u64> {
            let line = out.lines().find(|l| l.starts_with(name)).unwrap();
            line.split_whitespace().skip(1).map(|n| n.parse().unwrap()).collect()
        };
        let (mem, swap) = (row("Mem:"), row("Swap:"));
        vec![
            ("total", mem[0]),
            ("free", mem[2]),
            ("shared", mem[3]),
            ("buffers", mem[4]),
            ("cached", mem[5]),
            ("swap_total", swap[0]),
            ("swap_free", swap[2]),
        ]
    };
    if program("free", &["-b", "-w"]).is_none() {
        return eprintln!("SKIP memory_is_what_free_shows: free");
    }
    let export = |s: &HostSample| {
        let m = s.memory.as_ref().unwrap();
        vec![m.mem_total, m.mem_free, m.mem_shared, m.mem_buffers, m.mem_cached, m.swap_total, m.swap_free]
    };
    bracketed(read, export, 64);
}

/// Whole disks as the device tree has them: what has a request queue outside `devices/virtual`.
fn disks() -> Option<Vec<String>> {
    let args = ["/sys/devices", "-path", "/sys/devices/virtual", "-prune", "-o", "-name", "queue", "-print"];
    let queues = program("find", &args)?;
    Some(queues.lines().filter_map(|q| q.strip_suffix("/queue")).map(str::to_owned).collect())
}

#[test]
fn disk_io_is_the_sum_of_the_real_disks_own_statistics() {
    let Some(disks) = disks() else { return eprintln!("SKIP disk_io: find") };
    let read = || {
        let mut sums = [0u64; 11];
        for disk in &disks {
            let text = file(&format!("{disk}/stat"));
            for (sum, word) in sums.iter_mut().zip(text.split_whitespace()) {
                *sum += word.parse::<u64>().unwrap();
            }
        }
        vec![
            ("reads", sums[0]),
            ("bytes_read", sums[2] * 512),
            ("read_time", sums[3]),
            ("writes", sums[4]),
            ("bytes_written", sums[6] * 512),
            ("write_time", sums[7]),
        ]
    };
    let export = |s: &HostSample| {
        let d = s.disk.as_ref().unwrap();
        let wide = u64::from;
        vec![
            wide(d.reads),
            d.bytes_read,
            wide(d.read_time),
            wide(d.writes),
            d.bytes_written,
            wide(d.write_time),
        ]
    };
    bracketed(read, export, 64);
}

#[test]
fn whole_disks_are_those_that_lsblk_calls_disk() {
    let Some(out) = program("lsblk", &["-dnro", "NAME,TYPE"]) else { return eprintln!("SKIP lsblk") };
    let ours: Vec<String> =
        disks().unwrap().iter().map(|d| d.rsplit('/').next().unwrap().to_owned()).collect();
    for disk in &ours {
        assert!(
            out.lines().any(|l| l == format!("{disk} disk") || l == format!("{disk} rom")),
            "{disk} in {out}"
        );
    }
}

#[test]
fn disk_space_is_what_df_shows() {
    let args = ["-B1", "--output=source,fstype,size,avail"];
    let read = || {
        let out = program("df", &args).unwrap_or_default();
        let (mut total, mut free, mut fullest) = (0, 0, 0);
        // df shows each device once, too.
        for line in out.lines().filter(|l| l.starts_with("/dev/")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (size, avail): (u64, u64) = (words[2].parse().unwrap(), words[3].parse().unwrap());
            if !["squashfs", "iso9660", "erofs"].contains(&words[1]) {
                (total, free) = (total + size, free + avail);
                fullest = fullest.max((size - avail) * 10_000 / size);
            }
        }
        vec![("total", total), ("free", free), ("part_max_used", fullest)]
    };
    if program("df", &args).is_none() {
        return eprintln!("SKIP disk_space_is_what_df_shows: df");
    }
    let export = |s: &HostSample| {
        let d = s.disk.as_ref().unwrap();
        vec![d.disk_total, d.disk_free, u64::from(d.part_max_used)]
    };
    bracketed(read, export, 64);
}

/// `/proc/net/snmp` as a table: (group, column) → value.
fn snmp() -> HashMap<(String, String), i64> {
    let text = file("/proc/net/snmp");
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split(' ').collect()).collect();
    let mut table = HashMap::new();
    for pair in lines.chunks(2) {
        for (name, value) in pair[0].iter().zip(&pair[1]).skip(1) {
            let group = pair[0][0].trim_end_matches(':').to_owned();
            table.insert((group, (*name).to_owned()), value.parse().unwrap());
        }
    }
    table
}

/// Compares a record as it is serialised, `ip_in_hdr_errors`, with the column of that name, `Ip InHdrErrors`.
fn mib2(group: &'static str, export: impl Fn(&HostSample) -> serde_json::Value) {
    let names: Vec<String> = {
        let mut sample = HostSample::default();
        HostCounters::new(&Host::default()).poll(&mut sample);
        export(&sample).as_object().unwrap().keys().cloned().collect()
    };
    let read = || {
        let table = snmp();
        let columns: HashMap<String, i64> = table
            .into_iter()
            .filter(|((g, _), _)| g == group)
            // RFC 1213 says Param where the kernel says Parm.
            .map(|((_, column), value)| (column.to_lowercase().replace("parmprobs", "paramprobs"), value))
            .collect();
        let column = |field: &String| field.split_once('_').unwrap().1.replace('_', "");
        let value = |field| columns.get(&column(field)).unwrap_or_else(|| panic!("{field}"));
        names.iter().map(|field| ("column", value(field).cast_unsigned() & u64::from(u32::MAX))).collect()
    };
    let export = |s: &HostSample| {
        let record = export(s);
        names.iter().map(|field| record[field].as_u64().unwrap()).collect()
    };
    bracketed(read, export, 32);
}

#[test]
fn ip_counters_are_those_of_their_columns() {
    mib2("Ip", |s| serde_json::to_value(s.ip.as_ref().unwrap()).unwrap());
}

#[test]
fn icmp_counters_are_those_of_their_columns() {
    mib2("Icmp", |s| serde_json::to_value(s.icmp.as_ref().unwrap()).unwrap());
}

#[test]
fn tcp_counters_are_those_of_their_columns() {
    mib2("Tcp", |s| serde_json::to_value(s.tcp.as_ref().unwrap()).unwrap());
}

#[test]
fn udp_counters_are_those_of_their_columns() {
    mib2("Udp", |s| serde_json::to_value(s.udp.as_ref().unwrap()).unwrap());
}

#[test]
fn identity_is_what_uname_prints() {
    let (mut counters, mut sample) = (HostCounters::new(&Host::default()), HostSample::default());
    counters.set_uuid([7; 16]);
    counters.poll(&mut sample);
    let id = sample.id.unwrap();
    assert_eq!(program("uname", &["-n"]).unwrap().trim(), id.hostname);
    assert!(program("uname", &["-r"]).unwrap().trim().starts_with(&id.os_release));
    assert_eq!((id.uuid, id.os_name, id.machine_type), ([7; 16], 2, machine_type()));
}

#[test]
fn work_done_between_polls_is_seen_by_the_next_one() {
    let (mut counters, mut sample) = (HostCounters::new(&Host::default()), HostSample::default());
    counters.poll(&mut sample);
    let first = sample.clone();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..100 {
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
    }
    // Any two ticks of this process; the kernel counts them within a tick of their passing.
    for _ in 0..1_000_000 {
        counters.poll(&mut sample);
        let (then, now) = (first.cpu.as_ref().unwrap(), sample.cpu.as_ref().unwrap());
        let spent = |c: &hsflow::sflow::counters::host::HostCpu| c.cpu_user.wrapping_add(c.cpu_system);
        if spent(now).wrapping_sub(spent(then)) >= 20 {
            break;
        }
    }
    let (then, now) = (first.cpu.unwrap(), sample.cpu.unwrap());
    assert_ne!(now.cpu_user.wrapping_add(now.cpu_system), then.cpu_user.wrapping_add(then.cpu_system));
    let sent = |s: &Option<hsflow::sflow::counters::host::HostUdp>| s.as_ref().unwrap().udp_out_datagrams;
    assert!(sent(&sample.udp).wrapping_sub(sent(&first.udp)) >= 100);
}

#[test]
fn a_steady_poll_reads_each_file_once() {
    let reads = || number("/proc/thread-self/io", r"(?m)^syscr: (\d+)$");
    let (mut counters, mut sample) = (HostCounters::new(&Host::default()), HostSample::default());
    counters.poll(&mut sample);
    counters.poll(&mut sample);
    let before = reads();
    let own = reads() - before;
    let before = reads();
    counters.poll(&mut sample);
    let spent = reads() - before - own;
    // Seven files, and the table of disks in pieces of about a page and a last, empty one.
    let pieces = 2 + file("/proc/diskstats").len() as u64 / 2048;
    assert!((8..=7 + pieces).contains(&spent), "{spent} reads");
}
