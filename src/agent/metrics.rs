//! The page of metrics, as the agent's loop sees it: `server` serves it, `status::metrics` writes it.
//!
//! In: the settings; questions of the server. Out: pages, the component's state. Rules: while `metrics { }` is not there nothing
//! is kept and nothing listens; a page tells what was sent last, and nothing is read for it; however often it is asked
//! for, it is written once a second.

mod server;

use super::asked::Desk;
use super::board::Board;
use super::cost;
use super::daemon::Agent;
use crate::config::model::Listen;
use crate::status::asked::Asked;
use crate::status::cost::Cost;
use crate::status::metrics::{Format, Gathered};
use bytes::Bytes;
use server::Counts;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// For so long a page is given to everybody.
const FRESH: Duration = Duration::from_secs(1);

/// The server, if there is one, and what pages are made of.
#[derive(Default)]
pub struct Metrics {
    news: Arc<Notify>,
    server: Option<Server>,
    /// What the agent had cost at the last poll.
    cost: Cost,
    /// The last page of each format.
    pages: Vec<(Format, Instant, Bytes)>,
}

struct Server {
    listen: Listen,
    board: Board,
    counts: Arc<Counts>,
    running: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Metrics {
    /// Rings when the server has news.
    pub fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.news)
    }

    /// Whether they are kept.
    pub fn are_on(&self) -> bool {
        self.server.is_some()
    }

    /// Who asked, and how often.
    pub fn report(&self, now: Instant) -> Option<Asked> {
        let server = self.server.as_ref()?;
        let served = server.counts.read();
        Some(Asked {
            listen: server.listen.to_string(),
            open: server.listen.is_open(),
            served: served.served,
            refused: served.refused,
            given_up: served.given_up,
            last_secs_ago: served.last.map(|last| now.saturating_duration_since(last).as_secs()),
        })
    }

    fn apply(
        &mut self,
        wanted: Option<&Listen>,
        start: impl FnOnce(&Listen, Board, Arc<Counts>) -> JoinHandle<()>,
    ) {
        if self.server.as_ref().map(|server| &server.listen) == wanted {
            return;
        }
        (self.server, self.pages) = (None, Vec::new());
        if let Some(listen) = wanted {
            let (board, counts) = (Board::new(&self.news), Arc::<Counts>::default());
            let running = start(listen, board.clone(), Arc::clone(&counts));
            self.server = Some(Server { listen: listen.clone(), board, counts, running });
        }
    }
}

impl Agent {
    /// Makes the server that of the settings.
    pub(super) fn apply_metrics(&mut self) {
        let wanted = self.settings.modules.metrics.as_ref().map(|metrics| &metrics.listen);
        let (host, desk) = (&self.host, &self.desk);
        let before = self.metrics.are_on();
        self.metrics.apply(wanted, |listen, board, counts| start(host, listen, desk, board, counts));
        if before != self.metrics.are_on() {
            self.outlet.lock().keep(self.metrics.are_on().then(|| self.host.clock.clone()));
        }
        self.on_metrics();
    }

    /// The server has news.
    pub fn on_metrics(&mut self) {
        let state = self.metrics.server.as_ref().and_then(|server| server.board.read());
        self.show("metrics", state);
    }

    /// Counters were polled: what the agent had cost until then goes with them.
    pub(super) fn keep_cost(&mut self) {
        if !self.metrics.are_on() {
            return;
        }
        let now_ms = self.host.clock.unix_ms();
        self.metrics.cost = Cost { read_at_ms: Some(now_ms), ..self.cost_now() };
        self.metrics.pages.clear();
        self.outlet.lock().forget_silent(now_ms);
    }

    /// The page; none while there is to be none.
    fn page(&mut self, format: Format) -> Option<Bytes> {
        self.metrics.server.as_ref()?;
        let now = self.host.clock.now();
        self.metrics.pages.retain(|(_, made, _)| now.saturating_duration_since(*made) < FRESH);
        if let Some((_, _, page)) = self.metrics.pages.iter().find(|(known, ..)| *known == format) {
            return Some(page.clone());
        }
        let mut snapshot = self.snapshot_without_cost();
        snapshot.cost = self.metrics.cost.clone();
        // Whoever sends waits only for this.
        let gathered = Gathered::new(&snapshot, self.outlet.lock().kept()?);
        let page = Bytes::from(gathered.page(format));
        self.metrics.pages.push((format, now, page.clone()));
        Some(page)
    }

    /// What the agent has cost until now.
    pub(super) fn cost_now(&self) -> Cost {
        let sent = self.telemetry();
        let samples = sent.flow_samples
            + sent.counter_samples
            + sent.rtmetric_samples
            + sent.rtflow_samples
            + sent.event_samples;
        Cost {
            polls: self.polls.count,
            poll_calls: self.polls.calls,
            samples,
            ..cost::read(self.host.user_hz)
        }
    }
}

fn start(
    host: &crate::host::Host,
    listen: &Listen,
    desk: &Desk,
    board: Board,
    counts: Arc<Counts>,
) -> JoinHandle<()> {
    if listen.is_open() {
        log::info!(target: "metrics", "whoever reaches {listen} of this host may read them");
    }
    let place = match listen {
        Listen::Tcp(at) => server::Place::Tcp(*at),
        Listen::Unix(path) => server::Place::Unix(host.path(path)),
    };
    let (desk, clock) = (desk.clone(), host.clock.clone());
    board
        .run(move |board| server::run(place.clone(), desk.clone(), board, Arc::clone(&counts), clock.clone()))
}
