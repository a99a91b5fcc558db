//! The terminal. In: nothing. Out: keys, a place to draw. Rules: it is given back as it was, also after a panic; nothing but
//! what every terminal of the last decades understands is written to it.

use super::screen::{self, Scene};
use super::ui::Ui;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use std::io::{self, BufWriter, IsTerminal, Stdout, stdout};
use tokio::sync::mpsc;

/// Bytes of the largest refresh that is one write.
const LARGEST: usize = 64 << 10;

/// A terminal that shows our screens.
pub(super) struct Screen {
    /// A refresh is one write, which a slow line shows at once.
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    _taken: Taken,
    events: mpsc::Receiver<Event>,
    has_colours: bool,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open() -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::other("no terminal here; --batch prints lines"));
        }
        let taken = Taken::take()?;
        let output = BufWriter::with_capacity(LARGEST, stdout());
        let terminal = Terminal::new(CrosstermBackend::new(output))?;
        let (sender, events) = mpsc::channel(64);
        // It ends with the program, or with the terminal.
        std::thread::spawn(move || {
            while let Ok(event) = event::read() {
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
        });
        Ok(Self { terminal, _taken: taken, events, has_colours: has_colours() })
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

/// The terminal is ours as long as this lives.
struct Taken;

impl Taken {
    fn take() -> io::Result<Self> {
        let before = std::panic::take_hook();
        // What a panic says has to be read on the screen of before.
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        enable_raw_mode()?;
        let taken = Self;
        execute!(stdout(), EnterAlternateScreen)?;
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

fn give_back() {
    // Who has hung up has no terminal to be given back.
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// <https://no-color.org>, and terminals that say so of themselves.
fn has_colours() -> bool {
    let is_set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let term = is_set("TERM").unwrap_or_default();
    is_set("NO_COLOR").is_none() && !["dumb", "vt100", "vt102", "vt220"].iter().any(|plain| term == *plain)
}
