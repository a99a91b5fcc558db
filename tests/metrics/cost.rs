//! What the agent says that it costs, against what the kernel and strace say.

use crate::netns::is_inside;
use crate::rig::{LIMIT, Rig, isolated};
use crate::support::process::Process;
use crate::support::process::stat_ms;
use crate::support::wait_until;
use crate::{AT, metered, pair, series};
use hsflow::sflow::ids::DataSource;
use serde_json::Value;
use std::process::Command;

fn cost(rig: &Rig) -> Value {
    rig.snapshot()["cost"].clone()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn processor_memory_and_switches_are_the_kernels() {
    isolated(|| {
        pair();
        let rig = metered("interfaceCounters = all\npcap { dev = a0 }");
        rig.two_cycles();
        let pid = rig.process().pid();
        let before: u64 = stat_ms(&format!("/proc/{pid}/stat")).iter().sum();
        let cost = cost(&rig);
        let after: u64 = stat_ms(&format!("/proc/{pid}/stat")).iter().sum();
        // The kernel's clock has steps of 10 ms, in each of the two.
        let cpu = number(&cost["cpu_ms"]);
        assert!(cpu + 20 >= before && cpu <= after + 20, "{before} {cpu} {after}");
        assert_eq!(cpu, number(&cost["user_ms"]) + number(&cost["system_ms"]));
        let threads = cost["threads"].as_array().unwrap();
        let names: Vec<_> = threads.iter().map(|thread| thread["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"main") && names.contains(&"packets"), "{names:?}");
        let (resident, own) =
            (number(&cost["rss_kib"]), crate::support::process::resident_kib(rig.process().pid()));
        assert!(resident.abs_diff(own) < own / 4, "{resident} {own}");
        assert!(number(&cost["peak_rss_kib"]) + 1024 >= resident);
        let field = |name: &str| rig.proc_status(name).parse::<u64>().unwrap();
        let of_main = field("voluntary_ctxt_switches");
        assert!(number(&cost["sleeps"]) <= of_main + 10_000 && number(&cost["sleeps"]) > 0);
        // The same on the page, as of the last poll.
        let page = series(&crate::http::page_with(AT, "hsflow_agent_thread_cpu_seconds_total"));
        assert!(page["process_cpu_seconds_total"].0 > 0.0);
        assert!(page["hsflow_agent_polls_total"].0 >= 3.0, "{page:?}");
        let (_, text) = rig.ctl(&["status"]);
        let line = |start: &str| {
            text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{text}"))
        };
        assert!(line("cost ").contains("main ") && line("calls ").contains(" a poll"), "{text}");
    });
}

/// strace counts every system call of a dozen polls; those that we count are most of them, and none is invented. The others
/// are those of the two snapshots.
#[test]
fn system_calls_are_those_that_strace_counts() {
    isolated(|| {
        if is_inside() {
            return;
        }
        pair();
        let rig = Rig::running("polling = 1\ninterfaceCounters = all");
        rig.two_cycles();
        let count = |cost: &Value| -> u64 {
            cost["calls"].as_array().unwrap().iter().map(|calls| number(&calls["count"])).sum()
        };
        let mut strace = Command::new("strace");
        let mut strace = Process::start(strace.args(["-f", "-c", "-p", &rig.process().pid().to_string()]));
        strace.wait_line("attached", LIMIT);
        let before = cost(&rig);
        (0..12).for_each(|_| _ = rig.next_sample(DataSource::HOST));
        let after = cost(&rig);
        strace.signal(nix::sys::signal::Signal::SIGINT);
        strace.wait_exit(LIMIT);
        let table = strace.stderr();
        let total = table.lines().find(|line| line.ends_with(" total")).unwrap_or_else(|| panic!("{table}"));
        let seen: u64 = total.split_whitespace().nth(3).unwrap().parse().unwrap();
        let ours = count(&after) - count(&before);
        let polls = number(&after["polls"]) - number(&before["polls"]);
        println!("{ours} of {seen} system calls in {polls} polls\n{table}");
        assert!(polls >= 11, "{polls}");
        assert!(ours <= seen && ours * 10 >= seen * 7, "{ours} of {seen}\n{table}");
        let of_polls = number(&after["poll_calls"]) - number(&before["poll_calls"]);
        assert!(of_polls >= polls * 5 && of_polls < ours, "{of_polls} of {ours}");
    });
}

#[test]
fn what_is_off_costs_nothing() {
    isolated(|| {
        let rig = Rig::running("polling = 1");
        rig.two_cycles();
        let listening = wait_until("its sockets", LIMIT, || {
            let text = std::fs::read_to_string(format!("/proc/{}/net/tcp", rig.process().pid())).ok()?;
            Some(text.lines().filter(|line| line.split_whitespace().nth(3) == Some("0A")).count())
        });
        assert_eq!(listening, 0);
        assert!(rig.snapshot()["metrics"].is_null());
    });
}
