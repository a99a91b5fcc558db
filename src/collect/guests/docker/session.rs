//! One connection to an engine, from its greeting to its end.
//!
//! In: the stream of events, the list now and then, descriptions. Out: what they say, to the [`Watch`]. Rules: events are read
//! all the time, because an engine throws away those of a listener that is slow; a few descriptions are asked for at once;
//! an answer that comes late is followed by the question whether the engine lives, and only that ends the connection.

use super::http::{Answer, Endpoint};
use super::lines::{Lines, TooLong};
use super::pending::Pending;
use super::version::{Api, Version};
use super::watch::Watch;
use super::{Fault, Pace, SOCKETS, event, inspect, list};
use super::{parse_event, parse_inspect, parse_list, parse_version};
use crate::host::Host;
use crate::sample::guest::GuestState;
use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};

/// Descriptions asked for at once.
const AT_ONCE: usize = 8;
/// Bytes of an event, which carries all labels of its container.
const EVENT: usize = 4 << 20;
/// Bytes of an answer that is short.
const SHORT: usize = 65_536;

/// Looks for the engine and holds the connection for as long as it lasts.
pub(super) async fn hold(host: &Host, watch: &mut Watch, pace: Pace) -> Result<Infallible, Fault> {
    let (endpoint, version) = greet(host, watch, pace.deadline).await?;
    // Before the list, so that nothing falls between. Docker sends the head of the answer before it begins to listen
    // itself, so it is asked for what has happened in the second before, too.
    let since = host.clock.unix_secs().saturating_sub(1);
    let target = format!("/v{}/events?since={since}&filters={}", version.api, encode(event::FILTERS));
    let mut events = Events { answer: endpoint.open(&target).await?, lines: Lines::new(EVENT) };
    let mut session = Session::new(endpoint, version.api, watch);
    session.begin().await?;
    let connected = session.initial.len();
    log::info!(target: "docker", "engine {}, API {}, {connected} containers", version.engine, version.api);
    let (mut ping, mut recheck) = (timer(pace.ping), timer(pace.recheck));
    loop {
        session.ask_next();
        session.settle().await?;
        tokio::select! {
            line = events.next() => session.heard(line?),
            Some(reply) = session.tasks.join_next() => session.answered(reply).await?,
            _ = ping.tick() => session.ping(),
            _ = recheck.tick() => session.relist(),
        }
    }
}

/// The first engine that is there, and the version to talk in.
async fn greet(host: &Host, watch: &mut Watch, deadline: Duration) -> Result<(Endpoint, Version), Fault> {
    const TARGET: &str = "/version";
    for path in SOCKETS.map(|path| host.path(path)) {
        let endpoint = Endpoint { path: path.clone(), deadline };
        let answer = match endpoint.get(TARGET, SHORT).await {
            Err(fault) if fault.is_absent() => continue,
            answer => answer?,
        };
        let (version, odd) = parse_version(&answer).map_err(json(TARGET))?;
        odd.iter().for_each(|odd| watch.complain(TARGET, odd));
        return Ok((endpoint, version.map_err(|source| Fault::Version { path, source })?));
    }
    let [first, second] = SOCKETS.map(|path| host.path(path));
    Err(Fault::Absent { first, second })
}

struct Session<'a> {
    endpoint: Endpoint,
    api: Api,
    watch: &'a mut Watch,
    pending: Pending,
    tasks: JoinSet<Reply>,
    asking: usize,
    pinging: bool,
    /// To be described before everything is known.
    initial: HashSet<String>,
    settled: bool,
}

enum Reply {
    Described(String, Result<Vec<u8>, Fault>),
    Listed(Result<Vec<u8>, Fault>),
    Alive(Result<Vec<u8>, Fault>),
}

impl<'a> Session<'a> {
    fn new(endpoint: Endpoint, api: Api, watch: &'a mut Watch) -> Self {
        let (pending, tasks, initial) = Default::default();
        let (asking, pinging, settled) = Default::default();
        Self { endpoint, api, watch, pending, tasks, asking, pinging, initial, settled }
    }

    /// Everything that is or was there is asked about.
    async fn begin(&mut self) -> Result<(), Fault> {
        let target = self.list_target();
        let answer = self.endpoint.get(&target, list::LIMIT).await?;
        let (listed, odd) = parse_list(&answer).map_err(json(&target))?;
        odd.iter().for_each(|odd| self.watch.complain("an entry of the list", odd));
        let known = self.watch.ids().cloned();
        self.initial = listed.into_iter().map(|entry| entry.id).chain(known).collect();
        for id in &self.initial {
            self.pending.want(id, false);
        }
        Ok(())
    }

