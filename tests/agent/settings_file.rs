//! The settings file for sub-agents while the agent runs: what it says, when it is written, and where it cannot be.

use crate::netns;
use crate::rig::{LIMIT, Rig, ip, isolated};
use crate::support::wait_until;
use hsflow::sflow::ids::DataSource;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// All values of a key.
fn values(text: &str, key: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned).collect()
}

impl Rig {
    /// The file once it satisfies `test`.
    #[track_caller]
    fn settings_file(&self, what: &str, test: impl Fn(&str) -> bool) -> String {
        wait_until(what, LIMIT, || {
            let text = fs::read_to_string(self.path("run/hsflowd.auto")).ok()?;
            assert_eq!(values(&text, "rev_start"), values(&text, "rev_end"), "a torn file: {text}");
            test(&text).then_some(text)
        })
    }
}

#[test]
fn it_says_what_is_in_force_and_its_revision_rises_with_each_change() {
    isolated(|| {
        let rig = Rig::running("polling = 30\nsampling = 500\nsampling.http = 50");
        let text = rig.settings_file("a file", |_| true);
        let collector = format!("127.0.0.1 {}", rig.catcher.port());
        let hostname = netns::run("uname -n").trim().to_owned();
        for (key, expected) in [
            ("rev_start", "1"),
            ("hostname", &hostname),
            ("polling", "30"),
            ("sampling", "500"),
            ("sampling.http", "50"),
            ("agentIP", "127.0.0.1"),
            ("agent", "lo"),
            ("collector", &collector),
        ] {
            assert_eq!(values(&text, key), [expected], "{key}: {text}");
        }
        let mode = fs::metadata(rig.path("run/hsflowd.auto")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "readable by the web server's user");
        rig.reload("polling = 30\nsampling = 400\ncollector { ip = 127.0.0.1 udpport = 9 }");
        let text = rig.settings_file("the next revision", |text| values(text, "rev_start") == ["2"]);
        assert_eq!((values(&text, "sampling"), values(&text, "collector").len()), (vec!["400".into()], 2));
        rig.hang_up("configuration: reloaded, nothing changed");
        assert_eq!(values(&rig.settings_file("a file", |_| true), "rev_start"), ["2"]);
        rig.reload("agent = \"two words\"");
        let state = rig.wait_component("settings-file", "degraded");
        assert!(state.contains("no sub-agent can read: 1 lines"), "{state}");
        assert_eq!(values(&rig.settings_file("a file", |_| true), "agent"), [] as [&str; 0]);
    });
}

#[test]
fn it_follows_the_agent_address_and_says_the_hosts_name_from_the_first_one_on() {
    isolated(|| {
        let mut rig = Rig::new();
        ip("addr flush dev lo");
        rig.configure("polling = 1");
        rig.start();
        rig.wait_component("agent-address", "degraded");
        let text = rig.settings_file("a file", |_| true);
        assert!(values(&text, "agentIP").is_empty(), "sub-agents are stopped: {text}");
        ip("addr add 127.0.0.1/8 dev lo");
        let text = rig.settings_file("the address", |text| !values(text, "agentIP").is_empty());
        assert_eq!(values(&text, "hostname"), [netns::run("uname -n").trim()]);
        ip("link add a0 type veth peer name a1");
        ip("addr add 10.0.0.1/24 dev a0");
        rig.settings_file("the better address", |text| values(text, "agentIP") == ["10.0.0.1"]);
        ip("addr del 10.0.0.1/24 dev a0");
        rig.settings_file("the other address", |text| values(text, "agentIP") == ["127.0.0.1"]);
    });
}

#[test]
fn where_it_cannot_be_written_the_agent_says_so_and_goes_on() {
    isolated(|| {
        if netns::is_inside() {
            return println!("SKIP where_it_cannot_be_written: needs another user");
        }
        let mut rig = Rig::new();
        rig.configure("polling = 1");
        fs::create_dir(rig.path("locked")).unwrap();
        let auto = rig.text("locked/hsflowd.auto");
        rig.start_with(&["-o", &auto]);
        let state = rig.wait_component("settings-file", "degraded");
        assert!(state.contains(&auto) && state.contains("Permission denied"), "{state}");
        rig.next_sample(DataSource::HOST);
        rig.two_cycles();
        fs::set_permissions(rig.path("locked"), fs::Permissions::from_mode(0o777)).unwrap();
        rig.wait_component("settings-file", "running");
        rig.reload("polling = 1\nsampling = 7");
        assert_eq!(values(&fs::read_to_string(&auto).unwrap(), "sampling"), ["7"]);
        rig.assert_logged("settings-file degraded", 1);
        rig.assert_logged("settings-file recovered", 1);
    });
}

#[test]
fn a_link_to_it_stays_a_link() {
    isolated(|| {
        let mut rig = Rig::new();
        rig.configure("");
        let link = rig.text("link.auto");
        std::os::unix::fs::symlink("run/hsflowd.auto", &link).unwrap();
        rig.start_with(&["-o", &link]);
        let text = rig.settings_file("a file", |_| true);
        assert_eq!(values(&text, "agentIP"), ["127.0.0.1"]);
        rig.reload("sampling = 7");
        rig.settings_file("the new settings", |text| values(text, "sampling") == ["7"]);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    });
}
