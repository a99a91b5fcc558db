//! Which containers are to be asked about, in the order in which something was heard of them.
//!
//! In: ids, as often as anything is heard. Out: each once; one that is heard of while it is being asked about is asked
//! about again, because the answer may be older. Rule: bounded, whatever an engine says.

use std::collections::{HashMap, VecDeque};

/// Containers that may wait.
const MOST: usize = 65_536;

/// Questions to ask and being asked.
#[derive(Debug, Default)]
pub(super) struct Pending {
    waiting: VecDeque<String>,
    wanted: HashMap<String, Wanted>,
}

#[derive(Debug, Default)]
struct Wanted {
    asking: bool,
    again: bool,
    network: bool,
}

impl Pending {
    /// It may have changed; with `network` its interfaces too. False: too many wait, and it is not noted.
    pub(super) fn want(&mut self, id: &str, network: bool) -> bool {
        if let Some(wanted) = self.wanted.get_mut(id) {
            wanted.again |= wanted.asking;
            wanted.network |= network;
            return true;
        }
        if self.wanted.len() >= MOST {
            return false;
        }
        self.wanted.insert(id.to_owned(), Wanted { network, ..Wanted::default() });
        self.waiting.push_back(id.to_owned());
        true
    }

    /// The next to ask about.
    pub(super) fn next(&mut self) -> Option<String> {
        let id = self.waiting.pop_front()?;
        if let Some(wanted) = self.wanted.get_mut(&id) {
            wanted.asking = true;
        }
        Some(id)
    }

    /// It was asked about. True where its interfaces may have changed before that.
    pub(super) fn answered(&mut self, id: &str) -> bool {
        let Some(wanted) = self.wanted.remove(id) else { return false };
        if wanted.again {
            self.want(id, wanted.network);
        }
        wanted.network
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_often_is_asked_once_and_in_order() {
        let mut pending = Pending::default();
        for id in ["a", "b", "a", "a"] {
            assert!(pending.want(id, false));
        }
        assert_eq!((pending.next().as_deref(), pending.next().as_deref()), (Some("a"), Some("b")));
        assert_eq!(pending.next(), None);
    }

    #[test]
    fn what_is_heard_of_while_it_is_asked_about_is_asked_again() {
        let mut pending = Pending::default();
        pending.want("a", false);
        pending.next();
        pending.want("a", true);
        assert_eq!(pending.next(), None);
        pending.answered("a");
        assert_eq!(pending.next().as_deref(), Some("a"));
        assert!(pending.answered("a"));
        assert!(pending.wanted.is_empty() && pending.next().is_none());
    }

    #[test]
    fn more_than_fit_are_not_noted() {
        let mut pending = Pending::default();
        assert_eq!((0..MOST + 5).filter(|n| pending.want(&n.to_string(), false)).count(), MOST);
    }
}
