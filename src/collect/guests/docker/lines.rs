//! A stream of text cut into its lines.
//!
//! In: bytes in pieces that end anywhere. Out: whole lines. Rule: a line that is too long is passed over to its end and
//! said once, so that what follows is understood again.

/// Bytes of room kept for the next line, however long the last one was.
const SPARE: usize = 65_536;

/// What has come of the lines that are not complete.
#[derive(Debug)]
pub struct Lines {
    /// Bytes as they came; whoever reads adds to them.
    pub text: Vec<u8>,
    limit: usize,
    searched: usize,
    skipping: bool,
}

/// A line longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of more than {0} bytes")]
pub struct TooLong(pub usize);

impl Lines {
    /// Of no more than `limit` bytes each.
    pub fn new(limit: usize) -> Self {
        Self { text: Vec::new(), limit, searched: 0, skipping: false }
    }

    /// The next whole line, without its end. `None`: more has to come first.
    pub fn next_line(&mut self) -> Option<Result<Vec<u8>, TooLong>> {
        loop {
            let fresh = self.text.get(self.searched..).unwrap_or_default();
            let Some(end) = fresh.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.text.len();
                return self.too_long();
            };
            let line: Vec<u8> = self.text.drain(..=self.searched + end).collect();
            self.searched = 0;
            if self.text.is_empty() && self.text.capacity() > SPARE {
                self.text = Vec::new();
            }
            if !std::mem::take(&mut self.skipping) {
                return Some(if line.len() > self.limit { Err(TooLong(self.limit)) } else { Ok(line) });
            }
        }
    }

    fn too_long(&mut self) -> Option<Result<Vec<u8>, TooLong>> {
        if self.text.len() <= self.limit && !self.skipping {
            return None;
        }
        self.text = Vec::new();
        self.searched = 0;
        (!std::mem::replace(&mut self.skipping, true)).then_some(Err(TooLong(self.limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_that_is_too_long_is_said_once_and_the_next_is_whole() {
        let mut lines = Lines::new(4);
        let mut found = Vec::new();
        for piece in ["ab", "cdef", "ghijk", "l\nxy", "z\n", "123456789\n12"] {
            lines.text.extend(piece.bytes());
            found.extend(std::iter::from_fn(|| lines.next_line()));
        }
        assert_eq!(found, [Err(TooLong(4)), Ok(b"xyz\n".to_vec()), Err(TooLong(4))]);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same_lines(
            text in "[a-c\n]{0,60}", cuts in prop::collection::vec(1..9_usize, 1..5),
        ) {
            let mut lines = Lines::new(100);
            let (mut found, mut rest, mut sizes) = (Vec::new(), text.as_str(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                lines.text.extend(piece.bytes());
                rest = others;
                while let Some(line) = lines.next_line() {
                    found.push(String::from_utf8(line.unwrap()).unwrap());
                }
            }
            let wanted: Vec<_> = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
