//! Processes: which are agents, and what an agent may do. In: `/proc`. Out: processes and rights. Spec: proc(5).

use super::agents_user;
use crate::ctl::doctor::facts::{Process, Rights};
use crate::host::Host;
use std::ffi::CString;
use std::fs;

const NAME: &str = "hsflowd";
/// What the C agent has loaded.
const C_MODULES: &str = "/hsflowd/modules/mod_";

/// Those called hsflowd that live in this network namespace, and those of which that may not be seen.
pub(super) fn agents(host: &Host) -> Vec<Process> {
    let own = fs::read_link(host.path("/proc/self/ns/net")).ok();
    let ids = fs::read_dir(host.path("/proc")).into_iter().flatten().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let agent = |pid: u32| {
        let comm = fs::read_to_string(host.path(format!("/proc/{pid}/comm"))).ok()?;
        let space = fs::read_link(host.path(format!("/proc/{pid}/ns/net"))).ok();
        let is_seen = space.is_some() && own.is_some();
        (comm.trim_end() == NAME && (!is_seen || space == own)).then(|| process(host, pid, is_seen))
    };
    let mut found: Vec<Process> = ids.filter_map(agent).collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn process(host: &Host, pid: u32, is_here: bool) -> Process {
    let program = fs::read_link(host.path(format!("/proc/{pid}/exe"))).ok();
    let maps = fs::read_to_string(host.path(format!("/proc/{pid}/maps"))).unwrap_or_default();
    Process {
        pid,
        is_here,
        program: program.map(|path| path.display().to_string()),
        is_c_agent: maps.contains(C_MODULES),
    }
}

/// What a process may do.
pub(super) fn rights(host: &Host, pid: u32) -> Option<Rights> {
    parse(&fs::read_to_string(host.path(format!("/proc/{pid}/status"))).ok()?)
}

/// What an agent's user may do that does not run yet.
pub(super) fn future_rights() -> Option<Rights> {
    let user = agents_user()?;
    let name = CString::new(user.name).ok()?;
    let groups = nix::unistd::getgrouplist(&name, user.gid).unwrap_or_default();
    Some(Rights {
        uid: user.uid.as_raw(),
        groups: groups.into_iter().map(|gid| gid.as_raw()).collect(),
        capabilities: None,
    })
}

/// The lines `Uid`, `Gid`, `Groups` and `CapEff`.
fn parse(status: &str) -> Option<Rights> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    // Real, effective, saved, of the file system.
    let effective = |name: &str| field(name)?.split_whitespace().nth(1)?.parse::<u32>().ok();
    let mut groups: Vec<u32> =
        field("Groups")?.split_whitespace().filter_map(|gid| gid.parse().ok()).collect();
    groups.extend(effective("Gid"));
    let capabilities = u64::from_str_radix(field("CapEff")?.trim(), 16).ok();
    Some(Rights { uid: effective("Uid")?, groups, capabilities })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_those_of_the_effective_user() {
        let text = "Name:\thsflowd\nUid:\t0\t999\t999\t999\nGid:\t0\t998\t998\t998\nGroups:\t5 6 \nCapEff:\t0000000000002000\n";
        let rights = Rights { uid: 999, groups: vec![5, 6, 998], capabilities: Some(0x2000) };
        assert_eq!(parse(text), Some(rights));
        assert_eq!(parse("Name:\tx\n"), None);
        assert!(rights_of_self().capabilities.is_some());
    }

    fn rights_of_self() -> Rights {
        super::rights(&Host::default(), std::process::id()).unwrap()
    }
}
