//! Lexing of hsflowd.conf: text in, words, quoted values and braces with their byte spans out.
//!
//! Separators are space, tab, line ends, `=` and `;`, all alike. `{` and `}` stand alone. `#` starts a comment,
//! except inside quotes. A value in double quotes may hold anything but a line end and a double quote.
//! Rule: every byte is looked at once, and nothing is copied.

use std::ops::Range;

/// Byte offsets into the file's text.
pub(super) type Span = Range<usize>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    /// The text is what stands between the quotes; the span includes them.
    Quoted,
    /// A quote that its line does not close.
    Unclosed,
    Open,
    Close,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: &'t str,
    pub(super) span: Span,
}

/// Cuts `text` into tokens.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    while let Some(&byte) = text.as_bytes().get(at) {
        if byte == b'#' {
            at = scan(text, at, is_line_end);
        } else if is_separator(byte) {
            at += 1;
        } else {
            let token = token_at(text, at, byte);
            at = token.span.end;
            found.push(token);
        }
    }
    found
}

fn token_at(text: &str, at: usize, first: u8) -> Token<'_> {
    let (kind, inner, end) = match first {
        b'{' => (TokenKind::Open, at..at + 1, at + 1),
        b'}' => (TokenKind::Close, at..at + 1, at + 1),
        b'"' => {
            let stop = scan(text, at + 1, |byte| byte == b'"' || is_line_end(byte));
            match text.as_bytes().get(stop) {
                Some(b'"') => (TokenKind::Quoted, at + 1..stop, stop + 1),
                _ => (TokenKind::Unclosed, at..stop, stop),
            }
        }
        _ => {
            let stop = scan(text, at, |byte| is_separator(byte) || matches!(byte, b'{' | b'}' | b'#'));
            (TokenKind::Word, at..stop, stop)
        }
    };
    Token { kind, text: text.get(inner).unwrap_or_default(), span: at..end }
}

/// The first offset from `at` on whose byte satisfies `stop`, or the end. Stops are ASCII, so it is a char boundary.
fn scan(text: &str, at: usize, stop: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| stop(byte)).unwrap_or(rest.len())
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_separator(byte: u8) -> bool {
    is_line_end(byte) || matches!(byte, b' ' | b'\t' | b'=' | b';')
}

/// Where lines start, so that an offset becomes a line and a column. LF, CR LF and a lone CR all end a line.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes
            .iter()
            .enumerate()
            .filter(|&(at, &byte)| byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')));
        Self { starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// The 1-based line that holds the offset.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset)
    }

    /// The bytes of a 1-based line, without its end.
    pub(super) fn span(&self, text: &str, line: usize) -> Span {
        let start = self.start(line);
        start..scan(text, start, is_line_end)
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line - 1).copied().unwrap_or_default()
    }

    /// 1-based lines and columns of rising offsets; columns count characters. Each byte is looked at once, however many
    /// offsets lie in one line.
    pub(super) fn positions(&self, text: &str, offsets: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
        let (mut counted, mut column) = (0, 1);
        let position = offsets.map(|offset| {
            let line = self.line(offset);
            if self.start(line) > counted {
                (counted, column) = (self.start(line), 1);
            }
            column += text.get(counted..offset).unwrap_or_default().chars().count();
            counted = offset.max(counted);
            (line, column)
        });
        position.collect()
    }

    /// The start of the first line longer than `limit` bytes.
    pub(super) fn longer_than(&self, text: &str, limit: usize) -> Option<usize> {
        let ends = self.starts.iter().skip(1).copied().chain([text.len()]);
        let mut lines = self.starts.iter().copied().zip(ends);
        lines.find(|(start, end)| end - start > limit).map(|(start, _)| start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn all_separators_are_alike_and_braces_stand_alone() {
        let want = vec!["sflow", "{", "polling", "5", "collector", "{", "ip", "::1", "}", "}"];
        assert_eq!(words("sflow{polling=5;collector{ip=::1}}"), want);
        assert_eq!(words("sflow\r\n{\tpolling == 5;;collector\n{ip ::1\r} } # end {"), want);
    }

    #[test]
    fn a_comment_ends_a_word_and_runs_to_the_line_end() {
        assert_eq!(words("a#b c\rd#"), ["a", "d"]);
    }

    #[test]
    fn quotes_hold_anything_but_a_line_end() {
        let found = tokens("agent \"a {#=}\"x \"open\ny");
        let kinds: Vec<_> = found.iter().map(|token| (token.kind, token.text)).collect();
        assert_eq!(
            kinds,
            [
                (TokenKind::Word, "agent"),
                (TokenKind::Quoted, "a {#=}"),
                (TokenKind::Word, "x"),
                (TokenKind::Unclosed, "\"open"),
                (TokenKind::Word, "y"),
            ]
        );
    }

    #[test]
    fn positions_count_lines_of_every_ending_and_characters() {
        let text = "a\r\nüb\rc\nd";
        let lines = Lines::new(text);
        let offsets = ["a", "ü", "b", "c", "d"].map(|word| text.find(word).unwrap_or_default());
        let found = lines.positions(text, offsets.into_iter());
        assert_eq!(found, [(1, 1), (2, 1), (2, 2), (3, 1), (4, 1)]);
    }
}
