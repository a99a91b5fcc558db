//! When a datagram was sent, though it may have been read much later.
//!
//! In: the sender's uptime that is in a datagram, the time of reading. Out: the time of sending, on the reader's clock. Rules:
//! the datagram that was quickest so far took no time at all, so others were as late as they were later than that (before
//! the first one that was read in time, nothing can be told); no
//! date is in the future; a sender that seems later than [`LATEST`] has another clock, and begins anew.

use std::time::Duration;

/// More than a socket holds back; the uptime of an agent that was asleep or is another may differ by anything.
const LATEST: Duration = Duration::from_secs(60);

/// Of the datagrams of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dates {
    /// The last uptime, and what it is in milliseconds without an end.
    last: Option<(u32, i64)>,
    /// Milliseconds that the reader's clock was ahead when the quickest datagram was read.
    ahead: i64,
}

impl Dates {
    /// For a datagram that was read now.
    pub(super) fn date(&mut self, uptime_ms: u32, read: Duration) -> Duration {
        let read_ms = i64::try_from(read.as_millis()).unwrap_or(i64::MAX);
        let sent = self.last.map_or_else(
            || i64::from(uptime_ms),
            // The number begins again after seven weeks.
            |(last, sent)| sent + i64::from(uptime_ms.wrapping_sub(last).cast_signed()),
        );
        let ahead = read_ms - sent;
        let late = Duration::from_millis(u64::try_from(ahead - self.ahead).unwrap_or(0));
        let is_quickest = late.is_zero() || late > LATEST || self.last.is_none();
        self.last = Some((uptime_ms, sent));
        if is_quickest {
            self.ahead = ahead;
            return read;
        }
        read.saturating_sub(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dates of datagrams by their uptimes and the times of reading, in milliseconds.
    fn dates(course: &[(u32, u64)]) -> Vec<u64> {
        let mut dates = Dates::default();
        let date =
            |(uptime, read): &(u32, u64)| dates.date(*uptime, Duration::from_millis(*read)).as_millis();
        course.iter().map(date).map(|ms| u64::try_from(ms).unwrap()).collect()
    }

    #[test]
    fn what_a_reader_that_stood_reads_at_once_was_sent_when_it_was() {
        let course = [(7000, 20), (7100, 125), (7200, 5000), (9000, 5000), (11_000, 5001), (12_000, 5020)];
        assert_eq!(dates(&course), [20, 120, 220, 2020, 4020, 5020]);
    }

    #[test]
    fn a_quicker_one_says_that_the_others_were_late() {
        assert_eq!(dates(&[(1000, 500), (2000, 1200), (3000, 2500)]), [500, 1200, 2200]);
    }

    #[test]
    fn an_uptime_that_ends_goes_on_and_another_clock_begins_anew() {
        assert_eq!(dates(&[(u32::MAX - 99, 100), (100, 400), (200, 450)]), [100, 300, 400]);
        assert_eq!(dates(&[(900_000, 100), (5, 200), (105, 300), (205, 500)]), [100, 200, 300, 400]);
        assert_eq!(dates(&[(5, 200), (900_000, 300), (900_100, 450)]), [200, 300, 400]);
    }
}
