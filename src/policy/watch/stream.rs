//! The agent's stream socket: its datagrams into detectors, and what these raise onto the desk.
//!
//! In: sFlow datagrams, one a message. Out: what `asked` makes of events. Rules: reading waits for no answer of the desk;
//! samples count when they were sent, so that a program that stood takes no pile of them for a flood; detection's clock
//! stands while the agent is away, so that silence is not taken for the end of an attack (the policies' own life ends
//! them then). Spec: hsflowd(8), FILES.

use super::asked::Asked;
use super::dates::Dates;
use super::{AGAIN, LATEST, SOON};
use crate::host::{Clock, connect};
use crate::policy::desk::Desk;
use crate::policy::model::Owner;
use crate::policy::react::{Datagram, Detector, Event, Reaction, Sample};
use crate::sys::readable::readable;
use socket2::{Socket, Type};
use std::hash::RandomState;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;

/// Datagrams that are read before others of the program have their turn.
const TURN: usize = 64;

/// How it is with the socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Connected, since.
    pub since: Option<SystemTime>,
    /// Not connected, since, and why.
    pub away: Option<(SystemTime, String)>,
    /// Datagrams read.
    pub datagrams: u64,
    /// Packet samples in them.
    pub samples: u64,
    /// Datagrams that the agent numbered and that did not come.
    pub lost: u64,
    /// Datagrams that are no sFlow.
    pub broken: u64,
    /// Times that a key was left alone because of `most`.
    pub refused: u64,
    /// Samples that a part-of-a-link reaction did not look at: the link's speed is not known.
    pub passed: u64,
}

/// Reads samples.
#[derive(Debug)]
pub struct Stream {
    socket: PathBuf,
    clock: Clock,
    asked: Asked,
    eyes: Vec<(Reaction, Detector)>,
    /// Detection's time when this connection began.
    before: Duration,
    began: Option<Instant>,
    dates: Dates,
    expected: Option<u32>,
    now: Seen,
    seen: watch::Sender<Seen>,
}

impl Stream {
    /// For the socket at this path. All that it asks for is `owner`'s.
    pub fn new(desk: Desk, socket: PathBuf, clock: Clock, owner: Owner, reactions: Vec<Reaction>) -> Self {
        let eye = |reaction: Reaction| {
            let detector = Detector::new(reaction.rule(), RandomState::new());
            (reaction, detector)
        };
        Self {
            socket,
            clock,
            asked: Asked::new(desk, owner),
            eyes: reactions.into_iter().map(eye).collect(),
            before: Duration::ZERO,
            began: None,
            dates: Dates::default(),
            expected: None,
            now: Seen::default(),
            seen: watch::Sender::default(),
        }
    }

