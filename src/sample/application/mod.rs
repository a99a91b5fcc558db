//! Applications that tell of themselves by JSON: who they are, what of theirs is sampled, and who may speak how often.
//!
//! `application` has the numbers of one, `table` all of them with their data sources, `limit` the share of each sender,
//! `split` messages in a stream of bytes. Pure: the time is an argument.

mod one;

pub mod limit;
pub mod split;
pub mod table;

pub use one::Application;
pub use table::{Heard, Refusal, Table};
