//! The eyes of the program: what the agent's sockets tell becomes orders on the desk.
//!
//! [`stream`] reads sampled packets and asks for policies of detection, [`guests`] reads who is there and says which
//! addresses groups have now ([`members`], pure). Rule: an agent that is away is not an agent that says "nothing": what
//! stood stays, for as long as each says, and the status tells since when.

mod asked;
mod dates;
pub mod guests;
pub mod members;
mod neighbours;
pub mod stream;

use std::time::Duration;

/// Before a connection is tried again, doubled up to [`LATEST`].
const SOON: Duration = Duration::from_millis(200);
const LATEST: Duration = Duration::from_secs(5);
/// Before what was not taken is said again.
const AGAIN: Duration = Duration::from_secs(1);
