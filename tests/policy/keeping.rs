//! What outlives the program, what ends without it, and what does not depend on the disk, the date or the neighbours.

use crate::netns::{isolated, run};
use crate::real::can_run;
use crate::service::{
    Folder, LIMIT, ask, drop_udp, has, policy, put, rules, udp, wait, with_service, with_service_of,
};
use hsflow::host::Clock;
use hsflow::policy::apply::Runner;
use hsflow::policy::desk::{Desk, Origin, Page, Rejection, State, Wish};
use nix::sys::signal::Signal;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

fn shape(name: &str, device: &str, more: &str) -> String {
    format!("[policy.{name}]\nto = \"{device}\"\naction = {{ shape = {{ rate = \"50 Mbit/s\" }} }}\n{more}\n")
}

/// The system's programs, but for these, which do not work.
fn failing(folder: &Folder, programs: &[&str]) -> Runner {
    let bin = folder.0.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in programs {
        fs::write(bin.join(name), "#!/bin/sh\necho broken >&2\nexit 1\n").unwrap();
        fs::set_permissions(bin.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    }
    let system = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(Into::into);
    Runner::new().with_folders([bin].into_iter().chain(system).collect())
}

fn share(name: &str, port: u16, more: &str) -> String {
    format!(
        "[policy.{name}]\nto = \"v2\"\nprotocol = \"udp\"\ndestination_port = {port}\n\
         action = {{ shape = {{ share = 30, of = \"20 Mbit/s\" }} }}\n{more}\n"
    )
}

#[test]
fn sweeping_takes_out_what_is_over_by_name_and_brings_nothing_about() {
    const NAME: &str = "keeping::sweeping_takes_out_what_is_over_by_name_and_brings_nothing_about";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        for (one, other) in [("v0", "v1"), ("v2", "v3")] {
            run(&format!("ip link add name {one} type veth peer name {other}"));
        }
        let qdisc = |device: &str| run(&format!("tc qdisc show dev {device}"));
        let classes = || run("tc class show dev v2").lines().count();
        let folder = Folder::new();
        let end = "expires = \"10s\"";
        let all = [
            shape("short", "v0", end),
            shape("stays", "v1", ""),
            share("web", 80, end),
            share("mail", 25, ""),
        ];
        folder.say("policy.toml", &all.concat());
        let mut process = folder.start();
        assert!(qdisc("v0").contains("tbf") && qdisc("v1").contains("tbf"), "{}", process.stderr());
        let both = classes();
        process.signal(Signal::SIGKILL);
        process.wait_exit(LIMIT);
        // Of this nobody has been told yet.
        folder.say("policy.toml", &[shape("fresh", "v3", ""), drop_udp("fresh-rule", 9, "")].concat());
        wait("what is over is swept", || {
            let (is_content, said) = folder.once("--expire");
            assert!(is_content, "{said}");
            !qdisc("v0").contains("tbf") && classes() < both
        });
        assert!(qdisc("v1").contains("tbf") && classes() > 0, "{}", run("tc class show dev v2"));
        assert!(!qdisc("v3").contains("tbf") && !has("fresh-rule"), "nobody reloaded the files");
        assert!(folder.once("--clear").0);
        assert!(folder.once("--expire").0);
        assert!(!run("tc qdisc show").contains("5f0"), "what was taken away stays away");
    });
}

#[test]
fn guests_of_groups_are_known_after_a_restart_before_anybody_tells() {
    const NAME: &str = "keeping::guests_of_groups_are_known_after_a_restart_before_anybody_tells";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        let agent = folder.0.path().join("no-agent");
        folder.say(
            "policy.toml",
            &format!(
                "[service]\nagent = {agent:?}\n[group.web]\nguests = [{{ name = \"w\" }}]\n\
                 [policy.web]\nsource = \"@web\"\nprotocol = \"udp\"\naction = \"drop\"\n"
            ),
        );
        let (group, member) = ("web".parse().unwrap(), "192.0.2.77".parse().unwrap());
        with_service(&folder, async |desk| {
            let told = Wish::Guests([(group, [member].into())].into());
            desk.ask(told, Origin::Reaction, "guests".to_owned()).await.unwrap();
            assert!(run("ipset save").contains("192.0.2.77"));
        });
        with_service(&folder, async |desk| {
            let _ =
                desk.pages().wait_for(|page| page.generation > 0 && !page.policies.is_empty()).await.unwrap();
            let sets = run("ipset save");
            assert!(sets.contains("192.0.2.77"), "{sets}");
        });
    });
}

