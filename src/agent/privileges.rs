//! Which privileges the settings need, and giving up all others. Under systemd the unit's own user and capability
//! set come first and this finds nothing to do; started as root by hand or by an init script, the agent becomes
//! the user `hsflowd`, or `nobody` where that user does not exist.
//!
//! Rule: only what a setting needs is kept, each with its reason, and never a way back to root.

use crate::config::model::Settings;
use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, User, geteuid, getgrouplist, setgroups, setresgid, setresuid};
use std::ffi::CString;

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

/// What these settings need beyond an ordinary user's rights.
pub fn needed(settings: &Settings) -> Vec<Need> {
    use Capability::{CAP_BPF, CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN, CAP_SYS_PTRACE};
    let m = &settings.modules;
    let namespace = settings.collectors.iter().any(|c| c.namespace.is_some());
    let device = settings.collectors.iter().any(|c| c.device.is_some());
    let group = m.nflog.as_ref().is_some_and(|nflog| nflog.group.is_some());
    let own_rule = group && m.nflog.as_ref().is_some_and(|nflog| nflog.own_rule);
    let (pcap, epcap) = (!m.pcap.is_empty(), !m.epcap.is_empty());
    let containers = m.docker.is_some() || m.containerd.is_some() || m.k8s.is_some();
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
        (containers, CAP_NET_ADMIN, false, "docker, containerd, k8s: the interfaces of containers"),
        // Not vital: the socket may be another's than root's.
        (m.ovs.is_some(), CAP_DAC_OVERRIDE, false, "ovs: the socket of Open vSwitch's data base"),
        (m.cumulus.is_some(), CAP_DAC_OVERRIDE, false, "cumulus: portsamp writes the files of switchd"),
        (m.tcp.is_some(), CAP_SYS_ADMIN, false, "tcp: sockets in the network namespaces of containers"),
        (m.tcp.is_some(), CAP_SYS_PTRACE, false, "tcp: finding network namespaces that have no name"),
    ];
    let mut needs: Vec<Need> = Vec::new();
    for (_, capability, vital, reason) in wishes.into_iter().filter(|(wanted, ..)| *wanted) {
        match needs.iter_mut().find(|need| need.capability == capability) {
            Some(need) => need.vital |= vital,
            None => needs.push(Need { capability, reason, vital }),
        }
    }
    needs
}

/// The vital ones that this process does not have, and cannot get: what they are for is not possible.
pub fn missing(needs: &[Need]) -> Vec<Need> {
    let has = |need: &&Need| caps::has_cap(None, CapSet::Effective, need.capability).unwrap_or(false);
    needs.iter().filter(|need| need.vital && !has(need)).copied().collect()
}

/// Giving up privileges failed; the object and the errno say where.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Neither user exists.
    #[error("neither user hsflowd nor user nobody exists; create one, or keep root with -P")]
    NoUser,
    /// A system call refused.
    #[error("{operation}: {source}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// Why not.
        source: nix::Error,
    },
    /// The capability sets could not be changed.
    #[error("setting capabilities: {0}")]
    Capabilities(#[from] caps::errors::CapsError),
}

fn system(operation: &'static str) -> impl Fn(nix::Error) -> PrivilegeError {
    move |source| PrivilegeError::System { operation, source }
}

/// The user to become, when the agent is root now.
///
/// # Errors
/// Neither candidate exists, or the user data base cannot be read.
pub fn unprivileged_user() -> Result<Option<User>, PrivilegeError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["hsflowd", "nobody"] {
        if let Some(user) = User::from_name(name).map_err(system("looking up the agent's user"))? {
            return Ok(Some(user));
        }
    }
    Err(PrivilegeError::NoUser)
}

/// Becomes `user`, keeping the capabilities in `needs`. Nothing can be regained afterwards.
///
/// # Errors
/// A system call refused; the process must end rather than run with more rights than it says.
pub fn apply_drop(user: &User, needs: &[Need]) -> Result<(), PrivilegeError> {
    let keep: CapsHashSet = needs.iter().map(|n| n.capability).collect();
    prctl::set_keepcaps(true).map_err(system("keeping capabilities"))?;
    let (uid, gid): (Uid, Gid) = (user.uid, user.gid);
    setgroups(&groups_of(user)?).map_err(system("taking the groups of the agent's user"))?;
    setresgid(gid, gid, gid).map_err(system("setting the group"))?;
    setresuid(uid, uid, uid).map_err(system("setting the user"))?;
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &keep)?;
    }
    prctl::set_no_new_privs().map_err(system("refusing new privileges"))
}

/// The groups that the administrator gave it, such as that of Docker's socket.
fn groups_of(user: &User) -> Result<Vec<Gid>, PrivilegeError> {
    let fail = system("looking up the groups of the agent's user");
    let name = CString::new(user.name.as_str()).map_err(|_| fail(nix::Error::EINVAL))?;
    let mut groups = getgrouplist(&name, user.gid).map_err(fail)?;
    groups.retain(|gid| *gid != user.gid);
    Ok(groups)
}

/// Gives up what an ordinary user was given (by a service manager) and `needs` does not have. Nothing can be regained
/// afterwards.
///
/// # Errors
/// A system call refused; the process then has more rights than it says, all given by whoever started it.
pub fn apply_reduction(needs: &[Need]) -> Result<(), PrivilegeError> {
    let had = caps::read(None, CapSet::Permitted)?;
    let keep: CapsHashSet = needs.iter().map(|n| n.capability).filter(|c| had.contains(c)).collect();
    if keep == had {
        return Ok(());
    }
    // A capability leaves the ambient set with the permitted one.
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        let held = caps::read(None, set)?;
        caps::set(None, set, &held.intersection(&keep).copied().collect())?;
    }
    Ok(())
}
