//! The back end of tables without root: with `CAP_NET_ADMIN` and `CAP_NET_RAW` alone.

use crate::apply::{MIXED, good, saved};
use crate::netns::{is_inside, isolated, run};
use crate::real::can_run;
use crate::wishes::{block, now, wanted};
use hsflow::policy::apply::{Runner, Tables};
use std::process::Command;

const CHILD: &str = "HSFLOW_TEST_POLICY_UNPRIVILEGED";

/// Run by the next test as another user.
#[test]
fn a_process_that_applies_without_root() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    assert!(!nix::unistd::Uid::effective().is_root());
    block(async {
        let mut tables = Tables::new(Runner::new());
        good(&tables.apply(&wanted(MIXED), now()).await);
        let again = tables.apply(&wanted(MIXED), now()).await;
        good(&again);
        assert_eq!(again.steps, 0);
        assert!(tables.count().await.keys().any(|name| name.as_str() == "udp"));
    });
}

#[test]
fn net_admin_and_net_raw_are_enough() {
    const NAME: &str = "unprivileged::net_admin_and_net_raw_are_enough";
    isolated(NAME, || {
        if is_inside() || !can_run(NAME) {
            return;
        }
        // Where everybody may run it.
        let program = std::env::temp_dir().join(format!("hsflow-unprivileged-{}", std::process::id()));
        // By a program: what other tests begin would have it open for writing for a moment.
        run(&format!("cp {} {}", std::env::current_exe().unwrap().display(), program.display()));
        let capabilities = "-all,+net_admin,+net_raw";
        let child = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"])
            .args(
                ["--inh-caps", "--ambient-caps", "--bounding-set"].map(|set| format!("{set}={capabilities}")),
            )
            .arg(&program)
            .args(["--exact", "unprivileged::a_process_that_applies_without_root", "--test-threads=1"])
            .current_dir("/")
            .env(CHILD, "1")
            .output();
        std::fs::remove_file(&program).unwrap();
        let child = child.unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
        assert!(said.contains("1 passed"), "{said}");
        assert!(saved().iter().any(|line| line.contains("hsflowd-policy:group:")));
    });
}
