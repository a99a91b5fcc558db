//! What Open vSwitch is told so that it sends sFlow by itself: one record in its data base, to which bridges refer.
//!
//! In: what the data base has (`frames` cuts the stream, `message` and `value` read it, `tables` keeps it), and the record
//! that is wanted. Out: the transaction between the two (`plan`). Rules: only a record with our mark is ever changed, and
//! only bridges that have ours or none; everything that a decision rests on is checked again by the data base in the same
//! transaction, so what others change at the same time is never lost. An unused record is removed by the data base itself.
//! Spec: RFC 7047; the tables Bridge, sFlow and Open_vSwitch of ovs-vswitchd.conf.db(5).

pub mod frames;
pub mod message;
mod plan;
mod record;
mod tables;
#[cfg(test)]
mod tests;
mod value;

pub use plan::{Holding, holdings, is_undone, plan};
pub use record::{Record, target};
pub use tables::{Bridge, Row, Tables, Uuid};

/// What the agent wants of Open vSwitch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// What every bridge shall send by; none: no bridge shall.
    pub record: Option<Record>,
    /// Why there is none.
    pub idle: Option<String>,
    /// What of the settings Open vSwitch cannot do.
    pub remarks: Vec<String>,
}
