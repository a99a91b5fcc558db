//! Started as root: what is given up, what is kept, and whose files are whose.

use crate::netns;
use crate::rig::{LIMIT, Rig, isolated};
use hsflow::sflow::ids::DataSource;
use nix::unistd::User;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Runs `body` where this process is the real root.
fn as_root(body: impl FnOnce()) {
    isolated(|| if netns::is_inside() { println!("SKIP: needs root") } else { body() });
}

fn agents_user() -> User {
    let of = |name| User::from_name(name).unwrap();
    of("hsflowd").or_else(|| of("nobody")).unwrap()
}

#[test]
fn root_is_left_behind_by_every_thread_and_all_goes_on_working() {
    as_root(|| {
        let rig = Rig::running("polling = 1\ncollector { ip = localhost udpport = 9 }");
        rig.next_sample(DataSource::HOST);
        rig.reload("polling = 1\nsampling = 7");
        let user = agents_user();
        let tasks = fs::read_dir(format!("/proc/{}/task", rig.process().pid())).unwrap();
        for task in tasks {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(field("Uid:"), vec![user.uid.to_string(); 4]);
            assert_eq!(field("Gid:"), vec![user.gid.to_string(); 4]);
            assert_eq!(field("Groups:"), Vec::<String>::new());
            for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
                assert_eq!(field(set), ["0000000000000000"], "{set}");
            }
            assert_eq!(field("NoNewPrivs:"), ["1"]);
        }
        let snapshot = rig.snapshot();
        assert_eq!(snapshot["healthy"], true, "{snapshot}");
        assert!(fs::read_to_string(rig.path("run/hsflowd.auto")).unwrap().contains("sampling=7\n"));
        assert_eq!(fs::metadata(rig.path("run/hsflowd.auto")).unwrap().uid(), user.uid.as_raw());
        rig.assert_logged(&format!("privileges: running as {} with 0 capabilities", user.name), 1);
    });
}

#[test]
fn a_directory_that_was_there_before_stays_its_owners() {
    as_root(|| {
        let mut rig = Rig::new();
        rig.configure("polling = 1");
        let socket = rig.text("control.sock");
        rig.start_with(&["--socket", &socket]);
        rig.next_sample(DataSource::HOST);
        assert_eq!(fs::metadata(rig.dir.path()).unwrap().uid(), 0);
    });
}

#[test]
fn with_dash_p_it_stays_root() {
    as_root(|| {
        let mut rig = Rig::new();
        rig.configure("polling = 1");
        rig.start_with(&["-P"]);
        rig.next_sample(DataSource::HOST);
        assert!(rig.proc_status("Uid").starts_with("0\t"));
        assert_eq!(rig.agent().stop(LIMIT).code(), Some(0));
    });
}
