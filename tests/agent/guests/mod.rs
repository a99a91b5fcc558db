//! Guests as the whole agent has them: real containers of a dockerd of the test's own, in the agent's network namespace. The
//! witnesses are the kernel's own files, `ip` inside the container, and what `docker` says.

mod containers;
mod events;
mod gpus;
mod outages;
mod pressure;
mod soak;
mod stats;

use crate::dockerd::Dockerd;
use crate::rig::{LIMIT, Rig};
use hsflow::sflow::ids::DataSource;
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::path::Path;

/// An agent that watches the containers of a dockerd. The dockerd ends after the agent.
pub(super) struct Hosted {
    pub(super) rig: Rig,
    pub(super) dockerd: Dockerd,
}

impl Hosted {
    /// Both running; `body` is the rest of the configuration.
    pub(super) fn running(body: &str) -> Self {
        let mut hosted = Self::waiting(&[], body);
        hosted.start();
        hosted
    }

    /// The agent is not started yet; `options` are further ones of dockerd.
    pub(super) fn waiting(options: &[&str], body: &str) -> Self {
        let dockerd = Dockerd::beside(&[&["--bip=172.31.255.1/24"], options].concat());
        for name in ["proc", "sys", "etc", "run"] {
            symlink(format!("/{name}"), dockerd.root().join(name)).unwrap();
        }
        let rig = Rig::new();
        rig.configure(&format!("agentIP = 172.31.255.1 polling = 1 {body}"));
        Self { rig, dockerd }
    }

    /// The agent, with the rights of root: the socket is root's.
    pub(super) fn start(&mut self) {
        self.start_in(&[]);
    }

    /// The same, with these variables in its environment.
    pub(super) fn start_in(&mut self, variables: &[(&str, &Path)]) {
        self.rig.start_in(&["-P", "--root", self.dockerd.root().to_str().unwrap()], variables);
        self.rig.wait_component("docker", "running");
    }

    /// What the status says of a container, once it says anything.
    pub(super) fn guest(&self, name: &str) -> Value {
        crate::support::wait_until(&format!("guest {name}"), LIMIT, || self.try_guest(name))
    }

    pub(super) fn try_guest(&self, name: &str) -> Option<Value> {
        let guests = self.rig.try_snapshot()["guests"].as_array().cloned().unwrap_or_default();
        guests.into_iter().find(|guest| guest["name"] == name)
    }

    pub(super) fn source(&self, name: &str) -> DataSource {
        let guest = self.guest(name);
        let (_, index) = guest["source"].as_str().unwrap().split_once(':').unwrap();
        DataSource::logical(index.parse().unwrap())
    }

    /// The first process of a container.
    pub(super) fn pid(&self, name: &str) -> String {
        self.dockerd.docker(&format!("inspect -f {{{{.State.Pid}}}} {name}"))
    }
}
