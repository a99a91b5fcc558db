//! What systemd has to give the agent's unit, and what becomes of a C agent's files: the reading and writing around `setup`.
//!
//! In: files below a root directory. Out: pages, drop-ins, exit statuses. Rule: only drop-ins are ever written. Spec:
//! hsflowctl(1), systemd.generator(7).

mod drop_in;
pub(super) mod generator;
pub(super) mod migrate;
pub(super) mod privileges;
mod refresh;

use crate::agent::args::{self, Action, Options};
use crate::agent::configuration::{LoadError, Loaded, load_or_built_in};
use crate::host::{Host, files};
use crate::setup::{DEFAULTS, Facts, words};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

/// The command line that the unit will have here, or why the agent will refuse it.
fn options(host: &Host) -> Result<Options, String> {
    let text = read(host, DEFAULTS).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let said = text.and_then(|text| words::variable(&text, "DAEMON_ARGS")).unwrap_or_default();
    match args::parse(words::split(&said).into_iter().map(OsString::from)) {
        Ok(Action::Run(options)) => Ok(*options),
        Ok(Action::Version | Action::Help) => Err("it only prints something, and ends".to_owned()),
        Err(e) => Err(e.to_string()),
    }
}

/// The bytes of a file of the host; none where it is not there, or cannot be read.
fn read(host: &Host, path: &str) -> Option<Vec<u8>> {
    files::read(&host.path(path)).ok()
}

/// The configuration that the agent would start with: that of its command line, or `named`.
fn load(host: &Host, options: &Options, named: Option<&Path>) -> Result<Loaded, LoadError> {
    let config = named.map_or_else(|| host.path(&options.config), Path::to_owned);
    let config_named = options.config_named || named.is_some();
    load_or_built_in(&Options { config, config_named, root: host.root.clone(), ..options.clone() })
}

/// What decides beside the configuration.
fn facts(host: &Host, options: &Options) -> Facts {
    let groups = read(host, "/etc/group").map(|bytes| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.lines().filter_map(|line| line.split(':').next()).map(str::to_owned).collect::<BTreeSet<_>>()
    });
    let log_file = options.log_file.as_ref().map(|path| path.to_string_lossy().into_owned());
    Facts { groups, log_file }
}
