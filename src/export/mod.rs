//! What leaves the agent: datagrams to the collectors, and the settings file for sub-agents.
//!
//! In: encoded datagrams, the collectors of the configuration, the elected agent address. Out: UDP and local sockets,
//! counters and states for `hsflowctl status`, and `hsflowd.auto`. The rule kept: nothing here blocks the caller or stops another
//! collector; whatever fails is counted, explained and tried again.
//!
//! - [`collectors`]: all collectors, their reload and their name lookups; `collector` is one of them
//! - [`readers`]: programs of this host that read along
//! - `socket`: opening the connected UDP socket, possibly in another network namespace
//! - `lookup`: host names, resolved on threads of their own
//! - [`report`]: counters and states as plain values
//! - [`auto`]: the settings file

pub mod auto;
mod collector;
pub mod collectors;
mod lookup;
pub mod readers;
pub mod report;
mod resolve;
mod socket;

pub use collectors::{Applied, Collectors};
pub use lookup::Resolve;
pub use resolve::resolve_within;
pub use socket::CollectorError;
