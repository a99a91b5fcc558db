//! `hsflow`: the library behind `hsflowd` (the agent) and `hsflowctl` (the operator's tool).
//!
//! Data flows one way: `sys` → `host` → `collect` → `sflow` → `export`; `agent` wires the parts and owns the
//! schedule; `config` says what is wanted, `status` says what is so; `ctl` reads both. Core layers
//! (`sflow wire sample config setup status view`, and of `policy` all but its shells) never do I/O; shells (`collect export agent`)
//! never decide what a core layer could. The table of who may use whom is `tests/arch.rs`.

pub mod agent;
pub mod collect;
pub mod config;
pub mod ctl;
pub mod discover;
pub mod export;
pub mod host;
pub mod log;
pub mod policy;
pub mod sample;
pub mod setup;
pub mod sflow;
pub mod source;
pub mod status;
pub mod switch;
#[allow(unsafe_code)] // the one place for system calls without a safe wrapper
pub mod sys;
pub mod view;
pub mod wire;
