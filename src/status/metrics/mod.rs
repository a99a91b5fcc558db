//! What is so, as Prometheus reads it: a page of named numbers.
//!
//! In: the [`Snapshot`], and the counter samples sent last, which the [`Shelf`] keeps. Out: text. Pure: whoever asks makes the
//! agent read nothing. Rules: a name keeps its meaning, and is node_exporter's where the meaning is the same; what is not
//! known is left out; no two lines have the same name and labels, whatever guests and applications call themselves.
//! `page` is the format, `subjects` who the samples are about, each other file a table of names.
//! Spec: Prometheus text format 0.0.4, OpenMetrics 1.0.

mod agent;
mod application;
mod guest;
mod hardware;
mod host;
mod interface;
mod netstat;
mod page;
mod shelf;
mod subjects;

pub use shelf::Shelf;

use super::snapshot::Snapshot;
use page::Page;
use subjects::Subjects;

/// How the page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own text format.
    Text,
    /// OpenMetrics.
    OpenMetrics,
}

impl Format {
    /// What a client wants by its `Accept` header; text where it does not say, or wants something else.
    pub fn wanted(accept: &str) -> Self {
        let best = |is_it: fn(&str) -> bool| accept.split(',').filter_map(|range| weight(range, is_it)).max();
        let open = best(|kind| kind == "application/openmetrics-text").unwrap_or(0);
        let text = best(|kind| matches!(kind, "text/plain" | "text/*" | "*/*")).unwrap_or(0);
        if open > 0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }

    /// The `Content-Type` of the page.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The weight of a media range in thousandths, where it is such a one; of a version that we do not write it has none.
fn weight(range: &str, is_it: fn(&str) -> bool) -> Option<u16> {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next()?.to_ascii_lowercase();
    let (mut weight, mut fits) = (1000, is_it(&kind));
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        match name.trim() {
            "q" => weight = thousandths(value.trim()),
            "version" if kind.starts_with("application/") => fits &= value.trim() == "1.0.0",
            "version" => fits &= value.trim() == "0.0.4",
            _ => {}
        }
    }
    fits.then_some(weight)
}

/// `0.75` as 750; what is no such number weighs nothing.
fn thousandths(quality: &str) -> u16 {
    let number = quality.parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 1000
    number.map_or(0, |q| (q * 1000.0) as u16)
}

/// All that a page is made of; it needs the shelf no more, which others want to put something on.
#[derive(Debug)]
pub struct Gathered<'s> {
    snapshot: &'s Snapshot,
    subjects: Subjects<'s>,
    refused: u64,
}

impl<'s> Gathered<'s> {
    /// Takes it together.
    pub fn new(snapshot: &'s Snapshot, shelf: &Shelf) -> Self {
        Self { snapshot, subjects: Subjects::of(shelf, snapshot), refused: shelf.refused() }
    }

    /// The whole page.
    pub fn page(&self, format: Format) -> Vec<u8> {
        let Self { snapshot, subjects, refused } = self;
        let mut page = Page::new(format, subjects.len() + snapshot.interfaces.len());
        agent::write(&mut page, snapshot);
        agent::write_sources(&mut page, subjects.len(), *refused);
        host::write(&mut page, &subjects.host);
        netstat::write(&mut page, &subjects.host);
        hardware::write_host(&mut page, &subjects.host);
        interface::write(&mut page, &subjects.interfaces, snapshot);
        guest::write(&mut page, &subjects.guests);
        hardware::write_guests(&mut page, &subjects.guests);
        application::write(&mut page, &subjects.applications, &snapshot.applications);
        page.finish()
    }
}

/// The page of what is so.
pub fn render(snapshot: &Snapshot, shelf: &Shelf, format: Format) -> Vec<u8> {
    Gathered::new(snapshot, shelf).page(format)
}

#[cfg(test)]
mod tests;
