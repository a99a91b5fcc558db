//! Applications that tell of themselves by JSON: what they say, who they are, what of it is sent.
//!
//! In: the bytes of one message. Out: its contents as sFlow knows them ([`message`]), and the records of a flow sample
//! or a counters sample ([`encode`]). `one` has the numbers of one application, [`table`] all of them with their data
//! sources, [`limit`] the share of each sender, [`split`] messages in a stream of bytes. Pure: the time is an argument.
//!
//! Spec: sFlow Application Structures; the members are those of the C agent's `json {}`.

pub mod encode;
pub mod limit;
pub mod message;
mod one;
pub mod split;
pub mod table;

pub use one::Application;
pub use table::{Refusal, Table};
