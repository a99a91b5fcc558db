//! The back end of tables in several network namespaces, and where something is missing. Needs iptables, ip6tables, ipset
//! and nsenter.

use crate::apply::{good, saved};
use crate::netns::{Elsewhere, is_inside, isolated, run};
use crate::real::can_run;
use crate::support::{TempDir, script_file};
use crate::wishes::{block, now, wanted};
use hsflow::policy::apply::{Runner, Tables};
use hsflow::policy::wanted::Wanted;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::process::{Child, ChildStdout, Command, Stdio};

fn policy(name: &str, netns: &str) -> String {
    let netns = if netns.is_empty() { String::new() } else { format!("netns = \"{netns}\"\n") };
    format!("[policy.{name}]\n{netns}protocol = \"udp\"\ndirection = \"in\"\naction = \"drop\"\n")
}

fn saved_in(pid: u32) -> String {
    run(&format!("nsenter --net=/proc/{pid}/ns/net iptables-save"))
}

/// A process that says when it is ready, and ends with its input.
struct Talks(Child, BufReader<ChildStdout>);

impl Talks {
    fn new(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut talks = Self(child, said);
        talks.ready();
        talks
    }

    fn ready(&mut self) {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
    }
}

impl Drop for Talks {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

const WAITS: &str = "echo ready; exec cat";

#[test]
fn a_namespace_is_one_whatever_its_names_and_our_own_is_no_other() {
    const NAME: &str = "namespaces::a_namespace_is_one_whatever_its_names_and_our_own_is_no_other";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let elsewhere = Elsewhere::new();
        let file = format!("--net=/proc/{}/ns/net", elsewhere.pid());
        let other = Talks::new("nsenter", &[&file, "sh", "-c", WAITS]);
        let own = Talks::new("sh", &["-c", WAITS]);
        let [far, same, near] = [elsewhere.pid(), other.0.id(), own.0.id()].map(|pid| pid.to_string());
        let text = [("a", &*far), ("b", &same), ("c", &near), ("d", "")];
        let text: String = text.iter().map(|(name, netns)| policy(name, netns)).collect();
        block(async {
            let mut tables = Tables::new(Runner::new());
            let planned = tables.plan(&wanted(&text), now()).await.unwrap();
            assert_eq!(tables.namespaces().count(), 0, "a plan leaves nothing behind");
            let first = tables.apply(&wanted(&text), now()).await;
            good(&first);
            assert_eq!(first.steps, planned.len(), "{planned:?}");
            let second = tables.apply(&wanted(&text), now()).await;
            good(&second);
            assert_eq!(second.steps, 0);
            let has = |text: &str| {
                ["a", "b", "c", "d"].map(|name| text.contains(&format!("hsflowd-policy:{name}:")))
            };
            assert_eq!(has(&saved_in(elsewhere.pid())), [true, true, false, false]);
            assert_eq!(has(&saved().join("\n")), [false, false, true, true]);
            // The name that it was entered by is gone, and another is left.
            let rest = policy("b", &same) + &policy("d", "");
            drop(elsewhere);
            good(&tables.apply(&wanted(&rest), now()).await);
            assert_eq!(has(&saved_in(other.0.id())), [false, true, false, false]);
            good(&tables.clear().await);
            assert!(!saved_in(other.0.id()).contains("hsflowd") && !saved().join("\n").contains("hsflowd"));
        });
    });
}

#[test]
fn a_process_that_is_elsewhere_by_now_gets_nothing_of_what_was_for_where_it_was() {
    const NAME: &str =
        "namespaces::a_process_that_is_elsewhere_by_now_gets_nothing_of_what_was_for_where_it_was";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let moves = format!("echo ready; read x; exec unshare -n sh -c '{WAITS}'");
        let mut moves = Talks::new("unshare", &["-n", "sh", "-c", &moves]);
        let pid = moves.0.id();
        let text = policy("a", &pid.to_string());
        block(async {
            let mut tables = Tables::new(Runner::new());
            good(&tables.apply(&wanted(&text), now()).await);
            assert!(saved_in(pid).contains("hsflowd-policy:a:"));
            moves.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
            moves.ready();
            for _ in 0..2 {
                let outcome = tables.apply(&wanted(&text), now()).await;
                assert_eq!(outcome.trouble, None);
                let whys: Vec<_> = outcome.faults.values().collect();
                assert!(
                    matches!(whys[..], [why] if why.contains("is not the one that was meant")),
                    "{whys:?}"
                );
                assert!(!saved_in(pid).contains("hsflowd"));
            }
            good(&tables.apply(&Wanted::default(), now()).await);
        });
    });
}

