//! The generator: at boot and at each `systemctl daemon-reload` systemd runs it, and it writes what the units are to be given
//! for the configuration as it is then. In: a configuration. Out: drop-ins in the folder that systemd names.
//!
//! Rules: it runs before anything else does, so it asks nobody and waits for nothing; where something goes wrong the unit
//! stays as it was shipped. Spec: systemd.generator(7).

use super::{drop_in, facts, load, options};
use crate::host::{Host, generator};
use crate::setup::{AGENT, drop_ins, plan};
use lexopt::{Arg, Parser};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

/// Under this name the program is the generator.
const NAME: &str = "hsflowd-rs";

/// Whether the program was called by that name.
pub(in crate::ctl) fn is_called(program: &OsStr) -> bool {
    generator::is_called(program, NAME)
}

/// Arguments: the folder for what is made, and two more that are left alone. `--root` before them is for tests.
pub(in crate::ctl) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    generator::run(NAME, || generate(arguments))
}

fn generate(arguments: impl IntoIterator<Item = OsString>) -> Result<(), String> {
    let (root, folder) = parse(arguments).map_err(|e| e.to_string())?;
    let folder =
        folder.ok_or("no folder was named: systemd runs this, hsflowctl privileges is for people")?;
    let host = Host::at(root);
    let options = options(&host).map_err(|why| format!("DAEMON_ARGS: {why}"))?;
    let loaded = load(&host, &options, None)
        .map_err(|e| format!("hsflowd.service stays as it was shipped: {}", e.summary()))?;
    let plan = plan(&loaded.settings, &facts(&host, &options));
    for made in drop_ins(&plan.grants, &[AGENT], &drop_in::head(&options.config, true)) {
        let path = drop_in::path(&folder, made.unit);
        drop_in::put(&folder, &made).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(PathBuf, Option<PathBuf>), lexopt::Error> {
    let mut parser = Parser::from_args(arguments);
    let (mut root, mut folder) = (PathBuf::from("/"), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("root") => root = parser.value()?.into(),
            Arg::Value(value) => folder = folder.or(Some(value.into())),
            other => return Err(other.unexpected()),
        }
    }
    Ok((root, folder))
}
