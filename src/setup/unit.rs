//! The text of a unit or a drop-in. In: text. Out: its directives, as systemd reads them. What is no directive counts for
//! nothing, as there. Spec: systemd.syntax(7).

/// One `key=value` of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Without its brackets.
    pub section: String,
    /// Never empty.
    pub key: String,
    /// Empty takes back what the key was given before, where the key is a list.
    pub value: String,
}

/// All directives in their order. A backslash at the end of a line goes on with the next one that is no comment.
pub fn directives(text: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut line = String::new();
    for part in text.strip_prefix('\u{feff}').unwrap_or(text).split(['\n', '\r']) {
        let part = part.trim_start_matches(BLANK);
        if part.starts_with(['#', ';']) {
            continue;
        }
        line.push_str(part);
        if is_continued(&line) {
            line.pop();
            line.push(' ');
            continue;
        }
        take(&line, &mut section, &mut found);
        line.clear();
    }
    take(&line, &mut section, &mut found);
    found
}

const BLANK: [char; 2] = [' ', '\t'];

/// The last character is a backslash that no other one escapes.
fn is_continued(line: &str) -> bool {
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

fn take(line: &str, section: &mut String, found: &mut Vec<Directive>) {
    let line = line.trim_matches(BLANK);
    if let Some(name) = line.strip_prefix('[') {
        // One that does not end is an error there, and the file is not used from here on.
        *section = name.strip_suffix(']').unwrap_or_default().to_owned();
        return;
    }
    let Some((key, value)) = line.split_once('=').filter(|_| !section.is_empty()) else { return };
    let (key, value) = (key.trim_matches(BLANK), value.trim_matches(BLANK));
    if !key.is_empty() {
        found.push(Directive { section: section.clone(), key: key.to_owned(), value: value.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Vec<String> {
        directives(text).iter().map(|d| format!("{}/{}={}", d.section, d.key, d.value)).collect()
    }

    #[test]
    fn sections_comments_continued_lines_and_blanks_are_systemd_s() {
        let text = "stray = 1\n# [Unit]\n[Service]\n  ExecStart = /bin/a \\\n# in between\n;another\n    -d  \n\n\
            Environment=\nno assignment\n=nothing\n[Broken\nUser=x\n[Unit]\nAfter=a.service\n";
        assert_eq!(
            plain(text),
            ["Service/ExecStart=/bin/a  -d", "Service/Environment=", "Unit/After=a.service"]
        );
        assert_eq!(plain("[S]\nA=x\\\\\nB=y"), ["S/A=x\\\\", "S/B=y"]);
        assert_eq!(plain("[S]\r\nA=1\r\n"), ["S/A=1"]);
        assert_eq!(plain("[S]\nA=ends with \\"), ["S/A=ends with"]);
    }

    #[test]
    fn every_shipped_unit_has_directives_and_nothing_that_is_not_one() {
        for text in
            [include_str!("../../systemd/hsflowd.service"), include_str!("../../systemd/cumulus.conf")]
        {
            let lines = text.lines().filter(|line| line.contains('=') && !line.starts_with(['#', ' ']));
            assert_eq!(directives(text).len(), lines.count());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            parts in prop::collection::vec(("[A-Z][a-z]{0,5}", "[A-Z][A-Za-z]{0,9}", "([!-~]([ -~]{0,20}[!-Z_-~])?)?"), 0..12)
        ) {
            let wanted: Vec<_> = parts
                .into_iter()
                .map(|(section, key, value)| Directive { section, key, value })
                .filter(|d| !d.value.ends_with('\\'))
                .collect();
            let line = |d: &Directive| format!("[{}]\n# why\n{} = {}\n", d.section, d.key, d.value);
            prop_assert_eq!(directives(&wanted.iter().map(line).collect::<String>()), wanted);
        }

        #[test]
        fn any_text_is_read(input in "[\\[\\]=#; A-C\\\\\r\n-]{0,80}") {
            let read = directives(&input);
            prop_assert!(read.iter().all(|d| !d.key.is_empty() && !d.section.is_empty() && !d.value.contains('\n')));
        }
    }
}
