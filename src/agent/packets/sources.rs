//! The sources of the packet thread that are not taps: each at most once. In: which are wanted, with their settings. Out:
//! open sources, and the state of each. Rule: what did not change goes on undisturbed.

use crate::config::model::Settings;
use crate::source::Source;
use crate::status::registry::State;

/// Which sources are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {}

impl Wanted {
    /// What the settings ask for.
    pub fn of(_: &Settings) -> Self {
        Self {}
    }
}

/// Those that are open.
#[derive(Default)]
pub(super) struct Sources {
    wanted: Wanted,
}

impl Sources {
    /// Opens and closes until these are there.
    pub(super) fn apply(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    /// The wishes in force.
    pub(super) fn wanted(&self) -> Wanted {
        self.wanted.clone()
    }

    /// Each that is open.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut dyn Source> {
        std::iter::empty()
    }

    /// The state of each that is wanted.
    pub(super) fn states(&self) -> impl Iterator<Item = (&'static str, State)> {
        std::iter::empty()
    }
}
