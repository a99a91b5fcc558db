//! Containers of containerd, from its own API.
//!
//! In: its socket; where nobody answers there, what its runtime has left on disk, or the cgroups. Out: [`News`] of
//! containers, and how well they are known. Rules: events tell of changes and a list is had only after connecting and now and then; what Docker
//! runs on containerd is Docker's where `docker {}` is configured; an answer that cannot be read costs one container.
//! `watch` follows one containerd, for this module and for pods.

pub mod api;
pub mod cgroup_path;
mod complaints;
pub mod container;
pub mod disk;
pub mod error;
pub mod event;
pub mod grpc;
pub mod spec;
mod watch;

pub use watch::{SOCKETS, View, Watch};

use super::{Feed, News};
use crate::host::Host;
use crate::sample::guest::{Engine, GuestState};
use container::Container;

/// Tells of containers until nobody listens. `docker`: containers that Docker runs are told by somebody else.
pub async fn run(host: Host, docker: bool, feed: Feed) {
    Watch::new(host, None, docker, feed, Containers).run().await;
}

/// Each container is a guest.
struct Containers;

impl View for Containers {
    fn engine(&self) -> Engine {
        Engine::Containerd
    }

    fn all(&mut self, containers: &mut dyn Iterator<Item = &Container>) -> News {
        News::All(containers.map(|container| container.guest().into()).collect())
    }

    fn one(&mut self, container: &Container) -> Vec<News> {
        vec![News::One(container.guest().into())]
    }

    fn ended(&mut self, container: &Container) -> Vec<News> {
        let mut guest = container.guest();
        guest.state = GuestState::Shutdown;
        let id = guest.id.clone();
        vec![News::One(guest.into()), News::Gone(id)]
    }
}
