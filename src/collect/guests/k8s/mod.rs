//! Pods of Kubernetes, from the containerd that runs their containers.
//!
//! In: containers as `containerd` finds them. Out: [`News`] of pods. Rule: only what the CRI plugin made is part of a pod;
//! other containers are told by whoever runs them. How containers make a pod is in `sample/guest/pod`.

use super::containerd::container::Container;
use super::containerd::{View, Watch};
use super::{Feed, News};
use crate::config::model::K8s;
use crate::host::Host;
use crate::sample::guest::pod::{self, Member, Pods};
use crate::sample::guest::{Engine, GuestState};

/// Tells of pods until nobody listens. `docker`: containers that Docker runs are told by somebody else.
pub async fn run(host: Host, settings: K8s, docker: bool, feed: Feed) {
    Watch::new(host, settings.unix_socket.as_deref(), docker, feed, Grouped::default()).run().await;
}

/// Containers become pods.
#[derive(Default)]
struct Grouped(Pods);

impl View for Grouped {
    fn engine(&self) -> Engine {
        Engine::K8s
    }

    fn all(&mut self, containers: &mut dyn Iterator<Item = &Container>) -> News {
        News::All(self.0.replace(containers.filter_map(member)).into_iter().map(Into::into).collect())
    }

    fn one(&mut self, container: &Container) -> Vec<News> {
        let pod = member(container).and_then(|member| self.0.put(member));
        pod.map(|pod| News::One(pod.into())).into_iter().collect()
    }

    fn ended(&mut self, container: &Container) -> Vec<News> {
        let Some(member) = member(container) else { return Vec::new() };
        let Some(pod) = self.0.end(&member.pod, &member.container.id) else { return Vec::new() };
        let gone = (pod.state == GuestState::Shutdown).then(|| News::Gone(pod.id.clone()));
        [Some(News::One(pod.into())), gone].into_iter().flatten().collect()
    }
}

fn member(container: &Container) -> Option<Member> {
    let cri = container.spec.cri.as_ref()?;
    Some(Member {
        pod: pod::name(&cri.pod, &cri.namespace),
        uid: cri.uid.clone(),
        sandbox: cri.sandbox,
        container: container.guest(),
    })
}
