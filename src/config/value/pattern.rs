//! POSIX extended regular expressions, as the C library reads them, matched by `regex-lite`.
//!
//! In: a pattern. Out: a compiled [`Pattern`], equal to another by its text, or why it is none. The two dialects
//! differ in brackets (a backslash is itself there), in escapes (`\d` is a plain d), and in stacked repetitions
//! (`a+?` is "perhaps some a"), and a `)` without its `(` is itself; those are rewritten. Back references are refused. See POSIX.1-2017, XBD 9.4.

use regex_lite::Regex;
use std::fmt;

/// A compiled pattern; matching is unanchored.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles a POSIX extended regular expression.
    ///
    /// # Errors
    /// The [`PatternFault`] says what is not valid in it.
    pub fn new(text: &str) -> Result<Self, PatternFault> {
        let regex = Regex::new(&translate(text)?).map_err(|error| PatternFault::Syntax(error.to_string()))?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is found anywhere in the name.
    pub fn is_match(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// The compiler's words.
    #[error("{0}")]
    Syntax(String),
    /// `[` without its `]`.
    #[error("'[' is not closed")]
    Bracket,
    /// `*`, `+`, `?` or an interval with nothing before it.
    #[error("nothing to repeat before '{0}'")]
    NothingToRepeat(char),
    /// A repetition after an interval.
    #[error("a repetition after '{{…}}' needs parentheses")]
    AfterInterval,
    /// A back reference, or a backslash at the end.
    #[error("'\\{0}' is not supported")]
    Escape(String),
}

/// Escapes that look like classes elsewhere but are plain letters in POSIX, if the pattern has one.
pub(crate) fn plain_escape(text: &str) -> Option<char> {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            let escaped = chars.next().filter(char::is_ascii_alphabetic);
            if escaped.is_some_and(|letter| !GNU_ESCAPES.contains(letter)) {
                return escaped;
            }
        }
    }
    None
}

/// Escapes that the GNU C library adds to POSIX and that mean the same to us.
const GNU_ESCAPES: &str = "wWsSbB";

/// Rewrites POSIX extended syntax for `regex-lite`.
fn translate(text: &str) -> Result<String, PatternFault> {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    let mut state = After::Start;
    let mut open = 0_usize;
    while let Some(c) = chars.next() {
        state = match c {
            '[' => {
                bracket(&mut chars, &mut out)?;
                After::Atom
            }
            '\\' => {
                escape(chars.next(), &mut out)?;
                After::Atom
            }
            '*' | '+' | '?' => {
                repeat(c, &mut chars, &mut out, state)?;
                After::Repeat
            }
            '{' => interval(&mut chars, &mut out, state)?,
            '(' | '|' | '^' | '$' => {
                open += usize::from(c == '(');
                out.push(c);
                After::Start
            }
            ')' if open == 0 => {
                literal(c, &mut out);
                After::Atom
            }
            _ => {
                open -= usize::from(c == ')');
                out.push(c);
                After::Atom
            }
        };
    }
    Ok(out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Start,
    Atom,
    Repeat,
    Interval,
}

type Chars<'t> = std::iter::Peekable<std::str::Chars<'t>>;

/// A run of `*`, `+`, `?` is one repetition: none allowed if any of `*?` is in it, many if any of `*+` is.
fn repeat(first: char, chars: &mut Chars<'_>, out: &mut String, after: After) -> Result<(), PatternFault> {
    match after {
        After::Start => return Err(PatternFault::NothingToRepeat(first)),
        After::Interval => return Err(PatternFault::AfterInterval),
        After::Atom | After::Repeat => {}
    }
    let (mut none, mut many) = (first != '+', first != '?');
    while let Some(next) = chars.next_if(|next| matches!(next, '*' | '+' | '?')) {
        none |= next != '+';
        many |= next != '?';
    }
    out.push(match (none, many) {
        (true, true) => '*',
        (false, _) => '+',
        (true, false) => '?',
    });
    Ok(())
}

fn interval(chars: &mut Chars<'_>, out: &mut String, after: After) -> Result<After, PatternFault> {
    match after {
        After::Start => return Err(PatternFault::NothingToRepeat('{')),
        After::Repeat | After::Interval => return Err(PatternFault::AfterInterval),
        After::Atom => {}
    }
    out.push('{');
    if chars.peek() == Some(&',') {
        out.push('0'); // {,n} is {0,n} to the C library
    }
    for c in chars.by_ref() {
        out.push(c);
        if c == '}' {
            break;
        }
    }
    Ok(After::Interval)
}

fn escape(escaped: Option<char>, out: &mut String) -> Result<(), PatternFault> {
    match escaped {
        None | Some('1'..='9') => {
            return Err(PatternFault::Escape(escaped.map(String::from).unwrap_or_default()));
        }
        Some('`') => out.push_str("\\A"),
        Some('\'') => out.push_str("\\z"),
        Some(c) if GNU_ESCAPES.contains(c) || "<>".contains(c) => out.extend(['\\', c]),
        Some(c) => literal(c, out),
    }
    Ok(())
}

fn literal(c: char, out: &mut String) {
    if c.is_ascii_punctuation() {
        out.push('\\');
    }
    out.push(c);
}

/// Copies a bracket expression whose `[` has been read. Only `-`, `^`, `]`, `[:class:]`, `[.x.]`
/// and `[=x=]` mean anything in it.
fn bracket(chars: &mut Chars<'_>, out: &mut String) -> Result<(), PatternFault> {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            ']' if !first => {
                out.push(']');
                return Ok(());
            }
            '[' if chars.peek() == Some(&':') => class(chars, out)?,
            '[' if matches!(chars.peek(), Some('.' | '=')) => element(chars, out)?,
            '-' if !first && chars.peek() != Some(&']') => out.push('-'),
            _ => literal(c, out),
        }
        first = false;
    }
    Err(PatternFault::Bracket)
}

fn class(chars: &mut Chars<'_>, out: &mut String) -> Result<(), PatternFault> {
    out.push('[');
    let mut colon = false;
    out.extend(chars.next());
    for c in chars.by_ref() {
        out.push(c);
        if colon && c == ']' {
            return Ok(());
        }
        colon = c == ':';
    }
    Err(PatternFault::Bracket)
}

/// `[.x.]` or `[=x=]`, whose `[` has been read: the character itself.
fn element(chars: &mut Chars<'_>, out: &mut String) -> Result<(), PatternFault> {
    let mark = chars.next();
    let element = chars.next().ok_or(PatternFault::Bracket)?;
    if chars.next() != mark || chars.next() != Some(']') {
        return Err(PatternFault::Bracket);
    }
    literal(element, out);
    Ok(())
}
