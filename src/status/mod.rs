//! What is so: the state of every component, the snapshot that `hsflowctl` reads, the verdict on it, the page that
//! Prometheus reads, and orders. In: transitions reported by the agent. Out: values, never references, so that a slow
//! reader holds nothing. No I/O but the log.

pub mod applications;
pub mod asked;
pub mod command;
pub mod cost;
pub mod guests;
pub mod metrics;
pub mod open_vswitch;
pub mod registry;
pub mod snapshot;
pub mod telemetry;
pub mod verdict;
