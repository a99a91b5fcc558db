//! `/etc/default/hsflowd` and the words of its `DAEMON_ARGS`, as systemd reads an `EnvironmentFile=` and a `$DAEMON_ARGS` that
//! stands alone. In: text. Out: variables; words. Spec: systemd.exec(5), systemd.service(5).

use std::iter::Peekable;
use std::str::Chars;

const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// The variables in their order; of two of one name the later counts.
pub fn environment(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.peek().copied() {
        if BLANK.contains(&first) {
            rest.next();
        } else if matches!(first, '#' | ';') {
            comment(&mut rest);
        } else if let Some(key) = key(&mut rest) {
            found.push((key, value(&mut rest)));
        }
    }
    found
}

/// The last value of this variable.
pub fn variable(text: &str, name: &str) -> Option<String> {
    environment(text).into_iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn is_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// To the end of its line, which a backslash escapes.
fn comment(rest: &mut Peekable<Chars<'_>>) {
    while let Some(c) = rest.next() {
        if c == '\\' {
            rest.next();
        } else if is_end(c) {
            return;
        }
    }
}

/// To the `=`; none where the line ends before.
fn key(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut key = String::new();
    for c in rest.by_ref() {
        if c == '=' {
            return Some(key.trim_end_matches(BLANK).to_owned());
        }
        if is_end(c) {
            return None;
        }
        key.push(c);
    }
    None
}

/// To the end of the line. Quotes count where a value, or what follows a quoted part, begins.
fn value(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut value = String::new();
    while let Some(c) = rest.next() {
        match c {
            c if is_end(c) => break,
            '\'' => value.extend(rest.by_ref().take_while(|c| *c != '\'')),
            '"' => quoted(rest, &mut value),
            c if BLANK.contains(&c) => {}
            c => {
                bare(c, rest, &mut value);
                break;
            }
        }
    }
    value
}

fn quoted(rest: &mut Peekable<Chars<'_>>, value: &mut String) {
    while let Some(c) = rest.next() {
        match c {
            '"' => return,
            '\\' => match rest.next() {
                Some(escaped) if "\"\\`$".contains(escaped) => value.push(escaped),
                Some('\n') | None => {}
                Some(other) => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
}

/// What stands without quotes, to the end of the line, without the blanks there.
fn bare(first: char, rest: &mut Peekable<Chars<'_>>, value: &mut String) {
    let mut next = Some(first);
    let mut keep = value.len();
    while let Some(c) = next {
        if c == '\\' {
            // The end of a line vanishes with it.
            value.extend(rest.next().filter(|c| !is_end(*c)));
            keep = value.len();
        } else if is_end(c) {
            break;
        } else {
            value.push(c);
            if !BLANK.contains(&c) {
                keep = value.len();
            }
        }
        next = rest.next();
    }
    value.truncate(keep);
}

/// The words of a variable: split at blanks, quotes and backslashes taken off.
pub fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| BLANK.contains(c)).is_some() {}
        if rest.peek().is_none() {
            return words;
        }
        words.push(word(&mut rest));
    }
}

fn word(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut word = String::new();
    let mut quote = None;
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\\', _) => word.extend(rest.next()),
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.push(c),
            ('\'' | '"', None) => quote = Some(c),
            (c, None) if BLANK.contains(&c) => break,
            (c, None) => word.push(c),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_are_those_of_an_environment_file() {
        let table = [
            ("DAEMON_ARGS=\"\"", vec![("DAEMON_ARGS", "")]),
            ("# a comment \\\nA=1\nB=2", vec![("B", "2")]),
            ("A = one two  \n;B=2\n\nC='x y'\\''z'", vec![("A", "one two"), ("C", "x y''z'")]),
            ("A=\"say \\\"hi\\\" \\$HOME \\n\"", vec![("A", "say \"hi\" $HOME \\n")]),
            ("A=a \\\n  b\nno assignment\nB='two\nlines'", vec![("A", "a   b"), ("B", "two\nlines")]),
            ("A=\"one\" 'two' three # four", vec![("A", "onetwothree # four")]),
            ("A=it's", vec![("A", "it's")]),
        ];
        for (text, wanted) in table {
            let wanted: Vec<_> = wanted.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            assert_eq!(environment(text), wanted, "{text:?}");
        }
        assert_eq!(variable("A=1\nA=2", "A").as_deref(), Some("2"));
        assert_eq!(variable("A=1", "B"), None);
    }

    #[test]
    fn words_are_split_as_a_lone_variable_of_a_command_line_is() {
        let table: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("  -dd\t-u  uuid ", &["-dd", "-u", "uuid"]),
            ("-f '/etc/my file.conf' -D\"/var/log/a b\"", &["-f", "/etc/my file.conf", "-D/var/log/a b"]),
            ("a\\ b '' c", &["a b", "", "c"]),
            ("'never closed", &["never closed"]),
            ("end\\", &["end"]),
        ];
        for (text, wanted) in table {
            assert_eq!(split(text), wanted, "{text:?}");
        }
    }

    fn escaped(word: &str) -> String {
        if word.is_empty() {
            return "''".to_owned();
        }
        word.chars().flat_map(|c| ['\\', c]).collect()
    }

    proptest! {
        #[test]
        fn escaped_words_come_back(words in prop::collection::vec("[a-zA-Z0-9 '\"\\\\\t=-]{0,8}", 0..6)) {
            let line = words.iter().map(|word| escaped(word)).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split(&line), words);
        }

        #[test]
        fn a_value_in_single_quotes_comes_back(value in "[^'\0]{0,30}", before in "(#[a-z =;]{0,9}\n|[ \t\n]|A=b\n){0,3}") {
            let text = format!("{before}DAEMON_ARGS='{value}'\n");
            prop_assert_eq!(variable(&text, "DAEMON_ARGS"), Some(value));
        }
    }
}
