//! The engine on a runtime of its own, and its news.

use hsflow::collect::guests::{News, Receiver, channel, libvirt};
use hsflow::config::model::Kvm;
use hsflow::host::Host;
use hsflow::sample::guest::Engine;
use hsflow::status::registry::State;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    runtime: Runtime,
    receiver: Receiver,
    poll: Arc<Notify>,
    /// All news so far.
    pub(crate) heard: Vec<News>,
}

impl Rig {
    /// Starts it, with a helper below this root.
    pub(crate) fn start(root: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (feed, receiver) = channel();
        let poll = Arc::new(Notify::new());
        let settings = Kvm { refresh_vms_secs: 3600, forget_vms_secs: 3600, mark_traffic: false };
        runtime.spawn(libvirt::run(Host::at(root), settings, Arc::clone(&poll), feed.of(Engine::Kvm)));
        Self { runtime, receiver, poll, heard: Vec::new() }
    }

    /// Wishes for counters.
    pub(crate) fn poll(&self) {
        self.poll.notify_one();
    }

    /// Waits for news that give something.
    #[track_caller]
    pub(crate) fn wait<T>(&mut self, what: &str, mut probe: impl FnMut(&News) -> Option<T>) -> T {
        loop {
            let received =
                self.runtime.block_on(async { tokio::time::timeout(LIMIT, self.receiver.recv()).await });
            let Ok(Some((Engine::Kvm, news))) = received else {
                panic!("not within {LIMIT:?}: {what}; heard {:#?}", self.heard)
            };
            self.heard.push(news.clone());
            if let Some(found) = probe(&news) {
                return found;
            }
        }
    }

    /// Waits until it has a fault, and tells which.
    #[track_caller]
    pub(crate) fn wait_degraded(&mut self) -> String {
        self.wait("a fault", |news| match news {
            News::State(State::Degraded { reason }) => Some(reason.clone()),
            _ => None,
        })
    }

    #[track_caller]
    pub(crate) fn wait_running(&mut self) {
        self.wait("running", |news| (*news == News::State(State::Running)).then_some(()));
    }

    /// Nobody listens from now on; the runtime goes on for as long as `probe` says nothing.
    pub(crate) fn stop_listening(self, what: &str, mut probe: impl FnMut() -> Option<()>) {
        drop(self.receiver);
        self.poll.notify_one();
        let ask = async {
            while probe().is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(self.runtime.block_on(async { tokio::time::timeout(LIMIT, ask).await }).is_ok(), "{what}");
    }
}
