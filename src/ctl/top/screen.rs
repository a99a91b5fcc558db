//! The screen. In: a picture, the state of the keys. Out: cells. Rule: any size will do, also one by one.

use super::guest;
use super::pen::Pen;
use super::ui::{TABS, Tab, Ui};
use crate::view::limits::{Level, Limits};
use crate::view::number::percent;
use crate::view::picture::{AgentPicture, Picture};
use crate::view::sheet::Sheet;
use crate::view::{sheets, summary};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// What is shown.
pub(super) struct Scene<'a> {
    pub(super) picture: &'a Picture,
    pub(super) limits: &'a Limits,
    /// Why nothing comes.
    pub(super) away: Option<&'a str>,
}

const HELP: [&str; 17] = [
    "1-7, Tab, Left, Right  another table",
    "Up, Down, PgUp, PgDn   select a row (also k, j, Home, End)",
    "Enter                  look into a guest, or a host of the list",
    "Esc                    back",
    "< >                    order by another column",
    "r                      the other way round",
    "/                      show rows with this text (Enter keeps it, Esc ends it)",
    "p, space               pause",
    "q, Ctrl-C              end",
    "",
    "b/s bits, p/s packets a second; sizes in bytes. A '-' is not known.",
    "Rates are over the time between two counters of the agent (polling).",
    "Flows: samples of 10 seconds times their rate; +-% is the 95 % interval.",
    "A packet that is sampled on two interfaces is a flow on each.",
    "What is high: /etc/hsflowd/top.toml, see hsflowctl(1).",
    "",
    "Any key goes back.",
];

/// A part of the screen of this height.
fn part(area: Rect, line: u16, height: u16) -> Rect {
    let line = line.min(area.height);
    Rect { y: area.y.saturating_add(line), height: height.min(area.height - line), ..area }
}

/// Draws all of it.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, scene: &Scene<'_>, ui: &mut Ui, has_colours: bool) {
    let mut pen = Pen::new(buffer, has_colours);
    if area.height < 4 || area.width < 20 {
        ui.forget_wishes();
        return tiny(&mut pen, area, scene);
    }
    let above = head(&mut pen, area, scene, ui);
    let body = part(area, above, area.height - 1 - above);
    if ui.needs_help() {
        for (line, text) in (0..).zip(HELP) {
            pen.put(body, (0, line), text, Style::new());
        }
    } else {
        tables(&mut pen, body, scene, ui);
    }
    foot(&mut pen, area, scene, ui);
}

fn tiny(pen: &mut Pen<'_>, area: Rect, scene: &Scene<'_>) {
    let text = match (&scene.picture.shown, scene.away) {
        (_, Some(_)) => "no agent".to_owned(),
        (None, None) => "no datagrams".to_owned(),
        (Some(agent), None) => {
            format!("cpu {}% mem {}%", percent(agent.host.cpu), percent(agent.host.memory()))
        }
    };
    pen.put(area, (0, 0), &text, Style::new());
}

/// Who it is, in how many lines, and which tables there are.
fn head(pen: &mut Pen<'_>, area: Rect, scene: &Scene<'_>, ui: &Ui) -> u16 {
    let shown = scene.picture.shown.as_ref().filter(|_| ui.tab() != Tab::Hosts);
    let title = match (shown, ui.tab()) {
        (Some(agent), _) => summary::title(agent),
        (None, Tab::Hosts) => format!("{} hosts", scene.picture.hosts.len()),
        (None, _) => "hsflowctl top".to_owned(),
    };
    pen.put(area, (0, 0), &title, Pen::strong());
    let mut state = Vec::new();
    if scene.picture.current > 0 {
        state.push(format!(" {} high", scene.picture.current));
    }
    if ui.is_paused() {
        state.push(" PAUSED".to_owned());
    }
    pen.put_right(area, 0, &state.join(""), Pen::reversed());
    let mut line = 1;
    if let Some(agent) = shown {
        let lines = summary::lines(agent, scene.limits);
        for pieces in lines.iter().take(if area.height >= 12 { 3 } else { usize::from(area.height > 7) }) {
            pen.pieces(area, line, pieces);
            line += 1;
        }
    }
    if ui.tab() != Tab::Hosts {
        let mut column = 0;
        for (number, (tab, name)) in (1..).zip(TABS) {
            let style = if tab == ui.tab() { Pen::reversed() } else { Style::new() };
            column = pen.put(area, (column, line), &format!("{number} {name}"), style) + 2;
        }
        line += 1;
    }
    line
}

