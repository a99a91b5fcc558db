//! The messages of a group as samples: which are taken, and how many never came.
//!
//! In: datagrams as the kernel sent them. Out: [`Frame`](crate::sample::frame::Frame)s to a sink. Rules: a message that is
//! not taken is stepped over unread. The kernel numbers what it sends, from 0 for each time that a group is
//! bound, so a gap is a loss; it is told with the next sample, whichever interface that is of, because nothing says
//! whose it was. `Frame.lost` counts samples after the choice made here, so losses before it are divided by its
//! rate, and what that leaves over is kept for the next.

use super::packet;
use crate::sample::frame::Sink;
use crate::sample::skip::Skip;
use crate::wire::netlink::header::messages;
use crate::wire::netlink::nflog::{Packet, is_packet};
use std::num::NonZeroU32;

/// Reads messages of one group.
#[derive(Clone, Debug)]
pub struct Messages {
    rule_one_in: NonZeroU32,
    skip: Skip,
    copy: usize,
    /// Number of the next packet, if none is lost.
    next: u32,
    /// Packets that never came and are not told yet.
    lost: u64,
    malformed: u32,
}

impl Messages {
    /// For a group that a rule sends one in `rule_one_in` packets to; of each `copy` bytes are handed on.
    pub fn new(rule_one_in: NonZeroU32, skip: Skip, copy: usize) -> Self {
        Self { rule_one_in, skip, copy, next: 0, lost: 0, malformed: 0 }
    }

    /// The group was bound again, and numbers begin again.
    pub fn restart(&mut self) {
        self.next = 0;
    }

    /// Hands on what a datagram has; returns how many samples. After something that cannot be read nothing more
    /// of the datagram can be.
    pub fn read(&mut self, datagram: &[u8], sink: &mut dyn Sink) -> usize {
        let mut frames = 0;
        for message in messages(datagram) {
            match message {
                Ok(message) if is_packet(&message) => {
                    frames += usize::from(self.packet(message.payload, sink));
                }
                Ok(_) => {}
                Err(_) => self.malformed(1),
            }
        }
        frames
    }

    /// Counts messages that could not be read.
    pub fn malformed(&mut self, count: usize) {
        self.malformed = self.malformed.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// How many could not be read since the last question.
    pub fn take_malformed(&mut self) -> u32 {
        std::mem::take(&mut self.malformed)
    }

    /// True where it became a sample.
    fn packet(&mut self, payload: &[u8], sink: &mut dyn Sink) -> bool {
        let number = self.next;
        self.next = number.wrapping_add(1);
        if !self.skip.take() {
            return false;
        }
        let Ok(packet) = Packet::parse(payload) else {
            self.malformed(1);
            return false;
        };
        self.count_lost(packet.sequence.unwrap_or(number), number);
        let Some(mut frame) = packet::frame(&packet, self.copy) else {
            self.malformed(1);
            return false;
        };
        let one_in = self.skip.one_in();
        frame.one_in = self.rule_one_in.saturating_mul(one_in).get();
        frame.lost = u32::try_from(self.lost / u64::from(one_in.get())).unwrap_or(u32::MAX);
        self.lost %= u64::from(one_in.get());
        sink.packet(&frame);
        true
    }

    fn count_lost(&mut self, number: u32, expected: u32) {
        let gap = number.wrapping_sub(expected);
        // Numbers never go back; where they seem to, nothing is known of what was lost.
        if gap.cast_signed() > 0 {
            self.lost += u64::from(gap);
        }
        self.next = number.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests;
