//! Bringing policies about with the system's programs, in a network namespace of its own: a thousand from nothing, one
//! more among them, one more drop by address; each in milliseconds, and beside a bare `iptables-restore` of one rule.
//!
//! With `--bench` (as `cargo bench` gives it) the median of several runs is printed, otherwise each is done once. Needs
//! iptables, ip6tables and ipset, and root or a kernel that lets everybody make namespaces (then by `unshare`).
#![allow(missing_docs, clippy::unwrap_used)] // a failed unwrap is a failed benchmark

#[path = "../tests/support/netns.rs"]
mod netns;

use hsflow::host::Clock;
use hsflow::policy::apply::{Runner, Tables};
use hsflow::policy::file;
use hsflow::policy::lines::Dialect;
use hsflow::policy::plan::Members;
use hsflow::policy::wanted::Wanted;
use std::time::{Duration, SystemTime};

const COUNT: usize = 1000;
const RULE: &str = "*filter\n-A FORWARD -p udp --sport 53 -j DROP\nCOMMIT\n";

/// By port, so that each is a rule, then by address, so that each is a member of a set.
fn wanted(ports: usize, addresses: usize) -> Wanted {
    let port = |n| {
        format!(
            "[policy.p{n}]\nprotocol = \"udp\"\nsource_port = {n}\nsource = \"10.0.0.0/8\"\naction = \"drop\"\n"
        )
    };
    let address = |n| format!("[policy.a{n}]\nsource = \"10.9.{n}.0/24\"\naction = \"drop\"\n");
    let text: String = (1..=ports).map(port).chain((1..=addresses).map(address)).collect();
    let policies = file::parse(&[("policy.toml", &text)], Dialect::Linux).policies;
    assert_eq!(policies.len(), ports + addresses);
    Wanted { policies, members: Members::new(), is_cumulus: false }
}

struct Rig {
    runtime: tokio::runtime::Runtime,
    clock: Clock,
    tables: Tables,
}

impl Rig {
    fn apply(&mut self, wanted: &Wanted) -> Duration {
        let begun = self.clock.now();
        let outcome = self.runtime.block_on(self.tables.apply(wanted, SystemTime::UNIX_EPOCH));
        let took = self.clock.now() - begun;
        assert!(outcome.faults.is_empty() && outcome.trouble.is_none() && outcome.steps > 0, "{outcome:?}");
        took
    }

    /// The median of applying `more`, each time after `less`.
    fn median(&mut self, runs: usize, less: &Wanted, more: &Wanted) -> Duration {
        let times = (0..runs).map(|_| {
            let took = self.apply(more);
            self.apply(less);
            took
        });
        middle(times.collect())
    }

    fn bare(&self, runs: usize) -> Duration {
        let runner = Runner::new();
        let times = (0..runs).map(|_| {
            let begun = self.clock.now();
            self.runtime.block_on(runner.run("iptables-restore", &["--noflush", "-w", "10"], RULE)).unwrap();
            self.clock.now() - begun
        });
        middle(times.collect())
    }
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn row(what: &str, took: Duration, bare: Duration, goal: Option<u32>) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let said = |most| if ms(took) <= f64::from(most) { "met" } else { "MISSED" };
    let verdict = goal.map(|most| format!("  goal {most} {}", said(most))).unwrap_or_default();
    println!("{what:<46} {:8.2} ms  bare {:.2} {:.1}x{verdict}", ms(took), ms(bare), ms(took) / ms(bare));
}

fn measure(runs: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut rig = Rig { runtime, clock: Clock::system(), tables: Tables::new(Runner::new()) };
    let none = wanted(0, 0);
    rig.apply(&wanted(1, 0));
    rig.apply(&none);
    let bare_empty = rig.bare(runs);
    let thousand = wanted(COUNT, 1);
    let from_nothing = rig.median(runs.min(5), &none, &thousand);
    rig.apply(&thousand);
    let bare = rig.bare(runs);
    let rule = rig.median(runs, &thousand, &wanted(COUNT + 1, 1));
    let address = rig.median(runs, &thousand, &wanted(COUNT, 2));
    row(&format!("{COUNT} policies from nothing"), from_nothing, bare_empty, Some(1000));
    row(&format!("one more rule among {COUNT}"), rule, bare, Some(20));
    row(&format!("one more drop by address among {COUNT}"), address, bare, Some(20));
    rig.apply(&none);
}

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    // As an ordinary user the program runs itself again in a namespace, where it does not know what it was asked.
    netns::isolated("policy_apply", || measure(if is_measured { 21 } else { 1 }));
}
