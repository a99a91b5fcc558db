//! hsflowd.conf: text → spans → checked [`model::Settings`]. Pure: text in, settings or all problems out.

pub mod model;