#[test]
fn what_the_disk_does_not_take_is_not_in_force_and_what_goes_goes_all_the_same() {
    const NAME: &str = "keeping::what_the_disk_does_not_take_is_not_in_force_and_what_goes_goes_all_the_same";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        with_service(&folder, async |desk| {
            ask(desk, put(vec![udp("old", 1)])).await.unwrap();
            // No file can be made in its place.
            let obstacle = folder.0.path().join("state.toml.new");
            fs::create_dir(&obstacle).unwrap();
            let refused = ask(desk, put(vec![udp("new", 2)])).await;
            assert!(matches!(refused, Err(Rejection::Unkept(_))), "{refused:?}");
            assert!(has("old") && !has("new") && !desk.page().policies.contains_key(&"new".parse().unwrap()));
            let detected = desk.ask(put(vec![udp("attack", 3)]), Origin::Reaction, "react".to_owned()).await;
            assert!(matches!(detected, Err(Rejection::Forgetful(_))) && has("attack"), "{detected:?}");
            let faults = &desk.page().faults;
            assert!(faults.iter().any(|fault| fault.contains("does not outlive")), "{faults:?}");
            let gone = ask(desk, Wish::Remove(vec!["old".parse().unwrap()])).await;
            assert!(matches!(gone, Err(Rejection::Forgetful(_))) && !has("old"), "{gone:?}");
            fs::remove_dir(&obstacle).unwrap();
            ask(desk, put(vec![udp("new", 2)])).await.unwrap();
            assert!(has("new") && desk.page().faults.is_empty());
        });
    });
}

#[test]
fn trouble_of_one_back_end_is_no_answer_for_another() {
    const NAME: &str = "keeping::trouble_of_one_back_end_is_no_answer_for_another";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        let runner = failing(&folder, &["ip", "tc"]);
        folder.say("policy.toml", &shape("slow", "lo", ""));
        with_service_of(&folder, runner, Clock::system(), async |desk| {
            ask(desk, put(vec![udp("one", 1)])).await.unwrap();
            assert_eq!(desk.page().troubles.len(), 1);
            let gone = ask(desk, Wish::RemoveOf("nobody".parse().unwrap())).await.unwrap();
            assert!(!gone.changed);
            assert!(ask(desk, Wish::Remove(vec!["one".parse().unwrap()])).await.unwrap().changed);
        });
    });
}

#[test]
fn what_cannot_be_taken_out_is_kept_for_who_sweeps_but_not_without_bound() {
    const NAME: &str = "keeping::what_cannot_be_taken_out_is_kept_for_who_sweeps_but_not_without_bound";
    isolated(NAME, || {
        let folder = Folder::new();
        let failing = failing(&folder, &["iptables-save", "ip6tables-save", "ipset"]);
        folder.say("policy.toml", "[limits]\nwrites_per_second = 1000000\n");
        with_service_of(&folder, failing, Clock::system(), async |desk| {
            for round in 0..3 {
                let names: Vec<_> = (0..600).map(|n| format!("r{round}n{n}")).collect();
                let all = names.iter().map(|name| udp(name, 1)).collect();
                assert!(matches!(ask(desk, put(all)).await, Err(Rejection::Trouble(_))));
                let all = names.iter().map(|name| name.parse().unwrap()).collect();
                assert!(matches!(ask(desk, Wish::Remove(all)).await, Err(Rejection::Trouble(_))));
            }
        });
        let kept = fs::read_to_string(folder.state()).unwrap().matches("\"leaving\"").count();
        assert_eq!(kept, 1000);
    });
}

async fn state_of(desk: &Desk, name: &str) -> Arc<Page> {
    // An order that changes nothing: what is due is done before the next one is answered.
    for _ in 0..2 {
        ask(desk, Wish::RemoveOf("nobody".parse().unwrap())).await.unwrap();
    }
    let mut pages = desk.pages();
    let page = pages.borrow_and_update().clone();
    assert!(page.policies.values().all(|shown| shown.state == State::Live), "{name}: {page:?}");
    page
}

