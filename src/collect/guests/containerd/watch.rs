//! Following one containerd: connect, list, take events, and begin again when that fails.
//!
//! In: its sockets. Out: news, as a [`View`] words them. Rules: the list is had after the events are asked for, so that
//! nothing falls between the two; containers are kept as last known while nobody answers; a containerd that has stopped answering is found out by
//! asking something small. What events mean is in `events`.

mod events;
mod fallback;
mod list;

use super::api;
use super::complaints::Complaints;
use super::container::Container;
use super::error::CallError;
use super::grpc::Channel;
use crate::collect::guests::{Feed, News};
use crate::host::Host;
use crate::sample::backoff::Backoff;
use crate::sample::guest::Engine;
use crate::status::registry::State;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{interval, sleep};

/// Where containerd listens: its own, that of k3s and RKE2, that of k0s, that of MicroK8s.
pub const SOCKETS: [&str; 4] = [
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
];

/// The namespace of what Docker runs.
const DOCKERS: &str = "moby";

/// How often it is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(10);

/// Of as many of these questions one is for the whole list, should an event have been lost.
const LIST_EVERY: u32 = 30;

/// How containers become news of guests.
pub trait View: Send {
    /// Whose guests they are.
    fn engine(&self) -> Engine;
    /// All containers that there are.
    fn all(&mut self, containers: &mut dyn Iterator<Item = &Container>) -> News;
    /// One that is new, or not as it was.
    fn one(&mut self, container: &Container) -> Vec<News>;
    /// One that has ended.
    fn ended(&mut self, container: &Container) -> Vec<News>;
}

/// Namespace and id.
type Key = (String, String);

/// Why a connection is over.
enum Stop {
    /// Nobody listens to the news.
    Deaf,
    /// It failed.
    Failed(CallError),
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        Self::Failed(error)
    }
}

/// See the module.
pub struct Watch<V> {
    host: Host,
    sockets: Vec<PathBuf>,
    /// Docker's containers are told by somebody else.
    docker: bool,
    feed: Feed,
    view: V,
    known: BTreeMap<Key, Container>,
    complaints: Complaints,
    backoff: Backoff,
}

impl<V: View> Watch<V> {
    /// `socket` in place of where containerd usually listens.
    pub fn new(host: Host, socket: Option<&str>, docker: bool, feed: Feed, view: V) -> Self {
        let sockets = match socket {
            Some(socket) => vec![host.path(socket)],
            None => SOCKETS.map(|socket| host.path(socket)).into(),
        };
        let (known, complaints, backoff) = Default::default();
        Self { host, sockets, docker, feed, view, known, complaints, backoff }
    }

    /// Tells until nobody listens.
    pub async fn run(mut self) {
        loop {
            let Err(Stop::Failed(error)) = self.follow().await else { return };
            if self.suffer(&error).await.is_err() {
                return;
            }
            // While there is nobody to ask, files are read as often.
            sleep(self.backoff.advance()).await;
        }
    }

    async fn follow(&mut self) -> Result<(), Stop> {
        let channel = self.connect().await?;
        let mut events = api::follow_events(&channel).await?;
        self.list(&channel).await?;
        self.backoff.reset();
        let mut probes = interval(PROBE);
        probes.tick().await;
        for probe in 1_u32.. {
            loop {
                tokio::select! {
                    event = events.next() => match event? {
                        Some(event) => self.take(&channel, &event).await?,
                        None => return Err(CallError::Ended { method: api::EVENTS }.into()),
                    },
                    _ = probes.tick() => break,
                }
            }
            // The events were perhaps not yet listened to when the first list was made.
            if probe == 1 || probe % LIST_EVERY == 0 {
                self.list(&channel).await?;
            } else {
                api::read_namespaces(&channel).await?;
            }
        }
        Ok(())
    }

    /// The first socket that there is; the error of one that refuses says more than that another is absent.
    async fn connect(&self) -> Result<Channel, CallError> {
        let mut refusal = None;
        for path in &self.sockets {
            match Channel::connect(path).await {
                Ok(channel) => return Ok(channel),
                Err(error) if refusal.is_none() || !error.is_absent() => refusal = Some(error),
                Err(_) => {}
            }
        }
        let none = || CallError::Connect { path: PathBuf::new(), source: io::ErrorKind::NotFound.into() };
        Err(refusal.unwrap_or_else(none))
    }

    fn is_dockers(&self, namespace: &str) -> bool {
        self.docker && namespace == DOCKERS
    }

    async fn tell_all(&mut self, state: State) -> Result<(), Stop> {
        let all = self.view.all(&mut self.known.values());
        self.tell(vec![all, News::State(state)]).await
    }

    async fn tell(&self, news: Vec<News>) -> Result<(), Stop> {
        for news in news {
            if !self.feed.tell(news).await {
                return Err(Stop::Deaf);
            }
        }
        Ok(())
    }
}
