//! The tasks of the engines that the settings name. In: settings. Out: one task an engine, which tells its news on the
//! feed. Rules: a task runs while its engine's settings stand; one that panics is started again, later and later, and its
//! state says so.

use super::super::supervisor::supervise;
use crate::collect::guests::{Feed, News, containerd, docker, k8s, libvirt, systemd};
use crate::config::model::{Containerd, Docker, K8s, Kvm, Modules, Systemd};
use crate::host::Host;
use crate::sample::guest::Engine;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// In the order in which they are started: who tells of a guest first keeps it.
const ENGINES: [Engine; 5] = [Engine::Kvm, Engine::Docker, Engine::K8s, Engine::Containerd, Engine::Systemd];

/// What one engine is started with.
#[derive(Clone, Debug, PartialEq)]
enum Wish {
    Systemd(Systemd),
    Docker(Docker),
    /// Whether Docker's containers are Docker's; and the rest.
    Containerd(bool, Containerd),
    K8s(K8s, bool),
    Kvm(Kvm),
}

impl Wish {
    /// Without what the agent itself does with guests: that needs no other task.
    fn of(engine: Engine, modules: &Modules) -> Option<Self> {
        let mut wish = Self::named(engine, modules)?;
        match &mut wish {
            Self::Systemd(systemd) => systemd.mark_traffic = false,
            Self::Docker(docker) => (docker.mark_traffic, docker.forget_vms_secs) = (false, 0),
            Self::Containerd(_, c) => (c.mark_traffic, c.forget_vms_secs) = (false, 0),
            Self::K8s(k8s, _) => k8s.mark_traffic = false,
            Self::Kvm(kvm) => (kvm.mark_traffic, kvm.forget_vms_secs) = (false, 0),
        }
        Some(wish)
    }

    fn named(engine: Engine, modules: &Modules) -> Option<Self> {
        let docker = modules.docker.is_some();
        match engine {
            Engine::Systemd => modules.systemd.clone().map(Self::Systemd),
            Engine::Docker => modules.docker.clone().map(Self::Docker),
            Engine::Containerd => {
                modules.containerd.clone().map(|containerd| Self::Containerd(docker, containerd))
            }
            Engine::K8s => modules.k8s.clone().map(|k8s| Self::K8s(k8s, docker)),
            Engine::Kvm => modules.kvm.clone().map(Self::Kvm),
        }
    }

    fn run(self, host: Host, ask: Arc<Notify>, feed: Feed) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            Self::Kvm(kvm) => Box::pin(libvirt::run(host, kvm, ask, feed)),
            Self::Docker(docker) => Box::pin(docker::run(host, docker, feed)),
            Self::Systemd(systemd) => Box::pin(systemd::run(host, systemd, feed)),
            Self::Containerd(docker, _) => Box::pin(containerd::run(host, docker, feed)),
            Self::K8s(k8s, docker) => Box::pin(k8s::run(host, k8s, docker, feed)),
        }
    }
}

/// What the settings say of an engine's guests that is the agent's to do, not its task's.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::agent) struct Treatment {
    /// Samples of their packets name them.
    pub(in crate::agent) mark_traffic: bool,
    /// They go by the name that they have inside.
    pub(in crate::agent) by_hostname: bool,
    /// They are forgotten when the engine has not answered for so long.
    pub(in crate::agent) forget_after: Option<Duration>,
}

impl Treatment {
    pub(in crate::agent) fn of(engine: Engine, modules: &Modules) -> Self {
        let secs = |secs: u32| Some(Duration::from_secs(secs.into()));
        let treatment = match engine {
            Engine::Systemd => {
                modules.systemd.as_ref().map(|s| Self { mark_traffic: s.mark_traffic, ..Self::default() })
            }
            Engine::K8s => {
                modules.k8s.as_ref().map(|k| Self { mark_traffic: k.mark_traffic, ..Self::default() })
            }
            Engine::Docker => modules.docker.as_ref().map(|d| Self {
                mark_traffic: d.mark_traffic,
                by_hostname: d.hostname,
                forget_after: secs(d.forget_vms_secs),
            }),
            Engine::Containerd => modules.containerd.as_ref().map(|c| Self {
                mark_traffic: c.mark_traffic,
                by_hostname: c.hostname,
                forget_after: secs(c.forget_vms_secs),
            }),
            Engine::Kvm => modules.kvm.as_ref().map(|k| Self {
                mark_traffic: k.mark_traffic,
                by_hostname: false,
                forget_after: secs(k.forget_vms_secs),
            }),
        };
        treatment.unwrap_or_default()
    }
}

/// The tasks.
pub(super) struct Engines {
    host: Host,
    feed: Feed,
    /// Rung when counters are wanted.
    ask: Arc<Notify>,
    running: BTreeMap<Engine, Running>,
}

struct Running {
    wish: Wish,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Engines {
    pub(super) fn new(host: &Host, feed: Feed) -> Self {
        Self { host: host.clone(), feed, ask: Arc::default(), running: BTreeMap::new() }
    }

    /// Starts what is new, starts anew what has other settings, and stops what is not wanted; returns the latter.
    pub(super) fn apply(&mut self, modules: &Modules) -> Vec<Engine> {
        let mut stopped = Vec::new();
        for engine in ENGINES {
            match (Wish::of(engine, modules), self.running.get(&engine)) {
                (Some(new), Some(running)) if running.wish == new => {}
                (Some(wish), _) => {
                    let task = tokio::spawn(self.work(engine, wish.clone())).abort_handle();
                    self.running.insert(engine, Running { wish, task });
                }
                (None, Some(_)) => {
                    self.running.remove(&engine);
                    stopped.push(engine);
                }
                (None, None) => {}
            }
        }
        stopped
    }

    /// An engine's task. It ends when nobody listens any more.
    fn work(&self, engine: Engine, wish: Wish) -> impl Future<Output = ()> + Send + use<> {
        let (host, ask, feed) = (self.host.clone(), Arc::clone(&self.ask), self.feed.of(engine));
        let listener = feed.clone();
        let start = move || wish.clone().run(host.clone(), Arc::clone(&ask), feed.clone());
        supervise(start, move |state| {
            let listener = listener.clone();
            async move { listener.tell(News::State(state)).await }
        })
    }

    /// The engine whose guests `virt_node` counts: the last of those that the settings name.
    pub(super) fn counted(&self) -> Option<Engine> {
        self.running.keys().next_back().copied()
    }

    /// Has those count that count themselves.
    pub(super) fn ask_counters(&self) {
        self.ask.notify_one();
    }

    /// Whether the settings name it.
    pub(super) fn has(&self, engine: Engine) -> bool {
        self.running.contains_key(&engine)
    }
}
