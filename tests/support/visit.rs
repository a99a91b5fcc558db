//! Reads a packet source as the agent does: waits for it, lets packets gather, takes what is there.

use hsflow::sample::frame::{Frame, Sink};
use hsflow::source::{Source, Visit};
use hsflow::sys::SysError;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::time::Duration;

/// Long enough for many packets a wake-up, short enough for every buffer.
const GATHER_MS: u8 = 5;

/// One visit, after waiting at most `patience` for something to read.
pub(crate) fn visit(
    source: &mut dyn Source,
    patience: Duration,
    mut each: impl FnMut(&Frame<'_>),
) -> Result<Visit, SysError> {
    let sink: &mut dyn Sink = &mut |frame: &Frame<'_>| each(frame);
    let found = source.read(sink)?;
    if found != Visit::default() {
        return Ok(found);
    }
    let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    // A signal is as good as nothing to read.
    if poll(&mut [PollFd::new(source.as_fd(), PollFlags::POLLIN)], patience) == Ok(1) {
        let _ = poll(&mut [], PollTimeout::from(GATHER_MS));
    }
    source.read(sink)
}