    fn ask_next(&mut self) {
        while self.asking < AT_ONCE
            && let Some(id) = self.pending.next()
        {
            self.asking += 1;
            let (endpoint, target) = (self.endpoint.clone(), format!("/v{}/containers/{id}/json", self.api));
            self.tasks
                .spawn(async move { Reply::Described(id, endpoint.get(&target, inspect::LIMIT).await) });
        }
    }

    async fn settle(&mut self) -> Result<(), Fault> {
        if self.settled || !self.initial.is_empty() {
            return Ok(());
        }
        self.settled = true;
        self.watch.tell_all().await
    }

    fn heard(&mut self, line: Result<Vec<u8>, TooLong>) {
        let line = match line {
            Ok(line) if line.trim_ascii().is_empty() => return,
            Ok(line) => line,
            Err(error) => return self.watch.complain("events", &error),
        };
        match parse_event(&line) {
            Ok((hint, odd)) => {
                odd.iter().for_each(|odd| self.watch.complain("an event", odd));
                if let Some(hint) = hint {
                    self.want(&hint.id, hint.network);
                }
            }
            Err(error) => self.watch.complain("an event", &error),
        }
    }

    fn want(&mut self, id: &str, network: bool) {
        if !self.pending.want(id, network) {
            self.watch.complain(id, &"too many others are to be asked about first");
        }
    }

    async fn answered(&mut self, reply: Result<Reply, JoinError>) -> Result<(), Fault> {
        match reply {
            Ok(Reply::Described(id, answer)) => self.described(&id, answer).await?,
            Ok(Reply::Listed(answer)) => self.listed(answer),
            Ok(Reply::Alive(answer)) => {
                answer?;
                self.pinging = false;
            }
            Err(error) => _ = error.try_into_panic().map(|panic| std::panic::resume_unwind(panic)),
        }
        Ok(())
    }

    async fn described(&mut self, id: &str, answer: Result<Vec<u8>, Fault>) -> Result<(), Fault> {
        self.asking -= 1;
        self.initial.remove(id);
        let network = self.pending.answered(id);
        let answer = match answer {
            Err(fault) if fault.is_not_found() => return self.watch.ended(id, GuestState::Shutdown).await,
            answer => answer.and_then(|text| parse_inspect(id, &text).map_err(json("its description"))),
        };
        match answer {
            Ok((guest, odd)) => {
                let about = guest.as_ref().map_or(id, |guest| &guest.name);
                odd.iter().for_each(|odd| self.watch.complain(about, odd));
                match guest {
                    Some(guest) => self.watch.found(guest, network).await?,
                    None => self.watch.doubt(id, &"its description does not say whether it lives"),
                }
            }
            Err(fault) => {
                self.watch.doubt(id, &fault);
                self.ping();
            }
        }
        Ok(())
    }

    fn listed(&mut self, answer: Result<Vec<u8>, Fault>) {
        let target = self.list_target();
        let parsed = answer.and_then(|text| parse_list(&text).map_err(json(&target)));
        match parsed {
            Ok((listed, odd)) => {
                odd.iter().for_each(|odd| self.watch.complain("an entry of the list", odd));
                for id in self.watch.suspects(&listed) {
                    self.want(&id, false);
                }
            }
            Err(fault) => self.watch.complain("the list", &fault),
        }
    }

    fn ping(&mut self) {
        if !std::mem::replace(&mut self.pinging, true) {
            let endpoint = self.endpoint.clone();
            self.tasks.spawn(async move { Reply::Alive(endpoint.get("/_ping", SHORT).await) });
        }
    }

    fn relist(&mut self) {
        let (endpoint, target) = (self.endpoint.clone(), self.list_target());
        self.tasks.spawn(async move { Reply::Listed(endpoint.get(&target, list::LIMIT).await) });
    }

    fn list_target(&self) -> String {
        format!("/v{}/containers/json?filters={}", self.api, encode(list::FILTERS))
    }
}

struct Events {
    answer: Answer,
    lines: Lines,
}

impl Events {
    /// The next line; may be dropped while it waits.
    async fn next(&mut self) -> Result<Result<Vec<u8>, TooLong>, Fault> {
        loop {
            if let Some(line) = self.lines.next_line() {
                return Ok(line);
            }
            if !self.answer.more(&mut self.lines.text).await? {
                return Err(self.answer.ended());
            }
        }
    }
}

fn timer(period: Duration) -> Interval {
    let mut timer = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

fn json(target: &str) -> impl Fn(serde_json::Error) -> Fault {
    move |source| Fault::Json { target: target.to_owned(), source }
}

/// For a query (RFC 3986, section 2.1).
fn encode(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}
