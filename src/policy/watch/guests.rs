//! The agent's event socket: who is there, as addresses of groups, on the desk.
//!
//! In: lines of JSON, the desk's page for its groups. Out: [`Wish::Guests`] whenever the addresses are others, at once.
//! Rules: nothing is said before the agent has told all that are there; while it is away the last word stands, with no
//! end, because an empty group opens what was closed, and [`Seen`] says since when it is old. A line that is no event
//! costs itself and is counted. The addresses of virtual machines are told by the kernel. Spec: hsflowd(8), FILES.

use super::members::Known;
use super::neighbours::Neighbours;
use super::{LATEST, SOON};
use crate::host::Clock;
use crate::policy::desk::{Desk, Origin, Rejection, Wish};
use crate::policy::model::{GroupName, Prefix};
use crate::wire::netlink::neighbour::Neighbour;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::watch;

/// Bytes of an event that is read.
const LONGEST: u64 = 1 << 20;
const AGAIN: Duration = Duration::from_millis(500);

type Members = BTreeMap<GroupName, BTreeSet<Prefix>>;

/// How it is with the socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Connected, since.
    pub since: Option<SystemTime>,
    /// Not connected, since, and why; what groups have is as old.
    pub away: Option<(SystemTime, String)>,
    /// Guests.
    pub guests: usize,
    /// Lines that were no event, and guests and addresses beyond those that are kept in mind.
    pub lost: u64,
}

/// Reads events.
#[derive(Debug)]
pub struct Guests {
    desk: Desk,
    socket: PathBuf,
    clock: Clock,
    known: Known,
    said: Option<Members>,
    broken: u64,
    seen: watch::Sender<Seen>,
    neighbours: Option<Neighbours>,
}

impl Guests {
    /// For the socket at this path.
    pub fn new(desk: Desk, socket: PathBuf, clock: Clock) -> Self {
        let (known, seen) = (Known::default(), watch::Sender::default());
        Self { desk, socket, clock, known, said: None, broken: 0, seen, neighbours: None }
    }

    /// How it is, now and later.
    pub fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// Reads for ever, connecting again whenever the agent goes.
    pub async fn run(mut self) {
        let mut pause = SOON;
        match Neighbours::open() {
            Ok(neighbours) => self.neighbours = Some(neighbours),
            Err(why) => {
                log::warn!(target: "guests", "addresses of virtual machines are not known: {why}");
            }
        }
        loop {
            let why = match UnixStream::connect(&self.socket).await {
                Ok(socket) => {
                    pause = SOON;
                    self.known.begin();
                    let since = self.clock.wall();
                    self.seen.send_modify(|seen| (seen.since, seen.away) = (Some(since), None));
                    match self.read(socket).await {
                        Ok(()) => "the agent has hung up".to_owned(),
                        Err(e) => e.to_string(),
                    }
                }
                Err(e) => e.to_string(),
            };
            self.note_away(why);
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LATEST);
        }
    }

    fn note_away(&self, why: String) {
        let now = self.clock.wall();
        self.seen.send_modify(|seen| {
            if seen.away.is_none() {
                log::warn!(target: "guests", "{}: {why}; groups stay as they are", self.socket.display());
            }
            let since = seen.away.take().map_or(now, |(since, _)| since);
            (seen.since, seen.away) = (None, Some((since, why)));
        });
    }

    async fn read(&mut self, socket: UnixStream) -> io::Result<()> {
        let mut input = BufReader::new(socket);
        let mut pages = self.desk.pages();
        let (mut line, mut failed) = (Vec::new(), false);
        loop {
            let mut limited = (&mut input).take(LONGEST.saturating_sub(line.len() as u64));
            tokio::select! {
                // Cut short, it leaves what it has read in `line`.
                read = limited.read_until(b'\n', &mut line) => {
                    read?;
                    if line.last() != Some(&b'\n') {
                        let is_over = (line.len() as u64) < LONGEST;
                        return if is_over { Ok(()) } else { Err(io::Error::other("an event without an end")) };
                    }
                    self.take(&line);
                    line.clear();
                    // Of many lines that are there only the last one's outcome is of interest.
                    if input.buffer().contains(&b'\n') {
                        continue;
                    }
                }
                heard = heard(self.neighbours.as_mut()) => {
                    let new = heard.iter().filter(|one| self.known.hear(one.ip, one.mac)).count();
                    self.count();
                    // Most are no guests, or say again what is known.
                    if new == 0 {
                        continue;
                    }
                }
                page = pages.changed() => if page.is_err() { return Ok(()) },
                () = tokio::time::sleep(AGAIN), if failed => {}
            }
            failed = !self.tell().await;
        }
    }

    fn take(&mut self, line: &[u8]) {
        match serde_json::from_slice(line) {
            Ok(event) => self.known.take(event),
            Err(e) => {
                self.broken += 1;
                log::debug!(target: "guests", "not an event: {e}");
            }
        }
        self.count();
    }

    fn count(&self) {
        let (guests, lost) = (self.known.count(), self.broken + self.known.left_out());
        self.seen.send_if_modified(|seen| {
            let changed = (seen.guests, seen.lost) != (guests, lost);
            (seen.guests, seen.lost) = (guests, lost);
            changed
        });
    }

    /// Says what is new; false where it has to be said again.
    async fn tell(&mut self) -> bool {
        if !self.known.is_whole() {
            return true;
        }
        let members = self.known.members(&self.desk.page().groups);
        if self.said.as_ref() == Some(&members) {
            return true;
        }
        let wish = Wish::Guests(members.clone());
        match self.desk.ask(wish, Origin::Reaction, "guests".to_owned()).await {
            // Kept, and tried again by the one who keeps it.
            Ok(_) | Err(Rejection::Trouble(_)) => {
                self.said = Some(members);
                true
            }
            Err(why) => {
                log::debug!(target: "guests", "members of groups: {why}");
                false
            }
        }
    }
}

async fn heard(neighbours: Option<&mut Neighbours>) -> Vec<Neighbour> {
    match neighbours {
        Some(neighbours) => neighbours.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
