//! Groups: addresses and guests under one name, which rules refer to.
//!
//! A guest's addresses are not known here: selectors are data for whoever knows the guests, and the plan is given what
//! they came to. Membership changes a set of the kernel, never a rule.

use super::address::Prefix;
use super::name::GroupName;
use std::collections::{BTreeMap, BTreeSet};

/// Which guests belong to a group: all that is given must fit; `*` at the end fits any rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// As the agent calls it: `docker`, `containerd`, `k8s`, `systemd`, `kvm`.
    pub engine: Option<String>,
    /// The guest's name.
    pub name: Option<String>,
    /// The image of a container.
    pub image: Option<String>,
    /// The pod's namespace.
    pub pod_namespace: Option<String>,
}

/// Who belongs together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Always.
    pub addresses: BTreeSet<Prefix>,
    /// While they live.
    pub guests: Vec<Selector>,
}

/// Every group by its name.
pub type Groups = BTreeMap<GroupName, Group>;

impl Selector {
    /// Whether a guest of these names is meant.
    pub fn fits(&self, engine: &str, name: &str, image: Option<&str>, pod_namespace: Option<&str>) -> bool {
        let one = |wanted: &Option<String>, have: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| have.is_some_and(|have| like(wanted, have)))
        };
        one(&self.engine, Some(engine))
            && one(&self.name, Some(name))
            && one(&self.image, image)
            && one(&self.pod_namespace, pod_namespace)
    }

    /// Whether it says nothing, and so would be every guest.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn like(wanted: &str, have: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == have, |start| have.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_must_fit_everything_that_is_given() {
        let web =
            Selector { engine: Some("docker".into()), image: Some("nginx:*".into()), ..Selector::default() };
        assert!(web.fits("docker", "a", Some("nginx:1.27"), None));
        assert!(!web.fits("docker", "a", Some("nginx"), None));
        assert!(!web.fits("docker", "a", None, None));
        assert!(!web.fits("podman", "a", Some("nginx:1.27"), None));
    }
}
