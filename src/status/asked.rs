//! What the status says of the page of metrics: a part of the contract with `hsflowctl`.

use serde::{Deserialize, Serialize};

/// Where the page is, and who asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Address and port, or `unix:` and a path.
    pub listen: String,
    /// Others than programs of this host may ask.
    pub open: bool,
    /// Pages given.
    pub served: u64,
    /// Requests for something else.
    pub refused: u64,
    /// Connections that took too long, or made way for others.
    pub given_up: u64,
    /// Seconds since the last page.
    pub last_secs_ago: Option<u64>,
}
