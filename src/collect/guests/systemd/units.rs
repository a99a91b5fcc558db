//! The services that have been told.
//!
//! In: services as they come and go. Out: [`News`]. Rule: what was told is what listeners know, so that nothing is told to end
//! which they never heard of.

use crate::collect::guests::News;
use crate::sample::guest::{Engine, Guest, GuestState};
use std::collections::BTreeMap;

/// Units by name, with their cgroups.
#[derive(Debug, Default)]
pub(super) struct Units {
    known: BTreeMap<String, String>,
    complete: bool,
}

impl Units {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// All that the bus listed has been told since [`Self::begin`].
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Nothing is told before the next list is whole.
    pub(super) fn begin(&mut self) {
        self.complete = false;
    }

    /// The next list says everything anew.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// The list is whole.
    pub(super) fn finish(&mut self) -> News {
        self.complete = true;
        self.all()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.iter().map(|(unit, cgroup)| (unit.as_str(), cgroup.as_str()))
    }

    pub(super) fn cgroup(&self, unit: &str) -> Option<&str> {
        self.known.get(unit).map(String::as_str)
    }

    /// A service that runs. It is news also when it was known: it may have started again in a new cgroup of its old name.
    pub(super) fn start(&mut self, unit: String, cgroup: String) -> Option<News> {
        let news = self.complete.then(|| News::One(guest(&unit, &cgroup).into()));
        self.known.insert(unit, cgroup);
        news
    }

    /// A service that has ended: what it was at last, and that it is gone.
    pub(super) fn end(&mut self, unit: &str) -> Vec<News> {
        let Some(cgroup) = self.known.remove(unit).filter(|_| self.complete) else { return Vec::new() };
        let last = Guest { state: GuestState::Shutoff, ..guest(unit, &cgroup) };
        vec![News::One(last.into()), News::Gone(unit.to_owned())]
    }

    /// These and no others; true where it was not so.
    pub(super) fn replace(&mut self, services: Vec<(String, String)>) -> bool {
        let now: BTreeMap<String, String> = services.into_iter().collect();
        let changed = !self.complete || now != self.known;
        (self.known, self.complete) = (now, true);
        changed
    }

    pub(super) fn all(&self) -> News {
        News::All(self.names().map(|(unit, cgroup)| guest(unit, cgroup).into()).collect())
    }
}

fn guest(unit: &str, cgroup: &str) -> Guest {
    Guest { cgroup: Some(cgroup.to_owned()), ..Guest::new(Engine::Systemd, unit, unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_before_the_list_is_whole_and_then_all_at_once() {
        let mut units = Units::default();
        units.begin();
        assert_eq!(units.start("a.service".into(), "/system.slice/a.service".into()), None);
        assert_eq!(units.start("b.service".into(), "/system.slice/b.service".into()), None);
        assert_eq!(units.end("b.service"), []);
        let a = guest("a.service", "/system.slice/a.service");
        assert_eq!(units.finish(), News::All(vec![a.clone().into()]));
        assert_eq!(
            units.start("a.service".into(), "/system.slice/a.service".into()),
            Some(News::One(a.into()))
        );
    }

    #[test]
    fn only_what_was_told_ends_and_its_last_word_is_that_it_is_off() {
        let mut units = Units::default();
        assert!(units.replace(vec![("a.service".into(), "/system.slice/a.service".into())]));
        assert!(!units.replace(vec![("a.service".into(), "/system.slice/a.service".into())]));
        let news = units.end("a.service");
        let [News::One(last), News::Gone(id)] = news.as_slice() else { panic!("{news:?}") };
        assert_eq!(
            (last.state, last.state.is_alive(), id.as_str()),
            (GuestState::Shutoff, false, "a.service")
        );
        assert_eq!(units.end("a.service"), []);
    }
}
