//! The settings file for sub-agents (`hsflowd.auto`): what modules inside web servers and JVMs read to send their own
//! samples to our collectors under our agent address.
//!
//! In: the settings in force, the resolved collectors, the elected address. Out: the text ([`body`]), and the file
//! kept up to date with it ([`AutoFile`]). Readers are C, Java and Node programs in the field with parsers of their
//! own; the rule kept is that the strictest reader of each detail is obeyed.

mod file;
mod text;

pub use file::{AutoError, AutoFile, Written};
pub use text::{AutoCollector, AutoInfo, AutoSettings, Body, body, frame};

/// Where the file is unless an option says otherwise.
pub const DEFAULT_PATH: &str = "/run/hsflowd/hsflowd.auto";
