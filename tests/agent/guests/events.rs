use super::Hosted;
use crate::rig::{LIMIT, isolated};
use crate::support::wait_until;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::time::Duration;

struct Listener(BufReader<UnixStream>);

impl Listener {
    fn new(hosted: &Hosted) -> Self {
        let path = hosted.rig.path("run/guests.sock");
        let socket = wait_until("the event socket", LIMIT, || UnixStream::connect(&path).ok());
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self(BufReader::new(socket))
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Skips what is not this event.
    fn wait(&mut self, event: &str, name: &str) -> Value {
        loop {
            let told = self.next();
            if told["event"] == event && told["name"] == name {
                return told;
            }
        }
    }
}

#[test]
fn a_listener_is_told_of_each_guest_from_its_start_to_its_end() {
    isolated(|| {
        let hosted = Hosted::running("docker { }");
        hosted.dockerd.docker("run -d --name old --label tier=db bb sleep 100000");
        hosted.source("old");
        let mut listener = Listener::new(&hosted);
        let present = listener.next();
        assert_eq!((&present["event"], &present["name"]), (&"present".into(), &"old".into()));
        assert_eq!((&present["labels"]["tier"], &present["image"]), (&"db".into(), &"bb".into()));
        assert_eq!(listener.next(), serde_json::json!({"event": "complete", "guests": 1}));

        let id = hosted.dockerd.docker("run -d --name new bb sleep 100000");
        let start = listener.wait("start", "new");
        assert_eq!(
            (&start["id"], &start["engine"], &start["state"]),
            (&id.into(), &"docker".into(), &"running".into())
        );
        let inside = &start["interfaces"][0];
        assert_eq!(inside["name"], "eth0");
        assert_eq!(
            inside["addresses"][0],
            hosted.dockerd.docker("inspect -f {{.NetworkSettings.IPAddress}} new")
        );
        let port = inside["host_interface"].as_str().unwrap();
        assert_eq!(
            crate::rig::if_index(port),
            u32::try_from(inside["host_if_index"].as_u64().unwrap()).unwrap()
        );

        hosted.dockerd.docker("rename new newer");
        listener.wait("change", "newer");
        hosted.dockerd.docker("rm -f newer");
        let stop = listener.wait("stop", "newer");
        for known in ["source", "interfaces", "cgroup"] {
            assert_eq!(stop[known], start[known], "{known}");
        }
    });
}

#[test]
fn a_listener_that_does_not_read_holds_nobody_and_is_dropped() {
    isolated(|| {
        let hosted = Hosted::running("docker { }");
        hosted.dockerd.docker("run -d --name web bb sleep 100000");
        hosted.source("web");
        let deaf = UnixStream::connect(hosted.rig.path("run/guests.sock")).unwrap();
        deaf.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let many: Vec<_> =
            (0..20).map(|_| UnixStream::connect(hosted.rig.path("run/guests.sock")).unwrap()).collect();
        wait_until("too many are turned away", LIMIT, || {
            let dropped = hosted.rig.try_snapshot()["losses"]["event_clients"].as_u64()?;
            (dropped >= 5).then_some(())
        });
        drop(many);
        hosted.rig.next_sample(hosted.source("web"));
    });
}
