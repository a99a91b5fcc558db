//! Events of an engine, which only say where to look.
//!
//! In: one line of the stream. Out: the container that may have changed. Rules: what an event says of the container is not
//! used; the fields of API 1.22 and later come first, because 1.52 has no others. Sources: Docker Engine API, `/events`;
//! Podman has words of its own (`died`, `remove`), and names the container itself in events of networks.

use super::field::{Fields, Odd, id};

/// What the engine is asked to send; it leaves out the rest, such as the events of health checks.
pub(super) const FILTERS: &str = r#"{"type":["container","network"],"event":["start","restart","unpause","pause","die","died","rename","update","destroy","remove","connect","disconnect"]}"#;

/// A container that may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Its id.
    pub id: String,
    /// Its interfaces may have changed, of which nothing is in its description.
    pub network: bool,
}

/// The container that an event is about. `None`: it changes none.
///
/// # Errors
/// The line is not JSON.
pub fn parse_event(line: &[u8]) -> Result<(Option<Hint>, Vec<Odd>), serde_json::Error> {
    let mut event = Fields::new(serde_json::from_slice(line)?);
    let hint = hint(&mut event);
    Ok((hint, event.odd))
}

fn hint(event: &mut Fields) -> Option<Hint> {
    let network = match event.text("/Type") {
        None | Some("container") => false,
        Some("network") => true,
        Some(_) => return None,
    };
    let action = match event.text("/Action") {
        None => event.text("/status"),
        action => action,
    };
    let matters = match action? {
        "connect" | "disconnect" => network,
        "start" | "restart" | "unpause" | "pause" | "die" | "died" | "rename" | "update" | "destroy"
        | "remove" => !network,
        _ => false,
    };
    if !matters {
        return None;
    }
    let pointers: &[&str] =
        if network { &["/Actor/Attributes/container", "/Actor/ID"] } else { &["/Actor/ID", "/id"] };
    let (field, text) = pointers.iter().find_map(|field| Some((*field, event.text(field)?.to_owned())))?;
    match id(field, &text) {
        Ok(id) => Some(Hint { id, network }),
        Err(odd) => {
            event.odd.push(odd);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "71260370c6dc47f4a7b4dd50070e783b171048d6fbd3e2ee191dc59436f57bfc";

    fn parse(text: &str) -> (Option<Hint>, Vec<Odd>) {
        parse_event(text.replace("ID64", ID).as_bytes()).unwrap()
    }

    #[test]
    fn old_and_new_events_lead_to_the_container() {
        let hint = Some(Hint { id: ID.into(), network: false });
        for text in [
            r#"{"status":"die","id":"ID64"}"#,
            r#"{"status":"start","id":"ID64","Type":"container","Action":"start","Actor":{"ID":"ID64"}}"#,
            r#"{"Type":"container","Action":"pause","Actor":{"ID":"ID64","Attributes":null}}"#,
            r#"{"Type":"container","Action":"remove","Actor":{"ID":"ID64"}}"#,
        ] {
            assert_eq!(parse(text), (hint.clone(), vec![]), "{text}");
        }
    }

    #[test]
    fn a_network_leads_to_the_container_that_it_was_given_to() {
        let docker = r#"{"Type":"network","Action":"connect","Actor":{"ID":"8aeb4f76421a23d6c0ba3d44fbd533d8a3af8466d33b2c7fde90b1ca75b3ddc6","Attributes":{"container":"ID64","name":"blue","type":"bridge"}}}"#;
        let podman = r#"{"Type":"network","Action":"disconnect","Actor":{"ID":"ID64","Attributes":{"network":"blue"}}}"#;
        for text in [docker, podman] {
            assert_eq!(parse(text).0, Some(Hint { id: ID.into(), network: true }), "{text}");
        }
    }

    #[test]
    fn events_that_change_nothing_lead_nowhere() {
        for action in ["kill", "oom", "exec_create: sh", "health_status: healthy", "connect", ""] {
            let text = format!(r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{ID}"}}}}"#);
            assert_eq!(parse(&text), (None, vec![]), "{action}");
        }
        assert_eq!(parse(r#"{"Type":"image","Action":"remove","Actor":{"ID":"ID64"}}"#), (None, vec![]));
        assert_eq!(parse(r#"{"Type":"daemon","Action":"reload"}"#), (None, vec![]));
    }

    #[test]
    fn an_event_with_a_wrong_field_is_said_and_leads_nowhere() {
        for text in [
            r#"{"Type":"container","Action":"die","Actor":{"ID":7}}"#,
            r#"{"Type":"container","Action":"die","Actor":{"ID":"../../images"}}"#,
            "[]",
        ] {
            let (hint, odd) = parse(text);
            assert!(hint.is_none() && odd.len() == 1, "{text}: {odd:?}");
        }
        assert!(parse_event(br#"{"Type":"container","Act"#).is_err());
    }
}
