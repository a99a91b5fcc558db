//! Foreign names as they may be shown. In: what a datagram says. Out: at most [`LONGEST`] characters, none of which moves a
//! terminal's cursor or turns the direction of writing.

use crate::config::steers;

/// Characters of a name.
pub const LONGEST: usize = 64;

/// The name, made harmless.
pub fn clean(name: &str) -> String {
    name.chars().take(LONGEST).map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_moves_a_cursor() {
        assert_eq!(clean("web-1\u{1b}[2J\u{202e}\n"), "web-1\u{fffd}[2J\u{fffd}\u{fffd}");
        assert_eq!(clean(&"ä".repeat(100)).chars().count(), LONGEST);
    }
}
