//! The list of containers that live.
//!
//! In: the answer to `/containers/json`. Out: id, name and state of each. Rule: an entry that cannot be read costs itself.
//! Source: Docker Engine API. Podman leaves paused containers out unless it is asked for them by name.

use super::field::{Fields, Odd, id};
use super::inspect::{name, state};
use crate::sample::guest::GuestState;
use serde_json::value::RawValue;

/// Which ones are wanted; the dead ones may be many, and cost the engine too.
pub(super) const FILTERS: &str = r#"{"status":["running","paused"]}"#;

/// Bytes of a list; about 20,000 containers.
pub(super) const LIMIT: usize = 32 << 20;

/// An entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its name, as in its description.
    pub name: Option<String>,
    /// What it is doing.
    pub state: GuestState,
}

/// The entries that can be read and may live, and what is wrong with others.
///
/// # Errors
/// It is not a list in JSON.
pub fn parse_list(text: &[u8]) -> Result<(Vec<Listed>, Vec<Odd>), serde_json::Error> {
    // Entry by entry, because a list as JSON values is ten times its text.
    let entries: Option<Vec<&RawValue>> = serde_json::from_slice(text)?;
    let (mut listed, mut odd) = (Vec::new(), Vec::new());
    for entry in entries.unwrap_or_default() {
        let mut fields = Fields::new(serde_json::from_str(entry.get())?);
        let entry = parse_entry(&mut fields);
        // An engine that does not know the filter sends the dead ones all the same.
        listed.extend(entry.filter(|entry| entry.state.is_alive() || entry.state == GuestState::None));
        odd.append(&mut fields.odd);
    }
    Ok((listed, odd))
}

fn parse_entry(fields: &mut Fields) -> Option<Listed> {
    let name = fields.text("/Names/0").map(name);
    let state = fields.text("/State").map_or(GuestState::None, state);
    match id("/Id", fields.text("/Id").unwrap_or_default()) {
        Ok(id) => Some(Listed { id, name, state }),
        Err(odd) => {
            fields.odd.push(odd);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_entry_costs_itself_only() {
        let ids = ["a".repeat(64), "b".repeat(64)];
        let text = format!(
            r#"[{{"Id":"{}","Names":["/web"],"State":"paused"}}, 7, {{"Id":7}}, {{"Id":"{}","Names":null,"State":["running"]}}]"#,
            ids[0], ids[1]
        );
        let (listed, odd) = parse_list(text.as_bytes()).unwrap();
        let [first, second] = ids;
        let name = Some("web".to_owned());
        assert_eq!(
            listed,
            [
                Listed { id: first, name, state: GuestState::Paused },
                Listed { id: second, name: None, state: GuestState::None },
            ]
        );
        assert_eq!(odd.len(), 5, "{odd:?}");
    }

    #[test]
    fn no_containers_are_an_empty_list_and_half_a_list_is_an_error() {
        for empty in ["[]", "null"] {
            assert_eq!(parse_list(empty.as_bytes()).unwrap(), (vec![], vec![]));
        }
        for bad in ["", r#"[{"Id":"#, r#"{"message":"no"}"#] {
            assert!(parse_list(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