fn foot(pen: &mut Pen<'_>, area: Rect, scene: &Scene<'_>, ui: &Ui) {
    let line = area.height - 1;
    let remark = scene.picture.shown.as_ref().and_then(summary::remark);
    let (text, level) = match (ui.filter(), scene.away, remark) {
        ((filter, true), _, _) => (format!("/{filter}_"), Level::Normal),
        (_, Some(away), _) => (away.to_owned(), Level::High),
        ((filter, false), _, _) if !filter.is_empty() => {
            (format!("rows with \"{filter}\"; Esc shows all"), Level::Warn)
        }
        (_, _, Some(remark)) => (format!("? help  {remark}"), Level::Normal),
        _ => (
            "? help  q quit  / filter  p pause  < > order  r reverse  Enter into  Esc back".to_owned(),
            Level::Normal,
        ),
    };
    let style = pen.style(level);
    pen.put(area, (0, line), &text, style);
}

/// The table of a tab.
fn sheet(scene: &Scene<'_>, agent: &AgentPicture, tab: Tab) -> Sheet {
    match tab {
        Tab::Overview | Tab::Interfaces => sheets::interfaces(agent, scene.limits),
        Tab::Guests => sheets::guests(agent, scene.limits),
        Tab::Services => sheets::services(agent, scene.limits),
        Tab::Flows => sheets::flows(agent, None),
        Tab::Drops => sheets::drops(agent, scene.limits),
        Tab::Alerts => sheets::alerts(scene.picture),
        Tab::Hosts => sheets::hosts(scene.picture, scene.limits),
    }
}

fn tables(pen: &mut Pen<'_>, area: Rect, scene: &Scene<'_>, ui: &mut Ui) {
    if ui.tab() == Tab::Hosts {
        return one(pen, area, sheets::hosts(scene.picture, scene.limits), ui);
    }
    let Some(agent) = &scene.picture.shown else {
        ui.forget_wishes();
        pen.put(area, (0, 0), "Nothing was received yet.", Style::new());
        return;
    };
    match (ui.tab(), ui.guest()) {
        (Tab::Overview, _) => {
            ui.forget_wishes();
            overview(pen, area, scene, agent, ui);
        }
        (_, Some(index)) => {
            ui.forget_wishes();
            let Some(row) = agent.guests.iter().find(|row| row.index == index) else {
                pen.put(area, (0, 0), "This guest is no longer told of. Esc goes back.", Style::new());
                return;
            };
            let lines = guest::lines(agent, row, scene.limits);
            for (line, pieces) in (0..).zip(&lines) {
                pen.pieces(area, line, pieces);
            }
            let above = u16::try_from(lines.len()).unwrap_or(0) + 1;
            let mut flows = sheets::flows(agent, Some(index));
            flows.sort(flows.order, false);
            pen.sheet(part(area, above, area.height), &flows, (0, None), None);
        }
        (tab, None) => one(pen, area, sheet(scene, agent, tab), ui),
    }
}

/// One table, in which a row is selected.
fn one(pen: &mut Pen<'_>, area: Rect, mut sheet: Sheet, ui: &mut Ui) {
    let order = ui.order(&sheet);
    let rows = usize::from(area.height.saturating_sub(1));
    let tab = ui.tab();
    let (selected, offset) = ui.apply(&mut sheet, rows);
    // Another order is in force at once.
    let order = if ui.tab() == tab { ui.order(&sheet) } else { order };
    pen.sheet(area, &sheet, (offset, Some(selected)), Some(order));
    if sheet.rows.is_empty() {
        pen.put(area, (0, 1), "Nothing.", Style::new());
    }
}

/// The first rows of several tables, each as high as it needs to be and as there is room.
fn overview(pen: &mut Pen<'_>, area: Rect, scene: &Scene<'_>, agent: &AgentPicture, ui: &Ui) {
    let tabs = [Tab::Interfaces, Tab::Guests, Tab::Services, Tab::Flows, Tab::Drops];
    let mut shown: Vec<Sheet> = tabs.into_iter().map(|tab| sheet(scene, agent, tab)).collect();
    shown.retain_mut(|sheet| {
        sheet.filter(ui.filter().0);
        sheet.sort(sheet.order, false);
        !sheet.rows.is_empty()
    });
    if shown.is_empty() {
        pen.put(area, (0, 0), "No counters of interfaces or guests and no packet samples yet.", Style::new());
        return;
    }
    let wanted: Vec<u16> = shown
        .iter()
        .map(|sheet| u16::try_from(sheet.rows.len()).unwrap_or(u16::MAX).saturating_add(1))
        .collect();
    let mut line = 0;
    for (sheet, height) in shown.iter().zip(shares(area.height, &wanted)) {
        pen.sheet(part(area, line, height), sheet, (0, None), None);
        line += height;
    }
}

/// Heights of parts: what is not wanted by some is others'.
fn shares(height: u16, wanted: &[u16]) -> Vec<u16> {
    let mut given = vec![0_u16; wanted.len()];
    let mut left = height;
    while left > 0 {
        let before = left;
        for (given, wanted) in given.iter_mut().zip(wanted) {
            if *given < *wanted && left > 0 {
                *given += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    given
}

#[cfg(test)]
mod tests;
