//! One connection to the data base, from the question what there is to its end.
//!
//! In: messages, the wish, the time. Out: transactions, answers to echoes, what is told. Rules: one transaction at a time; the
//! next one a second later at the earliest, so that many new bridges are one transaction; a refused one later and later;
//! where another program undoes them again and again, none for ten minutes. An answer that does not come, or half a minute of silence and then none to
//! an echo, ends the connection.

use super::board::{Board, Told};
use super::fault::Fault;
use super::report::{Troubles, told};
use crate::sample::switch::ovs::frames::Frames;
use crate::sample::switch::ovs::message::{self, Answer, Message, Outcome};
use crate::sample::switch::ovs::{Tables, Wish, is_undone, plan};
use crate::sample::switch::repairs::Repairs;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// Room for ten thousands of bridges.
const LONGEST_MESSAGE: usize = 16 << 20;
const CONNECTING: Duration = Duration::from_secs(5);
const ANSWERING: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);
/// Between two transactions.
const SPACING: Duration = Duration::from_secs(1);
/// After a refused transaction, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// When the agent ends it cannot wait for long.
const LAST_SPACING: Duration = Duration::from_millis(20);
/// That long ovs-vswitchd may take for a change.
const LAG: Duration = Duration::from_secs(10);

/// Holds a connection for as long as it lasts; `Ok` when the last wish is seen to. `served` becomes true when the data base
/// has shown its tables.
pub(super) async fn hold(
    socket: &Path,
    wishes: &mut watch::Receiver<Wish>,
    board: &Board,
    served: &mut bool,
) -> Result<(), Fault> {
    let mut session = Session::open(socket).await?;
    let ended = session.serve(wishes, board).await;
    *served = session.tables.is_some();
    ended
}

/// What was asked and not answered.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Tables,
    Transaction {
        /// For the sake of the last wish.
        is_last: bool,
    },
    Echo,
}

impl Asked {
    /// What the data base has not done where there is no answer.
    fn late(self) -> &'static str {
        match self {
            Self::Tables => "shown its tables",
            Self::Transaction { .. } => "answered a transaction",
            Self::Echo => "answered an echo",
        }
    }
}

struct Session {
    stream: UnixStream,
    frames: Frames,
    tables: Option<Tables>,
    /// The open question, its number, and when its answer is late.
    asked: Option<(Asked, u64, Instant)>,
    last_id: u64,
    heard_at: Instant,
    /// No transaction before.
    not_before: Instant,
    pause: Duration,
    refusal: Option<String>,
    /// Since when ovs-vswitchd is behind.
    behind_since: Option<Instant>,
    /// The tables when they last were what is wanted.
    settled: Option<Tables>,
    repairs: Repairs,
    /// Another program undoes what is done; no transaction before `not_before`.
    quarrel: bool,
    /// When a transaction that waits is due.
    due: Option<Instant>,
    /// What the last wish wants was done.
    is_done: bool,
}

impl Session {
    async fn open(socket: &Path) -> Result<Self, Fault> {
        let late = Fault::Late { what: "taken the connection", secs: CONNECTING.as_secs() };
        let connected = timeout(CONNECTING, UnixStream::connect(socket)).await.map_err(|_| late)?;
        let stream = connected.map_err(|error| Fault::of_connect(socket.to_owned(), error))?;
        let now = Instant::now();
        Ok(Self {
            stream,
            frames: Frames::new(LONGEST_MESSAGE),
            tables: None,
            asked: None,
            last_id: 0,
            heard_at: now,
            not_before: now,
            pause: SPACING,
            refusal: None,
            behind_since: None,
            settled: None,
            repairs: Repairs::default(),
            quarrel: false,
            due: None,
            is_done: false,
        })
    }

    async fn serve(&mut self, wishes: &mut watch::Receiver<Wish>, board: &Board) -> Result<(), Fault> {
        self.ask(Asked::Tables, message::monitor).await?;
        let mut ending = false;
        loop {
            let wish = wishes.borrow_and_update().clone();
            ending |= wishes.has_changed().is_err();
            if self.act(&wish, ending, board).await? {
                return Ok(());
            }
            let wake = self.wake();
            tokio::select! {
                read = self.stream.read_buf(self.frames.buffer()) => match read? {
                    0 => return Err(Fault::Closed),
                    _ => self.read_messages().await?,
                },
                changed = wishes.changed(), if !ending => {
                    ending = changed.is_err();
                    (self.not_before, self.quarrel) = (Instant::now(), false);
                }
                () = sleep_until(wake) => self.on_time().await?,
            }
        }
    }

