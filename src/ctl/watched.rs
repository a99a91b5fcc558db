//! What `top` and `web` show: the model, and what it is told. In: news of a feed, or a capture file. Out: pictures. Rule: a
//! recording stands at its end.

use super::capture;
use super::feed::News;
use crate::host::Clock;
use crate::view::limits::Limits;
use crate::view::picture::Picture;
use crate::view::{Now, Room, View};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

/// The model and its clock.
pub(super) struct Watched {
    clock: Clock,
    began: Instant,
    pub(super) view: View,
    /// Of whoever sends; else of one host.
    pub(super) is_many: bool,
    /// The time of a recording.
    recorded: Option<Now>,
    /// Datagrams that were taken in.
    pub(super) datagrams: u64,
    /// Why nothing comes.
    pub(super) away: Option<String>,
}

impl Watched {
    /// Nothing is known yet.
    pub(super) fn new(is_many: bool, limits: Limits) -> Self {
        let clock = Clock::system();
        Self {
            began: clock.now(),
            clock,
            view: View::new(if is_many { Room::MANY } else { Room::ONE }, limits),
            is_many,
            recorded: None,
            datagrams: 0,
            away: None,
        }
    }

    /// The present, or where a recording stands.
    pub(super) fn now(&self) -> Now {
        let time = || self.clock.now().saturating_duration_since(self.began);
        self.recorded.unwrap_or_else(|| Now { time: time(), unix: self.clock.unix_secs() })
    }

    /// Takes in what came, of which `buffer` holds the datagram.
    pub(super) fn take(&mut self, news: News, buffer: &[u8]) {
        match news {
            News::Datagram(length) => self.feed(buffer.get(..length).unwrap_or_default()),
            News::Here => self.away = None,
            News::Away(why) => self.away = Some(why),
        }
    }

    /// A recording has come to this time.
    pub(super) fn stand_at(&mut self, time: Duration) {
        self.recorded = Some(Now { time, unix: time.as_secs() });
    }

    /// Takes in all of a capture file. The error is a text.
    pub(super) fn replay(&mut self, file: &Path) -> Result<(), String> {
        self.stand_at(Duration::ZERO);
        capture::read(file, &mut |time, datagram| {
            self.stand_at(time);
            self.feed(datagram.payload);
            ControlFlow::Continue(())
        })
    }

    /// Takes in a datagram.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let now = self.now();
        self.datagrams += u64::from(self.view.feed(now, bytes));
    }

    /// Lets time go by.
    pub(super) fn tick(&mut self) {
        self.view.tick(self.now());
    }

    /// How things are now.
    pub(super) fn picture(&self, host: Option<IpAddr>) -> Picture {
        self.view.picture(self.now(), host)
    }
}
