//! What happens to packets that match.

use super::marks::{Class, Dscp};
use super::matching::{Contradiction, Traffic, countable};
use super::name::{Device, Netns};
use super::rate::Rate;
use super::traffic::Direction;
use std::time::Duration;

/// Shaped to less, a lifeline is none: a screen of text takes seconds.
const LIFELINE_BPS: u64 = 64_000;

/// What a policy does with its packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let through, past all rules that follow, ours and others'.
    Accept,
    /// Throw away.
    Drop,
    /// Throw away and tell the sender (administratively prohibited).
    Reject,
    /// Throw away what is above the rate.
    Limit(Rate),
    /// Write into the packet, and go on.
    Mark(Mark),
    /// Delay; for tc, on an interface.
    Shape(Shape),
    /// Send elsewhere; for tc.
    Redirect(Redirect),
}

/// What is written; at least one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Into the IP header.
    pub dscp: Option<Dscp>,
    /// For the queueing discipline of the interface it leaves by.
    pub class: Option<Class>,
}

/// A bandwidth with its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Guaranteed.
    pub rate: Rate,
    /// With what is borrowed.
    pub ceil: Option<Rate>,
    /// How long the rate may be exceeded by a burst.
    pub burst: Option<Duration>,
    /// How long a packet may wait; zero throws away what is faster.
    pub latency: Option<Duration>,
}

/// Where packets are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// Out of this device.
    Device(Device),
    /// Into this namespace.
    Netns(Netns),
}

impl Action {
    /// Whether packets may be lost by it, or so many wait that it comes to the same.
    pub const fn cuts(&self) -> bool {
        match self {
            Self::Drop | Self::Reject | Self::Limit(_) | Self::Redirect(_) => true,
            Self::Shape(Shape { rate: Rate::Bits(bits) | Rate::Packets(bits), .. }) => *bits < LIFELINE_BPS,
            Self::Accept | Self::Mark(_) => false,
        }
    }

    pub(super) fn check(&self, traffic: &Traffic) -> Result<(), Contradiction> {
        let unfit = |action, with, instead| Err(Contradiction::Action { action, with, instead });
        let has_class = matches!(self, Self::Mark(Mark { class: Some(_), .. }));
        match self {
            Self::Limit(_) if traffic.above.is_some() => {
                unfit("a limit", "'above'", "drop with 'above', or limit without it")
            }
            Self::Limit(rate) => countable(*rate),
            Self::Mark(Mark { dscp: None, class: None }) => {
                unfit("a mark", "nothing to write", "give dscp, class or both")
            }
            // The kernel refuses CLASSIFY where a packet does not leave.
            Self::Mark(_) if has_class && traffic.directions.contains(&Direction::In) => {
                unfit("a class", "packets to this host", "they are queued nowhere: forward or out")
            }
            Self::Shape(
                Shape { rate: Rate::Packets(_), .. } | Shape { ceil: Some(Rate::Packets(_)), .. },
            ) => unfit("shaping", "packets a second", "bits a second"),
            Self::Shape(_) if traffic.from.is_none() && traffic.to.is_none() => {
                unfit("shaping", "no interface", "say 'from' or 'to'")
            }
            _ => Ok(()),
        }
    }
}
