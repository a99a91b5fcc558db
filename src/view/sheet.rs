//! A table of text: columns, rows, an order, a filter, and which columns fit into a width. In: cells. Out: lines, or cells with
//! their places for a screen. Rule: whatever the width, nothing is written outside of it.

use super::limits::Level;
use std::cmp::Ordering;

/// A column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// Characters, at least.
    pub width: u16,
    /// Numbers stand at the right and are ordered from the highest.
    pub is_number: bool,
    /// Those with higher ones go first where there is no room.
    pub rank: u8,
}

/// A column of text.
pub const fn text(title: &'static str, width: u16, rank: u8) -> Column {
    Column { title, width, is_number: false, rank }
}

/// A column of numbers.
pub const fn number(title: &'static str, width: u16, rank: u8) -> Column {
    Column { title, width, is_number: true, rank }
}

/// A value in a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// As it is shown.
    pub text: String,
    /// What it is ordered by; text by itself.
    pub order: Option<f64>,
    /// How it is.
    pub level: Level,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number, printed by `print`.
    pub fn number(value: Option<f64>, print: fn(Option<f64>) -> String) -> Self {
        Self { text: print(value), order: value, level: Level::Normal }
    }

    /// The same, as high as this.
    pub fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What it is, whatever its place: an index or an address.
    pub id: String,
    /// One for each column.
    pub cells: Vec<Cell>,
}

/// The table.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Its columns.
    pub columns: &'static [Column],
    /// The column that it is ordered by, unless somebody wants another.
    pub order: usize,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// Columns of text with so many characters share what is left with the first one.
const LONG: u16 = 16;
/// No column becomes wider by more: what belongs together is not torn apart on a wide screen.
const FAR: u16 = 40;
/// Between two columns.
const GAP: u16 = 1;

impl Sheet {
    /// Orders the rows by a column: numbers from the highest, texts from A. What is not known comes last.
    pub fn sort(&mut self, column: usize, reverse: bool) {
        let is_number = self.columns.get(column).is_some_and(|column| column.is_number);
        let compare = |one: &Row, other: &Row| {
            let (Some(a), Some(b)) = (one.cells.get(column), other.cells.get(column)) else {
                return Ordering::Equal;
            };
            if !is_number {
                let order = natural(&a.text, &b.text);
                return if reverse { order.reverse() } else { order };
            }
            match (a.order, b.order) {
                (Some(a), Some(b)) if reverse => a.total_cmp(&b),
                (Some(a), Some(b)) => b.total_cmp(&a),
                (one, other) => other.is_some().cmp(&one.is_some()),
            }
        };
        self.rows.sort_by(|one, other| compare(one, other).then_with(|| natural(&one.id, &other.id)));
    }

    /// Keeps the rows that have this in a cell, in whatever case.
    pub fn filter(&mut self, wanted: &str) {
        let wanted = wanted.to_lowercase();
        if !wanted.is_empty() {
            self.rows.retain(|row| row.cells.iter().any(|cell| cell.text.to_lowercase().contains(&wanted)));
        }
    }

    /// Which columns fit: each with its place and width.
    pub fn fit(&self, width: u16) -> Vec<(usize, u16, u16)> {
        let mut shown: Vec<(usize, &Column)> = self.columns.iter().enumerate().collect();
        let needed = |shown: &[(usize, &Column)]| {
            shown
                .iter()
                .map(|(_, column)| u32::from(column.width + GAP))
                .sum::<u32>()
                .saturating_sub(GAP.into())
        };
        while shown.len() > 1 && needed(&shown) > width.into() {
            let last = shown.iter().enumerate().skip(1).max_by_key(|(at, (_, column))| (column.rank, *at));
            let Some((at, _)) = last else { break };
            shown.remove(at);
        }
        let spare = u32::from(width).saturating_sub(needed(&shown));
        let takes =
            |number: usize, column: &Column| number == 0 || (!column.is_number && column.width >= LONG);
        let takers = shown.iter().enumerate().filter(|(number, (_, column))| takes(*number, column)).count();
        let share = u16::try_from(spare).unwrap_or(0) / u16::try_from(takers).unwrap_or(1).max(1);
        let share = share.min(FAR);
        let (mut at, mut placed) = (0, Vec::with_capacity(shown.len()));
        for (number, (index, column)) in shown.into_iter().enumerate() {
            let more = if takes(number, column) { share } else { 0 };
            let own = (column.width + more).min(width.saturating_sub(at));
            placed.push((index, at, own));
            at = at.saturating_add(own + GAP);
        }
        placed
    }

