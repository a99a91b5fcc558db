//! Cumulus Linux's files, with a stand-in for cl-acltool that has the real iptables judge them. It knows SETQOS, and
//! refuses SETCLASS as a switch without such hardware does. Needs iptables, and root or a namespace.

use crate::netns::isolated;
use crate::real::can_run;
use crate::support::{TempDir, script_file};
use crate::wishes::{block, of};
use hsflow::policy::apply::Runner;
use hsflow::policy::cumulus::Cumulus;
use hsflow::policy::file;
use hsflow::policy::lines::Dialect;
use hsflow::policy::wanted::{Outcome, Wanted};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

const FOREIGN: &str = "[iptables]\n-A INPUT --in-interface swp+ -p tcp -j ACCEPT\n";

struct Switch {
    root: TempDir,
    folder: PathBuf,
}

impl Switch {
    fn new() -> Self {
        let root = TempDir::new();
        let folder = root.path().join("etc/cumulus/acl/policy.d");
        fs::create_dir_all(&folder).unwrap();
        for name in ["00control_plane.rules", "50rest-theirs.rules"] {
            fs::write(folder.join(name), FOREIGN).unwrap();
        }
        let script = format!(
            r#"#!/bin/sh
echo run >> {root}/runs
cd {folder} || exit 2
for tool in iptables ip6tables; do
  {{ echo '*filter'
     awk -v s="[$tool]" '/^\[/ {{ on = $0 == s; next }} on && !/^(-t|#)/' *.rules
     echo COMMIT; echo '*mangle'
     awk -v s="[$tool]" '/^\[/ {{ on = $0 == s; next }} on && sub(/^-t mangle /, "") {{ sub("SETQOS", "DSCP"); print }}' *.rules
     echo COMMIT
  }} | $tool-restore --test || exit 1
done
"#,
            root = root.path().display(),
            folder = folder.display()
        );
        script_file(&root.path().join("cl-acltool"), &script);
        Self { root, folder }
    }

    fn cumulus(&self) -> Cumulus {
        cumulus(self.root.path())
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.root.path().join("runs")).map_or(0, |text| text.lines().count())
    }

    /// Names of files in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// With the stand-in in the root itself.
fn cumulus(root: &Path) -> Cumulus {
    let system = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    let folders = std::iter::once(root.to_owned()).chain(system).collect();
    Cumulus::new(Runner::new().with_folders(folders), root)
}

fn wanted(text: &str) -> Wanted {
    let wishes = file::parse(&[("policy.toml", text)], Dialect::Cumulus);
    assert_eq!(wishes.faults, []);
    Wanted { is_cumulus: true, ..of(wishes) }
}

fn apply(cumulus: &mut Cumulus, wanted: &Wanted) -> Outcome {
    block(cumulus.apply(wanted, SystemTime::UNIX_EPOCH))
}

fn plan(cumulus: &mut Cumulus, wanted: &Wanted) -> Vec<String> {
    block(cumulus.plan(wanted, SystemTime::UNIX_EPOCH)).unwrap()
}

fn drop_from(name: &str, source: &str) -> String {
    format!("[policy.{name}]\ndirection = \"forward\"\naction = \"drop\"\nsource = \"{source}\"\n")
}

