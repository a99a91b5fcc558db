//! The back end of tables with what a container's kernel seldom has: legacy iptables with its lock, and firewalld. Run by
//! tests/vm/policy-tables.test.sh.

use crate::apply::{MIXED, good, saved};
use crate::netns::{isolated, run};
use crate::real::{self, can_run};
use crate::wishes::{block, now, wanted};
use hsflow::policy::apply::{Runner, Tables, Watch};
use nix::fcntl::{Flock, FlockArg};
use std::time::Duration;

fn ours() -> Vec<String> {
    saved().into_iter().filter(|line| line.contains("hsflowd")).collect()
}

#[test]
fn the_lock_of_legacy_iptables_is_waited_for_and_then_given_up() {
    const NAME: &str = "machine::the_lock_of_legacy_iptables_is_waited_for_and_then_given_up";
    isolated(NAME, || {
        if !can_run(NAME) || !run("iptables --version").contains("legacy") {
            return;
        }
        let lock = || {
            let file =
                std::fs::OpenOptions::new().create(true).append(true).open("/run/xtables.lock").unwrap();
            Flock::lock(file, FlockArg::LockExclusive).unwrap()
        };
        block(async {
            let mut tables = Tables::new(Runner::new());
            let held = lock();
            let outcome = tables.apply(&wanted(MIXED), now()).await;
            drop(held);
            assert!(outcome.trouble.as_ref().is_some_and(|why| why.contains("xtables lock")), "{outcome:?}");
            assert!(outcome.faults.is_empty() && ours().is_empty());
            let held = lock();
            let release = async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                drop(held);
            };
            let wanted = wanted(MIXED);
            let (outcome, ()) = tokio::join!(tables.apply(&wanted, now()), release);
            good(&outcome);
            assert_eq!(tables.apply(&wanted, now()).await.steps, 0);
            println!("legacy: {} lines of ours", ours().len());
        });
    });
}

/// Says in which namespace: firewalld's. Set by the script alone, because rules of the host go by it.
const FIREWALLD: &str = "HSFLOW_TEST_FIREWALLD";

#[test]
fn what_firewalld_takes_away_is_there_again_within_a_second() {
    let Some(backend) = std::env::var_os(FIREWALLD) else { return };
    let wanted = wanted(MIXED);
    block(async {
        let mut tables = Tables::new(Runner::new());
        good(&tables.apply(&wanted, now()).await);
        let all = ours();
        let (mut watch, why) = Watch::new();
        assert!(why.is_none(), "{why:?}");
        real::run("firewall-cmd", &["--reload"], "").unwrap();
        if backend == "iptables" {
            assert_ne!(ours(), all, "nothing was taken away");
        }
        tokio::time::timeout(Duration::from_secs(1), watch.changed()).await.unwrap();
        let outcome = tables.apply(&wanted, now()).await;
        good(&outcome);
        assert_eq!(ours(), all);
        println!("firewalld with {}: {} steps", backend.display(), outcome.steps);
        good(&tables.clear().await);
        assert!(ours().is_empty());
    });
}
