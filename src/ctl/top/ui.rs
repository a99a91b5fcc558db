//! What was pressed: which table is shown, in which order, which row is selected. In: keys. Out: the state of the screen. Rule: a
//! row stays selected when its place changes.

use crate::view::sheet::Sheet;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::net::IpAddr;

/// A table, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Interfaces,
    Guests,
    Services,
    Flows,
    Drops,
    Alerts,
    /// All hosts; only where there may be many.
    Hosts,
}

/// In the order of their keys.
pub(super) const TABS: [(Tab, &str); 7] = [
    (Tab::Overview, "Overview"),
    (Tab::Interfaces, "Interfaces"),
    (Tab::Guests, "Guests"),
    (Tab::Services, "Services"),
    (Tab::Flows, "Flows"),
    (Tab::Drops, "Drops"),
    (Tab::Alerts, "Alerts"),
];

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Stay,
    Quit,
}

/// How a table is looked at.
#[derive(Clone, Debug, Default)]
struct Look {
    /// Another order than its own.
    order: Option<usize>,
    is_reverse: bool,
    selected: Option<String>,
    offset: usize,
}

/// A wish that the table at hand has to be known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Move(i64),
    Order(i64),
    Enter,
}

/// The state of the screen.
#[derive(Clone, Debug)]
pub(super) struct Ui {
    tab: Tab,
    looks: [Look; 8],
    is_many: bool,
    host: Option<IpAddr>,
    guest: Option<u32>,
    filter: String,
    is_typing: bool,
    is_paused: bool,
    needs_help: bool,
    wishes: Vec<Wish>,
    /// Rows of the last table that fitted.
    page: usize,
}

/// Characters of a filter.
const LONGEST: usize = 40;
const ALL: i64 = 1 << 40;

impl Ui {
    /// At the start.
    pub(super) fn new(is_many: bool) -> Self {
        Self {
            tab: if is_many { Tab::Hosts } else { Tab::Overview },
            looks: Default::default(),
            is_many,
            host: None,
            guest: None,
            filter: String::new(),
            is_typing: false,
            is_paused: false,
            needs_help: false,
            wishes: Vec::new(),
            page: 1,
        }
    }

    /// A key was pressed.
    pub(super) fn key(&mut self, key: KeyEvent) -> Outcome {
        if key.kind == KeyEventKind::Release {
            return Outcome::Stay;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Outcome::Quit;
        }
        if self.is_typing {
            self.typed(key.code);
            return Outcome::Stay;
        }
        if self.needs_help {
            self.needs_help = false;
            return Outcome::Stay;
        }
        let page = i64::try_from(self.page.max(1)).unwrap_or(1);
        match key.code {
            KeyCode::Char('q') => return Outcome::Quit,
            KeyCode::Char('?' | 'h') => self.needs_help = true,
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Char('r') => {
                let look = self.look_mut();
                look.is_reverse = !look.is_reverse;
            }
            KeyCode::Char('<') => self.wishes.push(Wish::Order(-1)),
            KeyCode::Char('>') => self.wishes.push(Wish::Order(1)),
            KeyCode::Char(digit @ '1'..='7') => self.turn_to(digit),
            KeyCode::Tab | KeyCode::Right => self.turn(1),
            KeyCode::BackTab | KeyCode::Left => self.turn(TABS.len() - 1),
            KeyCode::Up | KeyCode::Char('k') => self.wishes.push(Wish::Move(-1)),
            KeyCode::Down | KeyCode::Char('j') => self.wishes.push(Wish::Move(1)),
            KeyCode::PageUp => self.wishes.push(Wish::Move(-page)),
            KeyCode::PageDown => self.wishes.push(Wish::Move(page)),
            KeyCode::Home => self.wishes.push(Wish::Move(-ALL)),
            KeyCode::End => self.wishes.push(Wish::Move(ALL)),
            KeyCode::Enter => self.wishes.push(Wish::Enter),
            KeyCode::Esc | KeyCode::Backspace => self.back(),
            _ => {}
        }
        Outcome::Stay
    }

