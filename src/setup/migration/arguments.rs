//! `DAEMON_ARGS` under the eyes of a migration. In: the options as this agent reads them. Out: those that mean something else
//! than they did. All options of the C agent are known; the unit reads the same file. Spec: hsflowd(8).

use super::{Finding, Weight};

/// Nobody means so few bytes, and hardly anybody more kilobytes: a lower number is of the C agent.
const LEAST_MEMORY: u64 = 32 << 20;

/// What the command line says, as far as a migration cares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Why it is refused.
    pub refused: Option<String>,
    /// `-o`, if given.
    pub settings_file: Option<String>,
    /// `-p`, if given.
    pub pid_file: Option<String>,
    /// `-D`.
    pub log_file: Option<String>,
    /// `-M`.
    pub memory_limit: Option<u64>,
    /// `-P`.
    pub keeps_privileges: bool,
    /// Options that do nothing, and why.
    pub ignored: Vec<&'static str>,
}

pub(super) fn findings(arguments: &Arguments) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |weight, option: &str, what: String, remedy: &str| {
        let finding = Finding::new(weight, format!("DAEMON_ARGS: {option}"), what);
        found.push(if remedy.is_empty() { finding } else { finding.remedy(remedy) });
    };
    if let Some(why) = &arguments.refused {
        say(Weight::Mend, "refused", format!("{why}: the agent would end with status 64"), "see hsflowd(8)");
    }
    if let Some(limit) = arguments.memory_limit {
        let what = format!("the limit is {limit} bytes; the C agent counted kilobytes");
        let (weight, remedy) = match limit < LEAST_MEMORY {
            true => (Weight::Mend, "write bytes, or leave it out: the unit has MemoryMax="),
            false => (Weight::Differs, ""),
        };
        say(weight, "-M", what, remedy);
    }
    if let Some(file) = &arguments.settings_file {
        let what = format!("{file} cannot be written: the unit may write in /run/hsflowd alone");
        say(
            Weight::Mend,
            "-o",
            what,
            "leave it out: /etc/hsflowd.auto is a link to /run/hsflowd/hsflowd.auto",
        );
    }
    if let Some(file) = &arguments.log_file {
        let what = format!("{file} is written by the user hsflowd, to whom it is given at each start");
        say(
            Weight::Differs,
            "-D",
            what,
            "leave it out and read journalctl -u hsflowd; or have logrotate create the file for hsflowd",
        );
    }
    if let Some(file) = &arguments.pid_file {
        say(
            Weight::Obsolete,
            "-p",
            format!("{file} is not written: the service manager knows the process"),
            "",
        );
    }
    if arguments.keeps_privileges {
        let what = "the agent keeps what the unit gives it; it is not root, as the C agent is with -P";
        say(Weight::Differs, "-P", what.to_owned(), "leave it out");
    }
    for why in &arguments.ignored {
        let (option, why) = why.split_once(": ").unwrap_or((why, "no effect"));
        say(Weight::Obsolete, option, why.to_owned(), "");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_was_meant_in_kilobytes_has_to_be_mended() {
        let limit = |n| findings(&Arguments { memory_limit: Some(n), ..Arguments::default() }).remove(0);
        assert_eq!(limit(100_000).weight, Weight::Mend);
        assert_eq!(limit(100_000_000).weight, Weight::Differs);
    }

    #[test]
    fn what_is_ignored_is_said_by_its_option() {
        let arguments = Arguments { ignored: vec!["-l: features are built in"], ..Arguments::default() };
        let found = findings(&arguments);
        assert_eq!(
            (found[0].subject.as_str(), found[0].what.as_str()),
            ("DAEMON_ARGS: -l", "features are built in")
        );
        assert_eq!(findings(&Arguments::default()), []);
    }
}
