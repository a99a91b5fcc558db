//! The generator: at boot and at each `systemctl daemon-reload` systemd runs it, and it writes what the units are to be given
//! for the configuration as it is then. In: a configuration. Out: drop-ins in the folder that systemd names.
//!
//! Rules: it runs before anything else does, so it asks nobody and waits for nothing; where something goes wrong the unit
//! stays as it was shipped. Spec: systemd.generator(7).

use super::{drop_in, facts, load, options};
use crate::host::{Host, generator};
use crate::setup::{AGENT, DropIn, Watched, drop_ins, plan, watched};
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
    let put = |made: &DropIn| {
        let path = drop_in::path(&folder, made.unit);
        drop_in::put(&folder, made).map_err(|e| format!("{}: {e}", path.display()))
    };
    let head = drop_in::head(&options.config, true);
    // Whatever stands in the file: when it is mended, that has to be seen.
    match watched(&options.config.to_string_lossy(), &head) {
        Watched::By(made) => put(&made).map(drop)?,
        Watched::Already | Watched::Never => {}
    }
    let loaded = load(&host, &options, None)
        .map_err(|e| format!("hsflowd.service stays as it was shipped: {}", e.summary()))?;
    let plan = plan(&loaded.settings, &facts(&host, &options));
    drop_ins(&plan.grants, &[AGENT], &head).iter().try_for_each(|made| put(made).map(drop))
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
