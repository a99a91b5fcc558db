//! What the kernel and our own counting say of this process. In: the files of this process, `getrusage(2)`, the tally of system
//! calls. Out: a [`Cost`]. Rule: what cannot be read is left out. Sources: `proc_pid_stat(5)`, `getrusage(2)`.

use crate::status::cost::{Calls, Cost, Thread};
use crate::sys::tally::{Call, counted};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use std::collections::BTreeMap;
use std::path::Path;

const SELF: &str = "/proc/self";
/// How the thread that has the program's name is called.
const MAIN: &str = "main";

/// Polls, and the system calls that they took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Polls {
    pub(super) count: u64,
    pub(super) calls: u64,
}

/// All of it, of now; without what only the agent knows.
pub(super) fn read(user_hz: u64) -> Cost {
    let statm = std::fs::read_to_string(Path::new(SELF).join("statm")).ok();
    let calls = Call::ALL.map(|call| Calls { kind: call.name().to_owned(), count: counted(call) });
    Cost {
        rss_kib: statm.and_then(|text| resident_kib(&text)),
        calls: calls.into(),
        threads: threads(user_hz),
        ..usage()
    }
}

/// What `getrusage` alone tells.
pub(super) fn usage() -> Cost {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Cost::default() };
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let ms = |t: TimeVal| number(t.tv_sec()) * 1000 + number(t.tv_usec()) / 1000;
    let (user_ms, system_ms) = (ms(usage.user_time()), ms(usage.system_time()));
    Cost {
        cpu_ms: user_ms + system_ms,
        peak_rss_kib: number(usage.max_rss()),
        sleeps: number(usage.voluntary_context_switches()),
        user_ms,
        system_ms,
        preemptions: number(usage.involuntary_context_switches()),
        ..Cost::default()
    }
}

/// `statm`: the second number is resident pages.
fn resident_kib(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * u64::try_from(size).ok()? / 1024)
}

/// Those that run now, by name.
fn threads(user_hz: u64) -> Vec<Thread> {
    let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let tasks = std::fs::read_dir(Path::new(SELF).join("task")).into_iter().flatten().flatten();
    for task in tasks {
        let Ok(text) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        let Some((name, user, system)) = parse_stat(&text) else { continue };
        let is_main = task.file_name().to_str() == Some(&std::process::id().to_string());
        let name = if is_main { MAIN.to_owned() } else { name.to_owned() };
        let sum = found.entry(name).or_default();
        *sum = (sum.0 + user, sum.1 + system);
    }
    let ms = |ticks: u64| ticks * 1000 / user_hz.max(1);
    let thread = |(name, (user, system))| Thread { name, user_ms: ms(user), system_ms: ms(system) };
    found.into_iter().map(thread).collect()
}

/// `7 (pac kets) S 1 …`: the name, and fields 14 and 15, ticks in user and kernel. The name may hold anything.
fn parse_stat(text: &str) -> Option<(&str, u64, u64)> {
    let (start, end) = (text.find('(')?, text.rfind(')')?);
    let mut rest = text.get(end + 1..)?.split_ascii_whitespace().skip(11);
    Some((text.get(start + 1..end)?, rest.next()?.parse().ok()?, rest.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_name_may_look_like_anything() {
        let fields = (3..=52).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        let text = format!("7 (a) b (c) {fields}\n");
        assert_eq!(parse_stat(&text), Some(("a) b (c", 14, 15)));
        for broken in ["", "7 (a", "7 (a) S 1 2", "7 )a( S"] {
            assert_eq!(parse_stat(broken), None, "{broken}");
        }
    }

    #[test]
    fn this_process_is_known() {
        let cost = read(100);
        assert!(cost.rss_kib.is_some_and(|kib| kib > 500) && cost.peak_rss_kib > 500, "{cost:?}");
        assert!(cost.threads.iter().any(|thread| thread.name == MAIN), "{cost:?}");
        assert_eq!(cost.cpu_ms, cost.user_ms + cost.system_ms);
    }
}
