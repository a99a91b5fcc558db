//! What is told: the page for readers, notes of what happens, a line for the service manager.

use super::{Service, changes};
use crate::policy::desk::{Note, Page, State};
use std::sync::Arc;

const KEEP: &str = "what is asked for does not outlive the program";

impl Service {
    pub(super) fn publish(&mut self) {
        let mut page = self.book.page();
        page.troubles.clone_from(&self.troubles);
        page.faults.extend(self.wrong.iter().cloned());
        page.faults.extend(self.unkept.iter().map(|why| format!("{KEEP}: {why}")));
        page.sources.clone_from(&self.sources);
        for (name, hits) in &self.hits {
            if let Some(shown) = page.policies.get_mut(name) {
                shown.hits = *hits;
            }
        }
        let said = changes::changes(&self.clerk.page.borrow(), &page);
        for (level, text) in said {
            log::log!(level, "{text}");
            let _ = self.clerk.notes.send(Note { at: self.clock.wall(), by: "service".to_owned(), text });
        }
        self.manager.status(summary(&page));
        self.clerk.page.send_replace(Arc::new(page));
    }

    pub(super) fn note(&self, by: &str, text: String) {
        log::info!("{text} (by {by})");
        // Nobody may be listening.
        let _ = self.clerk.notes.send(Note { at: self.clock.wall(), by: by.to_owned(), text });
    }

    pub(super) fn say_ready(&self) {
        log::info!("ready: {}", summary(&self.clerk.page.borrow()));
    }
}

/// One line about everything.
fn summary(page: &Page) -> String {
    let live = page.policies.values().filter(|shown| shown.state == State::Live).count();
    let faults = page.faults.len() + page.troubles.len();
    format!("{live} of {} policies live, {faults} faults", page.policies.len())
}