#[test]
fn files_change_with_policies_and_one_commit_takes_them_up() {
    let name = "cumulus::files_change_with_policies_and_one_commit_takes_them_up";
    isolated(name, || {
        if !can_run(name) {
            return;
        }
        let it = Switch::new();
        let before = it.names();
        fs::write(it.folder.join("50rest-a.rules.hsflowd-policy.bld"), "half").unwrap();
        let mut cumulus = it.cumulus();
        let mark = "[policy.mark]\ndirection = \"forward\"\nfrom = \"swp+\"\ndestination = \"10.0.0.9\"\naction = { mark = { dscp = \"af11\" } }\n";
        let all = wanted(&(drop_from("a", "10.0.0.1") + &drop_from("b", "2001:db8::1") + mark));
        let there = it.names();
        let planned = plan(&mut cumulus, &all);
        let first: Vec<_> = planned.iter().map(|text| text.lines().next().unwrap()).collect();
        assert_eq!(first, ["write 50rest-a.rules:", "write 50rest-b.rules:", "write 50rest-mark.rules:"]);
        assert!(planned[0].contains("10.0.0.1") && planned[1].contains("2001:db8::1"), "{planned:?}");
        assert_eq!((it.runs(), it.names()), (0, there), "a plan changes nothing");
        assert_eq!(apply(&mut cumulus, &all), Outcome { steps: 1, ..Outcome::default() });
        assert_eq!(it.runs(), 1);
        assert_eq!(plan(&mut cumulus, &all), Vec::<String>::new());
        assert_eq!(
            plan(&mut cumulus, &wanted(&drop_from("b", "2001:db8::1"))),
            ["remove 50rest-a.rules", "remove 50rest-mark.rules"]
        );
        assert_eq!(apply(&mut cumulus, &all), Outcome::default());
        assert_eq!(it.runs(), 1, "the same text is no commit");
        let ours = ["50rest-a.rules", "50rest-b.rules", "50rest-mark.rules"];
        let mut names = before.clone();
        names.extend(ours.map(str::to_owned));
        names.sort();
        assert_eq!(it.names(), names);
        let taken = apply(&mut cumulus, &wanted(&drop_from("theirs", "10.0.0.1")));
        assert!(taken.faults.values().next().unwrap().contains("somebody else's"), "{taken:?}");
        assert_eq!(it.names(), before);
        assert_eq!(fs::read_to_string(it.folder.join("50rest-theirs.rules")).unwrap(), FOREIGN);
    });
}

#[test]
fn a_bad_file_is_found_and_blocks_no_other() {
    let name = "cumulus::a_bad_file_is_found_and_blocks_no_other";
    isolated(name, || {
        if !can_run(name) {
            return;
        }
        let it = Switch::new();
        let mut cumulus = it.cumulus();
        let mut text = drop_from("a", "10.0.0.1");
        assert_eq!(apply(&mut cumulus, &wanted(&text)).steps, 1);
        for number in 0..7 {
            text += &drop_from(&format!("b{number}"), &format!("10.0.1.{number}"));
        }
        text += "[policy.bad]\ndirection = \"forward\"\nfrom = \"swp1\"\naction = { mark = { class = \"0:3\" } }\n";
        let outcome = apply(&mut cumulus, &wanted(&text));
        let faults: Vec<_> = outcome.faults.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
        assert!(matches!(&faults[..], [("bad", why)] if why.contains("--class")), "{faults:?}");
        assert_eq!(outcome.trouble, None);
        let names = it.names();
        assert_eq!(names.len(), 10, "{names:?}");
        assert!(!names.contains(&"50rest-bad.rules".to_owned()));
        // Somebody else's bad file is a trouble, and nobody's fault.
        fs::write(it.folder.join("10their.rules"), "[iptables]\n-A FORWARD --nonsense -j DROP\n").unwrap();
        let outcome = apply(&mut cumulus, &wanted(&(text.clone() + &drop_from("c", "10.0.0.3"))));
        assert!(outcome.trouble.is_some() && outcome.faults.is_empty(), "{outcome:?}");
        assert!(!it.names().contains(&"50rest-c.rules".to_owned()), "the last good state");
        fs::remove_file(it.folder.join("10their.rules")).unwrap();
        let outcome = apply(&mut cumulus, &wanted(&(text + &drop_from("c", "10.0.0.3"))));
        assert_eq!(outcome.trouble, None);
        assert!(it.names().contains(&"50rest-c.rules".to_owned()));
    });
}

#[test]
fn a_file_that_is_over_is_removed_by_itself_and_comes_back_where_that_cannot_be_committed() {
    let name =
        "cumulus::a_file_that_is_over_is_removed_by_itself_and_comes_back_where_that_cannot_be_committed";
    isolated(name, || {
        if !can_run(name) {
            return;
        }
        let it = Switch::new();
        let before = it.names();
        let (a, b) = (drop_from("a", "10.0.0.1"), drop_from("b", "10.0.0.2"));
        assert_eq!(apply(&mut it.cumulus(), &wanted(&(a.clone() + &b))).steps, 1);
        let sweep = || block(it.cumulus().take_out(&wanted(&a)));
        fs::write(it.folder.join("10their.rules"), "[iptables]\n-A FORWARD --nonsense -j DROP\n").unwrap();
        assert!(matches!(&sweep(), (0, why) if why.len() == 1));
        assert!(it.folder.join("50rest-a.rules").exists());
        fs::remove_file(it.folder.join("10their.rules")).unwrap();
        assert_eq!(sweep(), (1, vec![]));
        let mut names = [before, vec!["50rest-b.rules".to_owned()]].concat();
        names.sort();
        assert_eq!(it.names(), names);
        let runs = it.runs();
        assert_eq!((sweep(), it.runs()), ((0, vec![]), runs), "nothing to take out is no commit");
    });
}