    /// How it is, now and later; counts are told when the reader has a moment.
    pub fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// Reads for ever, connecting again whenever the agent goes.
    pub async fn run(mut self) {
        let mut pause = SOON;
        loop {
            let why = match connect::at_once(&self.socket, Type::SEQPACKET) {
                Ok(socket) => {
                    pause = SOON;
                    (self.began, self.expected) = (Some(self.clock.now()), None);
                    self.dates = Dates::default();
                    (self.now.since, self.now.away) = (Some(self.clock.wall()), None);
                    let read = self.read(&socket).await;
                    (self.before, self.began) = (self.time(), None);
                    read.map_or_else(|e| e.to_string(), |()| "the agent has hung up".to_owned())
                }
                Err(e) => e.to_string(),
            };
            self.note_away(why);
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LATEST);
        }
    }

    fn note_away(&mut self, why: String) {
        if self.now.away.is_none() {
            log::warn!(target: "react", "{}: {why}; nothing is detected", self.socket.display());
        }
        let since = self.now.away.take().map_or_else(|| self.clock.wall(), |(since, _)| since);
        (self.now.since, self.now.away) = (None, Some((since, why)));
        self.seen.send_replace(self.now.clone());
    }

    /// Detection's time: that of being connected.
    fn time(&self) -> Duration {
        let connected = self.began.map(|began| self.clock.now().saturating_duration_since(began));
        self.before + connected.unwrap_or_default()
    }

    async fn read(&mut self, socket: &Socket) -> io::Result<()> {
        let news = readable(socket)?;
        let mut bytes = vec![0; 65_536];
        loop {
            let wait = self.next().map(|at| at.saturating_sub(self.time()));
            let mut ready = tokio::select! {
                ready = news.readable() => Some(ready?),
                Some(said) = self.asked.answer() => {
                    self.asked.answered(self.time(), said);
                    None
                }
                () = tokio::time::sleep(wait.unwrap_or(AGAIN)) => None,
            };
            // Whatever woke us: as long as there is more to read, it is as late as what was read last. A program that stood
            // hears of the time first.
            let mut late = None;
            for _ in 0..TURN {
                match (&*socket).read(&mut bytes) {
                    Ok(0) => return Ok(()),
                    Ok(length) => late = Some(self.datagram(bytes.get(..length).unwrap_or_default())),
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        ready.iter_mut().for_each(|ready| ready.clear_ready());
                        late = None;
                        break;
                    }
                    Err(e) => return Err(e),
                }
            }
            self.tick(late);
            if late.is_some() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes one in: when it was sent.
    fn datagram(&mut self, bytes: &[u8]) -> Duration {
        self.now.datagrams += 1;
        let read = self.time();
        let Ok(datagram) = Datagram::new(bytes) else {
            self.now.broken += 1;
            return read;
        };
        self.number(datagram.sequence());
        let time = self.dates.date(datagram.uptime_ms(), read);
        let (mut events, mut samples) = (Vec::new(), 0);
        let told = datagram.samples(&mut |sample| match sample {
            Sample::Flow(flow) => {
                samples += 1;
                for (at, (_, detector)) in self.eyes.iter_mut().enumerate() {
                    detector.flow(time, flow, &mut |event| events.push((at, *event)));
                }
            }
            Sample::Speed { if_index, bits_per_sec } => {
                self.eyes.iter_mut().for_each(|(_, detector)| detector.link(if_index, bits_per_sec));
            }
        });
        self.now.samples += samples;
        self.now.broken += u64::from(told.is_err());
        self.events(&events);
        time
    }

    /// Counts those that are missing before this one. An agent that starts again begins at 1.
    fn number(&mut self, number: u32) {
        let missing = self.expected.map_or(0, |expected| number.wrapping_sub(expected));
        if missing < 1 << 31 {
            self.now.lost += u64::from(missing);
        }
        self.expected = Some(number.wrapping_add(1));
    }

    fn events(&mut self, events: &[(usize, Event)]) {
        let time = self.time();
        for (at, event) in events {
            if let Some((reaction, _)) = self.eyes.get(*at) {
                self.asked.event(time, reaction, event);
            }
        }
    }

    fn next(&self) -> Option<Duration> {
        let ticks = self.eyes.iter().filter_map(|(_, detector)| detector.next_tick());
        ticks.chain(self.asked.next()).min()
    }

    /// What time brings: the present one, or that of what is read late.
    fn tick(&mut self, late: Option<Duration>) {
        let (time, mut events) = (self.time(), Vec::new());
        let reached = late.unwrap_or(time);
        for (at, (_, detector)) in self.eyes.iter_mut().enumerate() {
            if detector.next_tick().is_some_and(|tick| tick <= reached) {
                detector.tick(reached, &mut |event| events.push((at, *event)));
            }
        }
        self.events(&events);
        self.asked.say_due(time);
        let detectors = || self.eyes.iter().map(|(_, detector)| detector);
        self.now.refused = self.asked.refused() + detectors().map(Detector::refused).sum::<u64>();
        self.now.passed = detectors().map(Detector::passed).sum();
        self.seen.send_if_modified(|seen| {
            let changed = *seen != self.now;
            seen.clone_from(&self.now);
            changed
        });
    }
}

#[cfg(test)]
mod tests;
