//! A line into words, as iptables-restore would cut it, less everything it has beyond plain words and `"texts"`.

use super::fault::{At, Code};

/// Longest line; a rule of the longest policy has half of it.
const LONGEST_LINE: usize = 1024;
/// Longest word; comments of iptables have 255 characters.
const LONGEST_WORD: usize = 255;

/// A word and where it begins, in characters from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'l> {
    pub(super) text: &'l str,
    pub(super) at: usize,
    /// It stood in quotes, so it is no option.
    pub(super) is_quoted: bool,
}

impl Word<'_> {
    pub(super) const fn fault(&self, code: Code, allowed: &'static str) -> At {
        At { at: self.at, code, allowed }
    }
}

/// The words of a line; none of a comment or an empty line. All characters are printable ASCII, so what is counted in
/// bytes is counted in characters.
pub(super) fn words(line: &str) -> Result<Vec<Word<'_>>, At> {
    check(line)?;
    let mut words = Vec::new();
    if line.trim_start_matches([' ', '\t']).starts_with('#') {
        return Ok(words);
    }
    let mut at = 0;
    while let Some(start) = line.get(at..).and_then(|rest| rest.find(|c| c != ' ' && c != '\t')) {
        at += start;
        let rest = line.get(at..).unwrap_or_default();
        let (text, used, is_quoted) = match rest.strip_prefix('"') {
            Some(body) => quoted(body, at)?,
            None => plain(rest, at)?,
        };
        if text.len() > LONGEST_WORD {
            return Err(At { at, code: Code::Length, allowed: "a word has up to 255 characters" });
        }
        words.push(Word { text, at, is_quoted });
        at += used;
    }
    Ok(words)
}

fn quoted(body: &str, at: usize) -> Result<(&str, usize, bool), At> {
    let bad = At { at, code: Code::Quote, allowed: "a text ends with a quote, and a blank follows it" };
    let (text, behind) = body.split_once('"').ok_or(bad)?;
    if behind.starts_with(|c| c != ' ' && c != '\t') {
        return Err(bad);
    }
    Ok((text, text.len() + 2, true))
}

fn plain(rest: &str, at: usize) -> Result<(&str, usize, bool), At> {
    let text = rest.split([' ', '\t']).next().unwrap_or_default();
    match text.find(['"', '#']) {
        Some(_) if text.contains('"') => {
            Err(At { at, code: Code::Quote, allowed: "a quote begins a word, it does not stand within one" })
        }
        Some(_) => Err(At { at, code: Code::Character, allowed: "a comment has a line of its own" }),
        None => Ok((text, text.len(), false)),
    }
}

fn check(line: &str) -> Result<(), At> {
    let is_comment = line.trim_start_matches([' ', '\t']).starts_with('#');
    for (at, c) in line.chars().enumerate() {
        if c.is_control() && c != '\t' {
            return Err(At {
                at,
                code: Code::Control,
                allowed: "a rule is one line of printable characters",
            });
        }
        if !is_comment && (!c.is_ascii() || "'\\`$;|&<>(){}*?~^%".contains(c)) {
            let allowed = "letters, digits, blanks, quotes and !+,-./:=@[]_";
            return Err(At { at, code: Code::Character, allowed });
        }
    }
    if line.len() > LONGEST_LINE {
        return Err(At { at: 0, code: Code::Length, allowed: "a line has up to 1024 characters" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<&str> {
        words(line).unwrap().iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_cut_at_blanks_outside_quotes() {
        assert_eq!(
            texts("  -A\tFORWARD --comment \"a -j b\" \"\""),
            ["-A", "FORWARD", "--comment", "a -j b", ""]
        );
        assert_eq!(texts("\t# a comment; $(with) anything ü"), [""; 0]);
        assert_eq!(words("a  \"b\"").unwrap()[1], Word { text: "b", at: 3, is_quoted: true });
    }

    #[test]
    fn what_steers_a_program_is_refused_where_it_stands() {
        for (line, at, code) in [
            ("-A FORWARD\n-F", 10, Code::Control),
            ("# a\nb", 3, Code::Control),
            ("-A \0", 3, Code::Control),
            ("-A $(reboot)", 3, Code::Character),
            ("-A \"a\\\"", 5, Code::Character),
            ("ü", 0, Code::Character),
            ("-A \"a", 3, Code::Quote),
            ("-A \"a\"b", 3, Code::Quote),
            ("-A a\"b\"", 3, Code::Quote),
            ("-A #b", 3, Code::Character),
        ] {
            let fault = words(line).unwrap_err();
            assert_eq!((fault.at, fault.code), (at, code), "{line}");
        }
        assert_eq!(words(&"a".repeat(256)).unwrap_err().code, Code::Length);
        assert_eq!(words(&"a ".repeat(600)).unwrap_err().code, Code::Length);
    }
}
