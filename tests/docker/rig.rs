//! The watch on a thread of its own, and what it has told so far.

use hsflow::collect::guests::{Feed, News, channel, docker};
use hsflow::host::Host;
use hsflow::sample::guest::{Engine, Guest, GuestState};
use hsflow::status::registry::State;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// For what takes a moment on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The same for real engines, which may be slow on a busy machine.
pub(crate) fn patient() -> docker::Pace {
    docker::Pace { deadline: Duration::from_secs(30), ..quick() }
}

/// Waits of a length that tests can afford.
pub(crate) fn quick() -> docker::Pace {
    docker::Pace {
        deadline: Duration::from_secs(2),
        ping: Duration::from_millis(500),
        recheck: Duration::from_secs(3600),
        shortest: Duration::from_millis(50),
        longest: Duration::from_millis(200),
    }
}

/// Why this test cannot run here, said; needs root and these programs.
pub(crate) fn skips(test: &str, programs: &[&str]) -> bool {
    let absent =
        programs.iter().find(|name| std::process::Command::new(name).arg("--version").output().is_err());
    let why = match absent {
        Some(name) => format!("{name} is not installed"),
        None if !nix::unistd::geteuid().is_root() => "no root".to_owned(),
        None => return false,
    };
    println!("SKIP {test}: {why}");
    true
}

/// What was told.
#[derive(Default)]
pub(crate) struct Told {
    /// The guests that should live, as they are known.
    pub(crate) guests: BTreeMap<String, Guest>,
    /// All of it, in order.
    pub(crate) news: Vec<News>,
    /// The last state.
    pub(crate) state: Option<State>,
    /// Laws that were broken.
    pub(crate) broken: Vec<String>,
    over: bool,
}

pub(crate) struct Watched {
    told: Arc<(Mutex<Told>, Condvar)>,
    thread: Option<JoinHandle<()>>,
    end: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Watched {
    /// Watches the engine whose socket lies below `root`.
    pub(crate) fn start(root: &Path, pace: docker::Pace) -> Self {
        let told = Arc::<(Mutex<Told>, Condvar)>::default();
        let (end, ended) = tokio::sync::oneshot::channel();
        let (host, writer) = (Host::at(root), Arc::clone(&told));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (feed, mut receiver) = channel();
            let feed: Feed = feed.of(Engine::Docker);
            runtime.spawn(docker::run_at(host, feed, pace));
            runtime.block_on(async {
                tokio::select! {
                    _ = ended => {}
                    () = async {
                        while let Some((engine, news)) = receiver.recv().await {
                            assert_eq!(engine, Engine::Docker);
                            writer.0.lock().unwrap_or_else(PoisonError::into_inner).take(news);
                            writer.1.notify_all();
                        }
                    } => {}
                }
            });
            writer.0.lock().unwrap_or_else(PoisonError::into_inner).over = true;
            writer.1.notify_all();
        });
        Self { told, thread: Some(thread), end: Some(end) }
    }

    /// What is told by now.
    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `enough` is true of what was told.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, mut enough: impl FnMut(&Told) -> Option<T>) -> T {
        let mut found = None;
        let wanted = |told: &mut Told| {
            found = enough(told);
            found.is_none() && !told.over
        };
        let (told, _) = self
            .told
            .1
            .wait_timeout_while(self.told(), PATIENCE, wanted)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(told.broken.is_empty(), "{:?}", told.broken);
        let last = told.news.iter().rev().take(8).rev();
        found.unwrap_or_else(|| {
            panic!("not told: {what}; state {:?}, last {:#?}", told.state, last.collect::<Vec<_>>())
        })
    }

    #[track_caller]
    pub(crate) fn wait_running(&self) {
        self.wait("running", |told| (told.state == Some(State::Running)).then_some(()));
    }

    /// Waits for a state that keeps the engine from being right, and returns its reason.
    #[track_caller]
    pub(crate) fn wait_degraded(&self) -> String {
        self.wait("degraded", |told| match &told.state {
            Some(State::Degraded { reason }) => Some(reason.clone()),
            _ => None,
        })
    }

    /// Waits until a guest is so.
    #[track_caller]
    pub(crate) fn wait_guest(&self, id: &str, what: &str, mut is: impl FnMut(&Guest) -> bool) -> Guest {
        self.wait(what, |told| told.guests.get(id).filter(|guest| is(guest)).cloned())
    }

    #[track_caller]
    pub(crate) fn wait_gone(&self, id: &str) {
        self.wait("gone", |told| (!told.guests.contains_key(id)).then_some(()));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Told {
    fn take(&mut self, news: News) {
        match &news {
            News::All(all) => {
                self.guests = all.iter().map(|guest| (guest.id.clone(), Guest::clone(guest))).collect();
                if all.iter().any(|guest| !guest.state.is_alive()) {
                    self.broken.push(format!("a dead one in {news:?}"));
                }
            }
            News::Counters(_) => self.broken.push(format!("counters of its own: {news:?}")),
            News::One(guest) => _ = self.guests.insert(guest.id.clone(), (**guest).clone()),
            News::Gone(id) => match self.guests.remove(id) {
                Some(guest) if guest.state == GuestState::Shutdown || guest.state == GuestState::Shutoff => {}
                guest => self.broken.push(format!("gone without having ended: {guest:?}")),
            },
            News::State(state) => self.state = Some(state.clone()),
        }
        self.news.push(news);
    }
}
