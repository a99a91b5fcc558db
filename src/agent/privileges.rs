//! Which privileges the settings need, and giving up all others. Under systemd the unit's own user and capability
//! set come first and this finds nothing to do; started as root by hand or by an init script, the agent becomes
//! the user `hsflowd`, or `nobody` where that user does not exist.
//!
//! Rule: only what a setting needs is kept, each with its reason, and never a way back to root.

use crate::config::model::Settings;
use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, User, geteuid, setgroups, setresgid, setresuid};

/// A capability that a setting needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The capability.
    pub capability: Capability,
    /// The setting that needs it.
    pub reason: &'static str,
}

/// What these settings need beyond an ordinary user's rights.
pub fn needed(settings: &Settings) -> Vec<Need> {
    let mut needs = Vec::new();
    if settings.collectors.iter().any(|c| c.namespace.is_some()) {
        needs.push(Need {
            capability: Capability::CAP_SYS_ADMIN,
            reason: "collector namespace: entering a network namespace",
        });
    }
    let m = &settings.modules;
    let mut need = |wanted: bool, capability, reason| {
        if wanted && !needs.iter().any(|need: &Need| need.capability == capability) {
            needs.push(Need { capability, reason });
        }
    };
    // epcap falls back to the taps of pcap.
    need(!m.pcap.is_empty() || !m.epcap.is_empty(), Capability::CAP_NET_RAW, "pcap: tapping interfaces");
    need(!m.epcap.is_empty(), Capability::CAP_BPF, "epcap: loading its program");
    need(!m.epcap.is_empty(), Capability::CAP_NET_ADMIN, "epcap: attaching its program");
    need(
        m.nflog.as_ref().is_some_and(|nflog| nflog.group.is_some()),
        Capability::CAP_NET_ADMIN,
        "nflog: its group",
    );
    need(m.psample.is_some(), Capability::CAP_NET_ADMIN, "psample: its group");
    need(m.dropmon.is_some(), Capability::CAP_NET_ADMIN, "dropmon: starting the monitor");
    need(m.dropmon.is_some(), Capability::CAP_SYS_ADMIN, "dropmon: joining the group of its events");
    needs
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
    setgroups(&[]).map_err(system("leaving supplementary groups"))?;
    setresgid(gid, gid, gid).map_err(system("setting the group"))?;
    setresuid(uid, uid, uid).map_err(system("setting the user"))?;
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &keep)?;
    }
    prctl::set_no_new_privs().map_err(system("refusing new privileges"))
}
