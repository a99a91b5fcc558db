//! What the status and the event socket say of guests: a part of the contract with other programs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Who runs it: `docker`, `containerd`, `k8s`, `systemd`, `kvm`.
    pub engine: String,
    /// The engine's own word for it.
    pub id: String,
    /// Its name, as collectors see it.
    pub name: String,
    /// Its UUID, hyphenated.
    pub uuid: String,
    /// Its data source: `3:100123`.
    pub source: String,
    /// What it is doing.
    pub state: String,
    /// What it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What its owner wrote on it; on the event socket only, which not everybody may read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its cgroup, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Its network interfaces; none where it uses the host's.
    #[serde(default)]
    pub interfaces: Vec<GuestInterface>,
    /// Counter samples sent.
    pub counter_samples: u32,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How long its tasks have waited for resources since it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure: Option<Pressure>,
}

/// Pressure stall information: microseconds in which some task waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the kernel's names
pub struct Pressure {
    pub cpu_us: Option<u64>,
    pub memory_us: Option<u64>,
    pub io_us: Option<u64>,
}

/// A network interface of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestInterface {
    /// Its name inside; of a virtual machine: its tap here.
    pub name: String,
    /// Its link address, `02:42:ac:11:00:02`.
    pub mac: Option<String>,
    /// Its addresses, of both families.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// The name of its end on this host: veth or tap.
    #[serde(default)]
    pub host_interface: Option<String>,
    /// ifIndex of that end.
    #[serde(default)]
    pub host_if_index: Option<u32>,
}

/// What happened to a guest: one line on the event socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// It was there when the reader came.
    Present(Guest),
    /// All that were there have been told.
    Complete {
        /// How many.
        guests: usize,
    },
    /// It is new.
    Start(Guest),
    /// It is not as it was.
    Change(Guest),
    /// It is no more.
    Stop(Guest),
}
