//! When to ask again for what was refused. In: how often it was. Out: a time. Rule: what the kernel refuses is asked for more
//! and more seldom.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(15);
const LAST: Duration = Duration::from_secs(300);
/// Hardware that did not take a filter is asked again after so long: its tables may have room then.
pub const HARDWARE_AGAIN: Duration = LAST;
/// The wait after so many refusals in a row.
pub fn retry_after(failures: u32) -> Duration {
    FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_asked_about_more_and_more_seldom() {
        let waits = [1, 2, 3, 4, 5, 6, 1000].map(|failures| retry_after(failures).as_secs());
        assert_eq!(waits, [15, 30, 60, 120, 240, 300, 300]);
    }
}
