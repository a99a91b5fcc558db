//! The daemon `hsflowd`: from the command line to the event loop. It wires the other layers and owns the schedule;
//! nothing uses it but the programs. `start` is the way in, `run` the loop, `daemon` what happens on each event,
//! `measures` and `samples` one poll, `change` a change of settings, `report` what is said about it all.

pub mod applications;
pub mod args;
mod change;
pub mod commands;
pub mod configuration;
pub mod control;
pub mod cumulus;
pub mod daemon;
mod discovery;
mod ending;
pub mod exit;
pub mod guard;
pub mod guests;
mod hosting;
pub mod identity;
pub mod measures;
pub mod once;
pub mod open_vswitch;
mod optics;
pub mod outlet;
pub mod pace;
pub mod packets;
pub mod pid_file;
pub mod platforms;
pub mod ports;
pub mod privileges;
mod reload;
mod report;
pub mod run;
pub mod samples;
mod sampling;
pub mod service;
mod settings_file;
pub mod sockets;
pub mod start;
pub mod stream;
mod tap_states;
pub mod tc_sampling;
pub mod timer;
mod vpp;
mod worker;

pub use exit::Exit;
pub use once::{OnceError, once};
pub use start::main;
