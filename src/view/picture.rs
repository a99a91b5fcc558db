//! How things are at one moment, as values: what screens, logs and the page of `hsflowctl web` show.

use super::alerts::Line;
use super::applications::ApplicationRow;
use super::drops::DropRow;
use super::flows::FlowRow;
use super::guests::GuestRow;
use super::host::HostRow;
use super::interfaces::InterfaceRow;
use super::trail::Trail;
use serde::Serialize;
use std::net::IpAddr;

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Picture {
    /// Seconds since 1970.
    pub unix: u64,
    /// All agents, by address.
    pub hosts: Vec<HostLine>,
    /// One of them in full.
    pub shown: Option<AgentPicture>,
    /// What was high, the oldest first.
    pub alerts: Vec<Line>,
    /// Alerts that are not over.
    pub current: usize,
    /// Datagrams that are no sFlow.
    pub broken: u64,
    /// Datagrams of agents for which there is no room.
    pub refused: u64,
}

/// An agent in a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)] // their names say it
pub struct HostLine {
    pub address: IpAddr,
    pub name: String,
    pub cpu: Option<f64>,
    pub load: Option<f64>,
    pub memory: Option<f64>,
    /// Of the host, or of its interfaces together.
    pub in_bits: Option<f64>,
    pub out_bits: Option<f64>,
    pub drops: Option<f64>,
    pub interfaces: usize,
    pub guests: usize,
    pub alerts: usize,
    pub silent_secs: u64,
    pub is_silent: bool,
}

/// The name of a host, or the address of its agent where it says none.
pub(super) fn label(host: &str, address: IpAddr) -> String {
    if host.is_empty() { address.to_string() } else { host.to_owned() }
}

/// An agent in full.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)] // their names say it
pub struct AgentPicture {
    pub address: IpAddr,
    /// On the agent's clock, as the points of `trail`.
    pub time: f64,
    pub silent_secs: u64,
    pub is_silent: bool,
    /// Seconds between samples of the host.
    pub polling: Option<f64>,
    pub datagrams: u64,
    /// Datagrams that were numbered and did not come.
    pub lost: u64,
    pub packet_samples: u64,
    /// Packet samples that the agent could not send.
    pub lost_samples: u64,
    /// Dropped packets that the agent knew of and did not tell one by one.
    pub unseen_drops: u64,
    /// Rows for which there is no room.
    pub left_out: u64,
    pub host: HostRow,
    /// Seconds, CPU, memory, bits in and out, bytes read and written.
    pub trail: Trail<6>,
    pub interfaces: Vec<InterfaceRow>,
    pub guests: Vec<GuestRow>,
    pub applications: Vec<ApplicationRow>,
    pub flows: Vec<FlowRow>,
    pub drops: Vec<DropRow>,
}

impl AgentPicture {
    /// The host's name, or the agent's address.
    pub fn label(&self) -> String {
        label(&self.host.name, self.address)
    }

    /// The name of where a packet was sampled.
    pub fn place(&self, (class, index): (u32, u32)) -> String {
        let named = || self.interfaces.iter().find(|row| row.index == index).map(InterfaceRow::label);
        if class == 0 { named().unwrap_or_else(|| format!("if#{index}")) } else { format!("{class}:{index}") }
    }

    /// The name of a guest; empty for nobody.
    pub fn guest(&self, index: u32) -> String {
        let named = || self.guests.iter().find(|row| row.index == index).map(|row| row.name.clone());
        if index == 0 { String::new() } else { named().unwrap_or_else(|| format!("3:{index}")) }
    }
}
