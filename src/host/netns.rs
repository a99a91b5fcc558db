//! Doing one thing in another network namespace.
//!
//! In: the name of a namespace (as `ip netns` knows it) or the absolute path of its file. Out: the result of a closure
//! that ran inside it. Entering changes the calling thread for good, so the closure gets a thread of its own that
//! ends with it; a socket made there stays in that namespace. Needs CAP_SYS_ADMIN (setns(2)).

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

/// Where `ip netns` keeps its files. /var/run is a link to /run, and an absolute link leads out of a foreign root.
const DIRECTORIES: [&str; 2] = ["run/netns", "var/run/netns"];

/// Opens the file that stands for a namespace; the path is given back for messages.
pub fn open(root: &Path, name: &str) -> (PathBuf, io::Result<File>) {
    let [first, second] = DIRECTORIES.map(|directory| root.join(directory).join(name));
    match open_file(&first) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && second != first => {
            match open_file(&second) {
                Ok(file) => (second, Ok(file)),
                Err(_) => (first, Err(error)),
            }
        }
        result => (first, result),
    }
}

/// Opens a file that may stand for a namespace. Non-blocking, so that a FIFO of that name cannot hold the agent.
pub fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

/// Runs `work` in a namespace and waits for it.
///
/// # Errors
/// There can be no thread, or the namespace may not be entered (`EPERM`), or the file stands for none (`EINVAL`).
pub fn inside<T: Send>(namespace: &File, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let entered = || setns(namespace, CloneFlags::CLONE_NEWNET).map(|()| work());
        let worker = thread::Builder::new().name("netns".into()).spawn_scoped(scope, entered)?;
        Ok(worker.join().unwrap_or_else(|panic| resume_unwind(panic))?)
    })
}
