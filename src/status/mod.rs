//! What is so: the state of every component, and the snapshot that `hsflowctl` reads. In: transitions reported
//! by the agent. Out: values, never references, so that a slow reader holds nothing. No I/O but the log.

pub mod applications;
pub mod registry;
pub mod snapshot;
pub mod telemetry;
