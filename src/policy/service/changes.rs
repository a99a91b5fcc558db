//! What is different between two pages, in words for the log: each change once.

use crate::policy::desk::{Page, State};
use log::Level;

/// What the newer says and the older did not.
pub(super) fn changes(old: &Page, new: &Page) -> Vec<(Level, String)> {
    let mut said = Vec::new();
    for (name, shown) in &new.policies {
        let before = old.policies.get(name).map(|before| &before.state);
        match &shown.state {
            State::Quarantined(why) if before != Some(&shown.state) => {
                said.push((
                    Level::Warn,
                    format!("policy {name}: does not work, the others do without it: {why}"),
                ));
            }
            State::Live if matches!(before, Some(State::Quarantined(_))) => {
                said.push((Level::Info, format!("policy {name}: works now")));
            }
            State::Live if before != Some(&State::Live) => {
                said.push((Level::Debug, format!("policy {name}: live")));
            }
            _ => {}
        }
    }
    for (carrier, why) in &new.troubles {
        if old.troubles.get(carrier) != Some(why) {
            said.push((
                Level::Error,
                format!("{carrier:?}: {why}; what was in force stays, and it is tried again"),
            ));
        }
    }
    for carrier in old.troubles.keys().filter(|carrier| !new.troubles.contains_key(carrier)) {
        said.push((Level::Info, format!("{carrier:?}: works again")));
    }
    let fresh = new.faults.iter().filter(|fault| !old.faults.contains(fault));
    said.extend(fresh.map(|fault| (Level::Warn, fault.clone())));
    said
}
