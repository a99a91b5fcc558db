//! What is known while containerd does not answer, and what is said of it.

use super::{Key, Stop, View, Watch};
use crate::collect::guests::News;
use crate::collect::guests::containerd::container::Container;
use crate::collect::guests::containerd::disk::{self, Found, Source};
use crate::collect::guests::containerd::error::CallError;
use crate::status::registry::State;
use std::collections::BTreeMap;
use std::path::Path;

impl<V: View> Watch<V> {
    /// Tells what is wrong. Where nobody is there to be asked, or would not talk to us, looks for traces of containers.
    pub(super) async fn suffer(&mut self, error: &CallError) -> Result<(), Stop> {
        if !error.is_unreachable() {
            return self.tell(vec![News::State(State::degraded(error))]).await;
        }
        let (host, sockets) = (self.host.clone(), self.sockets.clone());
        let found =
            tokio::task::spawn_blocking(move || disk::read(&host, &sockets)).await.unwrap_or_default();
        let state = self.state(error, &found);
        if found.source == Source::Nothing && self.known.values().all(|container| container.told) {
            return self.tell(vec![News::State(state)]).await;
        }
        for problem in found.problems.iter().filter(|_| self.backoff.is_first()) {
            self.complaints.say(self.view.engine().name(), problem);
        }
        self.adopt(found);
        self.tell_all(state).await
    }

    fn state(&self, error: &CallError, found: &Found) -> State {
        match found.source {
            Source::Nothing if error.is_absent() && self.known.is_empty() => {
                State::unavailable(&format!("no containerd here: {}", list(&self.sockets)))
            }
            Source::Nothing => State::degraded(error),
            Source::Bundles => State::degraded(&format!(
                "{error}; containers are known from the files of its runtime, without image, labels and whether they are paused"
            )),
            Source::Cgroups => State::degraded(&format!(
                "{error}; containers are found by their cgroups: those of Kubernetes only, without image, labels, limits and GPUs{}. \
                 Access to the socket gives the rest: root, or the group that gid in [grpc] of containerd's configuration names",
                if found.nameless {
                    ", some without the name of their pod, which /var/log/pods does not have"
                } else {
                    ""
                }
            )),
        }
    }

    /// What containerd itself has said of a container that is found again holds. Cgroups do not tell of all containers,
    /// so those that are still there stay; where there are no traces at all, all that it has told of stay.
    fn adopt(&mut self, found: Found) {
        let mut known = std::mem::take(&mut self.known);
        let mut all: BTreeMap<Key, Container> = BTreeMap::new();
        for container in found.containers.into_iter().filter(|c| !self.is_dockers(&c.namespace)) {
            let key = (container.namespace.clone(), container.id.clone());
            let before = known.remove(&key);
            let same = |pid| pid == container.pid || found.source == Source::Cgroups;
            let told = before.filter(|before| before.told && same(before.pid));
            all.insert(key, told.unwrap_or(container));
        }
        let is_there = |pid: u32| self.host.path(format!("/proc/{pid}")).exists();
        let stays = |container: &Container| match found.source {
            Source::Bundles => false,
            Source::Cgroups => container.told && container.pid.is_some_and(is_there),
            Source::Nothing => container.told,
        };
        all.extend(known.into_iter().filter(|(_, container)| stays(container)));
        self.known = all;
    }
}

fn list(paths: &[impl AsRef<Path>]) -> String {
    let names: Vec<_> = paths.iter().map(|path| path.as_ref().display().to_string()).collect();
    format!("no socket {}", names.join(", "))
}
