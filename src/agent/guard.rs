//! A fault of the program in one component must not end the others. In: a piece of work. Out: its result, or what the
//! panic said. Rule: whoever catches one throws the component's state away and makes it anew.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The work panicked.
#[derive(Debug, thiserror::Error)]
#[error("a fault of the program, please report it: {0}")]
pub struct Panicked(String);

/// Does the work; a panic becomes an error.
///
/// # Errors
/// The work panicked.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    // Asserted: the state that the work touched is not used again after a panic.
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let words = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
        Panicked(words.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_words() {
        assert_eq!(guarded(|| 7).unwrap(), 7);
        let fixed = guarded(|| panic!("no such column")).unwrap_err();
        assert!(fixed.to_string().ends_with("no such column"));
        let made = guarded(|| panic!("column {}", 9)).unwrap_err();
        assert!(made.to_string().ends_with("column 9"));
    }
}
