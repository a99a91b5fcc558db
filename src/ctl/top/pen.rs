//! Writing into the screen's cells. In: texts with how high they are. Out: styled cells. Rule: whatever the place, nothing is
//! written outside of the area.

use crate::view::limits::Level;
use crate::view::sheet::{Cell, Sheet, aligned};
use crate::view::summary::Piece;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// Writes.
pub(super) struct Pen<'b> {
    buffer: &'b mut Buffer,
    has_colours: bool,
}

impl<'b> Pen<'b> {
    pub(super) fn new(buffer: &'b mut Buffer, has_colours: bool) -> Self {
        Self { buffer, has_colours }
    }

    /// Bold.
    pub(super) fn strong() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Light and dark exchanged.
    pub(super) fn reversed() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Without colours what is high is reversed, and what is remarkable is underlined.
    pub(super) fn style(&self, level: Level) -> Style {
        match (level, self.has_colours) {
            (Level::Normal, _) => Style::new(),
            (Level::Warn, true) => Style::new().fg(Color::Yellow),
            (Level::High, true) => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            (Level::Warn, false) => Style::new().add_modifier(Modifier::UNDERLINED),
            (Level::High, false) => Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }

    /// A text at a column of a line of the area; the column behind it.
    pub(super) fn put(&mut self, area: Rect, (column, line): (u16, u16), text: &str, style: Style) -> u16 {
        if column >= area.width || line >= area.height {
            return column;
        }
        let (x, y) = (area.x + column, area.y + line);
        if !self.buffer.area.contains((x, y).into()) {
            return column;
        }
        let room = usize::from(area.width - column);
        let (end, _) = self.buffer.set_stringn(x, y, text, room, style);
        end.saturating_sub(area.x)
    }

    /// A text that ends at the right edge of a line.
    pub(super) fn put_right(&mut self, area: Rect, line: u16, text: &str, style: Style) {
        let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        self.put(area, (area.width.saturating_sub(width), line), text, style);
    }

    /// Pieces one behind the other.
    pub(super) fn pieces(&mut self, area: Rect, line: u16, pieces: &[Piece]) {
        let mut column = 0;
        for piece in pieces {
            column = self.put(area, (column, line), &piece.text, self.style(piece.level));
        }
    }

    /// A whole line in this style.
    pub(super) fn fill(&mut self, area: Rect, line: u16, style: Style) {
        if line < area.height {
            let row = Rect { y: area.y + line, height: 1, ..area };
            self.buffer.set_style(row.intersection(self.buffer.area), style);
        }
    }

    /// A table: its titles, and rows from `offset` on as they fit. `order` is the column it is ordered by, `selected` a row.
    pub(super) fn sheet(
        &mut self,
        area: Rect,
        sheet: &Sheet,
        (offset, selected): (usize, Option<usize>),
        order: Option<(usize, bool)>,
    ) {
        let places = sheet.fit(area.width);
        self.fill(area, 0, Self::reversed());
        for (index, at, width) in &places {
            let Some(column) = sheet.columns.get(*index) else { continue };
            let is_ordered = order.is_some_and(|(by, _)| by == *index);
            let style =
                if is_ordered { Self::reversed().add_modifier(Modifier::BOLD) } else { Self::reversed() };
            let title = match order.filter(|_| is_ordered) {
                Some((_, is_reverse)) => {
                    let mark = if is_reverse == column.is_number { "^" } else { "v" };
                    if column.is_number {
                        format!("{mark}{}", column.title)
                    } else {
                        format!("{}{mark}", column.title)
                    }
                }
                None => column.title.to_owned(),
            };
            self.put(area, (*at, 0), &aligned(&title, (*width).into(), column.is_number), style);
        }
        for (line, (number, row)) in (1..area.height).zip(sheet.rows.iter().enumerate().skip(offset)) {
            for (index, at, width) in &places {
                let (Some(cell), Some(column)) = (row.cells.get(*index), sheet.columns.get(*index)) else {
                    continue;
                };
                self.cell(area, (*at, line), cell, &aligned(&cell.text, (*width).into(), column.is_number));
            }
            if selected == Some(number) {
                self.fill(area, line, Self::reversed());
            }
        }
    }

    fn cell(&mut self, area: Rect, place: (u16, u16), cell: &Cell, text: &str) {
        let style = self.style(cell.level);
        self.put(area, place, text, style);
    }
}
