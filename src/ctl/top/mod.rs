//! `hsflowctl top`: what this host is doing, or what all hosts are doing whose sFlow comes to a port, on a screen or as
//! lines for a log.
//!
//! In: datagrams (`super::feed`), keys. Out: screens. `ui` is what was pressed, `screen` draws, `terminal` is the terminal,
//! `batch` prints. Rules: what the agent sends is all that is looked at; the terminal is as it was, however the program ends;
//! an agent that is away is said and asked for again. Spec: hsflowctl(1).

mod batch;
mod guest;
mod pen;
mod screen;
mod terminal;
mod ui;

use super::feed::{self, Feed, News};
use super::{Exit, fail};
use crate::host::Clock;
use crate::view::limits::Limits;
use crate::view::picture::Picture;
use crate::view::{Now, View};
use ratatui::crossterm::event::Event;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use terminal::Screen;
pub(super) use terminal::ends;
use tokio::time::MissedTickBehavior;
use ui::{Outcome, Ui};

/// What is shown, and how.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Show a capture file (pcap or pcapng) instead of the running agent.
    #[arg(conflicts_with = "listen")]
    file: Option<PathBuf>,
    /// Receive the sFlow of many hosts here: ADDRESS:PORT, or a port on every address.
    #[arg(long, value_parser = feed::parse_address, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Print lines for a log instead of a screen.
    #[arg(long)]
    batch: bool,
    /// End after so many times.
    #[arg(short = 'n', value_name = "N", requires = "batch", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Seconds between refreshes.
    #[arg(short = 'd', value_name = "SECS", default_value = "1", value_parser = parse_delay)]
    delay: Duration,
    /// Append alerts to this file.
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// What is high [default: /etc/hsflowd/top.toml].
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// The agent's control socket.
    #[arg(long, default_value = "/run/hsflowd/control.sock")]
    socket: PathBuf,
}

fn parse_delay(text: &str) -> Result<Duration, String> {
    let secs = text.parse().ok().filter(|secs| (0.1..=86_400.0).contains(secs));
    secs.map(Duration::from_secs_f64).ok_or_else(|| "0.1 to 86400 seconds".to_owned())
}

