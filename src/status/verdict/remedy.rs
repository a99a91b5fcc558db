//! What to do about a component that does not run. In: its name and the words of its reason. Out: a command, or a line of
//! the configuration. Rule: every component has a row, and a test compares the rows with the manual; a cure that the words
//! point at goes before the one that always fits.

mod cures;
mod table;

pub use table::{ROWS, Row};

/// What a remedy may name.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The component, `collector 192.0.2.1 port 6343` with all its words.
    pub component: &'a str,
    /// The configuration file.
    pub file: &'a str,
}

/// What to do about a component with this reason.
pub fn of(place: &Place<'_>, reason: &str) -> String {
    let row = row(place.component);
    let own = row.iter().flat_map(|row| row.cures).chain(cures::OF_ALL);
    let found = own.copied().find(|(words, _)| reason.contains(words)).map(|(_, remedy)| remedy);
    let remedy = found.or(row.map(|row| row.otherwise)).unwrap_or(cures::LOG);
    let host = place.component.split(' ').nth(1).unwrap_or("ADDRESS");
    remedy.replace("{file}", place.file).replace("{host}", host)
}

/// True where this reason says that the host does not have what the component is about.
pub fn is_absence(component: &str, reason: &str) -> bool {
    row(component).and_then(|row| row.absent).is_some_and(|words| reason.contains(words))
}

/// The row of a component, or of the family that it belongs to.
fn row(component: &str) -> Option<&'static Row> {
    let family = component.split(' ').next().unwrap_or(component);
    ROWS.iter().find(|row| row.names.contains(&family))
}
