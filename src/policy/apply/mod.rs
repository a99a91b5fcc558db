//! Bringing policies about with the system's programs: iptables, ip6tables and ipset.
//!
//! `runner` runs one program; `place` brings one namespace to what is wanted; `namespace` tells which one is meant;
//! `generation` tells whether others wrote; `precedence` whether we insist on the first place; `guilty` and `stop` say
//! who is to blame; `tables` is the back end; `sweep` takes out what is over; `watch` hears that somebody changed rules.
//! Rule: nothing here decides which rules there are; that is `plan`. Only what is ours is ever named.

mod generation;
mod guilty;
mod namespace;
mod place;
mod precedence;
mod runner;
mod stop;
mod sweep;
mod tables;
mod watch;

pub(in crate::policy) use namespace::{Namespaces, entrance};
pub use runner::{Failed, Runner};
pub use sweep::take_out;
pub use tables::Tables;
pub use watch::Watch;
