//! Names of pods and containers, as kubelet names their logs: `/var/log/pods/<namespace>_<pod>_<uid>` and
//! `/var/log/containers/<pod>_<namespace>_<container>-<id>.log`. Every user may list these two folders.

use crate::collect::guests::containerd::cgroup_path::Told;
use crate::collect::guests::containerd::spec::{Cri, bounded};
use crate::host::Host;
use std::collections::HashMap;

/// Names looked at.
const MOST: usize = 100_000;

pub(super) struct Logs {
    /// Namespace and name by UID.
    pods: HashMap<String, (String, String)>,
    /// Name by container id.
    containers: HashMap<String, String>,
}

impl Logs {
    pub(super) fn read(host: &Host) -> Self {
        let names = |folder| {
            let entries = std::fs::read_dir(host.path(folder)).into_iter().flatten().flatten().take(MOST);
            entries.filter_map(|entry| entry.file_name().into_string().ok())
        };
        Self {
            pods: names("/var/log/pods").filter_map(|name| parse_pod(&name)).collect(),
            containers: names("/var/log/containers").filter_map(|name| parse_container(&name)).collect(),
        }
    }

    /// The place in Kubernetes of a container; the pod's UID in place of its name where nothing tells that.
    pub(super) fn tell(&self, told: &Told) -> Cri {
        let container = self.containers.get(&told.container).cloned();
        let uid = told.pod.clone();
        let pod = uid.as_ref().and_then(|uid| self.pods.get(uid)).cloned();
        let (namespace, pod) = pod.unwrap_or_else(|| (String::new(), uid.clone().unwrap_or_default()));
        // Only the sandbox has no log.
        Cri { sandbox: container.is_none(), container, pod, namespace, uid, image: None }
    }
}

fn parse_pod(name: &str) -> Option<(String, (String, String))> {
    let mut parts = name.split('_');
    let (namespace, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
    Some((uid.to_owned(), (bounded(namespace), bounded(pod))))
}

fn parse_container(name: &str) -> Option<(String, String)> {
    let (names, id) = name.strip_suffix(".log")?.rsplit_once('-')?;
    Some((id.to_owned(), bounded(names.splitn(3, '_').nth(2)?)))
}
