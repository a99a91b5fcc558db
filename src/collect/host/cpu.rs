//! CPU record 0:2003 from `/proc/stat`, `/proc/loadavg`, `/proc/uptime` and the clock rate of the first CPU.
//!
//! In: kernel text. Out: [`HostCpu`], times in milliseconds cut to 32 bits, what is missing all ones (counters)
//! or 0 (gauges).
//! Rules: the kernel counts guest time in `user` and guest_nice time in `nice` as well; here each
//! millisecond is in one field only, so the fields add up to the time that has passed. A counter never goes
//! back a little, which a collector would take for a wrap of 32 bits.
//! Sources: `proc(5)`, the kernel's `Documentation/filesystems/proc.rst` section 1.7.

use super::error::Faults;
use super::text::{lines, require};
use crate::host::{Host, HotFile};
use crate::sflow::counters::host::HostCpu;
use crate::sflow::unknown::{counter32, gauge32};

const STAT: &str = "/proc/stat";
const LOADAVG: &str = "/proc/loadavg";
const UPTIME: &str = "/proc/uptime";

/// `/proc/stat`: sums over all CPUs, in clock ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // proc(5)'s names
pub struct Stat {
    pub user: Option<u64>,
    pub nice: Option<u64>,
    pub system: Option<u64>,
    pub idle: Option<u64>,
    pub iowait: Option<u64>,
    pub irq: Option<u64>,
    pub softirq: Option<u64>,
    pub steal: Option<u64>,
    pub guest: Option<u64>,
    pub guest_nice: Option<u64>,
    /// CPUs that are online.
    pub cpus: Option<u32>,
    /// Interrupts served since boot.
    pub intr: Option<u64>,
    /// Context switches since boot.
    pub ctxt: Option<u64>,
}

/// Parses `/proc/stat`. Columns that older kernels do not have are `None` without a fault.
pub fn parse_stat(text: &str, faults: &mut Faults) -> Stat {
    let mut stat = Stat::default();
    let mut cpus = 0;
    for (at, line) in lines(STAT, text, faults) {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.split_ascii_whitespace();
        match name.strip_prefix("cpu") {
            Some("") => {
                let mut column = |field| at.number(field, words.next(), faults);
                stat.user = column("user");
                stat.nice = column("nice");
                stat.system = column("system");
                stat.idle = column("idle");
                stat.iowait = column("iowait");
                stat.irq = column("irq");
                stat.softirq = column("softirq");
                stat.steal = column("steal");
                stat.guest = column("guest");
                stat.guest_nice = column("guest_nice");
            }
            Some(index) if index.bytes().all(|b| b.is_ascii_digit()) => cpus += 1,
            // Only a line after the CPUs proves that all of them were seen.
            _ if name == "intr" => {
                stat.intr = at.number("intr", words.next(), faults);
                stat.cpus = Some(cpus);
            }
            _ if name == "ctxt" => stat.ctxt = at.number("ctxt", words.next(), faults),
            _ => {}
        }
    }
    require(
        STAT,
        faults,
        &[("cpu", stat.idle.is_some()), ("intr", stat.intr.is_some()), ("ctxt", stat.ctxt.is_some())],
    );
    stat
}

/// `/proc/loadavg`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loadavg {
    /// Over 1, 5 and 15 minutes.
    pub loads: [Option<f32>; 3],
    /// Threads that can run now, the reader among them.
    pub running: Option<u64>,
    /// All threads.
    pub total: Option<u64>,
}

/// Parses `/proc/loadavg`: `0.20 0.18 0.12 1/80 11206`.
pub fn parse_loadavg(text: &str, faults: &mut Faults) -> Loadavg {
    let mut found = Loadavg::default();
    if let Some((at, line)) = lines(LOADAVG, text, faults).next() {
        let mut words = line.split_ascii_whitespace();
        let mut load =
            |field| at.number::<f32>(field, words.next(), faults).filter(|l| l.is_finite() && *l >= 0.0);
        found.loads = [load("load_one"), load("load_five"), load("load_fifteen")];
        let (running, total) = words.next().and_then(|w| w.split_once('/')).unzip();
        found.running = at.number("running", running, faults);
        found.total = at.number("threads", total, faults);
    }
    let loads = found.loads.iter().all(Option::is_some);
    require(LOADAVG, faults, &[("loads", loads), ("threads", found.total.is_some())]);
    found
}

/// Parses `/proc/uptime`: whole seconds since boot.
pub fn parse_uptime(text: &str, faults: &mut Faults) -> Option<u64> {
    let (at, line) = lines(UPTIME, text, faults).next().or_else(|| {
        require(UPTIME, faults, &[("uptime", false)]);
        None
    })?;
    at.number("uptime", line.split(['.', ' ']).next(), faults)
}

/// The first `cpu MHz` of `/proc/cpuinfo`, cut to whole MHz. Most ARM kernels have none.
pub fn parse_cpu_mhz(text: &str) -> Option<u64> {
    let whole = text.get(..text.rfind('\n')?)?;
    whole.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "cpu MHz").then(|| value.trim().split('.').next()?.parse().ok())?
    })
}

/// `scaling_cur_freq` in kHz, as MHz.
pub fn parse_cpufreq(text: &str) -> Option<u64> {
    text.strip_suffix('\n')?.parse::<u64>().ok().map(|khz| khz / 1000)
}

