//! What packet sources hand to the desk. In: frames, dropped packets, VPP's word on its interfaces. Out: samples and counts.
//! Rules: a frame goes by the numbers that collectors know and at the rate that is known of its port; one that needs
//! neither is not copied.

use super::super::annotate::Annotator;
use super::Desk;
use crate::sample::flow::Packet;
use crate::sample::flow::discard;
use crate::sample::frame::{Discard, Frame, Sink};
use crate::sample::switch::thinning::Taken;
use crate::sample::switch::vpp::{Ports, generic_interface};
use crate::sflow::counters::interface::PortName;
use crate::sflow::datagram::Unsent;
use crate::sflow::ids::DataSource;
use crate::wire::netlink::vpp;
use std::borrow::Cow;

/// The source whose interfaces send counters because it samples them.
const PSAMPLE: &str = "psample";
/// The source whose interfaces have numbers of their own.
const VPP: &str = "vpp";
/// The source whose packets of a switch port a chip has sampled, at the rate of the port.
const NFLOG: &str = "nflog";

impl Desk {
    /// The frame by the numbers that collectors know; `None` where it has none.
    fn renumbered<'s, 'f>(&mut self, frame: &'s Frame<'f>) -> Option<Cow<'s, Frame<'f>>> {
        match &mut self.vpp {
            Some(ports) if self.source == VPP => ports.place(frame).map(Cow::Owned),
            Some(ports) if ports.are_alone() => None,
            _ => Some(Cow::Borrowed(frame)),
        }
    }
}

impl Sink for Desk {
    fn packet(&mut self, frame: &Frame<'_>) {
        let Some(frame) = self.renumbered(frame) else {
            self.counts.flow_samples_unknown += 1;
            return;
        };
        let set_to = if self.source == NFLOG { self.thinning.set_to(frame.if_index) } else { None };
        let frame = &*at_rate(&frame, set_to.unwrap_or(frame.one_in));
        let taken = match self.source {
            PSAMPLE => self.thinning.take(frame.if_index, frame.one_in),
            _ => Taken::Sent(frame.one_in),
        };
        let (Taken::Sent(one_in) | Taken::Held(one_in)) = taken;
        let sampled = self.ledger.entry(frame.if_index, self.source, one_in);
        if self.source == PSAMPLE && !std::mem::replace(&mut sampled.by_psample, true) {
            self.appeared.push(frame.if_index);
        }
        sampled.sampler.count(frame);
        self.counts.dropped_samples += u64::from(frame.lost);
        if matches!(taken, Taken::Held(_)) {
            return;
        }
        let frame = &*at_rate(frame, one_in);
        let Some(packet) = Packet::of(frame) else {
            sampled.unknown += 1;
            self.counts.flow_samples_unknown += 1;
            return;
        };
        if !self.annotator.as_mut().is_some_and(|annotator| annotator.hold(&packet, &self.locals)) {
            self.emit(&packet, None, None);
        } else if self.annotator.as_ref().is_some_and(Annotator::is_full) {
            self.release_held();
        }
    }

    fn vpp(&mut self, told: &vpp::Message<'_>) {
        let Some(ports) = &mut self.vpp else { return };
        let told = match told {
            vpp::Message::Status(status) => return ports.note(status),
            vpp::Message::Interface(told) => told,
        };
        let Some(port) = ports.learn(told, self.now) else {
            self.counts.malformed += 1;
            return;
        };
        let (outlet, now, index) = (&self.outlet, self.now, port.index);
        let Some(number) = port.next_sample(now).filter(|_| self.making.counters) else { return };
        let added = self.queue.add_counters(
            self.uptime_ms,
            DataSource::interface(index),
            number,
            |out| {
                out.record(&PortName { name: Cow::Borrowed(&port.name) })?;
                out.record(&generic_interface(told, index))
            },
            &mut |unsent: Unsent<'_>| outlet.lock().send(unsent, now),
        );
        if added.is_ok() {
            port.sampled(now);
            self.counts.counter_samples += 1;
        }
    }

    fn discard(&mut self, dropped: &Discard<'_>) {
        // Another number than VPP's would name the wrong interface.
        let alone = self.vpp.as_ref().is_some_and(Ports::are_alone);
        let dropped = &Discard { input: dropped.input.filter(|_| !alone), ..*dropped };
        let header = self.discards.take(dropped);
        let (outlet, now) = (&self.outlet, self.now);
        let added = self.queue.add_discard(
            self.uptime_ms,
            &header,
            |out| discard::encode(dropped, out),
            &mut |unsent: Unsent<'_>| outlet.lock().send(unsent, now),
        );
        match added {
            Ok(()) => self.counts.event_samples += 1,
            Err(_) => self.counts.event_samples_suppressed += 1,
        }
    }
}

/// The frame as one of another rate.
#[inline]
fn at_rate<'s, 'a>(frame: &'s Frame<'a>, one_in: u32) -> Cow<'s, Frame<'a>> {
    if one_in == frame.one_in { Cow::Borrowed(frame) } else { Cow::Owned(Frame { one_in, ..*frame }) }
}
