//! Detection: which traffic is too much, by the host's own packet samples.
//!
//! In: sFlow datagrams ([`Datagram`]), rules, the time. Out: [`Event`]s, which say when a key went over its threshold, when it
//! is over, and how sure that is. [`datagram`] and [`flow`] read samples, [`key`] and [`filter`] say what is counted together and what at
//! all, [`summary`] and [`window`] count in bounded memory, [`alarm`] decides, [`detector`] is a rule at work, [`odds`]
//! computes how soon and how falsely it does so, [`reaction`] makes a policy of a key. Rules: pure, time is an argument; nothing is allocated for a sample; a
//! threshold is compared with what was certainly sampled, so that nobody is blamed for another's packets.

pub mod alarm;
pub mod datagram;
pub mod detector;
pub mod filter;
pub mod flow;
pub mod key;
pub mod odds;
pub mod reaction;
pub mod summary;
pub mod window;

pub use alarm::{Change, Limits};
pub use datagram::{Datagram, Sample};
pub use detector::{Detector, Event, Measure, Rule};
pub use filter::Only;
pub use flow::{Flow, flows};
pub use key::{Field, Key};
pub use reaction::Reaction;
