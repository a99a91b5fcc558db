//! Files of the system covered by a test's own, for the thread of the test and what it starts.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::path::Path;

/// Mounts of this thread are its own from now on. False, and a line saying so, where that is not permitted.
pub(crate) fn isolated() -> bool {
    if unshare(CloneFlags::CLONE_NEWNS).is_err() {
        println!("SKIP: no mount namespace");
        return false;
    }
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .expect("root in a new namespace");
    true
}

/// Puts `file` in the place of `path`; only after [`isolated`].
pub(crate) fn cover(path: &str, file: &Path) {
    let nothing: Option<&str> = None;
    mount(Some(file), path, nothing, MsFlags::MS_BIND, nothing)
        .unwrap_or_else(|e| panic!("mount over {path}: {e}"));
}
