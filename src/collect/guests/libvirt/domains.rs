//! The domains that were told, and what each line of the helper means for them.
//!
//! In: lines. Out: [`News`]. Rules: a domain is gone when libvirt says so or a complete list has it not, never because
//! something failed; one that ran is told as off before it is gone, for its last sample; each UUID is one guest,
//! whatever the helper says twice.

use super::super::News;
use crate::sample::guest::domain::line::Line;
use crate::sample::guest::domain::{Counters, Domain};
use crate::sample::guest::{Guest, GuestState};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Domains of a host: as many as have data sources.
const MOST: usize = 50_000;

/// Problems that are remembered, so that each is told once.
const PROBLEMS: usize = 256;

/// A line that does not follow from those before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unexpected {
    #[error("a list of {told} domains that ends as one of {meant}")]
    Incomplete { told: usize, meant: usize },
    #[error("more than {MOST} domains")]
    TooMany,
}

/// All domains as last known.
#[derive(Debug, Default)]
pub(super) struct Domains {
    known: HashMap<String, (Guest, Counters)>,
    /// Those of the list under way.
    told: Vec<Domain>,
    /// A complete list was told since the helper began.
    listed: bool,
    problems: BTreeSet<String>,
}

impl Domains {
    /// A helper begins anew.
    pub(super) fn begin(&mut self) {
        self.told.clear();
        self.listed = false;
    }

    /// Logs a problem with one domain, once.
    pub(super) fn note(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS && !self.problems.contains(&problem) {
            log::warn!(target: "kvm", "{problem}");
            self.problems.insert(problem);
        }
    }

    /// What a line means.
    pub(super) fn take(&mut self, line: Line) -> Result<Vec<News>, Unexpected> {
        match line {
            Line::Domain(_) if self.told.len() >= MOST => Err(Unexpected::TooMany),
            Line::Domain(domain) => {
                self.told.push(*domain);
                Ok(Vec::new())
            }
            Line::End(meant) if meant != self.told.len() => {
                Err(Unexpected::Incomplete { told: self.told.len(), meant })
            }
            Line::End(_) => Ok(self.list()),
            Line::Changed(domain) if self.known.len() >= MOST && !self.known.contains_key(&domain.uuid) => {
                Err(Unexpected::TooMany)
            }
            Line::Changed(domain) => {
                let uuid = domain.uuid.clone();
                let mut news: Vec<_> = self.renew(*domain).into_iter().collect();
                news.extend(
                    self.known.get(&uuid).map(|(_, counters)| News::Counters(vec![(uuid, counters.clone())])),
                );
                Ok(news)
            }
            Line::Gone(uuid) => Ok(self.lose(&uuid).into_iter().chain([News::Gone(uuid)]).collect()),
            Line::Connected(_) | Line::Problem(_) | Line::Failed(_) => Ok(Vec::new()),
        }
    }

    /// A list is complete.
    fn list(&mut self) -> Vec<News> {
        let told = std::mem::take(&mut self.told);
        let seen: HashSet<&str> = told.iter().map(|domain| domain.uuid.as_str()).collect();
        let lost: Vec<String> =
            self.known.keys().filter(|uuid| !seen.contains(uuid.as_str())).cloned().collect();
        let mut news = Vec::new();
        for uuid in lost {
            let last = self.lose(&uuid);
            // The first list ends those that are not in it, if nobody has forgotten them yet.
            if self.listed {
                news.extend(last.into_iter().chain([News::Gone(uuid)]));
            }
        }
        let changed: Vec<_> = told.into_iter().filter_map(|domain| self.renew(domain)).collect();
        if self.listed {
            news.extend(changed);
        } else {
            news.push(News::All(self.known.values().map(|(guest, _)| guest.clone().into()).collect()));
        }
        self.listed = true;
        let counters =
            |(uuid, (_, counters)): (&String, &(Guest, Counters))| (uuid.clone(), counters.clone());
        news.push(News::Counters(self.known.iter().map(counters).collect()));
        news
    }

    /// Takes what is told of a domain; the guest, where it is not as it was.
    fn renew(&mut self, mut domain: Domain) -> Option<News> {
        if let Some((_, last)) = self.known.get(&domain.uuid) {
            domain.counters.keep(last);
        }
        let guest = domain.guest();
        let last = self.known.insert(domain.uuid, (guest.clone(), domain.counters));
        let same = last.is_some_and(|(last, _)| last == guest);
        (!same).then(|| News::One(guest.into()))
    }

