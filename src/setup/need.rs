//! Which capabilities the settings need, each with the setting that needs it. In: settings. Out: needs. The agent keeps
//! these at its start and gives up all others; `plan` decides which of them its unit is given. Spec: capabilities(7).

use crate::config::model::Settings;
use caps::Capability;

/// A capability that a setting needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The capability.
    pub capability: Capability,
    /// The setting that needs it.
    pub reason: &'static str,
    /// Without it the setting does nothing; else it does less, or nothing on some kernels.
    pub vital: bool,
}

/// What these settings need beyond an ordinary user's rights, each capability once, with its first reason.
pub fn needed(settings: &Settings) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for wish in wished(settings) {
        match needs.iter_mut().find(|need| need.capability == wish.capability) {
            Some(need) => need.vital |= wish.vital,
            None => needs.push(wish),
        }
    }
    needs
}

/// The same with every reason.
pub fn wished(settings: &Settings) -> Vec<Need> {
    use Capability::{CAP_BPF, CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN, CAP_SYS_PTRACE};
    let m = &settings.modules;
    let namespace = settings.collectors.iter().any(|c| c.namespace.is_some());
    let device = settings.collectors.iter().any(|c| c.device.is_some());
    let group = m.nflog.as_ref().is_some_and(|nflog| nflog.group.is_some());
    let own_rule = group && m.nflog.as_ref().is_some_and(|nflog| nflog.own_rule);
    let (pcap, epcap) = (!m.pcap.is_empty(), !m.epcap.is_empty());
    let wishes = [
        (namespace, CAP_SYS_ADMIN, true, "collector namespace: entering a network namespace"),
        (pcap, CAP_NET_RAW, true, "pcap: tapping interfaces"),
        (epcap, CAP_NET_RAW, true, "epcap: tapping interfaces where there is no eBPF"),
        (epcap, CAP_BPF, true, "epcap: loading its program"),
        (epcap, CAP_NET_ADMIN, true, "epcap: attaching its program"),
        (group, CAP_NET_ADMIN, true, "nflog: its group"),
        (m.psample.is_some(), CAP_NET_ADMIN, true, "psample: its group"),
        (m.vpp.is_some(), CAP_NET_ADMIN, true, "vpp: what it tells, and its packets"),
        (m.dent.is_some(), CAP_NET_ADMIN, true, "dent: the tc filters of its ports"),
        (own_rule, CAP_NET_RAW, false, "nflog rule: iptables-legacy"),
        (settings.wants_optics(), CAP_NET_ADMIN, true, "optics: reading transceivers"),
        (m.dropmon.is_some(), CAP_NET_ADMIN, true, "dropmon: starting the monitor"),
        (
            m.dropmon.is_some(),
            CAP_SYS_ADMIN,
            false,
            "dropmon: joining the group of its events since Linux 6.7",
        ),
        (device, CAP_NET_RAW, false, "collector dev: binding to a device before Linux 5.7"),
        (m.has_containers(), CAP_NET_ADMIN, false, "docker, containerd, k8s: the interfaces of containers"),
        // Not vital: the socket may be another's than root's.
        (m.ovs.is_some(), CAP_DAC_OVERRIDE, false, "ovs: the socket of Open vSwitch's data base"),
        (m.cumulus.is_some(), CAP_DAC_OVERRIDE, false, "cumulus: portsamp writes the files of switchd"),
        (m.tcp.is_some(), CAP_SYS_ADMIN, false, "tcp: sockets in the network namespaces of containers"),
        (m.tcp.is_some(), CAP_SYS_PTRACE, false, "tcp: finding network namespaces that have no name"),
    ];
    let wishes = wishes.into_iter().filter(|(wanted, ..)| *wanted);
    wishes.map(|(_, capability, vital, reason)| Need { capability, reason, vital }).collect()
}
