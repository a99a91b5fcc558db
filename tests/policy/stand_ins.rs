//! The back end of tables where programs do not do what they should: stand-ins before the real ones.

use crate::apply::{MIXED, foreign, good, many, others, saved};
use crate::netns::{isolated, run};
use crate::real::{self, can_run};
use crate::support::script_file;
use crate::wishes::{block, now, wanted};
use hsflow::policy::apply::{Runner, Tables};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A folder with a stand-in for a program, which goes with this value.
struct StandIn(PathBuf);

impl StandIn {
    /// The script has `$folder` for notes and `$real` for the program itself.
    fn new(program: &str, script: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("hsflow-stand-in-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(program);
        let head = format!("#!/bin/sh\nfolder={} real=/usr/sbin/{program}\n", folder.display());
        script_file(&path, &(head + script));
        Self(folder)
    }

    fn runner(&self) -> Runner {
        let system = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
        Runner::new().with_folders([self.0.clone()].into_iter().chain(system).collect())
    }

    /// Lines that the script has noted.
    fn notes(&self) -> usize {
        std::fs::read_to_string(self.0.join("notes")).unwrap_or_default().lines().count()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ours() -> Vec<String> {
    saved().into_iter().filter(|line| line.contains("hsflowd")).collect()
}

#[test]
fn a_program_that_hangs_is_trouble_and_changes_nothing() {
    const NAME: &str = "stand_ins::a_program_that_hangs_is_trouble_and_changes_nothing";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let hangs = StandIn::new("ip6tables-restore", "exec sleep 1000\n");
        let runner = hangs.runner().with_deadline(Duration::from_secs(10));
        let outcome = block(async { Tables::new(runner).apply(&wanted(MIXED), now()).await });
        assert!(outcome.trouble.unwrap().contains("ip6tables-restore took longer"));
        assert!(outcome.faults.is_empty());
        assert_eq!(ours(), Vec::<String>::new());
    });
}

#[test]
fn whom_a_program_does_not_name_is_found_by_halves() {
    const NAME: &str = "stand_ins::whom_a_program_does_not_name_is_found_by_halves";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let refuses = StandIn::new(
            "iptables-restore",
            "cat >$folder/input\n\
             if grep -q '^-[AI] .*hsflowd-policy:bad:' $folder/input; then echo 1 >>$folder/notes; echo it cannot be >&2; exit 1; fi\n\
             exec $real \"$@\" <$folder/input\n",
        );
        let text = many(63) + "[policy.bad]\nprotocol = \"tcp\"\naction = \"drop\"\n";
        block(async {
            let mut tables = Tables::new(refuses.runner());
            let outcome = tables.apply(&wanted(&text), now()).await;
            assert_eq!(outcome.trouble, None);
            let faults: Vec<_> = outcome.faults.iter().map(|(name, why)| (name.as_str(), why)).collect();
            assert!(matches!(faults[..], [("bad", why)] if why.contains("it cannot be")), "{outcome:?}");
            // 64 are six times halved; each attempt may be made once from memory and once from what was read.
            assert!(refuses.notes() <= 2 * 7, "{}", refuses.notes());
            assert_eq!(ours().iter().filter(|line| line.contains("hsflowd-policy:p")).count(), 63);
            assert!(!ours().iter().any(|line| line.contains("hsflowd-policy:bad")));
        });
    });
}

const DROPS: &str = "[policy.a]\nsource = \"10.9.0.0/16\"\naction = \"drop\"\n";

#[test]
fn a_set_that_the_kernel_still_holds_is_asked_for_again() {
    const NAME: &str = "stand_ins::a_set_that_the_kernel_still_holds_is_asked_for_again";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let holds = StandIn::new(
            "ipset",
            "[ $1 = restore ] || exec $real \"$@\"\n\
             cat >$folder/input\n\
             if grep -q ^destroy $folder/input && [ $(cat $folder/notes 2>/dev/null | wc -l) -lt 3 ]; then\n\
             echo 1 >>$folder/notes; echo 'ipset v7.17: Error in line 1: Set cannot be destroyed: it is in use by a kernel component' >&2; exit 1; fi\n\
             exec $real \"$@\" <$folder/input\n",
        );
        block(async {
            let mut tables = Tables::new(holds.runner());
            good(&tables.apply(&wanted(DROPS), now()).await);
            assert!(ours().iter().any(|line| line.starts_with("create ")));
            good(&tables.clear().await);
            assert_eq!((holds.notes(), ours()), (3, Vec::new()));
        });
    });
}

