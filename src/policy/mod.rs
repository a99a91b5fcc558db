//! Policy on request: what traffic is to be dropped, marked, limited or shaped, and how the kernel is brought there.
//!
//! `model` is what is wanted, in types that cannot be wrong; `file` reads it from TOML; `lines` vets raw iptables lines;
//! `plan` compares what is wanted with what is there and tells the steps between, as texts for `iptables-restore` and
//! `ipset restore`, each with the text that undoes it; `react` finds in the host's own samples what is too much. All are
//! pure: texts, samples and times in, values and texts out. `book` holds what is wanted, `service` brings it about by
//! `apply`, `store` keeps it, `desk` is where it is asked for, `program` is the command line. Rule: only what is marked
//! as ours is ever changed, and applying twice does nothing. The measuring agent does not know this layer.

pub mod apply;
pub mod book;
pub mod bridge;
pub mod cumulus;
pub mod desk;
pub mod file;
mod generator;
pub mod lines;
pub mod model;
mod own;
pub mod plan;
pub mod privileges;
pub mod program;
pub mod react;
pub mod rest;
pub mod service;
pub mod shape;
pub mod store;
pub mod wanted;
pub mod watch;
