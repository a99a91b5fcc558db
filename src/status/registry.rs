//! The state of each component, and since when. In: what the agent finds on each poll. Out: one log line for each
//! *transition* (never for a repetition), and the list that `hsflowctl status` prints.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a component is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// It does its work.
    Running,
    /// It does part of its work, or none while it keeps trying.
    Degraded {
        /// What is wrong, with the object's name and the system's error.
        reason: String,
    },
    /// It cannot work here and is not expected to: no fault, but said.
    Unavailable {
        /// Why.
        reason: String,
    },
    /// The configuration switches it off.
    Disabled,
}

impl State {
    /// A degraded state with this reason.
    pub fn degraded(reason: &(impl ToString + ?Sized)) -> Self {
        Self::Degraded { reason: reason.to_string() }
    }

    /// A state that is unavailable for this reason.
    pub fn unavailable(reason: &(impl ToString + ?Sized)) -> Self {
        Self::Unavailable { reason: reason.to_string() }
    }

    /// Running where it went well, degraded with the error where not.
    pub fn from_result<T, E: ToString>(result: Result<T, E>) -> Self {
        result.map_or_else(|e| Self::degraded(&e), |_| Self::Running)
    }

    /// Running where all went well, degraded with the first problems, and how many more, where not.
    pub fn from_problems<T: ToString>(problems: &[T]) -> Self {
        if problems.is_empty() {
            return Self::Running;
        }
        Self::degraded(&some_of(problems, "; ", "; and "))
    }
}

/// The first four, joined, and how many more: with `", "` and `" and "`, `swp1, swp2, swp3, swp4 and 60 more`.
pub fn some_of<T: ToString>(all: &[T], between: &str, last: &str) -> String {
    const MOST: usize = 4;
    let (named, more) = all.split_at(all.len().min(MOST));
    let named = named.iter().map(T::to_string).collect::<Vec<_>>().join(between);
    if more.is_empty() { named } else { format!("{named}{last}{} more", more.len()) }
}

/// A component's entry in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// The same word as in the log and in the manual.
    pub name: String,
    /// How it is.
    #[serde(flatten)]
    pub state: State,
    /// Unix seconds of the last transition.
    pub since: u64,
}

/// All components by name.
#[derive(Debug, Default)]
pub struct Registry {
    components: BTreeMap<String, (State, u64)>,
    transitions: u64,
}

impl Registry {
    /// Notes a component's state. Logs and dates it only where it differs from the last one.
    pub fn set(&mut self, name: &str, state: State, now_unix: u64) {
        match self.components.get_mut(name) {
            Some((old, _)) if *old == state => {}
            Some(entry) => {
                log_transition(name, &state, true);
                *entry = (state, now_unix);
                self.transitions += 1;
            }
            None => {
                log_transition(name, &state, false);
                self.components.insert(name.to_owned(), (state, now_unix));
                self.transitions += 1;
            }
        }
    }

    /// How many transitions there were: a snapshot is out of date when there are more.
    pub fn transitions(&self) -> u64 {
        self.transitions
    }

    /// Forgets a component, such as a collector that the configuration no longer names.
    pub fn remove(&mut self, name: &str) {
        self.transitions += u64::from(self.components.remove(name).is_some());
    }

    /// Forgets every component whose name begins with `prefix` and that `keep` refuses.
    pub fn retain(&mut self, prefix: &str, keep: impl Fn(&str) -> bool) {
        let before = self.components.len();
        self.components.retain(|name, _| !name.starts_with(prefix) || keep(name));
        self.transitions += u64::from(self.components.len() != before);
    }

    /// All components, by name.
    pub fn list(&self) -> Vec<Component> {
        self.components
            .iter()
            .map(|(name, (state, since))| Component {
                name: name.clone(),
                state: state.clone(),
                since: *since,
            })
            .collect()
    }

    /// The names of those that are degraded.
    pub fn degraded(&self) -> impl Iterator<Item = &str> {
        let degraded =
            self.components.iter().filter(|(_, (state, _))| matches!(state, State::Degraded { .. }));
        degraded.map(|(name, _)| name.as_str())
    }

    /// True while nothing is degraded.
    pub fn healthy(&self) -> bool {
        self.degraded().next().is_none()
    }
}

fn log_transition(name: &str, state: &State, known: bool) {
    match state {
        State::Running if known => log::info!(target: "status", "{name} recovered"),
        State::Running | State::Disabled => log::debug!(target: "status", "{name} {state:?}"),
        State::Degraded { reason } => log::warn!(target: "status", "{name} degraded: {reason}"),
        State::Unavailable { reason } => log::info!(target: "status", "{name} unavailable: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_named_in_part() {
        let names = ["a", "b", "c", "d", "e", "f"];
        let said = [0, 2, 4, 6].map(|count| some_of(&names[..count], ", ", " and "));
        assert_eq!(said, ["", "a, b", "a, b, c, d", "a, b, c, d and 2 more"]);
    }

    #[test]
    fn a_repeated_state_keeps_its_first_date() {
        let mut registry = Registry::default();
        registry.set("memory", State::degraded("no /proc/meminfo"), 10);
        registry.set("memory", State::degraded("no /proc/meminfo"), 20);
        assert_eq!(registry.list()[0].since, 10);
        assert!(!registry.healthy());
        registry.set("memory", State::Running, 30);
        assert_eq!((registry.list()[0].since, registry.healthy()), (30, true));
    }

    #[test]
    fn unavailable_and_disabled_are_healthy() {
        let mut registry = Registry::default();
        registry.set("a", State::Unavailable { reason: "no module".into() }, 1);
        registry.set("b", State::Disabled, 1);
        assert!(registry.healthy());
    }

    #[test]
    fn only_the_named_family_is_forgotten() {
        let mut registry = Registry::default();
        for name in ["collector a", "collector b", "memory"] {
            registry.set(name, State::Running, 1);
        }
        registry.retain("collector ", |name| name == "collector b");
        let names: Vec<_> = registry.list().into_iter().map(|c| c.name).collect();
        assert_eq!(names, ["collector b", "memory"]);
        assert_eq!(registry.transitions(), 4, "an older snapshot still has it");
        registry.remove("memory");
        registry.remove("memory");
        assert_eq!(registry.transitions(), 5);
    }

    #[test]
    fn a_component_reads_back_from_its_json() {
        let component =
            Component { name: "auto".into(), state: State::degraded("read-only file system"), since: 7 };
        let json = serde_json::to_string(&component).unwrap();
        assert_eq!(serde_json::from_str::<Component>(&json).unwrap(), component);
    }
}
