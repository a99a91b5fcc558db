//! What the packet thread says of itself: the state of each source, and of each tap. In: what the thread finds. Out:
//! values that the agent's loop copies. Rule: a report is made when something has changed, not on a beat.

use super::taps::Wish;
use crate::status::registry::State;
use std::collections::BTreeMap;

/// What runs and what cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The state of each source that is wanted, by the name it has in the configuration.
    pub components: BTreeMap<&'static str, State>,
    /// Each tap that is wanted, by ifIndex.
    pub taps: BTreeMap<u32, TapReport>,
}

/// One tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapReport {
    /// The wish that it answers; a newer one may be under way.
    pub wish: Wish,
    /// What samples it: `pcap`, `epcap`.
    pub source: &'static str,
    /// Why it is not the source that was asked for.
    pub instead: Option<String>,
    /// Why nothing samples it; tried again.
    pub obstacle: Option<String>,
}
