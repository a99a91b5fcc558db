//! What is due in a poll. In: data sources in any order. Out: the host, interfaces and guests among them, in order, so that
//! one can be searched for.

use crate::sflow::ids::DataSource;
use std::time::Instant;

/// What is due in a poll.
#[derive(Clone, Debug)]
pub struct Due {
    /// The host sample.
    pub host: bool,
    /// Interfaces by rising ifIndex.
    pub interfaces: Vec<u32>,
    /// Guests by rising index.
    pub guests: Vec<u32>,
    /// When the poll began.
    pub now: Instant,
    /// The datagrams' uptime.
    pub uptime_ms: u32,
}

impl Due {
    /// Nothing is due.
    pub fn nothing(now: Instant) -> Self {
        Self { host: false, interfaces: Vec::new(), guests: Vec::new(), now, uptime_ms: 0 }
    }

    /// Refills from data sources in any order.
    pub fn refill(&mut self, sources: impl Iterator<Item = DataSource>) {
        self.host = false;
        self.interfaces.clear();
        self.guests.clear();
        for source in sources {
            match source {
                DataSource::HOST => self.host = true,
                DataSource { class: 0, index } => self.interfaces.push(index),
                DataSource { class: 3, index } => self.guests.push(index),
                _ => {}
            }
        }
        self.interfaces.sort_unstable();
        self.guests.sort_unstable();
        self.guests.dedup();
    }

    /// Notes when the poll begins.
    pub fn stamp(&mut self, now: Instant, uptime_ms: u32) {
        (self.now, self.uptime_ms) = (now, uptime_ms);
    }

    /// True where a poll would do nothing.
    pub fn is_nothing(&self) -> bool {
        !self.host && self.interfaces.is_empty() && self.guests.is_empty()
    }
}
