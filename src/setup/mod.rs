//! What a service manager has to give for a configuration, and what becomes of the files of an installed C agent.
//!
//! In: settings, and texts of files. Out: what each unit has to be given, as drop-ins and for people, and a report of what
//! will be otherwise than before. `need` is the table of capabilities, `feature` that of the drop-ins in `systemd/`; `grant` puts
//! them together; `watch` has changes of another file than the usual one seen; `unit` and `words` read what systemd reads, as it reads it; `migration` is the report.
//! Rules: nothing is given without a reason; texts of operators never become directives of ours unless they are plain.
//! Pure. Spec: systemd.exec(5), systemd.unit(5), systemd.generator(7).

mod feature;
mod grant;
pub mod migration;
mod need;
mod plan;
#[cfg(test)]
mod tests;
pub mod unit;
mod watch;
pub mod words;

pub use grant::{DropIn, Grant, What, drop_in_path, drop_ins, page};
pub use need::{Need, needed, wished};
pub use plan::{AGENT, Facts, LeftOut, Plan, plan};
pub use watch::{DEFAULTS, WATCH, Watched, watched};

/// The drop-ins that are made have this name in each unit's folder: by the order of names what an operator adds counts after
/// it, and a file of this name in `/etc/systemd/system` takes its place.
pub const FILE_NAME: &str = "00-hsflowd-privileges.conf";
