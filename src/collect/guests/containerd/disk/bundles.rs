//! The bundles of running containers: `<state>/io.containerd.runtime.v2.task/<namespace>/<id>/{config.json,init.pid}`.

use super::{Found, MOST, Source};
use crate::collect::guests::containerd::container::Container;
use crate::collect::guests::containerd::spec::Spec;
use crate::host::Host;
use crate::sample::guest::GuestState;
use std::fs::{DirEntry, File, read_dir};
use std::io::{self, Read};
use std::path::Path;

/// The largest file that is read.
const LARGEST: u64 = 4 << 20;

pub(super) fn read(host: &Host, state: &Path, found: &mut Found) {
    let Ok(namespaces) = read_dir(state.join("io.containerd.runtime.v2.task")) else { return };
    found.source = Source::Bundles;
    for namespace in namespaces.flatten() {
        let bundles = read_dir(namespace.path()).into_iter().flatten().flatten();
        let room = MOST.saturating_sub(found.containers.len());
        for bundle in bundles.take(room) {
            match container(host, &namespace, &bundle) {
                Ok(Some(container)) => found.containers.push(container),
                Ok(None) => {}
                Err(error) => found.problems.push(format!("{}: {error}", bundle.path().display())),
            }
        }
    }
}

/// None where its process is gone, and the bundle is what it left.
fn container(host: &Host, namespace: &DirEntry, bundle: &DirEntry) -> io::Result<Option<Container>> {
    let text = |entry: &DirEntry| entry.file_name().to_string_lossy().into_owned();
    let id = text(bundle);
    let Ok(pid) = bounded_read(&bundle.path().join("init.pid")) else { return Ok(None) };
    let Some(pid) = std::str::from_utf8(&pid).ok().and_then(|pid| pid.trim().parse::<u32>().ok()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "init.pid is not a number"));
    };
    let spec = Spec::parse(&bounded_read(&bundle.path().join("config.json"))?).map_err(io::Error::other)?;
    let Ok(cgroups) = bounded_read(&host.path(format!("/proc/{pid}/cgroup"))) else { return Ok(None) };
    // A number that another process has by now: it is in another cgroup.
    let own = spec.cgroup.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    if !String::from_utf8_lossy(&cgroups).contains(own) {
        return Ok(None);
    }
    let state = GuestState::Running;
    Ok(Some(Container {
        namespace: text(namespace),
        id,
        state,
        pid: Some(pid),
        spec,
        ..Container::default()
    }))
}

fn bounded_read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}
