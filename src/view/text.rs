//! Foreign names as they may be shown. In: what a datagram says. Out: at most [`LONGEST`] characters, none of which moves a
//! terminal's cursor or turns the direction of writing.

/// Characters of a name.
pub const LONGEST: usize = 64;

/// The name, made harmless.
pub fn clean(name: &str) -> String {
    name.chars().take(LONGEST).map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
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