    /// The table as lines; without colours a `+` marks what is remarkable and a `!` what is high.
    pub fn lines(&self, width: u16) -> Vec<String> {
        let places = self.fit(width);
        let line = |text: &dyn Fn(usize) -> String| {
            let mut line = String::new();
            for (index, at, own) in &places {
                let is_number = self.columns.get(*index).is_some_and(|column| column.is_number);
                let gap = usize::from(*at).saturating_sub(line.chars().count());
                line.extend(std::iter::repeat_n(' ', gap));
                line.push_str(&aligned(&text(*index), (*own).into(), is_number));
            }
            line.trim_end().to_owned()
        };
        let titles = line(&|index| self.columns.get(index).map_or_else(String::new, |c| c.title.to_owned()));
        let rows =
            self.rows.iter().map(|row| line(&|index| row.cells.get(index).map_or_else(String::new, marked)));
        std::iter::once(titles).chain(rows).collect()
    }
}

fn marked(cell: &Cell) -> String {
    format!("{}{}", cell.text, cell.level.mark())
}

/// Cut or filled to a width, what was cut shown by a `~`.
pub fn aligned(text: &str, width: usize, right: bool) -> String {
    let count = text.chars().count();
    if count > width {
        let kept: String = text.chars().take(width.saturating_sub(1)).collect();
        return if width == 0 { kept } else { kept + "~" };
    }
    if right { format!("{text:>width$}") } else { format!("{text:<width$}") }
}

/// Numbers in texts by their value: eth2 before eth10.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one.chars().peekable(), other.chars().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let order = digits(&mut a).cmp(&digits(&mut b));
                if order != Ordering::Equal {
                    return order;
                }
            }
            (Some(_), Some(_)) => {
                let order = a.next().cmp(&b.next());
                if order != Ordering::Equal {
                    return order;
                }
            }
            (one, other) => return one.is_some().cmp(&other.is_some()),
        }
    }
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> u128 {
    let mut value: u128 = 0;
    while let Some(digit) = chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10)) {
        value = value.saturating_mul(10).saturating_add(digit.into());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::super::number::si;
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [Column; 4] =
        [text("NAME", 6, 0), number("IN", 5, 0), number("OUT", 5, 1), text("WHAT", 6, 2)];

    fn sheet() -> Sheet {
        let row = |name: &str, value: Option<f64>| Row {
            id: name.to_owned(),
            cells: vec![
                Cell::text(name),
                Cell::number(value, si),
                Cell::number(value, si).at(Level::High),
                Cell::text("Thing"),
            ],
        };
        let rows = vec![row("eth10", Some(5.0)), row("eth2", None), row("lo", Some(2e9))];
        Sheet { columns: &COLUMNS, order: 1, rows }
    }

    fn names(sheet: &Sheet) -> Vec<&str> {
        sheet.rows.iter().map(|row| row.id.as_str()).collect()
    }

    #[test]
    fn numbers_fall_texts_rise_and_the_unknown_is_last_either_way() {
        let mut sheet = sheet();
        sheet.sort(1, false);
        assert_eq!(names(&sheet), ["lo", "eth10", "eth2"]);
        sheet.sort(1, true);
        assert_eq!(names(&sheet), ["eth10", "lo", "eth2"]);
        sheet.sort(0, false);
        assert_eq!(names(&sheet), ["eth2", "eth10", "lo"]);
        sheet.filter("ETH");
        assert_eq!(names(&sheet), ["eth2", "eth10"]);
        sheet.filter("nothing");
        assert!(sheet.rows.is_empty());
    }

    #[test]
    fn columns_of_high_rank_go_where_there_is_no_room() {
        let sheet = sheet();
        assert_eq!(sheet.lines(30)[..2], ["NAME           IN   OUT WHAT", "eth10        5.00 5.00! Thing"]);
        assert_eq!(sheet.lines(18)[0], "NAME      IN   OUT");
        assert_eq!(sheet.lines(3)[..2], ["NA~", "et~"]);
    }

    proptest! {
        #[test]
        fn nothing_is_outside_of_the_width(width in 0_u16..40, name in ".{0,20}") {
            let mut sheet = sheet();
            sheet.rows[0].cells[0] = Cell::text(name);
            prop_assert!(sheet.lines(width).iter().all(|line| line.chars().count() <= width.into()));
            prop_assert!(sheet.fit(width).iter().all(|(_, at, own)| own == &0 || at + own <= width));
        }

        #[test]
        fn the_natural_order_is_an_order(mut names in prop::collection::vec("[a-c]{0,2}[0-9]{0,3}", 0..12)) {
            names.sort_by(|one, other| natural(one, other));
            for pair in names.windows(2) {
                prop_assert!(natural(&pair[0], &pair[1]) != Ordering::Greater);
            }
        }
    }
}