#[test]
fn setting_the_date_neither_confirms_nor_takes_back() {
    const NAME: &str = "keeping::setting_the_date_neither_confirms_nor_takes_back";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        let (clock, hands) = Clock::manual();
        with_service_of(&folder, Runner::new(), clock.clone(), async |desk| {
            let forever = policy(
                "old",
                &json!({"protocol": "udp", "source_port": 1, "direction": "in",
                "action": "drop", "expires": "1000d"}),
            );
            let newer = policy(
                "old",
                &json!({"protocol": "udp", "source_port": 2, "direction": "in",
                "action": "drop", "expires": "1000d"}),
            );
            ask(desk, put(vec![forever])).await.unwrap();
            let trial = Wish::Put { policies: vec![newer], confirm: Some(Duration::from_secs(60)) };
            ask(desk, trial).await.unwrap();
            let hour = Duration::from_secs(3_600);
            for wall in [clock.wall() + hour, clock.wall() - hour] {
                hands.set_wall(wall);
                let page = state_of(desk, "the date is set").await;
                let left = page.policies[&"old".parse().unwrap()]
                    .confirm_by
                    .map(|by| by.duration_since(wall).unwrap());
                assert_eq!(left, Some(Duration::from_secs(60)));
                assert!(rules().contains("--sport 2"), "{}", rules());
            }
            hands.advance(Duration::from_secs(61));
            let page = state_of(desk, "nobody confirmed").await;
            assert!(page.policies[&"old".parse().unwrap()].confirm_by.is_none());
            assert!(rules().contains("--sport 1") && !rules().contains("--sport 2"), "{}", rules());
        });
    });
}

#[test]
fn tokens_and_listeners_are_others_after_a_reload_and_bad_ones_change_nothing() {
    const NAME: &str = "keeping::tokens_and_listeners_are_others_after_a_reload_and_bad_ones_change_nothing";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let folder = Folder::new();
        let tokens = folder.0.path().join("tokens");
        let token = |text: &str| {
            fs::write(&tokens, format!("ops:{text}\n")).unwrap();
            fs::set_permissions(&tokens, PermissionsExt::from_mode(0o600)).unwrap();
        };
        // `say` writes the table, and these are keys of it.
        let settings = |port: u16| {
            folder.say("policy.toml", "");
            let path = folder.0.path().join("policy.toml");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, format!("{text}tokens = {tokens:?}\nlisten = \"127.0.0.1:{port}\"\n")).unwrap();
        };
        let code = |port: u16, token: &str| {
            let output = Command::new("curl")
                .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H"])
                .args([
                    format!("Authorization: Bearer {token}"),
                    format!("http://127.0.0.1:{port}/v1/status"),
                ])
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        const OLD: &str = "0123456789abcdef";
        const NEW: &str = "fedcba9876543210";
        token(OLD);
        settings(7001);
        let process = folder.start();
        assert_eq!((code(7001, OLD).as_str(), code(7001, NEW).as_str()), ("200", "401"));
        wait("who is not let in is in the log", || {
            process.stderr().contains("GET /v1/status: refused: who are you? (by 127.0.0.1:")
        });
        token(NEW);
        process.signal(Signal::SIGHUP);
        wait("the new token counts", || code(7001, NEW) == "200");
        assert_eq!(code(7001, OLD), "401");
        settings(7002);
        process.signal(Signal::SIGHUP);
        wait("another port is heard", || code(7002, NEW) == "200");
        assert_eq!(code(7001, NEW), "000");
        fs::set_permissions(&tokens, PermissionsExt::from_mode(0o644)).unwrap();
        process.signal(Signal::SIGHUP);
        process.wait_line("mode 0644", LIMIT);
        assert_eq!(code(7002, NEW), "200");
        let mut status = Command::new(env!("CARGO_BIN_EXE_hsflowctl"));
        status.args(["policy", "status", "--socket"]).arg(folder.0.path().join("api.sock"));
        let page = String::from_utf8(status.output().unwrap().stdout).unwrap();
        assert!(page.contains("guests: 0 guests") && page.contains("FAULT files stay"), "{page}");
    });
}
