//! A container that containerd runs, and the guest that it is.
//!
//! In: what the API or the runtime's files say. Out: a [`Guest`]. Rule: a container of Kubernetes has the name that the C
//! agent gives it, any other its own: that of nerdctl's label, else its id, as it is.

use super::spec::{Spec, bounded};
use crate::sample::guest::{Engine, Guest, GuestState, uuid};
use std::collections::BTreeMap;

/// Bytes of labels kept of one container; the rest of them are passed over.
const LABELS: usize = 2048;

/// containerd's namespace where nobody names one.
const DEFAULT: &str = "default";

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// The namespace of containerd.
    pub namespace: String,
    /// Its id there.
    pub id: String,
    /// What it is doing.
    pub state: GuestState,
    /// Its first process.
    pub pid: Option<u32>,
    /// What it was made from.
    pub image: Option<String>,
    /// What its owner wrote on it.
    pub labels: BTreeMap<String, String>,
    /// What it was made to be.
    pub spec: Spec,
    /// True where containerd itself has said all this, and not what was found on disk.
    pub told: bool,
}

impl Container {
    /// Another label, as long as there is room.
    pub fn label(&mut self, key: String, text: String) {
        let used: usize = self.labels.iter().map(|(key, text)| key.len() + text.len()).sum();
        if used + key.len() + text.len() <= LABELS {
            self.labels.insert(key, text);
        }
    }

    /// An id that no other container has. An id in hexadecimal digits is random, and whose number the C agent keeps; of
    /// the others, which people choose, those outside of the default namespace have the namespace before them.
    pub fn guest_id(namespace: &str, id: &str) -> String {
        if namespace.is_empty() || namespace == DEFAULT || uuid::parse_prefix(id).is_some() {
            return id.to_owned();
        }
        format!("{namespace}/{id}")
    }

    /// As a guest.
    pub fn guest(&self) -> Guest {
        let name = match &self.spec.cri {
            Some(cri) => cri.name(),
            None => bounded(self.labels.get("nerdctl/name").unwrap_or(&self.id)),
        };
        let image = self.image.clone().filter(|image| !image.is_empty());
        Guest {
            hostname: self.spec.hostname.clone(),
            image: image.or_else(|| self.spec.cri.as_ref()?.image.clone()).map(|image| bounded(&image)),
            labels: self.labels.clone(),
            state: self.state,
            pid: self.pid,
            cgroup: self.spec.cgroup.clone(),
            cpus: self.spec.cpus,
            memory_max: self.spec.memory_max,
            gpus: self.spec.gpus.clone(),
            ..Guest::new(Engine::Containerd, Self::guest_id(&self.namespace, &self.id), name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_in_two_namespaces_is_two_guests_and_a_random_one_stays_as_it_is() {
        assert_eq!(Container::guest_id("default", "web"), "web");
        assert_eq!(Container::guest_id("build", "web"), "build/web");
        let id = "ad4d40bb3d5c29b2df34d5557a288a96ffffffffffffffffffffffffffffffff";
        assert_eq!(Container::guest_id("k8s.io", id), id);
    }

    #[test]
    fn labels_are_kept_up_to_a_bound() {
        let mut container = Container::default();
        (0..10_000).for_each(|n| container.label(format!("key{n}"), "x".repeat(100)));
        container.label("nerdctl/name".into(), "x".repeat(1 << 20));
        assert!((15..=20).contains(&container.labels.len()));
        assert_eq!(container.guest().name, "");
    }
}