    /// Does what is to be done now; true when the last wish is seen to.
    async fn act(&mut self, wish: &Wish, is_last: bool, board: &Board) -> Result<bool, Fault> {
        let now = Instant::now();
        self.due = None;
        let Some(tables) = &self.tables else { return Ok(false) };
        if matches!(self.asked, Some((Asked::Transaction { .. }, ..))) {
            return Ok(false);
        }
        let operations = plan(tables, wish.record.as_ref());
        if operations.is_empty() {
            self.refusal = None;
            if std::mem::take(&mut self.quarrel) {
                self.not_before = now;
            }
            if self.settled.as_ref() != Some(tables) {
                self.settled = Some(tables.clone());
            }
        } else if self.asked.is_none() && self.not_before <= now && !is_last {
            self.quarrel = false;
            // Once for each time that it is undone.
            let undone = self.settled.take_if(|settled| is_undone(settled, tables)).is_some();
            if let Some(until) = undone.then(|| self.repairs.postponed(now.into())).flatten() {
                (self.quarrel, self.not_before) = (true, until.into());
            }
        }
        // What is on its way is told when it has come.
        if operations.is_empty() || self.refusal.is_some() || self.quarrel {
            board.tell(self.told(tables, wish, now));
        }
        if operations.is_empty() || self.is_done {
            return Ok(is_last);
        }
        if self.asked.is_none() && self.not_before <= now {
            let asked = Asked::Transaction { is_last };
            self.ask(asked, |id| message::transact(operations, id)).await?;
        } else {
            self.due = Some(self.not_before);
        }
        Ok(false)
    }

    fn told(&self, tables: &Tables, wish: &Wish, now: Instant) -> Told {
        let is_late = self.behind_since.is_some_and(|since| now >= since + LAG);
        let lag_secs = is_late.then_some(LAG.as_secs());
        let Self { refusal, quarrel, .. } = self;
        told(tables, wish, &Troubles { refusal: refusal.as_deref(), lag_secs, quarrel: *quarrel })
    }

    async fn ask(&mut self, asked: Asked, text: impl FnOnce(u64) -> String) -> Result<(), Fault> {
        self.last_id += 1;
        self.asked = Some((asked, self.last_id, Instant::now() + ANSWERING));
        self.say(&text(self.last_id)).await
    }

    async fn say(&mut self, text: &str) -> Result<(), Fault> {
        let late = Fault::Late { what: "taken a message", secs: ANSWERING.as_secs() };
        Ok(timeout(ANSWERING, self.stream.write_all(text.as_bytes())).await.map_err(|_| late)??)
    }

    async fn read_messages(&mut self) -> Result<(), Fault> {
        self.heard_at = Instant::now();
        while let Some(text) = self.frames.next_message()? {
            match message::parse(&text)? {
                Message::Echo(answer) => self.say(&answer.to_string()).await?,
                Message::Update(updates) => self.update(&updates),
                Message::Answer(id, answer) => {
                    let asked = self.asked.take_if(|(_, open, _)| *open == id);
                    asked.map_or(Ok(()), |(asked, ..)| self.answered(asked, answer))?;
                }
                Message::Other => {}
            }
        }
        Ok(())
    }

    fn update(&mut self, updates: &serde_json::Value) {
        let Some(tables) = &mut self.tables else { return };
        let before = tables.cur_cfg;
        tables.apply(updates);
        let behind = tables.cur_cfg < tables.next_cfg;
        // It may never be quite up to date where changes are many, as long as it moves.
        let since = self.behind_since.filter(|_| tables.cur_cfg == before);
        self.behind_since = behind.then(|| since.unwrap_or_else(Instant::now));
    }

    fn answered(&mut self, asked: Asked, answer: Answer) -> Result<(), Fault> {
        match (asked, answer) {
            (Asked::Echo, _) => {}
            (Asked::Tables, Answer::Error(error)) => return Err(Fault::Refused(error)),
            (Asked::Tables, Answer::Result(rows)) => {
                self.tables = Some(Tables::default());
                self.update(&rows);
            }
            (Asked::Transaction { is_last }, answer) => self.transacted(message::outcome(&answer), is_last),
        }
        Ok(())
    }

    fn transacted(&mut self, outcome: Outcome, is_last: bool) {
        let mut pause = if is_last { LAST_SPACING } else { SPACING };
        match outcome {
            Outcome::Done => {
                (self.refusal, self.is_done, self.pause) = (None, is_last, SPACING);
                // What comes with the answer may be undone already.
                self.settled.clone_from(&self.tables);
            }
            Outcome::Outdated => self.pause = SPACING,
            Outcome::Refused(why) => {
                (self.refusal, pause) = (Some(why), self.pause);
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
        }
        self.not_before = Instant::now() + pause;
    }

    /// When to look again though nothing comes.
    fn wake(&self) -> Instant {
        let now = Instant::now();
        let answer = self.asked.map(|(.., late)| late);
        let lag = self.behind_since.map(|since| since + LAG).filter(|at| *at > now);
        // Behind an open question it waits for the answer.
        let due = self.due.filter(|_| self.asked.is_none());
        let silence = self.asked.is_none().then_some(self.heard_at + SILENCE);
        [answer, lag, due, silence].into_iter().flatten().fold(now + SILENCE, Instant::min)
    }

    async fn on_time(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        match self.asked {
            Some((asked, _, due)) if due <= now => {
                Err(Fault::Late { what: asked.late(), secs: ANSWERING.as_secs() })
            }
            None if self.heard_at + SILENCE <= now => self.ask(Asked::Echo, message::echo).await,
            _ => Ok(()),
        }
    }
}
