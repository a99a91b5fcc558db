//! The program and its service in a network namespace of each test's own. Needs iptables, ip6tables and ipset.

use crate::netns::{isolated, run};
use crate::real::can_run;
use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use crate::wishes::block;
use hsflow::host::Clock;
use hsflow::policy::apply::Runner;
use hsflow::policy::desk::{self, Desk, Origin, Rejection, State, Wish};
use hsflow::policy::file::from_json;
use hsflow::policy::lines::Dialect;
use hsflow::policy::model::Policy;
use hsflow::policy::service::{Service, Setup};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Where the program finds everything.
pub(crate) struct Folder(pub(crate) TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new();
        fs::create_dir(folder.path().join("policy.d")).unwrap();
        let folder = Self(folder);
        folder.say("policy.toml", "");
        folder
    }

    /// No socket of the tests is another's.
    fn rest(&self) -> String {
        format!("\n[rest]\nsocket = {:?}\n", self.0.path().join("api.sock"))
    }

    pub(crate) fn say(&self, file: &str, text: &str) {
        let rest = if file == "policy.toml" { self.rest() } else { String::new() };
        self.0.write(file, text.to_owned() + &rest);
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.path().join("state.toml")
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hsflowd-policy"));
        command.arg("-c").arg(self.0.path()).arg("--state").arg(self.state()).args(more);
        command
    }

    pub(crate) fn start(&self) -> Process {
        let process = Process::start(&mut self.command(&["-d"]));
        process.wait_line("ready:", LIMIT);
        process
    }

    /// Runs the program to its end: whether it was content, and what it said.
    pub(crate) fn once(&self, mode: &str) -> (bool, String) {
        let output = self.command(&[mode]).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}

#[track_caller]
pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_until(what, LIMIT, || is_so().then_some(()));
}

pub(crate) fn rules() -> String {
    run("iptables-save")
}

pub(crate) fn has(name: &str) -> bool {
    rules().contains(&format!("hsflowd-policy:{name}:"))
}

pub(crate) fn drop_udp(name: &str, port: u16, more: &str) -> String {
    format!(
        "[policy.{name}]\nprotocol = \"udp\"\nsource_port = {port}\ndirection = \"in\"\naction = \"drop\"\n{more}\n"
    )
}

#[test]
fn another_agent_is_listened_to_without_a_restart() {
    const NAME: &str = "service::another_agent_is_listened_to_without_a_restart";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let (folder, agents) = (Folder::new(), [TempDir::new(), TempDir::new()]);
        let sockets = [0, 1].map(|at| {
            ["guests.sock", "stream.sock"].map(|name| {
                let kind = if name == "guests.sock" { Type::STREAM } else { Type::SEQPACKET };
                let socket = Socket::new(Domain::UNIX, kind, None).unwrap();
                socket.bind(&SockAddr::unix(agents[at].path().join(name)).unwrap()).unwrap();
                socket.listen(8).unwrap();
                socket.set_nonblocking(true).unwrap();
                socket
            })
        });
        let say = |at: usize| {
            let reaction =
                "[[react]]\nname = \"a\"\nkeys = \"source\"\nthreshold = \"1 Mbit/s\"\naction = \"drop\"\n";
            folder.say("policy.toml", &format!("{reaction}[service]\nagent = {:?}\n", agents[at].path()));
        };
        say(0);
        let mut process = folder.start();
        let is_heard = |at: usize| {
            for socket in &sockets[at] {
                wait("it listens to the agent that the file names", || socket.accept().is_ok());
            }
        };
        is_heard(0);
        say(1);
        process.signal(Signal::SIGHUP);
        is_heard(1);
        assert!(process.stop(LIMIT).success());
    });
}

/// Vetted, and yet refused by the kernel: a reset is for TCP.
const BAD: &str =
    "[policy.bad]\nlines = [\"[iptables]\", \"-A FORWARD -j REJECT --reject-with tcp-reset\"]\n";

#[test]
fn files_become_rules_and_one_bad_policy_of_fifty_is_said_and_left_out() {
    const NAME: &str = "service::files_become_rules_and_one_bad_policy_of_fifty_is_said_and_left_out";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        run("iptables -A INPUT -p tcp --dport 22 -j ACCEPT");
        let before = rules().lines().filter(|line| line.starts_with("-A")).count();
        let folder = Folder::new();
        let good: String = (1..50).map(|n| drop_udp(&format!("p{n}"), n, "")).collect();
        folder.say("policy.toml", &(good + BAD));
        let mut process = folder.start();
        assert_eq!(rules().lines().filter(|line| line.contains("hsflowd-policy:p")).count(), 49);
        assert!(!has("bad"));
        let said = process.stderr();
        assert_eq!(
            said.lines().filter(|line| line.contains("policy bad: does not work")).count(),
            1,
            "{said}"
        );
        assert!(said.contains("ready: 49 of 50 policies live"), "{said}");

        folder.say("policy.toml", &drop_udp("p1", 1, ""));
        folder.say("policy.d/more.toml", &drop_udp("more", 7, ""));
        process.signal(Signal::SIGHUP);
        wait("the files are read anew", || has("more") && has("p1") && !has("p2"));
        // Half a file is no reason to open everything.
        folder.say("policy.d/more.toml", "[policy.more]\nprotocol = \"ud");
        process.signal(Signal::SIGHUP);
        process.wait_line("more.toml:2:", LIMIT);
        assert!(has("more") && has("p1"));

        assert!(process.stop(LIMIT).success());
        assert!(has("more"), "an end of the program is no end of its policies");
        assert!(folder.once("--clear").0);
        assert!(!rules().contains("hsflowd"));
        assert_eq!(rules().lines().filter(|line| line.starts_with("-A")).count(), before);
    });
}

