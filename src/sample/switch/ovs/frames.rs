//! Messages out of a stream of JSON objects without anything between them (RFC 7047, section 4: JSON-RPC 1.0 over a stream).
//!
//! In: bytes as they come. Out: the text of one object after the other. Rules: each byte is looked at once, however slowly
//! a message comes; a message has a longest length; after an error there is no message any more. Whether the text is
//! JSON is not asked here.

/// Why the stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Something else than an object.
    #[error("a message begins with byte {0:#04x}, not with an object")]
    NotObject(u8),
    /// More than is taken.
    #[error("a message of more than {0} bytes")]
    TooLong(usize),
}

/// What has come and is no whole message yet.
#[derive(Debug)]
pub struct Frames {
    bytes: Vec<u8>,
    limit: usize,
    /// So many bytes have been looked at.
    seen: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Frames {
    /// Messages of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, seen: 0, depth: 0, in_string: false, escaped: false }
    }

    /// Where to append what comes.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.bytes.reserve(4096);
        &mut self.bytes
    }

    /// The next whole message; none while it is not all there.
    ///
    /// # Errors
    /// The stream is no stream of objects, or one of them is too long; again each time.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        while let Some(&byte) = self.bytes.get(self.seen) {
            if self.depth == 0 && byte.is_ascii_whitespace() {
                self.seen += 1;
                continue;
            }
            if self.depth == 0 && byte != b'{' {
                return Err(FrameError::NotObject(byte));
            }
            if self.depth == 0 {
                self.bytes.drain(..self.seen);
                self.seen = 0;
            }
            self.seen += 1;
            if self.seen > self.limit {
                return Err(FrameError::TooLong(self.limit));
            }
            if self.ends_with(byte) {
                return Ok(Some(self.take()));
            }
        }
        Ok(None)
    }

    /// Whether this byte is the last of its object.
    fn ends_with(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            b'{' if !self.in_string => self.depth += 1,
            b'}' if !self.in_string => self.depth -= 1,
            _ => {}
        }
        self.depth == 0
    }

    fn take(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.seen);
        self.seen = 0;
        std::mem::replace(&mut self.bytes, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(frames: &mut Frames) -> Result<Vec<String>, FrameError> {
        let mut found = Vec::new();
        while let Some(text) = frames.next_message()? {
            found.push(String::from_utf8(text).unwrap());
        }
        Ok(found)
    }

    #[test]
    fn what_is_no_object_is_refused_and_stays_so() {
        let mut frames = Frames::new(100);
        frames.buffer().extend(b" \n{} [1]");
        assert_eq!(frames.next_message(), Ok(Some(b"{}".to_vec())));
        assert_eq!(frames.next_message(), Err(FrameError::NotObject(b'[')));
        frames.buffer().extend(b"{}");
        assert_eq!(frames.next_message(), Err(FrameError::NotObject(b'[')));
    }

    #[test]
    fn a_message_over_the_limit_is_refused_before_it_is_whole() {
        let mut frames = Frames::new(8);
        frames.buffer().extend(br#"{"a":12}{"a":123"#);
        assert_eq!(frames.next_message(), Ok(Some(br#"{"a":12}"#.to_vec())));
        assert_eq!(frames.next_message(), Ok(None));
        frames.buffer().push(b'4');
        assert_eq!(frames.next_message(), Err(FrameError::TooLong(8)));
    }

    proptest! {
        #[test]
        fn objects_come_out_whole_however_they_are_cut(
            texts in prop::collection::vec(r#"[ -~"\\{}]{0,12}"#, 1..6),
            pieces in prop::collection::vec(1usize..9, 1..9),
            gap in "[ \n]{0,2}",
        ) {
            let objects: Vec<_> =
                texts.iter().map(|text| serde_json::json!({ "a": { text: [text] } }).to_string()).collect();
            let stream = objects.join(&gap);
            let (mut frames, mut found, mut rest) = (Frames::new(1000), Vec::new(), stream.as_bytes());
            for piece in pieces.iter().cycle() {
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                frames.buffer().extend(now);
                found.extend(all(&mut frames).unwrap());
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, objects);
        }
    }
}
