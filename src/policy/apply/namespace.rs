//! Which network namespace is meant by a name, or by the number of a process that is in it.
//!
//! In: what policies say. Out: the policies of each namespace, by what the kernel goes by (device and inode): two names
//! of one are one, and a name of our own is no other. Rules: the number of a process means the one that had it when the
//! policy was first brought about; whoever has it later, or that one elsewhere, gets nothing of the policy, and of a
//! policy from before a restart whoever is where nothing of ours stands. What cannot be reached costs its own policies.

use crate::host::netns;
use crate::policy::model::{Netns, Policy, PolicyName};
use nix::errno::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Device and inode.
pub(super) type Id = (u64, u64);

const OWN: &str = "/proc/thread-self/ns/net";
/// Where a process began, behind the name in `/proc/PID/stat`; proc_pid_stat(5) counts it as 22.
const BEGAN: usize = 19;

/// Why a namespace gets nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("network namespace {name}: {}: {source}", path.display())]
    Open { name: String, path: PathBuf, source: io::Error },
    #[error(
        "process {0} is not the one that was meant, or is in another namespace now: ask for the policy again"
    )]
    Another(Netns),
}

impl Lost {
    /// It is no more, with all that was in it.
    pub(super) fn is_gone(&self) -> bool {
        let Self::Open { source, .. } = self else { return true };
        source.raw_os_error().map(Errno::from_raw).is_some_and(|e| matches!(e, Errno::ENOENT | Errno::ESRCH))
    }
}

/// A namespace that there is.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    id: Id,
    /// In the kernel's ticks, where it goes by a process.
    began: Option<u64>,
}

/// What is meant by a name.
pub(super) fn find(name: &Netns) -> Result<Found, Lost> {
    let (mut path, mut opened) = netns::open(Path::new("/"), name.as_str());
    let is_missing = opened.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let process = Path::new("/proc").join(name.as_str());
    let is_process = is_missing && name.as_str().bytes().all(|byte| byte.is_ascii_digit());
    if is_process {
        path = process.join("ns/net");
        opened = netns::open_file(&path);
    }
    let id = opened.and_then(|file| file.metadata()).map(|file| (file.dev(), file.ino()));
    // What `ip netns` left behind is a plain file.
    let id = id.and_then(|id| if id.0 == own()?.0 { Ok(id) } else { Err(Errno::EINVAL.into()) });
    let began = if is_process { began(&process).map(Some) } else { Ok(None) };
    match id.and_then(|id| Ok((id, began?))) {
        Ok((id, began)) => Ok(Found { path, id, began }),
        Err(source) => Err(Lost::Open { name: name.to_string(), path, source }),
    }
}

/// The file to enter it by.
pub(in crate::policy) fn entrance(name: &Netns) -> Result<PathBuf, String> {
    find(name).map(|found| found.path).map_err(|lost| lost.to_string())
}

fn own() -> io::Result<Id> {
    fs::metadata(OWN).map(|file| (file.dev(), file.ino()))
}

