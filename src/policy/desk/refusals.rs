//! Refusals as notes and in the log: each with who asked, and never more of them than somebody could read.

use super::Note;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::broadcast;

/// In a second; who asks for nothing but what is refused must not fill the log.
const MOST: u32 = 10;
const SPAN: Duration = Duration::from_secs(1);

/// Tells of refusals; clones count together.
#[derive(Clone, Debug)]
pub struct Refusals {
    notes: broadcast::Sender<Note>,
    told: Arc<Mutex<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    since: Option<SystemTime>,
    count: u32,
}

impl Refusals {
    pub(super) fn new(notes: broadcast::Sender<Note>) -> Self {
        Self { notes, told: Arc::default() }
    }

    /// What was refused, and to whom.
    pub fn tell(&self, at: SystemTime, by: &str, text: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |since: SystemTime| at.duration_since(since).is_ok_and(|passed| passed < SPAN);
        if !told.since.is_some_and(is_same) {
            let missed = told.count.saturating_sub(MOST);
            *told = Told { since: Some(at), count: 0 };
            if missed > 0 {
                self.say(at, "service", format!("{missed} more refusals, which were too many to tell"));
            }
        }
        told.count = told.count.saturating_add(1);
        if told.count <= MOST {
            self.say(at, by, text);
        }
    }

    fn say(&self, at: SystemTime, by: &str, text: String) {
        log::info!("{text} (by {by})");
        // Nobody may be listening.
        let _ = self.notes.send(Note { at, by: by.to_owned(), text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_a_second_are_told_and_the_rest_is_counted() {
        let (notes, mut heard) = broadcast::channel(64);
        let refusals = Refusals::new(notes);
        let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        (0..25).for_each(|n| refusals.tell(at(5), "uid 7", format!("no {n}")));
        refusals.tell(at(6), "uid 7", "no more".to_owned());
        let said: Vec<_> = std::iter::from_fn(|| heard.try_recv().ok()).map(|note| note.text).collect();
        assert_eq!(said.len(), 12, "{said:?}");
        assert!(said[9] == "no 9" && said[10].starts_with("15 more ") && said[11] == "no more", "{said:?}");
    }
}
