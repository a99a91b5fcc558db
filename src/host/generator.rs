//! A program as a generator of systemd's, which runs it at boot and at each `systemctl daemon-reload`. In: the work. Out: an exit
//! status that is always good. Rule: whatever goes wrong is said in the kernel's log, and the boot goes on.
//! Spec: systemd.generator(7).

use std::ffi::OsStr;
use std::fs::{Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

/// Whether a program was called by this name, under which it is the generator.
pub fn is_called(program: &OsStr, name: &str) -> bool {
    Path::new(program).file_name() == Some(OsStr::new(name))
}

/// Does the work of the generator of this name; says why where that fails.
pub fn run(name: &str, work: impl FnOnce() -> Result<(), String>) -> ExitCode {
    // Asserted: nothing of it is used again.
    let outcome = catch_unwind(AssertUnwindSafe(work));
    if let Err(why) = outcome.unwrap_or_else(|_| Err("a fault of the program".to_owned())) {
        say(name, &why);
    }
    ExitCode::SUCCESS
}

/// There is no journal yet. A pipe or a file as standard error is somebody who tries it out.
fn say(name: &str, why: &str) {
    let line = format!("{name}-generator: {}", why.replace(|c: char| c.is_control(), " "));
    let is_early = std::fs::metadata("/proc/self/fd/2").map_or(true, |there| !is_somebodys(&there));
    let kernel = OpenOptions::new().write(true).open("/dev/kmsg").ok().filter(|_| is_early);
    let said = match kernel {
        Some(mut log) => log.write_all(format!("<4>{line}\n").as_bytes()),
        None => writeln!(std::io::stderr(), "{line}"),
    };
    // Nobody is left to be told.
    drop(said);
}

fn is_somebodys(stderr: &Metadata) -> bool {
    let kind = stderr.file_type();
    kind.is_fifo() || kind.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_the_generator_by_its_name_alone() {
        let is = |program: &str| is_called(program.as_ref(), "hsflowd-rs-policy");
        assert!(is("/usr/lib/systemd/system-generators/hsflowd-rs-policy"));
        assert!(!is("/usr/sbin/hsflowd-policy") && !is(""));
    }
}
