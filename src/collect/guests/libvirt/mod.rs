//! Domains of libvirt, asked for by a program of its own, `hsflowd-libvirt`.
//!
//! In: the agent's wish for counters, the helper's lines. Out: news of domains, and their counters after each wish and
//! for each domain that has changed. Rules: the helper is started here and kept running; one that says nothing for
//! ten seconds after a question, or something that is not understood, is killed and started again, and the domains are kept
//! as they were last known; then no counters are told, so that nobody takes old ones for new. Without the helper this
//! host simply has no domains to tell of.

mod domains;
#[cfg(feature = "libvirt")]
pub mod helper;
mod process;

pub use process::PLACES;

use super::{Feed, News};
use crate::config::model::Kvm;
use crate::host::Host;
use crate::sample::backoff::Backoff;
use crate::sample::guest::domain::line::Line;
use crate::status::registry::State;
use domains::{Domains, Unexpected};
use process::{Helper, HelperError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// How long the helper may take for an answer, or to connect. A thousand domains take 4 s.
const PATIENCE: Duration = Duration::from_secs(10);

/// After a helper that worked for so long the pause is short again.
const STEADY: Duration = Duration::from_secs(30);

/// What ends the work with one helper.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("nobody listens")]
    Unheard,
    #[error("libvirt does not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error("{0}")]
    Failed(String),
    #[error("hsflowd-libvirt: {0}")]
    Helper(#[from] HelperError),
    #[error("hsflowd-libvirt: {0}")]
    Unexpected(#[from] Unexpected),
}

/// Tells of this host's domains as long as somebody listens. `poll` is the wish for counters; they are told once for
/// all wishes that came in the meantime. Without a wish the list is compared every `refreshVMs`.
pub async fn run(host: Host, settings: Kvm, poll: Arc<Notify>, feed: Feed) {
    let mut domains = Domains::default();
    let mut backoff = Backoff::default();
    loop {
        let began = Instant::now();
        let refresh = Duration::from_secs(settings.refresh_vms_secs.into());
        let end = Session::serve(&host, refresh, &poll, &mut domains, &feed).await;
        let state = match end {
            End::Unheard => return,
            End::Helper(error @ HelperError::Absent { .. }) => State::unavailable(&error),
            end => State::degraded(&end),
        };
        if !feed.tell(News::State(state)).await {
            return;
        }
        if began.elapsed() > STEADY {
            backoff.reset();
        }
        sleep(backoff.advance()).await;
    }
}

/// The work with one helper.
struct Session<'a> {
    helper: Helper,
    domains: &'a mut Domains,
    feed: &'a Feed,
    /// Until when an answer is waited for.
    due: Option<Instant>,
    connected: bool,
    /// Counters were wished for, and not the list alone.
    wished: bool,
}

impl Session<'_> {
    async fn serve(host: &Host, refresh: Duration, poll: &Notify, domains: &mut Domains, feed: &Feed) -> End {
        match Helper::start(host) {
            Err(error) => error.into(),
            Ok(helper) => {
                let due = Some(Instant::now() + PATIENCE);
                let mut session = Session { helper, domains, feed, due, connected: false, wished: true };
                session.work(refresh, poll).await.unwrap_or_else(|end| end)
            }
        }
    }

    async fn work(&mut self, refresh: Duration, poll: &Notify) -> Result<End, End> {
        let mut refresh_at = Instant::now() + refresh;
        loop {
            let due = self.due.unwrap_or(refresh_at);
            // An answer goes before a wish, and both go before the lack of one.
            tokio::select! {
                biased;
                line = self.helper.line() => self.take(line?).await?,
                () = poll.notified(), if self.connected => {
                    refresh_at = Instant::now() + refresh;
                    self.wished = true;
                    self.ask().await?;
                }
                () = sleep_until(due) => match self.due {
                    Some(_) => return Ok(End::Silent),
                    None => {
                        refresh_at = Instant::now() + refresh;
                        self.ask().await?;
                    }
                },
            }
        }
    }

    /// Asks, unless the answer to an earlier question will do.
    async fn ask(&mut self) -> Result<(), End> {
        if self.due.is_none() {
            self.due = Some(Instant::now() + PATIENCE);
            self.helper.ask().await?;
        }
        Ok(())
    }

    async fn take(&mut self, line: Line) -> Result<(), End> {
        match line {
            Line::Connected(uri) => {
                log::info!(target: "kvm", "connected to {uri}");
                self.domains.begin();
                self.connected = true;
                self.due = None;
                self.ask().await
            }
            Line::Failed(reason) => Err(End::Failed(reason)),
            Line::Problem(text) => {
                self.domains.note(text);
                Ok(())
            }
            Line::End(_) => {
                self.tell(line).await?;
                (self.due, self.wished) = (None, false);
                self.hear(News::State(State::Running)).await
            }
            line => self.tell(line).await,
        }
    }

    async fn tell(&mut self, line: Line) -> Result<(), End> {
        let is_list = matches!(line, Line::End(_));
        for news in self.domains.take(line)? {
            if self.wished || !is_list || !matches!(news, News::Counters(_)) {
                self.hear(news).await?;
            }
        }
        Ok(())
    }

    async fn hear(&self, news: News) -> Result<(), End> {
        if self.feed.tell(news).await { Ok(()) } else { Err(End::Unheard) }
    }
}
