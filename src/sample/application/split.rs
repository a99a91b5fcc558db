//! Messages in a stream of bytes, as a named pipe gives them.
//!
//! In: bytes in pieces of any length. Out: each message. Rules: a message is one JSON object and ends where its braces
//! do, so that it may stand on one line or on several, with or without a newline behind it. A newline inside a string, or a
//! line that begins with `{` inside an object, ends a broken message: what follows is whole again. Text outside
//! of objects is handed on line by line, as what it is: no message. One that is too long is cut, one byte too long so that it
//! is seen, and what remains of it is passed over to the end of the line. At most one message is kept.

use super::message::MAX_MESSAGE;

/// A stream of bytes.
#[derive(Debug, Default)]
pub struct Stream {
    /// What began and did not end.
    begun: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The last byte was a newline.
    new_line: bool,
    /// The rest of the line belongs to a message that was too long.
    passing_over: bool,
}

/// What a byte does to the message before it.
enum Step {
    Goes,
    /// It is the message's last one.
    Ends,
    /// It does not belong to the message any more, and not to the next one.
    Parts,
    /// It is the next message's first one.
    Begins,
}

impl Stream {
    /// Takes a piece of the stream, and hands on what is complete with it.
    pub fn push(&mut self, piece: &[u8], each: &mut impl FnMut(&[u8])) {
        let mut from = 0;
        for (at, byte) in piece.iter().enumerate() {
            let (before, after) = match self.state.step(*byte) {
                Step::Goes if self.begun.len() + at - from < MAX_MESSAGE => continue,
                Step::Goes => {
                    self.state = State { passing_over: *byte != b'\n', ..State::default() };
                    (at + 1, at + 1)
                }
                Step::Ends => (at + 1, at + 1),
                Step::Parts => (at, at + 1),
                Step::Begins => (at, at),
            };
            self.hand_on(piece.get(from..before).unwrap_or_default(), each);
            from = after;
        }
        self.begun.extend_from_slice(piece.get(from..).unwrap_or_default());
    }

    /// The last writer has gone: what began does not end any more.
    pub fn end(&mut self, each: &mut impl FnMut(&[u8])) {
        self.hand_on(&[], each);
        self.state = State::default();
    }

    fn hand_on(&mut self, rest: &[u8], each: &mut impl FnMut(&[u8])) {
        if self.begun.is_empty() {
            hand_on(rest, each);
        } else {
            self.begun.extend_from_slice(rest);
            hand_on(&self.begun, each);
            self.begun.clear();
        }
    }
}

/// Programs in C like to send the zero behind their strings.
fn hand_on(message: &[u8], each: &mut impl FnMut(&[u8])) {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let from = message.iter().position(|byte| !blank(byte));
    if let Some(message) = from.and_then(|from| message.get(from..)) {
        each(message);
    }
}

impl State {
    fn step(&mut self, byte: u8) -> Step {
        if self.passing_over {
            self.passing_over = byte != b'\n';
            return Step::Parts;
        }
        let began_line = std::mem::replace(&mut self.new_line, byte == b'\n');
        if self.in_string {
            return self.step_in_string(byte);
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' if began_line && self.depth > 0 => {
                self.depth = 1;
                return Step::Begins;
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Step::Ends;
                }
            }
            b'\n' if self.depth == 0 => return Step::Parts,
            _ => {}
        }
        Step::Goes
    }

    fn step_in_string(&mut self, byte: u8) -> Step {
        match byte {
            b'\n' => {
                *self = Self::default();
                return Step::Parts;
            }
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
        Step::Goes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(pieces: &[&[u8]]) -> Vec<String> {
        let (mut stream, mut found) = (Stream::default(), Vec::new());
        let mut each = |message: &[u8]| found.push(String::from_utf8_lossy(message).into_owned());
        pieces.iter().for_each(|piece| stream.push(piece, &mut each));
        stream.end(&mut each);
        found
    }

    #[test]
    fn objects_are_found_on_one_line_on_several_and_without_a_newline() {
        let pretty = "{\n  \"a\": [\n    1\n  ],\n  \"b\": {\n    \"c\": \"}{\"\n  }\n}";
        let text = format!("{{\"a\":1}}\n{{\"b\":\"\\\"}}\"}} {{}}\0\r\n{pretty}{{\"last\":2}}");
        let expected = ["{\"a\":1}", "{\"b\":\"\\\"}\"}", "{}", pretty, "{\"last\":2}"];
        assert_eq!(split(&[text.as_bytes()]), expected);
    }

    #[test]
    fn a_broken_message_costs_itself_and_no_other() {
        for (broken, seen) in [
            ("{\"a\":\"", "{\"a\":\""),
            ("{\"a\":{", "{\"a\":{\n"),
            ("hello", "hello"),
            ("{\"a\":1}}", "{\"a\":1}"),
            ("\"", "\""),
        ] {
            let found = split(&[format!("{{\"x\":1}}\n{broken}\n{{\"y\":1}}\n").as_bytes()]);
            assert_eq!(found.first().unwrap(), "{\"x\":1}", "{broken}");
            assert_eq!(found[1], seen);
            assert_eq!(found.last().unwrap(), "{\"y\":1}", "{broken}");
        }
    }

    #[test]
    fn a_message_without_end_is_cut_once_and_passed_over_to_the_end_of_its_line() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(50_000));
        for sizes in [1, 7, 4096, 100_000] {
            let text = format!("{long}\n{{\"b\":2}}\n");
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(sizes).collect();
            let found = split(&pieces);
            assert_eq!(found.len(), 2);
            assert_eq!(found[0], &long[..=MAX_MESSAGE]);
            assert_eq!(found[1], "{\"b\":2}");
        }
        let longest = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_MESSAGE - 8));
        assert_eq!(split(&[longest.as_bytes()]), [longest]);
    }

    #[test]
    fn what_the_last_writer_left_unfinished_does_not_spoil_what_the_next_one_sends() {
        let (mut stream, mut found) = (Stream::default(), Vec::new());
        let mut each = |message: &[u8]| found.push(message.to_vec());
        stream.push(b"{\"a\":\"", &mut each);
        stream.end(&mut each);
        stream.push(b"{\"b\":1}", &mut each);
        assert_eq!(found, [b"{\"a\":\"".to_vec(), b"{\"b\":1}".to_vec()]);
    }

    proptest! {
        #[test]
        fn where_the_pieces_begin_makes_no_difference(
            text in "[{}\\[\\]\"\\\\\n a]{0,200}", sizes in prop::collection::vec(1_usize..9, 200),
        ) {
            let mut rest = text.as_bytes();
            let mut pieces = Vec::new();
            for size in sizes {
                let (piece, behind) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            pieces.push(rest);
            prop_assert_eq!(split(&pieces), split(&[text.as_bytes()]));
        }

        #[test]
        fn json_comes_out_as_it_went_in(
            values in prop::collection::vec(("[a-z\"\\\\{}\n]{0,20}", any::<bool>(), "[ \n\r]{0,3}"), 0..20),
        ) {
            let object = |key: &str| serde_json::json!({ "k": key, key: [{ "x": [key] }, 1] });
            let text = values.iter().fold(String::new(), |text, (key, pretty, gap)| {
                let object = object(key);
                let json = if *pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) };
                text + &json.unwrap() + gap
            });
            let found: Vec<serde_json::Value> =
                split(&[text.as_bytes()]).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, values.iter().map(|(key, ..)| object(key)).collect::<Vec<_>>());
        }
    }
}
