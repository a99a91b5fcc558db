//! Which privileges the settings need, and giving up all others. Under systemd the unit's own user and capability
//! set come first and this finds nothing to do; started as root by hand or by an init script, the agent becomes
//! the user `hsflowd`, or `nobody` where that user does not exist.
//!
//! Rule: only what a setting needs is kept, each with its reason, and never a way back to root.

pub use crate::setup::{Need, needed};
use caps::{CapSet, CapsHashSet};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, User, geteuid, getgrouplist, setgroups, setresgid, setresuid};
use std::ffi::CString;

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
