//! Guests of this host: virtual machines, containers, pods and services, whoever runs them.
//!
//! In: what an engine (libvirt, Docker, containerd, systemd) says of its guests. Out: their identity as sFlow has it: UUID,
//! data source, name. Rules: an engine's own id is the key, because names change and repeat; the same guest has the
//! same UUID and data source after every restart, as with the C agent. Spec: sFlow Host Structures.

pub mod domain;
pub mod index;
pub mod marks;
pub mod pod;
pub mod roster;
pub mod uuid;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Who runs a guest; later ones go before earlier ones where only one can count the host's guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A service of systemd.
    Systemd,
    /// A container of Docker or Podman.
    Docker,
    /// A container of containerd.
    Containerd,
    /// A pod of Kubernetes.
    K8s,
    /// A domain of libvirt.
    Kvm,
}

impl Engine {
    /// All, by rank.
    pub const ALL: [Self; 5] = [Self::Systemd, Self::Docker, Self::Containerd, Self::K8s, Self::Kvm];

    /// The name of its object in the configuration, which is the component's in the state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::K8s => "k8s",
            Self::Kvm => "kvm",
        }
    }
}

/// What a guest is doing, in the numbers of sFlow, which are libvirt's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u32)]
pub enum GuestState {
    /// Created and not started, or unknown.
    #[default]
    None = 0,
    /// Running.
    Running = 1,
    /// Waiting for a resource.
    Blocked = 2,
    /// Paused.
    Paused = 3,
    /// Being shut down; also what the C agent calls a container that has ended.
    Shutdown = 4,
    /// Off.
    Shutoff = 5,
    /// Crashed.
    Crashed = 6,
    /// Suspended by its own power management.
    Suspended = 7,
}

impl GuestState {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Running => "running",
            Self::Blocked => "blocked",
            Self::Paused => "paused",
            Self::Shutdown => "shutdown",
            Self::Shutoff => "shutoff",
            Self::Crashed => "crashed",
            Self::Suspended => "suspended",
        }
    }

    /// True while it may use this host's resources.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Blocked | Self::Paused | Self::Suspended)
    }
}

/// A guest as its engine describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Who runs it.
    pub engine: Engine,
    /// The engine's own word for it, which no other guest of the engine has: container id, domain UUID, unit name,
    /// pod name as `host_descr` has it.
    pub id: String,
    /// Its name, as the engine has it: without a leading `/`, not made unique.
    pub name: String,
    /// Its host name inside, where the engine says.
    pub hostname: Option<String>,
    /// What it was made from.
    pub image: Option<String>,
    /// What its owner wrote on it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What it is doing.
    pub state: GuestState,
    /// Its first process, as this host numbers it; none while it does not run.
    pub pid: Option<u32>,
    /// Its cgroup below the mount points, where the engine says; else that of its first process.
    pub cgroup: Option<String>,
    /// CPUs that it may use, as `virt_cpu` has them.
    pub cpus: Option<u32>,
    /// Bytes of memory that it may use, where the engine limits it.
    pub memory_max: Option<u64>,
    /// GPUs that it was given: UUIDs.
    #[serde(default)]
    pub gpus: Vec<String>,
}

impl Guest {
    /// A running guest of which nothing but the name is known.
    pub fn new(engine: Engine, id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            engine,
            id: id.into(),
            name: name.into(),
            hostname: None,
            image: None,
            labels: BTreeMap::new(),
            state: GuestState::Running,
            pid: None,
            cgroup: None,
            cpus: None,
            memory_max: None,
            gpus: Vec::new(),
        }
    }

    /// Its UUID: what its id says in hexadecimal digits, else one made of the host's UUID, its id and the agent address.
    pub fn uuid(&self, host: [u8; 16], agent: IpAddr) -> [u8; 16] {
        let own = match self.engine {
            Engine::Docker | Engine::Containerd | Engine::Kvm => uuid::parse_prefix(&self.id),
            Engine::Systemd | Engine::K8s => None,
        };
        own.unwrap_or_else(|| uuid::named(host, &self.id, agent))
    }
}
