//! The generator of the units of policies, as the agent's package has one for the agent: at boot and at each `systemctl
//! daemon-reload` it writes what they are to be given for the files as they are then. In: the folder of files. Out: drop-ins.
//! Rules: it waits for nothing, and however it goes the boot goes on. Spec: systemd.generator(7).

use super::file::Wishes;
use super::lines::Dialect;
use super::privileges::grants;
use super::service::Files;
use crate::host::{files, generator};
use crate::setup::{drop_in_path, drop_ins};
use lexopt::{Arg, Parser};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Under this name the program is the generator.
const NAME: &str = "hsflowd-rs-policy";
const HEAD: &str = "Made for /etc/hsflowd/policy.toml anew at each systemctl daemon-reload.\nWhat is given and why: \
    hsflowd-policy --privileges.";

/// Whether the program was called by that name.
pub(super) fn is_called(program: &OsStr) -> bool {
    generator::is_called(program, NAME)
}

/// Arguments: the folder for what is made, and two more that are left alone; `-c` before them is for tests.
pub(super) fn main(arguments: impl IntoIterator<Item = OsString>, dialect: Dialect) -> ExitCode {
    generator::run(NAME, || {
        let (folder, into) = parse(arguments).map_err(|e| e.to_string())?;
        let into = into.ok_or("no folder was named: systemd runs this")?;
        generate(&folder, &into, dialect)
    })
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(PathBuf, Option<PathBuf>), lexopt::Error> {
    let mut parser = Parser::from_args(arguments);
    let (mut folder, mut into) = (PathBuf::from("/etc/hsflowd"), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('c') => folder = parser.value()?.into(),
            Arg::Value(value) => into = into.or(Some(value.into())),
            other => return Err(other.unexpected()),
        }
    }
    Ok((folder, into))
}

/// What the files say, where all of them are files: a pipe would keep its reader waiting.
pub(super) fn read(folder: &Path, dialect: Dialect) -> Result<Wishes, String> {
    let entries = std::fs::read_dir(folder.join("policy.d")).into_iter().flatten().filter_map(Result::ok);
    for path in entries.map(|entry| entry.path()).chain([folder.join("policy.toml")]) {
        let is_other = std::fs::metadata(&path).is_ok_and(|there| !there.is_file());
        if is_other && path.extension().is_some_and(|end| end == "toml") {
            return Err(format!("{}: not a regular file", path.display()));
        }
    }
    Files::new(folder, dialect).read().map_err(|why| why.to_string())
}

/// Writes the drop-ins for the files of `folder` below `into`.
fn generate(folder: &Path, into: &Path, dialect: Dialect) -> Result<(), String> {
    let wishes = read(folder, dialect)?;
    for made in drop_ins(&grants(&wishes, dialect == Dialect::Cumulus), &[], HEAD) {
        files::put(&drop_in_path(into, made.unit), &made.text).map_err(|e| format!("{}: {e}", made.unit))?;
    }
    Ok(())
}