/// Where the clock rate is told; found out by the first poll that can read `/proc/cpuinfo`.
#[derive(Debug)]
enum Speed {
    Undecided { cpuinfo: HotFile, cpufreq: HotFile },
    Cpuinfo(HotFile),
    Cpufreq(HotFile),
    Untold,
}

impl Speed {
    fn poll(&mut self) -> Option<u64> {
        match self {
            Self::Undecided { cpuinfo, cpufreq } => {
                let (readable, path) = (cpuinfo.text().is_ok(), |file: &HotFile| HotFile::new(file.path()));
                let candidates = [Self::Cpuinfo(path(cpuinfo)), Self::Cpufreq(path(cpufreq))];
                let told = candidates.into_iter().find_map(|mut c| c.poll().map(|mhz| (c, mhz)));
                match told {
                    Some((decided, mhz)) => {
                        *self = decided;
                        return Some(mhz);
                    }
                    None if readable => *self = Self::Untold,
                    None => {}
                }
                None
            }
            // One CPU of many is read: its entry is 1–3 KB and lies in the first piece.
            Self::Cpuinfo(file) => parse_cpu_mhz(file.head(|_| true).ok()?),
            Self::Cpufreq(file) => parse_cpufreq(file.text().ok()?),
            Self::Untold => None,
        }
    }
}

/// Ticks as milliseconds; what exceeds 64 bits wraps as the 32 bits on the wire do.
#[allow(clippy::cast_possible_truncation)] // see above
fn milliseconds(ticks: u64, user_hz: u64) -> u64 {
    (u128::from(ticks) * 1000 / u128::from(user_hz)) as u64
}

/// Keeps a counter from going back by less than ten seconds. The kernel documents that iowait and idle may
/// decrease, and a difference of two rounded counters can fall by a tick.
#[derive(Debug, Default)]
struct Ratchet(u64);

impl Ratchet {
    fn hold(&mut self, ms: Option<u64>) -> Option<u64> {
        let ms = ms?;
        if ms > self.0 || self.0 - ms > 10_000 {
            self.0 = ms;
        }
        Some(self.0)
    }
}

/// The kept files and what counters were last.
#[derive(Debug)]
pub(super) struct Cpu {
    stat: HotFile,
    loadavg: HotFile,
    uptime: HotFile,
    speed: Speed,
    user_hz: u64,
    user: Ratchet,
    nice: Ratchet,
    idle: Ratchet,
    wio: Ratchet,
}

impl Cpu {
    pub(super) fn new(host: &Host) -> Self {
        let file = |path| HotFile::new(host.path(path));
        Self {
            stat: file(STAT),
            loadavg: file(LOADAVG),
            uptime: file(UPTIME),
            speed: Speed::Undecided {
                cpuinfo: file("/proc/cpuinfo"),
                cpufreq: file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"),
            },
            user_hz: host.user_hz.max(1),
            user: Ratchet::default(),
            nice: Ratchet::default(),
            idle: Ratchet::default(),
            wio: Ratchet::default(),
        }
    }

    /// `None` when none of the three files could be read.
    pub(super) fn poll(&mut self, faults: &mut Faults) -> Option<HostCpu> {
        let stat = faults.catch(self.stat.text()).map(|text| parse_stat(text, faults));
        let load = faults.catch(self.loadavg.text()).map(|text| parse_loadavg(text, faults));
        let uptime = faults.catch(self.uptime.text()).map(|text| parse_uptime(text, faults));
        if stat.is_none() && load.is_none() && uptime.is_none() {
            return None;
        }
        let mut record = HostCpu::default();
        self.times(&stat.unwrap_or_default(), &mut record);
        let load = load.unwrap_or_default();
        [record.load_one, record.load_five, record.load_fifteen] = load.loads.map(Option::unwrap_or_default);
        // The agent itself is running while it reads.
        record.proc_run = gauge32(load.running.map(|n| n.saturating_sub(1)));
        record.proc_total = gauge32(load.total);
        record.uptime = gauge32(uptime.flatten());
        record.cpu_speed = gauge32(self.speed.poll());
        Some(record)
    }

    fn times(&mut self, stat: &Stat, record: &mut HostCpu) {
        let hz = self.user_hz;
        let ms = |ticks: Option<u64>| ticks.map(|t| milliseconds(t, hz));
        let without = |all: Option<u64>, part: Option<u64>| all.map(|a| a.saturating_sub(part.unwrap_or(0)));
        record.cpu_user = counter32(self.user.hold(ms(without(stat.user, stat.guest))));
        record.cpu_nice = counter32(self.nice.hold(ms(without(stat.nice, stat.guest_nice))));
        record.cpu_system = counter32(ms(stat.system));
        record.cpu_idle = counter32(self.idle.hold(ms(stat.idle)));
        record.cpu_wio = counter32(self.wio.hold(ms(stat.iowait)));
        record.cpu_intr = counter32(ms(stat.irq));
        record.cpu_sintr = counter32(ms(stat.softirq));
        record.cpu_steal = counter32(ms(stat.steal));
        record.cpu_guest = counter32(ms(stat.guest));
        record.cpu_guest_nice = counter32(ms(stat.guest_nice));
        record.interrupts = counter32(stat.intr);
        record.contexts = counter32(stat.ctxt);
        record.cpu_num = gauge32(stat.cpus.map(u64::from));
    }
}

#[cfg(test)]
#[path = "cpu/tests.rs"]
mod tests;
