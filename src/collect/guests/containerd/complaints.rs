//! What is wrong with single containers, said a bounded number of times.
//!
//! In: problems. Out: one log line each, until there were too many since the last list.

use std::fmt::Display;

/// Lines between two lists.
const MOST: u32 = 10;

/// How many there were.
#[derive(Debug, Default)]
pub(super) struct Complaints(u32);

impl Complaints {
    /// Says it, or counts it only.
    pub(super) fn say(&mut self, engine: &'static str, what: &dyn Display) {
        self.0 = self.0.saturating_add(1);
        if self.0 <= MOST {
            log::warn!(target: engine, "{what}");
        }
    }

    /// Starts anew, and says how many were counted only.
    pub(super) fn renew(&mut self, engine: &'static str) {
        let unsaid = std::mem::take(&mut self.0).saturating_sub(MOST);
        if unsaid > 0 {
            log::warn!(target: engine, "{unsaid} more containers with something wrong");
        }
    }
}
