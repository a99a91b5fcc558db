//! The drop-ins of `systemd/` and which settings want them: what is made for a configuration is what an operator would have
//! copied by hand, so neither can fall behind the other. In: settings. Out: texts, each with its reason.

use crate::config::model::Settings;

/// A drop-in.
pub(super) struct Feature {
    /// What it says.
    pub(super) text: &'static str,
    /// The unit that it is for.
    pub(super) unit: &'static str,
    /// What it is good for.
    pub(super) reason: &'static str,
    /// Whether these settings want it.
    pub(super) is_wanted: fn(&Settings) -> bool,
}

macro_rules! shipped {
    ($unit:expr, $file:literal, $reason:literal, $wanted:expr) => {
        Feature {
            text: include_str!(concat!("../../systemd/", $file)),
            unit: $unit,
            reason: $reason,
            is_wanted: $wanted,
        }
    };
}

/// The agent's unit.
pub(super) const AGENT: &str = "hsflowd.service";
/// The unit that makes the socket of Open vSwitch's data base.
pub(super) const OVSDB: &str = "ovsdb-server.service";

/// All of them, but what grants nothing.
pub(super) static FEATURES: [Feature; 8] = [
    shipped!(AGENT, "collector-namespace.conf", "collector namespace: entering a network namespace", |s| {
        s.collectors.iter().any(|c| c.namespace.is_some())
    }),
    shipped!(AGENT, "packet-drops.conf", "dropmon: joining the group of its events since Linux 6.7", |s| {
        s.modules.dropmon.is_some()
    }),
    // Where no engine is asked there is no container to look into.
    shipped!(AGENT, "container-sockets.conf", "tcp: sockets in the network namespaces of containers", |s| {
        s.modules.tcp.is_some() && s.modules.has_containers()
    }),
    shipped!(AGENT, "docker.conf", "docker: the engine's socket", |s| s.modules.docker.is_some()),
    shipped!(AGENT, "containerd.conf", "containerd, k8s: the engine's socket", |s| {
        s.modules.containerd.is_some() || s.modules.k8s.is_some()
    }),
    shipped!(AGENT, "gpus.conf", "nvml: the devices that NVIDIA's library opens", |s| s.modules.nvml),
    shipped!(AGENT, "cumulus.conf", "cumulus: portsamp, which writes the files of switchd", |s| {
        s.modules.cumulus.is_some()
    }),
    shipped!(
        OVSDB,
        "open-vswitch.conf",
        "ovs: the socket of Open vSwitch's data base, each time it is made",
        |s| { s.modules.ovs.is_some() }
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drop_in_of_the_agent_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd");
        let entries =
            std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
        let is_agents = |name: &str| name.ends_with(".conf") && !name.starts_with("policy-");
        let files: Vec<_> = entries
            .filter(|path| path.to_str().is_some_and(|p| is_agents(p.rsplit('/').next().unwrap_or(""))))
            .collect();
        assert_eq!(files.len(), FEATURES.len());
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a text");
            assert!(FEATURES.iter().any(|feature| feature.text == text), "{}", file.display());
        }
    }
}
