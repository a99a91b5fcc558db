//! Containers by the names of their cgroups.

use super::logs::Logs;
use super::{Found, MOST, Source};
use crate::collect::guests::containerd::cgroup_path::{self, Told};
use crate::collect::guests::containerd::container::Container;
use crate::collect::guests::containerd::spec::Spec;
use crate::host::Host;
use crate::sample::guest::GuestState;
use std::fs::read_dir;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Deeper than any runtime nests.
const DEEPEST: usize = 8;

/// The namespace of the CRI plugin.
const NAMESPACE: &str = "k8s.io";

pub(super) fn read(host: &Host, found: &mut Found) {
    let Some(root) = hierarchy(host) else { return };
    let mut paths = Vec::new();
    walk(&root, &mut String::new(), DEEPEST, &mut paths);
    if paths.is_empty() {
        return;
    }
    found.source = Source::Cgroups;
    let logs = Logs::read(host);
    for (path, told) in paths {
        let cri = logs.tell(&told);
        found.nameless |= cri.namespace.is_empty();
        let spec = Spec { cgroup: Some(path.clone()), cri: Some(cri), ..Spec::default() };
        let pid = first_process(&root.join(path.trim_start_matches('/')));
        found.containers.push(Container {
            namespace: NAMESPACE.to_owned(),
            id: told.container,
            state: GuestState::Running,
            pid,
            spec,
            ..Container::default()
        });
    }
}

/// The root of version 2, or of one controller of version 1: every runtime makes the same names in all of them.
fn hierarchy(host: &Host) -> Option<PathBuf> {
    let root = host.path("/sys/fs/cgroup");
    if root.join("cgroup.controllers").exists() {
        return Some(root);
    }
    ["memory", "pids", "cpu,cpuacct", "cpuacct"].iter().map(|name| root.join(name)).find(|path| path.exists())
}

fn walk(root: &Path, path: &mut String, depth: usize, found: &mut Vec<(String, Told)>) {
    if let Some(told) = cgroup_path::parse(path) {
        found.push((path.clone(), told));
        return;
    }
    let entries = read_dir(root.join(path.trim_start_matches('/'))).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let (name, length) = (entry.file_name(), path.len());
        if let (Some(name), 1..) = (name.to_str(), depth)
            && found.len() < MOST
        {
            path.push('/');
            path.push_str(name);
            walk(root, path, depth - 1, found);
            path.truncate(length);
        }
    }
}

fn first_process(cgroup: &Path) -> Option<u32> {
    let file = std::fs::File::open(cgroup.join("cgroup.procs")).ok()?;
    let first = BufReader::new(file).lines().next()?.ok()?;
    // 0 is a process of another PID namespace.
    first.parse().ok().filter(|pid| *pid != 0)
}
