//! Problems found in a file: what is wrong, what is allowed, what was got, and where.
//!
//! All problems of a file are kept, in file order, up to a limit for each severity, so that a file of garbage costs
//! neither memory nor patience. A problem shows itself as one line for logs or with its source line for people.

use super::syntax::{Lines, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;

/// Problems of one kind that are listed; the rest are counted.
const LISTED: usize = 100;
/// Source lines longer than this are not shown.
const LONGEST_SHOWN: usize = 2000;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the file means what it says.
    Note,
    /// Accepted, but probably not what was meant.
    Warning,
    /// The file is refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing to say about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// Bytes of the text that it is about.
    pub span: Span,
    /// The key or object concerned, as `config show` names it (`json.udpport`).
    pub key: Option<String>,
    /// What is wrong, what is allowed, what was got.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(severity: Severity, span: Span, message: impl Into<String>) -> Self {
        Self { severity, line: 1, column: 1, span, key: None, message: message.into(), help: None }
    }

    pub(super) fn error(span: &Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, span.clone(), message)
    }

    pub(super) fn warning(span: &Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, span.clone(), message)
    }

    pub(super) fn note(span: &Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, span.clone(), message)
    }

    pub(super) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// One line, for logs: `file:line:column: severity: message (help)`.
    pub fn line(&self, file_name: &str) -> String {
        let Self { line, column, severity, message, .. } = self;
        let help = self.help.as_deref().map(|help| format!(" ({help})"));
        format!("{file_name}:{line}:{column}: {severity}: {message}{}", help.unwrap_or_default())
    }

    /// Several lines, for people: the message, the source line with a marker, the help. `text` is the text that was
    /// parsed; `color` adds terminal colours.
    pub fn render(&self, file_name: &str, text: &str, color: bool) -> String {
        let lines = Lines::new(text);
        let shown = lines.span(text, self.line);
        let Some(source) = text.get(shown.clone()).filter(|line| line.len() <= LONGEST_SHOWN) else {
            return self.line(file_name);
        };
        let within = |offset: usize| offset.clamp(shown.start, shown.end) - shown.start;
        let marked = within(self.span.start)..within(self.span.end);
        let snippet = Snippet::source(source)
            .line_start(self.line)
            .path(file_name)
            .annotation(AnnotationKind::Primary.span(marked));
        let mut report: Group<'_> = self.level().primary_title(&self.message).element(snippet);
        if let Some(help) = &self.help {
            report = report.element(Level::HELP.message(help));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[report])
    }

    fn level(&self) -> Level<'static> {
        match self.severity {
            Severity::Note => Level::NOTE,
            Severity::Warning => Level::WARNING,
            Severity::Error => Level::ERROR,
        }
    }
}

/// Collects problems, each severity up to its limit.
#[derive(Debug, Default)]
pub(super) struct Problems {
    listed: Vec<Problem>,
    counts: [usize; 3],
}

impl Problems {
    pub(super) fn add(&mut self, problem: Problem) {
        if let Some(count) = self.counts.get_mut(problem.severity as usize) {
            *count += 1;
            if *count <= LISTED {
                self.listed.push(problem);
            }
        }
    }

    /// Whether one more of that severity would only be counted.
    pub(super) fn is_full(&self, severity: Severity) -> bool {
        self.counts[severity as usize] >= LISTED
    }

    pub(super) fn has_errors(&self) -> bool {
        self.counts[Severity::Error as usize] > 0
    }

    /// In file order, with lines and columns filled in; what was not listed is counted at the end.
    pub(super) fn finish(mut self, text: &str, lines: &Lines) -> Vec<Problem> {
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            let unlisted = self.counts[severity as usize].saturating_sub(LISTED);
            if unlisted > 0 {
                let message = format!("{unlisted} more {severity}s are not listed");
                self.listed.push(Problem::new(severity, text.len()..text.len(), message));
            }
        }
        self.listed.sort_by_key(|problem| (problem.span.start, std::cmp::Reverse(problem.severity)));
        let starts = self.listed.iter().map(|problem| problem.span.start);
        let positions = lines.positions(text, starts);
        for (problem, position) in self.listed.iter_mut().zip(positions) {
            (problem.line, problem.column) = position;
        }
        self.listed
    }
}

/// Whether a terminal or a reader of lines would take a character for something else than text: it moves the cursor, ends a
/// line, turns the direction of writing, or cannot be seen.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Text from a file as it may stand in a message: quoted, what would steer a terminal escaped, cut when long.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown = String::from("'");
    for c in text.chars().take(SHOWN) {
        if steers(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown.push_str(if text.chars().nth(SHOWN).is_some() { "…'" } else { "'" });
    shown
}