/// Shows until it is told to end.
pub(super) fn top(options: &Options) -> Exit {
    let limits = match feed::limits(options.limits.as_deref()) {
        Ok(limits) => limits,
        Err(text) => return fail(&text, Exit::Usage),
    };
    let log = match options.alerts.as_ref().map(open).transpose() {
        Ok(log) => log,
        Err(text) => return fail(&text, Exit::Usage),
    };
    let mut session = Session::new(options, limits, log);
    match (&options.file, options.batch) {
        (Some(file), true) => batch::of_file(&mut session, file, options.delay, options.count),
        (file, is_batch) => {
            if let Some(text) = file.as_ref().and_then(|file| session.replay(file).err()) {
                return fail(&text, Exit::Usage);
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let done = runtime.and_then(|runtime| {
                let exit = runtime.block_on(async {
                    let feed = session.feed(options)?;
                    if is_batch {
                        batch::live(&mut session, feed, options.delay, options.count).await
                    } else {
                        show(&mut session, feed, options.delay).await
                    }
                });
                // A thread may wait for a key for ever.
                runtime.shutdown_background();
                exit
            });
            done.unwrap_or_else(|e| fail(&format!("top: {e}"), Exit::Usage))
        }
    }
}

fn open(path: &PathBuf) -> Result<File, String> {
    let file = File::options().append(true).create(true).open(path);
    file.map_err(|e| format!("{}: {e}", path.display()))
}

/// What all ways of showing share.
struct Session {
    clock: Clock,
    began: Instant,
    view: View,
    is_many: bool,
    /// The time of a recording, which stands at its end.
    recorded: Option<Now>,
    log: Option<File>,
    logged: u64,
    datagrams: u64,
    /// Why nothing comes.
    away: Option<String>,
}

impl Session {
    fn new(options: &Options, limits: Limits, log: Option<File>) -> Self {
        let clock = Clock::system();
        let is_many = options.listen.is_some();
        Self {
            began: clock.now(),
            clock,
            view: feed::view(is_many, limits),
            is_many,
            recorded: None,
            log,
            logged: 0,
            datagrams: 0,
            away: None,
        }
    }

    fn feed(&self, options: &Options) -> io::Result<Option<Feed>> {
        match (&options.file, options.listen) {
            (Some(_), _) => Ok(None),
            (None, Some(address)) => Feed::listen(address)
                .map(Some)
                .map_err(|e| io::Error::new(e.kind(), format!("listen on {address}: {e}"))),
            (None, None) => Ok(Some(Feed::local(&options.socket))),
        }
    }

    fn replay(&mut self, file: &std::path::Path) -> Result<(), String> {
        let mut last = Now::default();
        feed::replay(file, &mut |now, bytes| {
            last = now;
            self.datagrams += u64::from(self.view.feed(now, bytes));
        })?;
        self.recorded = Some(last);
        Ok(())
    }

    fn now(&self) -> Now {
        self.recorded.unwrap_or_else(|| feed::now(&self.clock, self.began))
    }

    fn take(&mut self, news: News, buffer: &[u8]) {
        match news {
            News::Datagram(length) => {
                let now = self.now();
                self.datagrams += u64::from(self.view.feed(now, buffer.get(..length).unwrap_or_default()));
            }
            News::Here => self.away = None,
            News::Away(why) => self.away = Some(why),
        }
    }

    /// Lets time go by, and writes what is new in the log of alerts.
    fn tick(&mut self) -> Now {
        let now = self.now();
        self.view.tick(now);
        if let Some(log) = &mut self.log {
            for line in self.view.alerts().lines().filter(|line| line.number > self.logged) {
                // A disk that is full is not worth a screen that ends.
                let _ = writeln!(log, "{} {}", crate::view::number::date(line.unix), line.text);
            }
        }
        self.logged = self.view.alerts().lines().next_back().map_or(self.logged, |line| line.number);
        now
    }
}

/// The next news; never without a source.
async fn next(feed: &mut Option<Feed>, buffer: &mut [u8]) -> News {
    match feed {
        Some(feed) => feed.next(buffer).await,
        None => std::future::pending().await,
    }
}

/// On a screen, until it is told to end.
async fn show(session: &mut Session, mut feed: Option<Feed>, delay: Duration) -> io::Result<Exit> {
    let mut ends = terminal::ends()?;
    let mut screen = Screen::open()?;
    let mut ui = Ui::new(session.is_many);
    let mut buffer = vec![0; 65_536];
    let mut ticks = tokio::time::interval(delay);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut picture = Picture::default();
    loop {
        let mut is_due = true;
        tokio::select! {
            () = ends.recv() => return Ok(Exit::Yes),
            event = screen.event() => match event {
                Some(Event::Key(key)) => {
                    if ui.key(key) == Outcome::Quit {
                        return Ok(Exit::Yes);
                    }
                    // Another host is another picture.
                    if !ui.is_paused() {
                        picture = session.view.picture(session.now(), ui.host());
                    }
                }
                Some(_) => {}
                None => return Ok(Exit::Yes),
            },
            _ = ticks.tick() => {
                let now = session.tick();
                if !ui.is_paused() {
                    picture = session.view.picture(now, ui.host());
                }
            }
            news = next(&mut feed, &mut buffer) => {
                is_due = !matches!(news, News::Datagram(_));
                session.take(news, &buffer);
            }
        }
        if is_due {
            draw(&mut screen, session, &mut ui, &mut picture)?;
        }
    }
}

/// A key may have opened another table or host, which is known when this one has been drawn.
fn draw(screen: &mut Screen, session: &Session, ui: &mut Ui, picture: &mut Picture) -> io::Result<()> {
    let before = (ui.tab(), ui.guest(), ui.host());
    for _ in 0..2 {
        let scene = screen::Scene { picture, limits: session.view.limits(), away: session.away.as_deref() };
        screen.draw(&scene, ui)?;
        if (ui.tab(), ui.guest(), ui.host()) == before {
            break;
        }
        if ui.host() != before.2 {
            *picture = session.view.picture(session.now(), ui.host());
        }
    }
    Ok(())
}
