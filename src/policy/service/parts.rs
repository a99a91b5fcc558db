//! Those who ask, beside the files: requests, the agent's guests, our own detection. Each is a task and has the desk.
//!
//! In: the desk, the clock, what the files say of them. Out: the tasks, which end with this value. Rule: a part that
//! does not work costs nobody else; what is to be listened to is open before the service says that it is ready, and
//! where it may not be opened the service does not start; what is told anew and may not be, changes nothing.

use crate::host::Clock;
use crate::policy::desk::{Desk, Source};
use crate::policy::file::REACT;
use crate::policy::lines::Dialect;
use crate::policy::react::Reaction;
use crate::policy::rest::{Rest, ServeError, Settings};
use crate::policy::watch::{guests, stream};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

pub(super) struct Parts {
    desk: Desk,
    clock: Clock,
    tasks: JoinSet<()>,
    rest: Rest,
    guests: watch::Receiver<guests::Seen>,
    samples: Option<watch::Receiver<stream::Seen>>,
    detection: Option<AbortHandle>,
    reactions: Vec<Reaction>,
}

impl Parts {
    pub(super) fn open(
        desk: Desk,
        clock: Clock,
        (rest, dialect): (Settings, Dialect),
        agent: &Path,
    ) -> Result<Self, ServeError> {
        let mut tasks = JoinSet::new();
        let rest = Rest::open(desk.clone(), rest, dialect, clock.clone())?;
        tasks.spawn(rest.clone().serve());
        let reader = guests::Guests::new(desk.clone(), agent.join("guests.sock"), clock.clone());
        let guests = reader.seen();
        tasks.spawn(reader.run());
        Ok(Self { desk, clock, tasks, rest, guests, samples: None, detection: None, reactions: Vec::new() })
    }

    /// Hears requests by these settings from now on, with tokens and certificates as they are now.
    ///
    /// # Errors
    /// They cannot be had; then all is as before.
    pub(super) fn hear(&mut self, settings: Settings) -> Result<(), ServeError> {
        let Some(fresh) = self.rest.again(settings)? else { return Ok(()) };
        self.tasks.spawn(fresh.clone().serve());
        self.rest = fresh;
        // Those that were replaced have ended.
        while self.tasks.try_join_next().is_some() {}
        Ok(())
    }

    /// How it is with those who are listened to.
    pub(super) fn sources(&self) -> BTreeMap<&'static str, Source> {
        let guests = self.guests.borrow();
        let (since, away) = (guests.since, guests.away.clone());
        let counts = [("guests", guests.guests as u64), ("lost", guests.lost)].into();
        let mut all = BTreeMap::from([("guests", Source { since, away, counts })]);
        if let Some(samples) = &self.samples {
            let seen = samples.borrow();
            let counts = [
                ("datagrams", seen.datagrams),
                ("samples", seen.samples),
                ("lost", seen.lost),
                ("broken", seen.broken),
                ("refused", seen.refused),
                ("passed", seen.passed),
            ];
            let (since, away) = (seen.since, seen.away.clone());
            all.insert("samples", Source { since, away, counts: counts.into() });
        }
        all
    }

    /// Detects this from now on. What was found before ends when it said that it would.
    pub(super) fn detect(&mut self, reactions: &[Reaction], agent: &Path) {
        if self.reactions == reactions {
            return;
        }
        if let Some(old) = self.detection.take() {
            old.abort();
        }
        self.samples = None;
        self.reactions = reactions.to_vec();
        let Ok(owner) = REACT.parse() else { return };
        if !reactions.is_empty() {
            let (desk, clock) = (self.desk.clone(), self.clock.clone());
            let stream =
                stream::Stream::new(desk, agent.join("stream.sock"), clock, owner, reactions.to_vec());
            self.samples = Some(stream.seen());
            self.detection = Some(self.tasks.spawn(stream.run()));
        }
    }
}
