//! What the facts mean. In: [`Facts`]. Out: checks, in the order in which a person would look. Pure.

mod agent;
mod kernel;
mod network;
mod rights;

use super::Check;
use super::facts::{Config, Facts};

/// Every check.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut all = vec![configuration(facts)];
    all.extend(agent::checks(facts));
    all.extend(kernel::checks(facts));
    all.extend(rights::checks(facts));
    all.extend(network::checks(facts));
    all
}

fn configuration(facts: &Facts) -> Check {
    const WHAT: &str = "configuration";
    match &facts.config {
        Config::None => Check::unsure(
            WHAT,
            "there is none: the agent then asks DNS for collectors and samples physical interfaces",
            "hsflowctl config default > /etc/hsflowd.conf, and name a collector in it, unless DNS shall decide",
        ),
        Config::Unreadable(why) => Check::wrong(WHAT, why.clone(), "ls -l on it; it must be readable by all"),
        Config::Refused(file, errors) => {
            let first = errors.first().map_or("", String::as_str);
            let found = format!("{} errors, the first: {first}", errors.len());
            Check::wrong(
                WHAT,
                found,
                format!("hsflowctl check {file} shows all; mend them, then hsflowctl reload"),
            )
        }
        Config::Valid(file, _, 0) => Check::good(WHAT, format!("{file} is accepted")),
        Config::Valid(file, _, remarks) => {
            Check::good(WHAT, format!("{file} is accepted; hsflowctl check has {remarks} remarks"))
        }
    }
}

#[cfg(test)]
mod tests;
