//! Which hierarchies of cgroups are mounted, and where a process or a path is in them.
//!
//! In: `/proc/self/mountinfo`, `/proc/PID/cgroup`. Out: [`Place`]s. Rules: the type of the file system tells its version and its
//! options the controllers, combined ones (`cpu,cpuacct`) too; of two mounts of one hierarchy the one that shows all
//! of it holds, else the first. Spec: `cgroups(7)`, `proc_pid_mountinfo(5)`.

use super::error::CgroupError;
use super::kept::Shared;
use super::place::{ByRole, Directory, Mounted, Place, Role};
use crate::collect::host::Faults;
use crate::collect::host::mounts::{parse_mountinfo, unescape};
use crate::host::{Host, HotFile, ReadError};
use std::path::Path;

/// The hierarchies of a host.
#[derive(Debug)]
pub struct Hierarchies {
    host: Host,
    mountinfo: HotFile,
    mounted: ByRole<Mounted>,
    shared: Shared,
}

impl Hierarchies {
    /// Reads the mount table.
    ///
    /// # Errors
    /// It cannot be read, or no hierarchy that counts anything is mounted.
    pub fn read(host: &Host) -> Result<Self, CgroupError> {
        let mountinfo = HotFile::new(host.mountinfo());
        let mut read =
            Self { host: host.clone(), mountinfo, mounted: ByRole::default(), shared: Shared::new(host) };
        read.mounted = read.mounts()?;
        Ok(read)
    }

    /// Reads the mount table again if the kernel says that it has changed: one `poll` while it has not. True where
    /// hierarchies are mounted in other places than before, and places must be asked for anew.
    ///
    /// # Errors
    /// As [`Self::read`]; what was known before stays.
    pub fn refresh(&mut self) -> Result<bool, CgroupError> {
        if !self.mountinfo.has_changed() {
            return Ok(false);
        }
        let mounted = self.mounts()?;
        let changed = mounted != self.mounted;
        self.mounted = mounted;
        Ok(changed)
    }

    /// Where a process is. `pid` is the host's number of it.
    ///
    /// # Errors
    /// The process is gone, or hidden from the agent.
    pub fn of_process(&self, pid: u32) -> Result<Place, CgroupError> {
        self.of_lines(&self.lines(pid)?, |path| path)
    }

    /// Where the guest is whose engine calls it `id`, and which `pid` is a process of: as [`Self::of_process`], but cgroups that
    /// the guest has made inside its own count to it.
    ///
    /// # Errors
    /// As [`Self::of_process`].
    pub fn of_guest(&self, pid: u32, id: &str) -> Result<Place, CgroupError> {
        self.of_lines(&self.lines(pid)?, |path| up_to(path, id))
    }

    /// The same path in every hierarchy; none of the directories need be there.
    pub fn at(&self, path: &str) -> Place {
        self.place(|_| Some(path))
    }

    fn lines(&self, pid: u32) -> Result<String, ReadError> {
        self.host.read_text(format!("/proc/{pid}/cgroup"))
    }

    fn of_lines(&self, text: &str, cut: impl Fn(&str) -> &str) -> Result<Place, CgroupError> {
        Ok(self.place(|role| path_of(text, role).map(&cut)))
    }

    fn place<'a>(&self, path_in: impl Fn(Role) -> Option<&'a str>) -> Place {
        let (mut directories, mut last, mut path) = (ByRole::default(), None, "");
        for role in Role::ALL {
            let Some(mounted) = self.mounted.get(role) else { continue };
            let Some(own) = path_in(role) else { continue };
            let directory = Directory::of(mounted, own, last.as_ref());
            last = directory.clone().or(last);
            *directories.slot(role) = directory;
            if path.is_empty() && directories.get(role).is_some() {
                path = own;
            }
        }
        Place { path: path.into(), directories, shared: self.shared.clone() }
    }

    fn mounts(&mut self) -> Result<ByRole<Mounted>, CgroupError> {
        let mut mounted: ByRole<Mounted> = ByRole::default();
        // The lines of other file systems have readers of their own, who tell of bad ones.
        for mount in parse_mountinfo(self.mountinfo.bytes()?, &mut Faults::default()) {
            let has = |role: Role| match mount.kind {
                b"cgroup2" => role == Role::Unified,
                b"cgroup" => mount.options.split(|&b| b == b',').any(|o| o == role.word().as_bytes()),
                _ => false,
            };
            for role in Role::ALL.into_iter().filter(|&role| has(role)) {
                let here = Mounted {
                    root: unescape(mount.root),
                    point: self.host.path(unescape(mount.point)).into(),
                };
                let slot = mounted.slot(role);
                let whole = |mounted: &Mounted| mounted.root == Path::new("/");
                if slot.as_ref().is_none_or(|before| !whole(before) && whole(&here)) {
                    *slot = Some(here);
                }
            }
        }
        if mounted.is_empty() {
            return Err(CgroupError::NoneMounted { mountinfo: self.mountinfo.path().to_owned() });
        }
        Ok(mounted)
    }
}

/// The path in `/proc/PID/cgroup`: `4:memory:/x`, `3:cpu,cpuacct:/x`, `1:name=systemd:/x`, `0::/x`.
fn path_of(text: &str, role: Role) -> Option<&str> {
    text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        controllers.split(',').any(|word| word == role.word()).then_some(path)
    })
}

/// The path up to the component that has the id in it; all of it where none has.
fn up_to<'a>(path: &'a str, id: &str) -> &'a str {
    let Some(at) = path.find(id).filter(|_| !id.is_empty()) else { return path };
    let end = path.get(at..).and_then(|rest| rest.find('/'));
    end.and_then(|end| path.get(..at + end)).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_process_are_found_by_controller_also_where_the_path_has_colons() {
        let text = "12:cpu,cpuacct:/a\n4:memory:/b:c\n1:name=systemd:/d\n0::/e\n";
        let path = |role| path_of(text, role);
        assert_eq!(path(Role::Cpu), Some("/a"));
        assert_eq!(path(Role::Memory), Some("/b:c"));
        assert_eq!((path(Role::Named), path(Role::Unified)), (Some("/d"), Some("/e")));
        assert_eq!(path(Role::Disk), None);
    }

    #[test]
    fn what_a_container_makes_below_itself_is_its_own() {
        let scope = "/system.slice/docker-4f3c.scope";
        assert_eq!(up_to("/system.slice/docker-4f3c.scope/init.scope", "4f3c"), scope);
        assert_eq!(up_to(scope, "4f3c"), scope);
        assert_eq!(up_to("/user.slice", "4f3c"), "/user.slice");
        assert_eq!(up_to("/user.slice", ""), "/user.slice");
    }
}
