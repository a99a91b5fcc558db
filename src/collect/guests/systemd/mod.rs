//! Services of systemd, as guests.
//!
//! In: systemd's D-Bus interface, and the cgroup tree. Out: [`News`] of services that are loaded, active, below `system.slice`,
//! and have processes. Rules: one list at the start, then signals; the list is read again every `refreshVMs` seconds, in
//! case one was missed. While the bus cannot be used the cgroup tree tells which services have processes, and the state
//! says so. Spec: `org.freedesktop.systemd1(5)`, the D-Bus specification, systemd's "Control Group APIs and Delegation".

mod bus;
pub mod names;
mod session;
mod tree;
mod trouble;
mod units;

pub use bus::SOCKET;

use super::cgroup::Hierarchies;
use super::{Feed, News};
use crate::config::model::Systemd;
use crate::host::Host;
use crate::sample::backoff::Backoff;
use crate::status::registry::State;
use bus::Bus;
use session::{End, Session};
use std::time::Duration;
use trouble::Trouble;
use units::Units;

/// Tells of services until nobody listens any more.
pub async fn run(host: Host, settings: Systemd, feed: Feed) {
    let (mut units, mut backoff) = (Units::default(), Backoff::default());
    loop {
        let trouble = match attempt(&host, &settings, &feed, &mut units, &mut backoff).await {
            End::Unheard => return,
            End::Trouble(trouble) => trouble,
        };
        if !without_bus(&host, &trouble, &feed, &mut units).await {
            return;
        }
        tokio::time::sleep(backoff.advance()).await;
    }
}

async fn attempt(
    host: &Host,
    settings: &Systemd,
    feed: &Feed,
    units: &mut Units,
    backoff: &mut Backoff,
) -> End {
    let hierarchies = match Hierarchies::read(host) {
        Ok(hierarchies) => hierarchies,
        Err(error) => return End::Trouble(error.into()),
    };
    let bus = match Bus::connect(host).await {
        Ok(bus) => bus,
        Err(trouble) => return End::Trouble(trouble),
    };
    let refresh = Duration::from_secs(settings.refresh_vms_secs.max(1).into());
    let end = Session::new(bus, hierarchies, units, feed).run(refresh).await;
    if units.is_complete() {
        backoff.reset();
    }
    end
}

/// Tells what the cgroup tree knows. False when nobody listens.
async fn without_bus(host: &Host, trouble: &Trouble, feed: &Feed, units: &mut Units) -> bool {
    let services = match Hierarchies::read(host) {
        Ok(hierarchies) => tree::services(&hierarchies).await,
        Err(_) => None,
    };
    let Some(services) = services else {
        let reason = format!("{trouble}; and there is no system.slice among the cgroups");
        let state = if units.is_empty() { State::unavailable(&reason) } else { State::degraded(&reason) };
        return feed.tell(News::State(state)).await;
    };
    let state = State::degraded(&format!("{trouble}; services are those in the cgroup tree"));
    let changed = units.replace(services);
    feed.tell(News::State(state)).await && (!changed || feed.tell(units.all()).await)
}
