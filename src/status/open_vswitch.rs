//! What the status says of Open vSwitch's own sFlow: a part of the contract with `hsflowctl`.

use serde::{Deserialize, Serialize};

/// What Open vSwitch was told, and which bridges send by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenVswitch {
    /// What they send, in words; none where no bridge is to send.
    pub sends: Option<String>,
    /// Why no bridge is to send.
    pub idle: Option<String>,
    /// Each bridge, by name.
    pub bridges: Vec<Bridge>,
}

/// One bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// It sends by our record.
    pub ours: bool,
    /// How it sends, in words.
    pub how: String,
}