#[test]
fn after_a_restart_a_process_where_nothing_of_ours_stands_is_another_one() {
    const NAME: &str = "namespaces::after_a_restart_a_process_where_nothing_of_ours_stands_is_another_one";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let (same, other) = (Elsewhere::new(), Elsewhere::new());
        let text = policy("a", &same.pid().to_string()) + &policy("b", &other.pid().to_string());
        block(async {
            good(
                &Tables::new(Runner::new())
                    .apply(&wanted(&policy("a", &same.pid().to_string())), now())
                    .await,
            );
            let mut next = Tables::new(Runner::new());
            next.remember([same.pid(), other.pid()].map(|pid| pid.to_string().parse().unwrap()));
            for _ in 0..2 {
                let outcome = next.apply(&wanted(&text), now()).await;
                let faults: Vec<_> = outcome.faults.iter().map(|(name, why)| (name.as_str(), why)).collect();
                assert!(
                    matches!(faults[..], [("b", why)] if why.contains("is not the one that was meant")),
                    "{outcome:?}"
                );
                assert_eq!((outcome.trouble, outcome.steps), (None, 0));
                assert!(saved_in(same.pid()).contains("hsflowd-policy:a:"));
                assert!(!saved_in(other.pid()).contains("hsflowd"));
            }
        });
    });
}

/// The system's programs for tables, and more.
fn programs(more: &[(&str, &str)]) -> (TempDir, Runner) {
    let folder = TempDir::new();
    for name in ["iptables-save", "iptables-restore", "ip6tables-save", "ip6tables-restore"] {
        symlink(format!("/usr/sbin/{name}"), folder.path().join(name)).unwrap();
    }
    for (name, text) in more {
        script_file(&folder.path().join(name), &format!("#!/bin/sh\n{text}\n"));
    }
    let runner = Runner::new().with_folders(vec![folder.path().to_owned()]);
    (folder, runner)
}

const DENIED: &str =
    "echo \"nsenter: reassociate to namespace 'ns/net' failed: Operation not permitted\" >&2; exit 1";

#[test]
fn a_namespace_that_may_not_be_entered_costs_its_own_policies() {
    const NAME: &str = "namespaces::a_namespace_that_may_not_be_entered_costs_its_own_policies";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let elsewhere = Elsewhere::new();
        let text = policy("far", &elsewhere.pid().to_string()) + &policy("near", "");
        let (_folder, runner) = programs(&[("nsenter", DENIED)]);
        block(async {
            let mut tables = Tables::new(runner);
            for text in [text, policy("near", "")] {
                let wanted = wanted(&text);
                let outcome = tables.apply(&wanted, now()).await;
                assert_eq!(outcome.trouble, None);
                let faults: Vec<_> =
                    outcome.faults.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
                match faults[..] {
                    [("far", why)] => assert!(why.contains("not permitted"), "{why}"),
                    _ => assert!(faults.is_empty() && wanted.policies.len() == 1, "{faults:?}"),
                }
                assert!(saved().join("\n").contains("hsflowd-policy:near:"));
            }
        });
    });
}

#[test]
fn a_host_without_sets_has_all_policies_that_need_none() {
    const NAME: &str = "namespaces::a_host_without_sets_has_all_policies_that_need_none";
    isolated(NAME, || {
        if is_inside() || !can_run(NAME) {
            return;
        }
        let many: String = (0..40)
            .map(|n| format!("[policy.s{n}]\nsource = \"10.0.{n}.0/24\"\naction = \"drop\"\n"))
            .collect();
        let session = "echo 'ipset v7.17: Cannot open session to kernel.' >&2; exit 1";
        for more in [&[][..], &[("ipset", session)]] {
            let (_folder, runner) = programs(more);
            block(async {
                let mut tables = Tables::new(runner.clone());
                good(&tables.apply(&wanted(&policy("old", "")), now()).await);
                let all = wanted(&(many.clone() + &policy("old", "") + &policy("new", "")));
                let outcome = tables.apply(&all, now()).await;
                assert_eq!(outcome.trouble, None);
                assert_eq!(outcome.faults.len(), 40, "{outcome:?}");
                assert!(outcome.faults.keys().all(|name| name.as_str().starts_with('s')));
                let there = saved().join("\n");
                assert!(there.contains("hsflowd-policy:old:") && there.contains("hsflowd-policy:new:"));
                assert!(runner.runs() < 20, "{} runs", runner.runs());
                good(&tables.clear().await);
            });
        }
    });
}
