//! Measures CPU time of this thread instead of time on the wall, which others take from.

use criterion::Bencher;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// As `Bencher::iter`, in CPU time.
pub(crate) fn on_cpu(b: &mut Bencher<'_>, mut work: impl FnMut()) {
    let used = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default();
    b.iter_custom(|times| {
        let before = used();
        (0..times).for_each(|_| work());
        used() - before
    });
}
