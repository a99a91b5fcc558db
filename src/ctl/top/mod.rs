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

use super::ends::{self, Ends};
use super::feed::{self, Feed, News};
use super::watched::Watched;
use super::{Exit, fail, listen};
use crate::view::picture::Picture;
use ratatui::crossterm::event::Event;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use terminal::Screen;
use tokio::time::MissedTickBehavior;
use ui::{Outcome, Ui};

/// What is shown, and how.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Show a capture file (pcap or pcapng) instead of the running agent.
    #[arg(conflicts_with = "listen")]
    file: Option<PathBuf>,
    /// Receive the sFlow of many hosts here: ADDRESS:PORT, or a port on every address.
    #[arg(long, value_parser = listen::parse_address, value_name = "ADDRESS:PORT")]
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
    let watched = Watched::new(options.listen.is_some(), limits);
    let mut session = Session { watched, log, logged: 0 };
    if let Some(file) = &options.file {
        if options.batch {
            return batch::of_file(&mut session, file, options.delay, options.count);
        }
        if let Err(text) = session.watched.replay(file) {
            return fail(&text, Exit::Usage);
        }
    }
    ends::run("top", async {
        let feed = Feed::open(options.file.is_some(), options.listen, &options.socket)?;
        if options.batch {
            batch::live(&mut session, feed, options.delay, options.count).await
        } else {
            show(&mut session, feed, options.delay).await
        }
    })
}

fn open(path: &PathBuf) -> Result<File, String> {
    let file = File::options().append(true).create(true).open(path);
    file.map_err(|e| format!("{}: {e}", path.display()))
}

/// What all ways of showing share.
struct Session {
    watched: Watched,
    log: Option<File>,
    logged: u64,
}

impl Session {
    /// Lets time go by, and writes what is new in the log of alerts.
    fn tick(&mut self) {
        self.watched.tick();
        let alerts = self.watched.view.alerts();
        if let Some(log) = &mut self.log {
            for line in alerts.lines().filter(|line| line.number > self.logged) {
                // A disk that is full is not worth a screen that ends.
                let _ = writeln!(log, "{} {}", crate::view::number::date(line.unix), line.text);
            }
        }
        self.logged = alerts.lines().next_back().map_or(self.logged, |line| line.number);
    }
}

/// On a screen, until it is told to end.
async fn show(session: &mut Session, mut feed: Feed, delay: Duration) -> io::Result<Exit> {
    let mut ends = Ends::catch()?;
    let mut screen = Screen::open()?;
    let mut ui = Ui::new(session.watched.is_many);
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
                        picture = session.watched.picture(ui.host());
                    }
                }
                Some(_) => {}
                None => return Ok(Exit::Yes),
            },
            _ = ticks.tick() => {
                session.tick();
                if !ui.is_paused() {
                    picture = session.watched.picture(ui.host());
                }
            }
            news = feed.next(&mut buffer) => {
                is_due = !matches!(news, News::Datagram(_));
                session.watched.take(news, &buffer);
            }
        }
        if is_due {
            draw(&mut screen, &session.watched, &mut ui, &mut picture)?;
        }
    }
}

/// A key may have opened another table or host, which is known when this one has been drawn.
fn draw(screen: &mut Screen, watched: &Watched, ui: &mut Ui, picture: &mut Picture) -> io::Result<()> {
    let before = (ui.tab(), ui.guest(), ui.host());
    for _ in 0..2 {
        let scene = screen::Scene { picture, limits: watched.view.limits(), away: watched.away.as_deref() };
        screen.draw(&scene, ui)?;
        if (ui.tab(), ui.guest(), ui.host()) == before {
            break;
        }
        if ui.host() != before.2 {
            *picture = watched.picture(ui.host());
        }
    }
    Ok(())
}
