//! Pods: containers of Kubernetes put together, each pod one guest.
//!
//! In: containers as they come and go. Out: the pods that they make. Rules: a pod is there while one of its containers is; its
//! network is that of its sandbox; its counters are those of the cgroup that all its containers lie in, which also
//! has what containers used that have ended, so that they never go back.

use super::{Engine, Guest, GuestState};
use std::collections::BTreeMap;

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The pod's name, as `host_descr` has it: `k8s__<pod>_<namespace>_u_a`.
    pub pod: String,
    /// The pod's UID.
    pub uid: Option<String>,
    /// True for the container that only holds the pod's namespaces.
    pub sandbox: bool,
    /// The container.
    pub container: Guest,
}

/// The name of a pod as the C agent has it, which collectors take apart.
pub fn name(pod: &str, namespace: &str) -> String {
    let mut name = format!("k8s__{pod}_{namespace}_u_a");
    name.truncate(name.floor_char_boundary(255));
    name
}

/// All pods.
#[derive(Debug, Default)]
pub struct Pods {
    /// Containers by id, by pod.
    pods: BTreeMap<String, BTreeMap<String, Member>>,
}

impl Pods {
    /// These are all containers there are; the pods that they make.
    pub fn replace(&mut self, members: impl Iterator<Item = Member>) -> Vec<Guest> {
        self.pods.clear();
        for member in members {
            self.insert(member);
        }
        self.pods.iter().filter_map(|(name, members)| guest(name, members)).collect()
    }

    /// A container that is new, or not as it was; its pod, where that is new or has changed by it.
    pub fn put(&mut self, member: Member) -> Option<Guest> {
        let name = member.pod.clone();
        let before = self.guest(&name);
        self.insert(member);
        self.guest(&name).filter(|now| before.as_ref() != Some(now))
    }

    /// A container that has ended; its pod, where that has changed by it. With the last container the pod has ended.
    pub fn end(&mut self, pod: &str, container: &str) -> Option<Guest> {
        let before = self.guest(pod)?;
        self.pods.get_mut(pod)?.remove(container)?;
        let Some(now) = self.guest(pod) else {
            self.pods.remove(pod);
            return Some(Guest { state: GuestState::Shutdown, ..before });
        };
        (now != before).then_some(now)
    }

    fn insert(&mut self, member: Member) {
        let members = self.pods.entry(member.pod.clone()).or_default();
        members.insert(member.container.id.clone(), member);
    }

    fn guest(&self, pod: &str) -> Option<Guest> {
        guest(pod, self.pods.get(pod)?)
    }
}

fn guest(pod: &str, members: &BTreeMap<String, Member>) -> Option<Guest> {
    let sandbox = members.values().find(|member| member.sandbox);
    let first = &sandbox.or_else(|| members.values().next())?.container;
    let own = || members.values().filter(|member| !member.sandbox).map(|member| &member.container);
    let all = || members.values().map(|member| &member.container);
    let mut gpus: Vec<String> = own().flat_map(|container| container.gpus.iter().cloned()).collect();
    gpus.sort();
    gpus.dedup();
    Some(Guest {
        hostname: first.hostname.clone(),
        image: own().next().filter(|_| own().count() == 1).and_then(|container| container.image.clone()),
        labels: first.labels.clone(),
        state: state(all()),
        pid: first.pid.or_else(|| all().find_map(|container| container.pid)),
        cgroup: cgroup(members),
        cpus: limit(own().map(|container| container.cpus.map(u64::from))).and_then(|n| n.try_into().ok()),
        memory_max: limit(own().map(|container| container.memory_max)),
        gpus,
        ..Guest::new(Engine::K8s, pod, pod)
    })
}

fn state<'a>(containers: impl Iterator<Item = &'a Guest>) -> GuestState {
    let mut states = containers.map(|container| container.state);
    let first = states.next().unwrap_or_default();
    states.fold(first, |so_far, state| if state == GuestState::Running { state } else { so_far })
}

/// The sum, where each has a limit.
fn limit(limits: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let sum = limits.reduce(|sum, limit| sum?.checked_add(limit?))?;
    sum.filter(|sum| *sum > 0)
}

