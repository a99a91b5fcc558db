//! hsflowd.conf: text → spans → checked [`model::Settings`]. Pure: text in, settings or all problems out.
//!
//! `syntax` cuts words, `parser` reads them by the one table of `keys` into a `tree`, `check` looks at rules between
//! keys, `build` fills [`model::Settings`]. Rule: a file that the C agent 2.1 accepts is accepted with the same
//! meaning; what it would refuse or silently ignore is said, all of it at once.

mod build;
mod build_modules;
mod built_in;
mod check;
mod default_file;
pub mod dynamic;
mod effective;
mod keyed;
pub mod keys;
mod man_page;
mod matching;
pub mod model;
mod modules;
pub mod origin;
mod overlay;
mod parser;
mod preset;
mod problem;
mod speed;
mod streams;
mod suggest;
mod syntax;
mod tree;
mod value;

pub use built_in::Platform;
pub use default_file::default_file;
pub use effective::Effective;
pub use man_page::man_page;
pub use problem::{Problem, Severity, steers};
pub use speed::{SpeedRange, printed_speed};
pub use suggest::nearest;
pub use value::{Pattern, PatternFault};

use model::Settings;

/// What a file says, or what is wrong with it.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// `None` if any problem is an error.
    pub settings: Option<Settings>,
    /// All problems in file order; at most 100 of each severity, then a count.
    pub problems: Vec<Problem>,
}

/// Reads the text of a file. `file_name` is only remembered for [`origin::Origins`].
pub fn parse(file_name: &str, text: &str) -> Parsed {
    let lines = syntax::Lines::new(text);
    if let Some(at) = text.find('\0') {
        let problem = Problem::error(&(at..at + 1), "a NUL byte: this is not a text file");
        return refused(problem, text, &lines);
    }
    let tokens = syntax::tokens(text);
    let mut parser = parser::Parser::new(&lines, &tokens);
    parser.file();
    let parser::Parser { tree, mut problems, .. } = parser;
    check::check(text, &lines, &tree, &mut problems);
    let settings = (!problems.has_errors()).then(|| {
        let origins = build::origins(&tree, file_name, text, &lines);
        build::settings(&tree, origins)
    });
    Parsed { settings, problems: problems.finish(text, &lines) }
}

/// Reads the bytes of a file: like [`parse`], for files that may not be UTF-8. In comments that is a warning, elsewhere
/// an error. The text that problems refer to comes back too.
pub fn parse_bytes(file_name: &str, bytes: &[u8]) -> (Parsed, String) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let Err(error) = std::str::from_utf8(bytes) else {
        return (parse(file_name, &text), text);
    };
    let lines = syntax::Lines::new(&text);
    let first = error.valid_up_to();
    let span = first..first + char::REPLACEMENT_CHARACTER.len_utf8();
    let outside =
        syntax::tokens(&text).into_iter().find(|token| token.text.contains(char::REPLACEMENT_CHARACTER));
    if let Some(token) = outside {
        let problem = Problem::error(&token.span, "not UTF-8 text");
        return (refused(problem, &text, &lines), text);
    }
    let mut parsed = parse(file_name, &text);
    let mut warning = Problem::warning(&span, "a comment that is not UTF-8 text");
    for position in lines.positions(&text, std::iter::once(first)) {
        (warning.line, warning.column) = position;
    }
    let place = parsed.problems.partition_point(|problem| problem.span.start <= first);
    parsed.problems.insert(place, warning);
    (parsed, text)
}

fn refused(problem: Problem, text: &str, lines: &syntax::Lines) -> Parsed {
    let mut problems = problem::Problems::default();
    problems.add(problem);
    Parsed { settings: None, problems: problems.finish(text, lines) }
}

impl Settings {
    /// What an empty `sflow { }` would mean, if it needed no collector.
    pub fn defaults() -> Self {
        build::settings(&tree::Tree::new(), origin::Origins::default())
    }
}
