//! The terminal. In: nothing. Out: keys, a place to draw. Rules: it is given back as it was, also after a panic; nothing but
//! what every terminal of the last decades understands is written to it.

use super::screen::{self, Scene};
use super::ui::Ui;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::io::{self, IsTerminal};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// A terminal that shows our screens.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    events: mpsc::Receiver<Event>,
    has_colours: bool,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::other("no terminal here; --batch prints lines"));
        }
        let terminal = ratatui::try_init()?;
        let (sender, events) = mpsc::channel(64);
        // It ends with the program, or with the terminal.
        std::thread::spawn(move || {
            while let Ok(event) = event::read() {
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
        });
        Ok(Self { terminal, events, has_colours: has_colours() })
    }

    /// The next key or change of size; `None` when the terminal has gone.
    pub(super) async fn event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Draws; a key that waits meanwhile is not lost.
    pub(super) fn draw(&mut self, scene: &Scene<'_>, ui: &mut Ui) -> io::Result<()> {
        let has_colours = self.has_colours;
        self.terminal.draw(|frame| {
            let area = frame.area();
            screen::draw(frame.buffer_mut(), area, scene, ui, has_colours);
        })?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = ratatui::try_restore();
        // Where it could hide the cursor it can show it.
        let _ = self.terminal.show_cursor();
    }
}

/// <https://no-color.org>, and terminals that say so of themselves.
fn has_colours() -> bool {
    let is_set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let term = is_set("TERM").unwrap_or_default();
    is_set("NO_COLOR").is_none() && !["dumb", "vt100", "vt102", "vt220"].iter().any(|plain| term == *plain)
}

/// Signals that end the program.
pub(in crate::ctl) struct Ends([Signal; 3]);

/// Catches them.
pub(in crate::ctl) fn ends() -> io::Result<Ends> {
    let [one, two, three] =
        [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()].map(signal);
    Ok(Ends([one?, two?, three?]))
}

impl Ends {
    /// Waits for one.
    pub(in crate::ctl) async fn recv(&mut self) {
        let [one, two, three] = &mut self.0;
        tokio::select! {
            _ = one.recv() => {}
            _ = two.recv() => {}
            _ = three.recv() => {}
        }
    }
}
