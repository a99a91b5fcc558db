//! Going on in the background: what daemon(3) does, but the process that was started returns only when the one that goes on
//! says so, because scripts read the process id file as soon as the command is back.
//!
//! Rule: the first process ends without running anything of its own any more: locks and files belong to the other.

use super::SysError;
use nix::unistd::{ForkResult, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe2, setsid};
use nix::{errno::Errno, fcntl::OFlag};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

/// The process in whose place this one goes on still waits.
#[derive(Debug)]
pub struct Waiting(File);

impl Waiting {
    /// Lets it end with 0. Where this is never called it ends with the status that it was given.
    pub fn release(mut self) {
        // Nobody waits who was killed.
        let _ = self.0.write_all(&[0]);
    }
}

/// Goes on as another process, in a session of its own, in `/`, without a terminal. Only that one returns; the other ends
/// with `failed` where this one ends first.
pub fn daemon(failed: i32) -> Result<Waiting, SysError> {
    let error = |operation: &'static str| move |errno: Errno| SysError::new(operation, "", errno);
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(error("pipe2"))?;
    // SAFETY: no thread has been started yet, so the child has all that it may use.
    match unsafe { fork() }.map_err(error("fork"))? {
        ForkResult::Parent { .. } => {
            drop(writer);
            wait(reader, failed)
        }
        ForkResult::Child => {
            drop(reader);
            setsid().map_err(error("setsid"))?;
            chdir("/").map_err(error("chdir"))?;
            let null = OpenOptions::new().read(true).write(true).open("/dev/null");
            let null = null.map_err(|e| SysError::io("open", "/dev/null", &e))?;
            dup2_stdin(&null).and_then(|()| dup2_stdout(&null)).map_err(error("dup2"))?;
            dup2_stderr(&null).map_err(error("dup2"))?;
            Ok(Waiting(writer.into()))
        }
    }
}

/// Waits for the other's word, and ends.
fn wait(reader: OwnedFd, failed: i32) -> ! {
    let released = File::from(reader).read_exact(&mut [0]).is_ok();
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(if released { 0 } else { failed }) }
}
