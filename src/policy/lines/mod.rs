//! Lines of iptables as controllers send them: cut into words, looked up in tables of what is allowed, written anew.
//!
//! In: the lines of a rule set with its sections `[iptables]`, `[ip6tables]` and, on Cumulus Linux, `[ebtables]`. Out:
//! [`RawRule`]s, or every refusal with a code and a place. Rule: no word of the input reaches a rule unless a table in
//! `allowed` has it or an argument check let it pass; one bad line refuses its whole set, never another one. Spec:
//! iptables(8), iptables-extensions(8), and for the last group of targets the manual of Cumulus Linux.

mod allowed;
mod argument;
mod fault;
mod token;
mod vet;

pub use fault::{Code, LineFault};

use super::model::{RawRule, Tool};
use fault::At;
use token::{Word, words};

/// Whose iptables will read the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The kernel's.
    Linux,
    /// `cl-acltool`, which knows more targets and ebtables.
    Cumulus,
}

/// Vets the lines of one rule set. An empty set is fine.
///
/// # Errors
/// Every refusal, in the order of the lines.
pub fn parse<'l>(
    lines: impl IntoIterator<Item = &'l str>,
    dialect: Dialect,
) -> Result<Vec<RawRule>, Vec<LineFault>> {
    let (mut rules, mut faults, mut tool) = (Vec::new(), Vec::new(), None);
    for (number, line) in (1..).zip(lines) {
        match one(line, &mut tool, dialect) {
            Ok(rule) => rules.extend(rule),
            Err(fault) => faults.push(fault.line(number)),
        }
    }
    if faults.is_empty() { Ok(rules) } else { Err(faults) }
}

/// Text of a rule file that reads back as these rules.
pub fn emit(rules: &[RawRule]) -> String {
    let mut text = String::new();
    for tool in [Tool::Iptables, Tool::Ip6tables, Tool::Ebtables] {
        let mut own = rules.iter().filter(|rule| rule.tool() == tool).peekable();
        if own.peek().is_some() {
            text.push_str(&format!("[{}]\n", tool.name()));
        }
        own.for_each(|rule| text.push_str(&format!("{rule}\n")));
    }
    text
}

fn one(line: &str, tool: &mut Option<Tool>, dialect: Dialect) -> Result<Option<RawRule>, At> {
    let words = words(line)?;
    match words.as_slice() {
        [] => Ok(None),
        [word] if word.text.starts_with('[') => section(word, dialect).map(|found| {
            *tool = Some(found);
            None
        }),
        [first, ..] => {
            let allowed = "[iptables] or [ip6tables] above the first rule";
            let tool = tool.ok_or_else(|| first.fault(Code::Section, allowed))?;
            vet::rule(&words, tool, dialect).map(Some)
        }
    }
}

fn section(word: &Word<'_>, dialect: Dialect) -> Result<Tool, At> {
    let name = word.text.trim_start_matches('[').trim_end_matches(']');
    let known =
        [Tool::Iptables, Tool::Ip6tables, Tool::Ebtables].into_iter().find(|tool| tool.name() == name);
    match known {
        Some(Tool::Ebtables) if dialect == Dialect::Linux => {
            Err(word.fault(Code::CumulusOnly, "[ebtables] is for Cumulus Linux"))
        }
        Some(tool) if word.text == format!("[{name}]") => Ok(tool),
        _ => Err(word.fault(Code::Section, "[iptables], [ip6tables] or [ebtables]")),
    }
}

#[cfg(test)]
mod tests;