    /// A domain is no more; the guest as off, where it ran.
    fn lose(&mut self, uuid: &str) -> Option<News> {
        let (guest, _) = self.known.remove(uuid)?;
        guest.state.is_alive().then(|| News::One(Guest { state: GuestState::Shutoff, ..guest }.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(uuid: &str, state: GuestState, cpu_ms: Option<u64>) -> Box<Domain> {
        let counters = Counters { state, cpu_ms, ..Counters::default() };
        Box::new(Domain { uuid: uuid.into(), name: format!("name of {uuid}"), counters })
    }

    fn list(domains: &mut Domains, told: &[(&str, GuestState, Option<u64>)]) -> Vec<News> {
        for (uuid, state, cpu_ms) in told {
            assert_eq!(domains.take(Line::Domain(domain(uuid, *state, *cpu_ms))), Ok(Vec::new()));
        }
        domains.take(Line::End(told.len())).unwrap()
    }

    fn one(uuid: &str, state: GuestState) -> News {
        News::One(domain(uuid, state, None).guest().into())
    }

    fn counters(uuid: &str, state: GuestState, cpu_ms: Option<u64>) -> News {
        News::Counters(vec![(uuid.into(), Counters { state, cpu_ms, ..Counters::default() })])
    }

    use GuestState::{Paused, Running, Shutoff};

    #[test]
    fn the_first_list_is_told_whole_and_later_ones_by_what_is_new() {
        let mut domains = Domains::default();
        let first = list(&mut domains, &[("a", Running, Some(1))]);
        let all = News::All(vec![domain("a", Running, None).guest().into()]);
        assert_eq!(first, [all, counters("a", Running, Some(1))]);
        assert_eq!(list(&mut domains, &[("a", Running, Some(2))]), [counters("a", Running, Some(2))]);
        let paused = list(&mut domains, &[("a", Paused, Some(3))]);
        assert_eq!(paused, [one("a", Paused), counters("a", Paused, Some(3))]);
    }

    #[test]
    fn what_is_lost_while_nobody_looked_is_told_as_off_before_the_list() {
        let mut domains = Domains::default();
        list(&mut domains, &[("a", Running, Some(1)), ("b", Running, Some(1))]);
        domains.begin();
        let news = list(&mut domains, &[("b", Running, Some(2))]);
        let all = News::All(vec![domain("b", Running, None).guest().into()]);
        assert_eq!(news, [all, counters("b", Running, Some(2))]);
    }

    #[test]
    fn a_domain_that_goes_ends_first_and_one_that_was_off_just_goes() {
        let mut domains = Domains::default();
        list(&mut domains, &[("a", Running, Some(1))]);
        let off = domains.take(Line::Changed(domain("a", Shutoff, None))).unwrap();
        assert_eq!(off, [one("a", Shutoff), counters("a", Shutoff, Some(1))], "with the last good counters");
        assert_eq!(domains.take(Line::Gone("a".into())).unwrap(), [News::Gone("a".into())]);
        domains.take(Line::Changed(domain("b", Running, None))).unwrap();
        let gone = domains.take(Line::Gone("b".into())).unwrap();
        assert_eq!(gone, [one("b", Shutoff), News::Gone("b".into())]);
        assert_eq!(list(&mut domains, &[]), [News::Counters(Vec::new())]);
    }

    #[test]
    fn a_list_that_does_not_end_as_it_was_told_says_nothing_of_who_is_gone() {
        let mut domains = Domains::default();
        list(&mut domains, &[("a", Running, None)]);
        assert_eq!(domains.take(Line::End(1)), Err(Unexpected::Incomplete { told: 0, meant: 1 }));
        domains.begin();
        let twice = list(&mut domains, &[("a", Running, None), ("a", Running, None)]);
        assert!(matches!(&twice[0], News::All(guests) if guests.len() == 1), "{twice:?}");
    }

    #[test]
    fn a_flood_of_domains_ends_at_the_number_of_data_sources() {
        let mut domains = Domains::default();
        let mut take = |n: usize| domains.take(Line::Domain(domain(&n.to_string(), Running, None)));
        assert!((0..MOST).all(|n| take(n).is_ok()));
        assert_eq!(take(MOST), Err(Unexpected::TooMany));
    }
}
