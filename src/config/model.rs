//! What the agent is told to do: plain values, already valid. In: nothing. Out: [`Settings`], made by `build`
//! from a file. Every default is in the key table, not here.

use super::origin::Origins;
use std::net::IpAddr;

pub use super::matching::Candidate;
pub use super::modules::*;

/// All settings of the agent, after defaults and checks.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Seconds between counter samples of one data source; 0 switches all counter samples off.
    pub polling_secs: u32,
    /// 1-in-N for interfaces of unknown speed.
    pub sampling: u32,
    /// `sampling.KEY` and `polling.KEY`, most recently defined first.
    pub keyed: Vec<KeyedRate>,
    /// Bytes of packet header in a sample.
    pub header_bytes: u32,
    /// Most bytes of UDP payload in one datagram.
    pub datagram_bytes: u32,
    /// `agentIP`: an address or a host name.
    pub agent_ip: Option<String>,
    /// `agent`: a device whose addresses are preferred.
    pub agent_device: Option<String>,
    /// `agent.cidr` in file order.
    pub agent_cidrs: Vec<CidrRule>,
    /// `subAgentId`; counters of an agent without packet sources use this + 1.
    pub sub_agent_id: u32,
    /// `uuid`.
    pub uuid: Option<[u8; 16]>,
    /// Seconds between full re-reads of the interfaces.
    pub refresh_adaptors_secs: u32,
    /// Seconds between cheap flag checks in the C agent; here notifications do that work.
    pub check_adaptors_secs: u32,
    /// Seconds between re-reads of the guest lists.
    pub refresh_vms_secs: u32,
    /// Seconds after which a vanished guest is forgotten.
    pub forget_vms_secs: u32,
    /// Where datagrams go, in file order.
    pub collectors: Vec<CollectorSettings>,
    /// Pressure stall information of guests is sent too (a key of ours: `guestPressure`).
    pub guest_pressure: bool,
    /// What transceivers measure is sent too (a key of ours: `optics`); `None`: on switches.
    pub optics: Option<bool>,
    /// Priority flow control is sent too (a key of ours: `pfc`); `None`: on switches.
    pub pfc: Option<bool>,
    /// Which interfaces send counter samples (a key of ours: `interfaceCounters`).
    pub interface_counters: InterfaceCounters,
    /// The feature objects that the file names.
    pub modules: Modules,
    /// Nothing is to be measured or sent now; never so by the file alone.
    pub suspended: Option<Suspension>,
    /// Where the values came from, and what the file names in vain; no part of the meaning.
    pub origins: Origins,
}

/// Why nothing is measured or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// `dns-sd { }` has no answer yet.
    NoAnswer,
    /// DNS says that there is no collector.
    NoRecord,
}

/// One `collector { }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectorSettings {
    /// `ip`: an address, or a host name to be resolved.
    pub host: String,
    /// `udpport`.
    pub port: u16,
    /// `dev`: the interface that datagrams leave by.
    pub device: Option<String>,
    /// `namespace`: the network namespace (a name under /var/run/netns) that datagrams are sent in.
    pub namespace: Option<String>,
    /// Datagrams go to the lowest rank that has a working collector, and to those before it; 0 for those of the file.
    pub rank: u16,
}

/// A `sampling.KEY` and/or `polling.KEY` pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedRate {
    /// A link speed (`10G`), `bps_ratio`, or an application (`http`, `app.NAME`), case as written.
    pub key: String,
    /// `sampling.KEY`.
    pub sampling: Option<u32>,
    /// `polling.KEY`.
    pub polling: Option<u32>,
}

/// One `agent.cidr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CidrRule {
    /// Network address, host bits cleared.
    pub network: IpAddr,
    /// Prefix length.
    pub prefix: u8,
    /// `!`: addresses in it are never chosen.
    pub negate: bool,
}

/// Which interfaces send counter samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterfaceCounters {
    /// Those that are sampled or matched as switch ports: what the C agent does.
    #[default]
    Sampled,
    /// Also every physical interface.
    Physical,
    /// Every interface but loopback.
    All,
}

impl std::fmt::Display for InterfaceCounters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sampled => "sampled",
            Self::Physical => "physical",
            Self::All => "all",
        })
    }
}