#[test]
fn a_set_that_others_use_is_trouble_until_they_do_not() {
    const NAME: &str = "stand_ins::a_set_that_others_use_is_trouble_until_they_do_not";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        block(async {
            let mut tables = Tables::new(Runner::new());
            good(&tables.apply(&wanted(DROPS), now()).await);
            let before = ours();
            let set = before.iter().find_map(|line| line.strip_prefix("create ")).unwrap();
            let set = set.split(' ').next().unwrap();
            run(&format!("iptables -A FORWARD -m set --match-set {set} src -j ACCEPT"));
            let outcome = tables.clear().await;
            assert!(outcome.trouble.is_some_and(|why| why.contains("in use")), "{:?}", outcome.faults);
            run(&format!("iptables -D FORWARD -m set --match-set {set} src -j ACCEPT"));
            let is_whole = |line: &String| ours().contains(line);
            assert!(before.iter().all(is_whole), "{before:?}\n{:?}", ours());
            good(&tables.clear().await);
            assert_eq!(ours(), Vec::<String>::new());
        });
    });
}

#[test]
fn what_ipset_did_before_it_failed_is_taken_back() {
    const NAME: &str = "stand_ins::what_ipset_did_before_it_failed_is_taken_back";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        let half = StandIn::new(
            "ipset",
            "[ $1 = restore ] || exec $real \"$@\"\n\
             cat >$folder/input\n\
             grep -q ^create $folder/input || exec $real \"$@\" <$folder/input\n\
             head -n 1 $folder/input | $real restore; echo 1 >>$folder/notes; echo no memory >&2; exit 1\n",
        );
        others();
        let before = foreign();
        block(async {
            let outcome = Tables::new(half.runner()).apply(&wanted(MIXED), now()).await;
            assert_eq!(outcome.trouble, None);
            let faults: Vec<_> = outcome.faults.keys().map(|name| name.as_str()).collect();
            assert_eq!(faults, ["bare", "group"]);
        });
        assert!(half.notes() >= 2);
        assert!(!ours().iter().any(|line| line.starts_with("create ") || line.starts_with("add ")));
        for name in ["udp", "mark"] {
            assert!(ours().iter().any(|line| line.contains(&format!("hsflowd-policy:{name}:"))), "{name}");
        }
        assert_eq!(foreign(), before);
    });
}

#[test]
fn a_lock_that_others_hold_is_trouble_and_nobodys_fault() {
    const NAME: &str = "stand_ins::a_lock_that_others_hold_is_trouble_and_nobodys_fault";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        // The words and the status of legacy iptables 1.8.
        let locked = StandIn::new(
            "ip6tables-restore",
            "cat >/dev/null\n\
             echo 'Another app is currently holding the xtables lock. Perhaps you want to use the -w option?' >&2; exit 4\n",
        );
        block(async {
            let mut tables = Tables::new(locked.runner());
            let outcome = tables.apply(&wanted(MIXED), now()).await;
            assert!(outcome.trouble.is_some_and(|why| why.contains("xtables lock")));
            assert!(outcome.faults.is_empty());
            assert_eq!(ours(), Vec::<String>::new());
        });
    });
}

/// As an older system has them. `saved` knows nothing of what they do.
#[test]
fn legacy_iptables_does_as_well() {
    const NAME: &str = "stand_ins::legacy_iptables_does_as_well";
    isolated(NAME, || {
        let here = ["iptables-legacy", "ip6tables-legacy"].map(|tool| real::run(tool, &["-S"], ""));
        if !can_run(NAME) || here.iter().any(Result::is_err) {
            println!("SKIP {NAME}: {here:?}");
            return;
        }
        let legacy = StandIn::new("iptables-save", "");
        for tool in ["iptables-save", "ip6tables-save", "iptables-restore", "ip6tables-restore"] {
            let _ = std::fs::remove_file(legacy.0.join(tool));
            std::os::unix::fs::symlink("/usr/sbin/xtables-legacy-multi", legacy.0.join(tool)).unwrap();
        }
        let ours = || {
            let all = [run("iptables-legacy-save"), run("ip6tables-legacy-save"), run("ipset save")].concat();
            all.lines().filter(|line| line.contains("hsflowd")).count()
        };
        block(async {
            let mut tables = Tables::new(legacy.runner());
            good(&tables.apply(&wanted(MIXED), now()).await);
            let all = ours();
            assert!(all > 0);
            run("iptables-legacy -F hsflowd-input");
            good(&tables.apply(&wanted(MIXED), now()).await);
            good(&tables.apply(&wanted(&(many(2) + MIXED)), now()).await);
            assert_eq!(ours(), all + 2);
            let outcome = Tables::new(legacy.runner()).apply(&wanted(&(many(2) + MIXED)), now()).await;
            good(&outcome);
            assert_eq!(outcome.steps, 0);
            good(&tables.clear().await);
            assert_eq!(ours(), 0);
        });
    });
}
