//! Those who ask, beside the files: requests, the agent's guests, our own detection. Each is a task and has the desk.
//!
//! In: the desk, the clock, what the files say of them. Out: the tasks, which end with this value. Rule: a part that
//! does not work costs nobody else, but one that panics ends the program, which is started anew; what is to be listened to
//! is open before the service says that it is ready, and where it may not be opened the service does not start; what is
//! told anew and may not be, changes nothing.

use crate::host::Clock;
use crate::policy::desk::{Desk, Source};
use crate::policy::file::REACT;
use crate::policy::lines::Dialect;
use crate::policy::react::Reaction;
use crate::policy::rest::{Rest, ServeError, Settings};
use crate::policy::watch::{guests, stream};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

pub(super) struct Parts {
    desk: Desk,
    clock: Clock,
    tasks: JoinSet<()>,
    rest: Rest,
    /// The folder of the agent's sockets.
    agent: PathBuf,
    guests: (watch::Receiver<guests::Seen>, AbortHandle),
    samples: Option<(watch::Receiver<stream::Seen>, AbortHandle)>,
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
        let guests = read_guests(&mut tasks, &desk, &clock, agent);
        let agent = agent.to_owned();
        Ok(Self { desk, clock, tasks, rest, agent, guests, samples: None, reactions: Vec::new() })
    }

    /// Hears requests by these settings from now on, with tokens and certificates as they are now.
    ///
    /// # Errors
    /// They cannot be had; then all is as before.
    pub(super) fn hear(&mut self, settings: Settings) -> Result<(), ServeError> {
        let Some(fresh) = self.rest.again(settings)? else { return Ok(()) };
        self.tasks.spawn(fresh.clone().serve());
        self.rest = fresh;
        Ok(())
    }

    /// How it is with those who are listened to.
    pub(super) fn sources(&self) -> BTreeMap<&'static str, Source> {
        let guests = self.guests.0.borrow();
        let (since, away) = (guests.since, guests.away.clone());
        let counts = [("guests", guests.guests as u64), ("lost", guests.lost)].into();
        let mut all = BTreeMap::from([("guests", Source { since, away, counts })]);
        if let Some((samples, _)) = &self.samples {
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

    /// Listens to this agent and detects this from now on. What was found before ends when it said that it would.
    pub(super) fn follow(&mut self, reactions: &[Reaction], agent: &Path) {
        let is_other = self.agent != agent;
        if is_other {
            agent.clone_into(&mut self.agent);
            self.guests.1.abort();
            self.guests = read_guests(&mut self.tasks, &self.desk, &self.clock, agent);
        }
        if is_other || self.reactions != reactions {
            self.detect(reactions);
        }
    }

    fn detect(&mut self, reactions: &[Reaction]) {
        if let Some((_, old)) = self.samples.take() {
            old.abort();
        }
        self.reactions = reactions.to_vec();
        let Ok(owner) = REACT.parse() else { return };
        if !reactions.is_empty() {
            let (desk, clock, socket) =
                (self.desk.clone(), self.clock.clone(), self.agent.join("stream.sock"));
            let stream = stream::Stream::new(desk, socket, clock, owner, reactions.to_vec());
            self.samples = Some((stream.seen(), self.tasks.spawn(stream.run())));
        }
    }

    /// Waits for a panic of one of them, and passes it on.
    pub(super) async fn watch(&mut self) -> Infallible {
        watch_over(&mut self.tasks).await
    }
}

fn read_guests(
    tasks: &mut JoinSet<()>,
    desk: &Desk,
    clock: &Clock,
    agent: &Path,
) -> (watch::Receiver<guests::Seen>, AbortHandle) {
    let reader = guests::Guests::new(desk.clone(), agent.join("guests.sock"), clock.clone());
    (reader.seen(), tasks.spawn(reader.run()))
}

async fn watch_over(tasks: &mut JoinSet<()>) -> Infallible {
    loop {
        match tasks.join_next().await {
            Some(Err(why)) if why.is_panic() => std::panic::resume_unwind(why.into_panic()),
            // It was replaced.
            Some(_) => {}
            None => return std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[should_panic(expected = "a fault of a part")]
    fn a_part_that_panics_takes_the_program_with_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let outcome = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            tasks.spawn(async {});
            tasks.spawn(std::future::pending()).abort();
            tasks.spawn(async { panic!("a fault of a part") });
            tokio::time::timeout(Duration::from_secs(20), watch_over(&mut tasks)).await
        });
        outcome.expect_err("it waits for ever otherwise");
    }
}
