//! Lines and numbers of kernel text, shared by all parsers here.
//! In: the text of one file. Out: whole lines with their number, and numbers or a fault that names the place.
//! Rule: the kernel ends every line with a newline, so a last line without one was cut off and is not used.

use super::error::{CollectError, Faults};
use std::str::FromStr;

/// A place in a file, to be named by faults.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) file: &'static str,
    /// From 1.
    pub(super) line: usize,
}

impl Place {
    /// `word` as a number; absent and wrong words are both `None`, and only wrong ones are faults.
    pub(super) fn number<T: FromStr>(
        self,
        field: &'static str,
        word: Option<&str>,
        faults: &mut Faults,
    ) -> Option<T> {
        let number = word?.parse().ok();
        if number.is_none() {
            faults.note(CollectError::NotANumber { file: self.file, line: self.line, field });
        }
        number
    }

    pub(super) fn malformed(self) -> CollectError {
        CollectError::Malformed { file: self.file, line: self.line }
    }
}

/// The whole lines of `text`.
pub(super) fn lines<'a>(
    file: &'static str,
    text: &'a str,
    faults: &mut Faults,
) -> impl Iterator<Item = (Place, &'a str)> + use<'a> {
    let (whole, rest) = text.rfind('\n').map_or(("", text), |end| text.split_at(end + 1));
    if !rest.is_empty() {
        faults.note(CollectError::CutOff { file, line: whole.lines().count() + 1 });
    }
    whole.lines().enumerate().map(move |(index, line)| (Place { file, line: index + 1 }, line))
}

/// Notes each wanted field that no line gave.
pub(super) fn require(file: &'static str, faults: &mut Faults, wanted: &[(&'static str, bool)]) {
    for &(field, present) in wanted {
        if !present {
            faults.note(CollectError::Missing { file, field });
        }
    }
}