/// The cgroup right above those of all its containers, where that is the pod's: its name has the pod's UID.
fn cgroup(members: &BTreeMap<String, Member>) -> Option<String> {
    let mut parents = members.values().map(|member| member.container.cgroup.as_deref()?.rsplit_once('/'));
    let (parent, _) = parents.next()??;
    let name = parent.rsplit('/').next()?.replace('_', "-");
    let uid = members.values().find_map(|member| member.uid.as_deref()).unwrap_or("pod");
    let is_pods = name.contains(&uid.replace('_', "-"));
    (is_pods && parents.all(|other| other.is_some_and(|(other, _)| other == parent)))
        .then(|| parent.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, sandbox: bool) -> Member {
        Member {
            pod: name("web", "shop"),
            uid: Some("4b0e2f1c-0b57".into()),
            sandbox,
            container: Guest {
                pid: Some(if sandbox { 10 } else { 20 }),
                cgroup: Some(format!(
                    "/kubepods.slice/kubepods-pod4b0e2f1c_0b57.slice/cri-containerd-{id}.scope"
                )),
                cpus: (!sandbox).then_some(2),
                memory_max: (!sandbox).then_some(100),
                gpus: if sandbox { vec![] } else { vec!["b".into(), "a".into()] },
                ..Guest::new(Engine::Containerd, id, id)
            },
        }
    }

    #[test]
    fn a_pod_has_the_network_of_its_sandbox_and_the_counters_of_its_own_cgroup() {
        let mut pods = Pods::default();
        let alone = pods.put(member("a", false)).unwrap();
        assert_eq!((alone.pid, alone.cpus, alone.memory_max), (Some(20), Some(2), Some(100)));
        pods.put(member("s", true)).unwrap();
        let pod = pods.put(member("b", false)).unwrap();
        assert_eq!((pod.engine, pod.id.as_str()), (Engine::K8s, "k8s__web_shop_u_a"));
        assert_eq!((pod.pid, pod.cpus, pod.memory_max), (Some(10), Some(4), Some(200)));
        assert_eq!(pod.cgroup.as_deref(), Some("/kubepods.slice/kubepods-pod4b0e2f1c_0b57.slice"));
        assert_eq!(pod.gpus, ["a", "b"]);
        assert_eq!(pods.put(member("b", false)), None, "nothing has changed");
    }

    #[test]
    fn a_pod_ends_with_its_last_container_and_keeps_what_was_known() {
        let mut pods = Pods::default();
        let all = pods.replace([member("s", true), member("a", false)].into_iter());
        assert_eq!(all.len(), 1);
        assert_eq!(pods.end("k8s__other_shop_u_a", "a"), None);
        assert_eq!(pods.end(&all[0].id, "s").unwrap().pid, Some(20), "the sandbox may end first");
        let last = pods.end(&all[0].id, "a").unwrap();
        assert_eq!((last.state, last.cgroup.is_some()), (GuestState::Shutdown, true));
        assert_eq!(pods.end(&all[0].id, "a"), None);
    }

    #[test]
    fn a_limit_that_one_container_does_not_have_the_pod_does_not_have() {
        let mut pods = Pods::default();
        pods.put(member("a", false));
        let mut free = member("b", false);
        (free.container.cpus, free.container.memory_max) = (None, None);
        let pod = pods.put(free).unwrap();
        assert_eq!((pod.cpus, pod.memory_max), (None, None));
    }

    #[test]
    fn a_cgroup_that_other_pods_share_is_not_the_pods() {
        let mut shared = member("a", false);
        shared.container.cgroup = Some("/k8s.io/a".into());
        assert_eq!(Pods::default().put(shared).unwrap().cgroup, None);
        let mut pods = Pods::default();
        pods.put(member("a", false));
        let mut elsewhere = member("b", false);
        elsewhere.container.cgroup = Some("/kubepods.slice/b".into());
        assert_eq!(pods.put(elsewhere).unwrap().cgroup, None);
    }

    #[test]
    fn a_pod_runs_while_one_of_its_containers_does() {
        let mut pods = Pods::default();
        let paused = |mut member: Member| {
            member.container.state = GuestState::Paused;
            member
        };
        assert_eq!(pods.put(paused(member("a", false))).unwrap().state, GuestState::Paused);
        assert_eq!(pods.put(member("s", true)).unwrap().state, GuestState::Running);
        assert_eq!(pods.put(paused(member("s", true))).unwrap().state, GuestState::Paused);
    }
}
