//! What makes others sample for us: switch chips and the kernel by `tc`, Cumulus Linux by its own program, Open vSwitch by its
//! data base.
//!
//! In: which ports are to be sampled at which rate, as the settings and the interface table have it. Out: their state in the
//! kernel, the chip or the switch made so, and why where it cannot be. Rules: only what is ours is ever changed, and known
//! by a mark; what was made is removed at the end, or found again after a crash; what is asked outside has a deadline.
//! What to do is decided in `sample/switch`.

pub mod ovs;
pub mod portsamp;
pub mod tc;
