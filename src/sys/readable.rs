//! Waiting for a descriptor to become readable, on the agent's runtime. In: a descriptor. Out: the runtime's handle on
//! a copy of it. Rule: the copy is owned by the handle, so it is open as long as the runtime looks at it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A handle that becomes ready whenever `fd` is readable. Needs a running runtime.
///
/// # Errors
/// No descriptor for the copy was to be had, or the kernel cannot wait for this kind.
pub fn readable(fd: impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    let copy = fd.as_fd().try_clone_to_owned()?;
    // SAFETY: an OwnedFd is valid, stays open until it is dropped, and always names the same descriptor; the handle
    // owns it and gives out no mutable access.
    let registered = unsafe { AsyncFd::register_with_interest(copy, Interest::READABLE) };
    registered.map_err(io::Error::from)
}