#[test]
fn a_group_that_outgrows_the_hardware_costs_its_own_policy_alone_which_stays_as_it_was() {
    let name = "cumulus::a_group_that_outgrows_the_hardware_costs_its_own_policy_alone_which_stays_as_it_was";
    isolated(name, || {
        if !can_run(name) {
            return;
        }
        let it = Switch::new();
        let group = |count: u16| {
            let all: Vec<_> = (0..count).map(|n| format!("\"10.2.{}.{}\"", n >> 8, n & 255)).collect();
            format!("[group.many]\naddresses = [{}]\n{}", all.join(","), drop_from("grown", "@many"))
        };
        let mut cumulus = it.cumulus();
        let beside = drop_from("a", "10.0.0.1");
        assert_eq!(apply(&mut cumulus, &wanted(&(group(256) + &beside))).steps, 1);
        let text = || fs::read_to_string(it.folder.join("50rest-grown.rules")).unwrap();
        let before = text();
        let outcome = apply(&mut cumulus, &wanted(&(group(257) + &beside + &drop_from("b", "10.0.0.2"))));
        let faults: Vec<_> = outcome.faults.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
        let why = "257 addresses, up to 256 fit the hardware's rules: those of before stay in force";
        assert_eq!((faults, outcome.steps, outcome.trouble), (vec![("grown", why)], 1, None));
        assert_eq!(text(), before);
        for file in ["50rest-a.rules", "50rest-b.rules"] {
            assert!(it.folder.join(file).exists(), "{file}");
        }
        assert_eq!(apply(&mut cumulus, &wanted(&beside)).steps, 1);
        assert!(!it.folder.join("50rest-grown.rules").exists());
    });
}

const CHILD: &str = "HSFLOW_TEST_CUMULUS_APPLIES";

/// Two good ones and one that the stand-in refuses.
fn with_a_bad_one() -> Wanted {
    let bad =
        "[policy.bad]\ndirection = \"forward\"\nfrom = \"swp1\"\naction = { mark = { class = \"0:3\" } }\n";
    wanted(&(drop_from("a", "10.0.0.1") + &drop_from("c", "10.0.0.3") + bad))
}

/// Run by the next test in a process of its own, which ends before some run of cl-acltool.
#[test]
fn a_process_that_applies_and_may_crash() {
    if let Some(root) = std::env::var_os(CHILD) {
        apply(&mut cumulus(Path::new(&root)), &with_a_bad_one());
    }
}

#[test]
fn after_a_crash_at_any_commit_the_bad_file_is_found_and_the_others_hold() {
    let name = "cumulus::after_a_crash_at_any_commit_the_bad_file_is_found_and_the_others_hold";
    isolated(name, || {
        if !can_run(name) || !cfg!(debug_assertions) {
            return;
        }
        for at in 1.. {
            let it = Switch::new();
            assert_eq!(apply(&mut it.cumulus(), &wanted(&drop_from("a", "10.0.0.1"))).steps, 1);
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "cumulus::a_process_that_applies_and_may_crash", "--test-threads=1"])
                .env(CHILD, it.root.path())
                .env("HSFLOW_POLICY_CRASH_AT", at.to_string())
                .output()
                .unwrap();
            let outcome = apply(&mut it.cumulus(), &with_a_bad_one());
            let guilty: Vec<_> = outcome.faults.keys().map(|name| name.as_str()).collect();
            assert_eq!((guilty, outcome.trouble), (vec!["bad"], None), "crash {at}");
            let names = ["00control_plane.rules", "50rest-a.rules", "50rest-c.rules", "50rest-theirs.rules"];
            assert_eq!(it.names(), names, "crash {at}");
            if child.status.success() {
                assert!(at > 3, "{at}");
                break;
            }
        }
    });
}