#[test]
fn checking_and_trying_change_nothing_and_tell_everything() {
    const NAME: &str = "service::checking_and_trying_change_nothing_and_tell_everything";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        folder.say("policy.toml", &drop_udp("good", 1, ""));
        assert!(folder.once("--check").0);
        let (is_content, said) = folder.once("--dry-run");
        assert!(is_content && said.contains("hsflowd-policy:good:"), "{said}");
        folder.say("policy.toml", &drop_udp("good", 1, "colour = 3"));
        let (is_content, said) = folder.once("--check");
        assert!(!is_content && said.contains("policy.toml:6:1: policy.good.colour: unknown"), "{said}");
        assert!(!rules().contains("hsflowd") && !folder.state().exists());
    });
}

#[test]
fn what_is_over_goes_though_the_service_is_stopped_and_the_rest_stays() {
    const NAME: &str = "service::what_is_over_goes_though_the_service_is_stopped_and_the_rest_stays";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        let short = "expires = \"9s\"";
        let bare = "[policy.bare]\nsource = \"192.0.2.7\"\naction = \"drop\"\nexpires = \"9s\"\n";
        folder.say(
            "policy.toml",
            &[
                &drop_udp("short", 53, short),
                bare,
                &drop_udp("stays", 54, ""),
                &drop_udp("long", 55, "expires = \"1h\""),
            ]
            .concat(),
        );
        let mut process = folder.start();
        assert!(has("short") && run("ipset save").contains("192.0.2.7"));
        process.signal(Signal::SIGSTOP);
        assert!(folder.once("--expire").0);
        wait("a set's member ends by itself", || !run("ipset save").contains("192.0.2.7"));
        wait("what is over is swept", || {
            let (is_content, said) = folder.once("--expire");
            assert!(is_content, "{said}");
            !has("short")
        });
        assert!(has("stays") && has("long"));
        let swept = rules();
        assert!(folder.once("--expire").0);
        let counted =
            |text: &str| text.lines().filter(|l| l.starts_with("-A")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(counted(&rules()), counted(&swept));
        process.signal(Signal::SIGCONT);
        process.wait_line("policy short: its time is over", LIMIT);
        assert!(has("stays") && has("long") && !has("short"));
        // A restart makes nothing last longer or come back.
        process.signal(Signal::SIGKILL);
        process.wait_exit(LIMIT);
        let _process = folder.start();
        assert!(has("stays") && has("long") && !has("short"));
    });
}

#[test]
fn a_killed_program_and_a_flushed_table_are_made_good() {
    const NAME: &str = "service::a_killed_program_and_a_flushed_table_are_made_good";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        folder.say("policy.toml", &drop_udp("one", 1, ""));
        let mut process = folder.start();
        let second = Process::start(&mut folder.command(&[]));
        second.wait_line("another hsflowd-policy runs", LIMIT);
        run("iptables -F");
        wait("what somebody flushed is put back", || has("one"));
        process.signal(Signal::SIGKILL);
        process.wait_exit(LIMIT);
        folder.say("policy.toml", &drop_udp("two", 2, ""));
        let _process = folder.start();
        assert!(has("two") && !has("one"), "{}", rules());
    });
}

#[test]
fn a_damaged_state_file_is_moved_aside_and_said() {
    const NAME: &str = "service::a_damaged_state_file_is_moved_aside_and_said";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        let damaged = "[policy.x]\norigin = \"asked\nsaid";
        folder.say("state.toml", damaged);
        folder.say("policy.toml", &drop_udp("one", 1, ""));
        with_service(&folder, async |desk| {
            let mut pages = desk.pages();
            let is_said =
                pages.wait_for(|page| page.faults.iter().any(|why| why.contains("state.toml.damaged")));
            tokio::time::timeout(LIMIT, is_said).await.expect("readers of the page are told").unwrap();
        });
        folder.say("state.toml", damaged);
        let process = folder.start();
        assert!(process.stderr().contains("state.toml.damaged"), "{}", process.stderr());
        assert!(has("one") && folder.0.path().join("state.toml.damaged").exists());
    });
}

/// Does something at the desk of a running service, which then ends without a word.
pub(crate) fn with_service<T>(folder: &Folder, work: impl AsyncFnOnce(&Desk) -> T) -> T {
    with_service_of(folder, Runner::new(), Clock::system(), work)
}

