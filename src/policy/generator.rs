//! The generator of the units of policies, as the agent's package has one for the agent: at boot and at each `systemctl
//! daemon-reload` it writes what they are to be given for the files as they are then. In: the folder of files. Out: drop-ins.
//! Rules: it waits for nothing, and however it goes the boot goes on. Spec: systemd.generator(7).

use super::file::Wishes;
use super::lines::Dialect;
use super::privileges::grants;
use super::service::Files;
use crate::setup::{DropIn, FILE_NAME, drop_ins};
use lexopt::{Arg, Parser};
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Under this name the program is the generator.
const NAME: &str = "hsflowd-rs-policy";
const HEAD: &str = "Made for /etc/hsflowd/policy.toml anew at each systemctl daemon-reload.\nWhat is given and why: \
    hsflowd-policy --privileges.";

/// Whether the program was called by that name.
pub(super) fn is_called(program: &OsStr) -> bool {
    Path::new(program).file_name() == Some(OsStr::new(NAME))
}

/// Arguments: the folder for what is made, and two more that are left alone; `-c` before them is for tests.
pub(super) fn main(arguments: impl IntoIterator<Item = OsString>, dialect: Dialect) -> ExitCode {
    let made = catch_unwind(AssertUnwindSafe(|| {
        let (folder, into) = parse(arguments).map_err(|e| e.to_string())?;
        let into = into.ok_or("no folder was named: systemd runs this")?;
        generate(&folder, &into, dialect)
    }));
    if let Err(why) = made.unwrap_or_else(|_| Err("a fault of the program".to_owned())) {
        let line = format!("<4>{NAME}-generator: {}\n", why.replace(|c: char| c.is_control(), " "));
        // There is no journal yet, and nobody is left to be told that nobody could be told.
        let _ = OpenOptions::new()
            .write(true)
            .open("/dev/kmsg")
            .and_then(|mut log| log.write_all(line.as_bytes()));
    }
    ExitCode::SUCCESS
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
        write(into, &made).map_err(|e| format!("{}: {e}", made.unit))?;
    }
    Ok(())
}

fn write(into: &Path, made: &DropIn) -> io::Result<()> {
    let folder = into.join(format!("{}.d", made.unit));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(FILE_NAME), &made.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_generator_by_its_name_alone() {
        assert!(is_called("/usr/lib/systemd/system-generators/hsflowd-rs-policy".as_ref()));
        assert!(!is_called("/usr/sbin/hsflowd-policy".as_ref()) && !is_called("".as_ref()));
    }
}
