//! Which names are asked for, in which order, and what the answers together mean.
//!
//! In: the domain of the configuration, or the resolver's search list; one answer a name. Out: the next name, and in the
//! end one outcome. Rules: the first name with collectors wins; a name that could not be asked is not one without
//! collectors; and while the name of the last good answer cannot be asked, no later one takes its place, so that a lost
//! packet moves nobody to the collectors of another domain.

use super::answer::{Answer, Failure};
use super::collectors::Srv;
use super::resolver::Resolver;

const SERVICE: &str = "_sflow._udp";

/// The names to ask for, fully qualified without the last dot.
pub fn names(domain: Option<&str>, resolver: &Resolver) -> Vec<String> {
    let bare = |name: &str| name.trim_end_matches('.').to_owned();
    if let Some(domain) = domain.filter(|domain| !domain.is_empty()) {
        return vec![bare(&format!("{SERVICE}{domain}"))];
    }
    let mut names: Vec<String> = resolver.search.iter().map(|d| bare(&format!("{SERVICE}.{d}"))).collect();
    let dots = SERVICE.matches('.').count();
    names.insert(if dots >= resolver.ndots { 0 } else { names.len() }, SERVICE.to_owned());
    let mut seen = Vec::new();
    names.retain(|name| {
        let new = is_askable(name) && !seen.contains(name);
        seen.push(name.clone());
        new
    });
    names
}

/// Whether DNS can have the name at all (RFC 1035 section 2.3.4): otherwise it would fail for ever, and hide a "none".
fn is_askable(name: &str) -> bool {
    name.len() <= 253 && name.is_ascii() && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

/// What a search for SRV records came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// This name has them.
    Found {
        /// The name.
        name: String,
        /// Its records.
        records: Vec<Srv>,
        /// Their smallest time to live in seconds; `None` if none was told.
        ttl: Option<u32>,
    },
    /// No name has any.
    None {
        /// The smallest time for which that may be remembered, in seconds; `None` if none was told.
        ttl: Option<u32>,
    },
    /// At least one name could not be asked, and no other has any.
    Failed {
        /// The first name that failed.
        name: String,
        /// Why.
        failure: Failure,
    },
}

/// A search under way.
#[derive(Debug)]
pub struct Search {
    names: std::vec::IntoIter<String>,
    /// Where the last good answer came from.
    known: Option<String>,
    failed: Option<(String, Failure)>,
    ttl: Option<u32>,
}

impl Search {
    /// Begins one.
    pub fn new(names: Vec<String>, known: Option<String>) -> Self {
        Self { names: names.into_iter(), known, failed: None, ttl: None }
    }

    /// The next name to ask for; `None` when [`Self::end`] is to be asked.
    pub fn next_name(&mut self) -> Option<String> {
        self.names.next()
    }

    /// Takes the answer for a name; an outcome ends the search.
    pub fn take(&mut self, name: String, answer: Answer<Srv>) -> Option<Outcome> {
        match answer {
            Answer::Found { records, ttl } => return Some(Outcome::Found { name, records, ttl }),
            Answer::None { ttl } => self.ttl = self.ttl.into_iter().chain(ttl).min(),
            Answer::Failed(failure) if self.known.as_ref() == Some(&name) => {
                return Some(Outcome::Failed { name, failure });
            }
            Answer::Failed(failure) => self.failed = self.failed.take().or(Some((name, failure))),
        }
        None
    }

    /// What it came to when no name is left.
    pub fn end(self) -> Outcome {
        match self.failed {
            Some((name, failure)) => Outcome::Failed { name, failure },
            None => Outcome::None { ttl: self.ttl },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(text: &str) -> Resolver {
        Resolver::parse(text, "host")
    }

    fn found() -> Answer<Srv> {
        let srv = Srv { priority: 0, weight: 0, port: 6343, target: "c.example".into() };
        Answer::Found { records: vec![srv], ttl: Some(60) }
    }

    fn none(ttl: u32) -> Answer<Srv> {
        Answer::None { ttl: Some(ttl) }
    }

    fn search(known: Option<&str>, answers: Vec<Answer<Srv>>) -> (Outcome, usize) {
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let mut search = Search::new(names, known.map(String::from));
        for (asked, answer) in (1..).zip(answers) {
            let name = search.next_name().unwrap();
            if let Some(outcome) = search.take(name, answer) {
                return (outcome, asked);
            }
        }
        (search.end(), 3)
    }

    fn name_of(outcome: &Outcome) -> Option<&str> {
        match outcome {
            Outcome::Found { name, .. } => Some(name),
            _ => None,
        }
    }

    #[test]
    fn a_domain_is_appended_verbatim_and_nothing_is_searched() {
        let resolver = resolver("search a.example");
        assert_eq!(names(Some(".example.org"), &resolver), ["_sflow._udp.example.org"]);
        assert_eq!(names(Some(".example.org."), &resolver), ["_sflow._udp.example.org"]);
        assert_eq!(names(Some("-x.example"), &resolver), ["_sflow._udp-x.example"]);
        assert_eq!(names(Some(""), &resolver).len(), 2, "an empty domain is none");
    }

    #[test]
    fn the_bare_name_comes_first_unless_ndots_is_higher() {
        let both = resolver("search a.example b.example. a.example");
        let searched = ["_sflow._udp.a.example", "_sflow._udp.b.example"];
        assert_eq!(names(None, &both), ["_sflow._udp", searched[0], searched[1]]);
        let high = resolver("search a.example b.example\noptions ndots:2");
        assert_eq!(names(None, &high), [searched[0], searched[1], "_sflow._udp"]);
    }

    #[test]
    fn a_search_domain_that_cannot_be_asked_for_is_left_out() {
        let (label, long) = ("x".repeat(64), "abcdefghi.".repeat(25));
        let resolver = resolver(&format!("search {label} {long} a..example ü.example a.example"));
        assert_eq!(names(None, &resolver), ["_sflow._udp", "_sflow._udp.a.example"]);
    }

    #[test]
    fn the_first_positive_answer_wins_and_ends_the_search() {
        let (outcome, asked) = search(None, vec![none(60), found(), found()]);
        assert_eq!((name_of(&outcome), asked), (Some("b"), 2));
    }

    #[test]
    fn none_needs_a_definite_answer_for_every_name() {
        let (outcome, _) = search(None, vec![none(60), none(20), none(100)]);
        assert_eq!(outcome, Outcome::None { ttl: Some(20) });
        let (outcome, _) = search(None, vec![none(60), Answer::Failed(Failure::Timeout), none(100)]);
        assert_eq!(outcome, Outcome::Failed { name: "b".into(), failure: Failure::Timeout });
    }

    #[test]
    fn a_failure_on_the_way_does_not_hide_a_later_answer() {
        let (outcome, _) = search(None, vec![Answer::Failed(Failure::Timeout), none(1), found()]);
        assert_eq!(name_of(&outcome), Some("c"));
    }

    #[test]
    fn while_the_name_of_the_last_good_answer_fails_no_other_takes_its_place() {
        let (outcome, asked) = search(Some("a"), vec![Answer::Failed(Failure::Timeout), found()]);
        assert_eq!((outcome, asked), (Outcome::Failed { name: "a".into(), failure: Failure::Timeout }, 1));
        let (outcome, _) = search(Some("a"), vec![none(60), found()]);
        assert_eq!(name_of(&outcome), Some("b"), "but it may move");
    }
}
