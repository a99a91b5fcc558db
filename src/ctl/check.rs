//! `hsflowctl check`: the agent's own reading of a configuration file, printed for people.

use super::{Exit, fail, print};
use std::io::{self, IsTerminal};
use std::path::Path;

/// Reports every problem of `file`; yes where the agent would run with it.
pub(super) fn check(file: &Path) -> Result<(), Exit> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(e) => return Err(fail(&format!("{}: {e}", file.display()), Exit::Usage)),
    };
    let name = file.display().to_string();
    let (parsed, text) = crate::config::parse_bytes(&name, &text);
    for problem in &parsed.problems {
        print(&(problem.render(&name, &text, io::stdout().is_terminal()) + "\n"))?;
    }
    match parsed.settings {
        Some(_) => print(&format!("{name}: accepted\n")),
        None => {
            print(&format!("{name}: refused\n"))?;
            Err(Exit::No)
        }
    }
}