/// The same by these programs and this time.
pub(crate) fn with_service_of<T>(
    folder: &Folder,
    runner: Runner,
    clock: Clock,
    work: impl AsyncFnOnce(&Desk) -> T,
) -> T {
    let (folder, state) = (folder.0.path().to_owned(), folder.state());
    block(async {
        let (desk, clerk) = desk::open();
        let setup = Setup { folder, state, runner, clock, dialect: Dialect::Linux };
        let service = Service::open(setup, clerk).unwrap();
        let asked = desk.clone();
        tokio::select! {
            ended = service.run(desk) => panic!("{ended:?}"),
            done = work(&asked) => done,
        }
    })
}

pub(crate) fn policy(name: &str, body: &Value) -> Policy {
    from_json(&name.parse().unwrap(), body, Dialect::Linux).unwrap()
}

pub(crate) fn udp(name: &str, port: u16) -> Policy {
    policy(name, &json!({ "protocol": "udp", "source_port": port, "direction": "in", "action": "drop" }))
}

pub(crate) fn put(policies: Vec<Policy>) -> Wish {
    Wish::Put { policies, confirm: None }
}

pub(crate) async fn ask(desk: &Desk, wish: Wish) -> Result<desk::Receipt, Rejection> {
    desk.ask(wish, Origin::Asked, "a test".to_owned()).await
}

#[test]
fn what_was_asked_for_outlives_the_program_with_its_end() {
    const NAME: &str = "service::what_was_asked_for_outlives_the_program_with_its_end";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        let group = || "attackers".parse().unwrap();
        let member = ["192.0.2.9".parse().unwrap()];
        let end = with_service(&folder, async |desk| {
            ask(desk, Wish::Group(group(), Some(member.into()))).await.unwrap();
            let of_group = policy("grouped", &json!({ "source": "@attackers", "action": "drop" }));
            assert!(ask(desk, put(vec![udp("asked", 53), of_group])).await.unwrap().changed);
            assert!(has("asked"));
            desk.page().policies[&"asked".parse().unwrap()].policy.expiry
        });
        let later = with_service(&folder, async |desk| {
            let mut pages = desk.pages();
            let page = pages.wait_for(|page| page.policies.len() == 2).await.unwrap().clone();
            assert!(
                page.policies.values().all(|shown| shown.state == State::Live && shown.by == "a test"),
                "{page:?}"
            );
            assert_eq!(page.members[&group()], member.into());
            assert!(ask(desk, Wish::Remove(vec!["asked".parse().unwrap()])).await.unwrap().changed);
            assert!(!has("asked"));
            page.policies[&"asked".parse().unwrap()].policy.expiry
        });
        let now = Clock::system().wall();
        let apart = end.left(now).unwrap().abs_diff(later.left(now).unwrap());
        assert!(apart < Duration::from_millis(2), "{apart:?}");
        with_service(&folder, async |desk| {
            let page = desk.pages().wait_for(|page| page.generation > 0).await.unwrap().clone();
            assert_eq!(page.policies.len(), 1);
        });
    });
}

#[test]
fn an_order_that_does_not_work_is_taken_back_and_its_neighbours_stand() {
    const NAME: &str = "service::an_order_that_does_not_work_is_taken_back_and_its_neighbours_stand";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        with_service(&folder, async |desk| {
            let lines = json!({ "lines": ["[iptables]", "-A FORWARD -j REJECT --reject-with tcp-reset"] });
            ask(desk, put(vec![udp("old", 1)])).await.unwrap();
            let bad = vec![policy("old", &lines), udp("beside", 2)];
            let (good, bad) = tokio::join!(ask(desk, put(vec![udp("good", 3)])), ask(desk, put(bad)));
            assert!(good.unwrap().changed);
            assert!(
                matches!(&bad, Err(Rejection::Quarantined { name, .. }) if name.as_str() == "old"),
                "{bad:?}"
            );
            assert!(has("old") && has("good") && !has("beside"), "{}", rules());
            let page = desk.page();
            assert!(page.policies.values().all(|shown| shown.state == State::Live), "{page:?}");
            let planned = ask(desk, Wish::Plan(vec![udp("new", 4)])).await.unwrap();
            assert!(planned.plan.concat().contains("hsflowd-policy:new:") && !has("new"));
        });
    });
}

#[test]
#[ignore = "prints a figure: orders a second, one policy each, from 64 who ask"]
fn a_thousand_orders_a_second_are_sustained() {
    const NAME: &str = "service::a_thousand_orders_a_second_are_sustained";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        folder.say("policy.toml", "[limits]\nwrites_per_second = 1000000\n");
        with_service(&folder, async |desk| {
            let begin: Instant = Clock::system().now();
            let mut all = tokio::task::JoinSet::new();
            for who in 0..64_u16 {
                let desk = desk.clone();
                all.spawn(async move {
                    for n in 0..80 {
                        ask(&desk, put(vec![udp(&format!("p{}", who % 8 * 80 + n), n + 1)])).await.unwrap();
                    }
                });
            }
            while all.join_next().await.is_some() {}
            println!("{} orders a second", 64.0 * 80.0 / begin.elapsed().as_secs_f64());
        });
    });
}
