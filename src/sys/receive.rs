//! recvmmsg(2): many datagrams a system call. In: a socket and headers that say where datagrams go. Out: how many came. Rule:
//! never blocks.

use super::tally::Call;
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// How many datagrams were received, `None` where nothing was waiting.
///
/// # Safety
/// What the headers point to is valid for writing, for as long as they say, and nobody else reads it meanwhile.
pub(super) unsafe fn recvmmsg(
    socket: impl AsFd,
    headers: &mut [libc::mmsghdr],
) -> Result<Option<usize>, Errno> {
    let (count, flags) = (libc::c_uint::try_from(headers.len()).unwrap_or(0), libc::MSG_DONTWAIT);
    let (fd, nobody) = (socket.as_fd().as_raw_fd(), std::ptr::null_mut());
    loop {
        super::tally::count(Call::Receive);
        // SAFETY: `count` is how many headers there are; the caller vouches for what they point to.
        let received = unsafe { libc::recvmmsg(fd, headers.as_mut_ptr(), count, flags as _, nobody) };
        match Errno::result(received) {
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(errno),
            Ok(count) => return Ok(Some(usize::try_from(count).unwrap_or(0))),
        }
    }
}