    fn typed(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => _ = self.filter.pop(),
            KeyCode::Char(c) if self.filter.chars().count() < LONGEST && !c.is_control() => {
                self.filter.push(c)
            }
            _ => {}
        }
    }

    /// Out of a guest, out of a filter, out of a host.
    fn back(&mut self) {
        if self.guest.take().is_some() {
        } else if !self.filter.is_empty() {
            self.filter.clear();
        } else if self.is_many {
            (self.host, self.tab) = (None, Tab::Hosts);
        }
    }

    fn turn_to(&mut self, digit: char) {
        let at = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or(1);
        self.open(at.saturating_sub(1));
    }

    fn turn(&mut self, by: usize) {
        let at = TABS.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        self.open((at + by) % TABS.len());
    }

    fn open(&mut self, at: usize) {
        // Without a host there is nothing but the list of them.
        if let Some((tab, _)) = TABS.get(at).filter(|_| self.tab != Tab::Hosts) {
            (self.tab, self.guest) = (*tab, None);
        }
    }

    fn look_mut(&mut self) -> &mut Look {
        let [first, rest @ ..] = &mut self.looks;
        rest.get_mut((self.tab as usize).wrapping_sub(1)).unwrap_or(first)
    }

    /// Brings the table at hand into the order that is wanted and does what was wished: the row that is selected, and the
    /// first of `rows` that are shown.
    pub(super) fn apply(&mut self, sheet: &mut Sheet, rows: usize) -> (usize, usize) {
        self.page = rows.max(1);
        sheet.filter(&self.filter);
        let columns = i64::try_from(sheet.columns.len()).unwrap_or(1).max(1);
        let own = sheet.order;
        let mut entered = None;
        let wishes = std::mem::take(&mut self.wishes);
        let look = self.look_mut();
        for wish in &wishes {
            if let Wish::Order(by) = wish {
                let at = i64::try_from(look.order.unwrap_or(own)).unwrap_or(0);
                look.order = usize::try_from((at + by).rem_euclid(columns)).ok();
            }
        }
        sheet.sort(look.order.unwrap_or(own), look.is_reverse);
        let place = |id: &Option<String>| sheet.rows.iter().position(|row| Some(&row.id) == id.as_ref());
        let last = sheet.rows.len().saturating_sub(1);
        let mut selected = place(&look.selected).unwrap_or(0);
        for wish in wishes {
            match wish {
                Wish::Move(by) => {
                    let at = i64::try_from(selected).unwrap_or(0).saturating_add(by).max(0);
                    selected = usize::try_from(at).unwrap_or(0).min(last);
                    look.selected = sheet.rows.get(selected).map(|row| row.id.clone());
                }
                Wish::Enter => entered = sheet.rows.get(selected).map(|row| row.id.clone()),
                Wish::Order(_) => {}
            }
        }
        let lowest = (selected + 1).saturating_sub(self.page);
        let fullest = sheet.rows.len().saturating_sub(self.page).max(lowest);
        let look = self.look_mut();
        look.offset = look.offset.clamp(lowest, selected).min(fullest);
        let offset = look.offset;
        if let Some(id) = entered {
            self.enter(&id);
        }
        (selected, offset)
    }

    fn enter(&mut self, id: &str) {
        match self.tab {
            Tab::Hosts => {
                self.host = id.parse().ok();
                self.filter.clear();
                self.tab = if self.host.is_some() { Tab::Overview } else { Tab::Hosts };
            }
            Tab::Guests | Tab::Services => self.guest = id.parse().ok(),
            _ => {}
        }
    }

    pub(super) const fn tab(&self) -> Tab {
        self.tab
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub(super) const fn needs_help(&self) -> bool {
        self.needs_help
    }

    /// What is typed, or what rows must have.
    pub(super) fn filter(&self) -> (&str, bool) {
        (&self.filter, self.is_typing)
    }

    pub(super) const fn host(&self) -> Option<IpAddr> {
        self.host
    }

    pub(super) const fn guest(&self) -> Option<u32> {
        self.guest
    }

    /// The column that the table at hand is ordered by, and whether the other way round.
    pub(super) fn order(&self, sheet: &Sheet) -> (usize, bool) {
        let look = self.looks.get(self.tab as usize);
        look.map_or((sheet.order, false), |look| (look.order.unwrap_or(sheet.order), look.is_reverse))
    }

    /// Forgets wishes that no table was there for.
    pub(super) fn forget_wishes(&mut self) {
        self.wishes.clear();
    }
}