fn began(process: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(process.join("stat"))?;
    let field = text.rsplit_once(')').and_then(|(_, fields)| fields.split_ascii_whitespace().nth(BEGAN));
    field.and_then(|ticks| ticks.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// What is for one namespace.
#[derive(Debug, Default)]
pub(in crate::policy) struct Share {
    /// The file to enter it by; `None` is our own.
    pub entrance: Option<PathBuf>,
    /// As it was called.
    pub names: BTreeSet<Netns>,
    pub policies: Vec<Policy>,
}

/// What is for whom.
#[derive(Debug, Default)]
pub(in crate::policy) struct Shares {
    /// Our own (`None`) always.
    pub all: BTreeMap<Option<Id>, Share>,
    /// Those that are for none.
    pub faults: BTreeMap<PolicyName, String>,
    /// Names that are there, and which one they mean cannot be told.
    pub hidden: BTreeSet<Netns>,
}

/// Knows what the numbers of processes meant.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct Namespaces(BTreeMap<PolicyName, (Policy, Id, u64)>);

impl Namespaces {
    /// Shares policies out. Namespaces of the names `before` are in it too, without policies, unless they are gone.
    pub(in crate::policy) fn share<'p>(
        &mut self,
        policies: impl IntoIterator<Item = &'p Policy>,
        before: &BTreeSet<Netns>,
        now: SystemTime,
    ) -> Shares {
        self.0.retain(|_, (policy, ..)| !policy.expiry.is_over(now));
        let own = own().ok();
        let mut shares = Shares { all: [(None, Share::default())].into(), ..Shares::default() };
        let mut found: BTreeMap<Netns, Result<Found, Lost>> = BTreeMap::new();
        for name in before {
            match found.entry(name.clone()).or_insert_with(|| find(name)) {
                Ok(there) => drop(shares.of(own, name, there)),
                Err(lost) if !lost.is_gone() => drop(shares.hidden.insert(name.clone())),
                Err(_) => {}
            }
        }
        for policy in policies {
            let verdict = match &policy.netns {
                None => Ok(shares.all.entry(None).or_default()),
                Some(name) => match found.entry(name.clone()).or_insert_with(|| find(name)) {
                    Ok(there) if self.is_meant(policy, there) => Ok(shares.of(own, name, there)),
                    Ok(_) => Err(Lost::Another(name.clone()).to_string()),
                    Err(lost) => Err(lost.to_string()),
                },
            };
            match verdict {
                Ok(share) => share.policies.push(policy.clone()),
                Err(why) => drop(shares.faults.insert(policy.name.clone(), why)),
            }
        }
        shares
    }

    /// Takes out those for processes by these numbers: others have them now.
    pub(super) fn disown(
        &mut self,
        policies: &mut Vec<Policy>,
        numbers: &BTreeSet<Netns>,
    ) -> Vec<(PolicyName, String)> {
        let mut faults = Vec::new();
        policies.retain(|policy| {
            let known = self.0.get_mut(&policy.name).filter(|(known, ..)| known == policy);
            let Some(((_, id, _), name)) = known.zip(policy.netns.as_ref()) else { return true };
            if numbers.contains(name) {
                *id = (0, 0);
                faults.push((policy.name.clone(), Lost::Another(name.clone()).to_string()));
            }
            !numbers.contains(name)
        });
        faults
    }

    fn is_meant(&mut self, policy: &Policy, found: &Found) -> bool {
        let Some(began) = found.began else { return true };
        let known = self.0.get(&policy.name).filter(|(known, ..)| known == policy);
        if let Some((_, id, then)) = known {
            return (*id, *then) == (found.id, began);
        }
        self.0.insert(policy.name.clone(), (policy.clone(), found.id, began));
        true
    }
}

impl Shares {
    fn of(&mut self, own: Option<Id>, name: &Netns, found: &Found) -> &mut Share {
        let id = Some(found.id).filter(|id| Some(*id) != own);
        let share = self.all.entry(id).or_default();
        if id.is_some() {
            share.entrance.get_or_insert_with(|| found.path.clone());
            share.names.insert(name.clone());
        }
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::file::parse;
    use crate::policy::lines::Dialect;

    fn policies(netns: &str, life: &str) -> Vec<Policy> {
        let text = format!("[policy.a]\nnetns = \"{netns}\"\nprotocol = \"udp\"\n{life}action = \"drop\"\n");
        parse(&[("policy.toml", &text)], Dialect::Linux).policies
    }

    #[test]
    fn the_number_of_a_process_of_our_own_namespace_is_no_other_namespace() {
        let own = policies(&std::process::id().to_string(), "");
        let shares = Namespaces::default().share(&own, &BTreeSet::new(), SystemTime::UNIX_EPOCH);
        assert_eq!(shares.all.keys().collect::<Vec<_>>(), [&None]);
        assert_eq!(shares.all[&None].policies, own);
    }

    #[test]
    fn a_number_that_another_process_has_now_gets_nothing_until_it_is_asked_for_again() {
        let (mut namespaces, before, now) = (Namespaces::default(), BTreeSet::new(), SystemTime::UNIX_EPOCH);
        let asked = policies(&std::process::id().to_string(), "");
        assert!(namespaces.share(&asked, &before, now).faults.is_empty());
        for (_, _, began) in namespaces.0.values_mut() {
            *began += 1;
        }
        for _ in 0..2 {
            let shares = namespaces.share(&asked, &before, now);
            assert!(shares.faults.values().all(|why| why.contains("is not the one that was meant")));
            assert_eq!((shares.faults.len(), shares.all[&None].policies.len()), (1, 0));
        }
        let again = policies(&std::process::id().to_string(), "expires = \"1h\"\n");
        assert!(namespaces.share(&again, &before, now).faults.is_empty());
    }

    #[test]
    fn only_what_is_not_there_is_gone() {
        let of = |name: &str| find(&name.parse().unwrap()).unwrap_err();
        assert!(of("hsflow-no-such").is_gone() && of("4194305").is_gone());
        let (name, path) = (String::new(), PathBuf::new());
        assert!(!Lost::Open { name, path, source: Errno::EACCES.into() }.is_gone());
    }
}
