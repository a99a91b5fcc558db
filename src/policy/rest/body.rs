//! Bodies of requests: policies, rule sets of acl_server, filters of tc_server.
//!
//! In: bytes, and names out of the path. Out: policies, or every fault with its place. Pure. Rule: a policy is read by the
//! one reader that files have, whatever words a request had for it; a body is good as a whole or not at all.

use crate::policy::file;
use crate::policy::lines::{self, Dialect};
use crate::policy::model::{Device, Policy, PolicyName, RawRule};
use serde_json::{Map, Value, json};
use std::time::Duration;

const LONGEST_TRIAL_SECS: u64 = 86_400;
/// Faults of a body that are told.
const MOST_PLACES: usize = 100;
/// tc_server's filters are all dropped, and are of IPv4 where they name no address.
const EVERY_IPV4: &str = "0.0.0.0/0";
/// flower's keys, and ours.
pub(super) const FLOWER: [(&str, &str); 5] = [
    ("dst_ip", "destination"),
    ("src_ip", "source"),
    ("ip_proto", "protocol"),
    ("src_port", "source_port"),
    ("dst_port", "destination_port"),
];

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyFault {
    /// A word that stays the same: `json`, `policy`, `lines`, `keys`, `confirm`.
    pub code: &'static str,
    /// For people.
    pub message: &'static str,
    /// All of them.
    pub places: Vec<Place>,
}

/// Where something is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The policy, where the body has many.
    pub policy: String,
    /// The key, with those that it is in.
    pub key: String,
    /// From 1; 0 is nowhere.
    pub line: usize,
    /// From 1; 0 is nowhere.
    pub column: usize,
    /// What.
    pub message: String,
}

type Read<T> = Result<T, BodyFault>;

fn fault(code: &'static str, message: &'static str) -> BodyFault {
    BodyFault { code, message, places: Vec::new() }
}

/// The first, and how many more there are.
fn bounded(mut places: Vec<Place>, more: usize) -> Vec<Place> {
    let more = more + places.len().saturating_sub(MOST_PLACES);
    places.truncate(MOST_PLACES);
    if more > 0 {
        places.push(Place { message: format!("and {more} more faults"), ..Place::default() });
    }
    places
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8], wanted: &'static str) -> Read<T> {
    serde_json::from_slice(body).map_err(|why| BodyFault {
        places: vec![Place {
            line: why.line(),
            column: why.column(),
            message: why.to_string(),
            ..Place::default()
        }],
        ..fault("json", wanted)
    })
}

/// The object of a body without `confirm`, which is seconds.
///
/// # Errors
/// Not JSON, no object, or no such time.
pub fn object(body: &[u8]) -> Read<(Map<String, Value>, Option<Duration>)> {
    let mut keys: Map<String, Value> = parse(body, "the body is a JSON object")?;
    let confirm = match keys.remove("confirm") {
        None => None,
        Some(value) => {
            let secs = value.as_u64().filter(|secs| (1..=LONGEST_TRIAL_SECS).contains(secs));
            let secs = secs.ok_or_else(|| fault("confirm", "confirm is a number of seconds, 1 to 86400"))?;
            Some(Duration::from_secs(secs))
        }
    };
    Ok((keys, confirm))
}

/// One policy, of a name in the path.
///
/// # Errors
/// Every fault of it.
pub fn policy(name: &PolicyName, body: &[u8], dialect: Dialect) -> Read<(Vec<Policy>, Option<Duration>)> {
    let (keys, confirm) = object(body)?;
    let read = file::from_json(name, &Value::Object(keys), dialect);
    let policy = read.map_err(|faults| malformed("", &faults))?;
    Ok((vec![policy], confirm))
}

/// All policies of `{"policies": {NAME: {…}}}`.
///
/// # Errors
/// Every fault of each.
pub fn policies(body: &[u8], dialect: Dialect) -> Read<(Vec<Policy>, Option<Duration>)> {
    const WANTED: &str = "the body is {\"policies\": {NAME: {…}}}, and perhaps confirm";
    let (mut keys, confirm) = object(body)?;
    let Some(Value::Object(all)) = keys.remove("policies").filter(|_| keys.is_empty()) else {
        return Err(fault("policies", WANTED));
    };
    let (mut policies, mut places, mut more) = (Vec::new(), Vec::new(), 0);
    for (text, value) in &all {
        // What is not told is not kept until then.
        more += places.len().saturating_sub(MOST_PLACES);
        places.truncate(MOST_PLACES);
        match text.parse() {
            Ok(name) => match file::from_json(&name, value, dialect) {
                Ok(policy) => policies.push(policy),
                Err(faults) => places.extend(malformed(text, &faults).places),
            },
            Err(why) => places.push(Place {
                policy: text.chars().take(PolicyName::LONGEST).collect(),
                message: crate::policy::model::NameFault::to_string(&why),
                ..Place::default()
            }),
        }
    }
    if places.is_empty() {
        return Ok((policies, confirm));
    }
    Err(BodyFault { places: bounded(places, more), ..malformed("", &[]) })
}

fn malformed(policy: &str, faults: &[file::Fault]) -> BodyFault {
    let place = |fault: &file::Fault| Place {
        policy: policy.to_owned(),
        key: fault.key.clone(),
        line: fault.line,
        column: fault.column,
        message: fault.kind.to_string(),
    };
    BodyFault {
        places: bounded(faults.iter().map(place).collect(), 0),
        ..fault("policy", "the policy is not well formed")
    }
}

/// A rule set: its lines as they were sent, and as they were understood.
///
/// # Errors
/// Not an array of texts, or lines that are refused; a line is counted in the array.
pub fn rule_set(body: &[u8], dialect: Dialect) -> Read<(Vec<String>, Vec<RawRule>)> {
    let sent: Vec<String> = parse(body, "the body is a JSON array of texts, one a line")?;
    let place = |fault: &lines::LineFault| Place {
        key: "lines".into(),
        line: fault.line,
        column: fault.column,
        message: format!("{}: {}", fault.code.as_str(), fault.allowed),
        ..Place::default()
    };
    match lines::parse(sent.iter().map(String::as_str), dialect) {
        Ok(rules) => Ok((sent, rules)),
        Err(faults) => Err(BodyFault {
            places: bounded(
                faults.iter().take(MOST_PLACES).map(place).collect(),
                faults.len().saturating_sub(MOST_PLACES),
            ),
            ..fault("lines", "lines are refused")
        }),
    }
}

/// A filter of a device and a preference as a policy that drops.
///
/// # Errors
/// No object, keys that we have no word for, values that are none.
pub fn filter(name: &PolicyName, device: &Device, preference: u16, body: &[u8]) -> Read<Policy> {
    let keys: Map<String, Value> = parse(body, "the body is a JSON object of flower's keys")?;
    let mut policy = Map::new();
    let mut places = Vec::new();
    for (key, value) in keys {
        match FLOWER.iter().find(|(flower, _)| *flower == key) {
            Some((_, ours)) => drop(policy.insert((*ours).to_owned(), value)),
            None => places.push(Place {
                key: key.chars().take(PolicyName::LONGEST).collect(),
                message: format!("known are {}", FLOWER.map(|(flower, _)| flower).join(", ")),
                ..Place::default()
            }),
        }
    }
    if !places.is_empty() {
        return Err(BodyFault {
            places: bounded(places, 0),
            ..fault("keys", "the filter is not understood")
        });
    }
    if !policy.contains_key("source") && !policy.contains_key("destination") {
        policy.insert("destination".into(), EVERY_IPV4.into());
    }
    let fixed = json!({"owner": "tc", "priority": preference, "from": device.as_str(),
        "direction": ["in", "forward"], "action": "drop"});
    policy.extend(fixed.as_object().cloned().unwrap_or_default());
    file::from_json(name, &Value::Object(policy), Dialect::Linux).map_err(|faults| {
        let mut whole = malformed("", &faults);
        for place in &mut whole.places {
            if let Some((flower, _)) = FLOWER.iter().find(|(_, ours)| *ours == place.key) {
                (*flower).clone_into(&mut place.key);
            }
        }
        whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::file::write;
    use std::time::SystemTime;

    fn tc(body: &str) -> Read<Policy> {
        let name = "tc.eth0.10".parse().unwrap();
        filter(&name, &"eth0".parse().unwrap(), 10, body.as_bytes())
    }

    #[test]
    fn a_filter_drops_what_comes_in_at_its_device() {
        let body = r#"{"dst_ip": "10.0.0.99", "ip_proto": "udp", "src_port": "53"}"#;
        let written = write::json(&tc(body).unwrap(), SystemTime::UNIX_EPOCH);
        let wanted = json!({"owner": "tc", "priority": 10, "direction": ["in", "forward"], "from": "eth0",
            "destination": ["10.0.0.99/32"], "protocol": "udp", "source_port": ["53"], "action": "drop"});
        assert_eq!(written, wanted);
    }

    #[test]
    fn a_filter_without_addresses_is_of_ipv4_as_tc_servers_are() {
        let written = write::json(&tc(r#"{"ip_proto": "icmp"}"#).unwrap(), SystemTime::UNIX_EPOCH);
        assert_eq!(written["destination"], json!(["0.0.0.0/0"]));
    }

    #[test]
    fn what_would_be_words_of_tc_is_refused_by_flowers_name() {
        for (body, key) in [
            (r#"{"dst_ip": "10.0.0.1 action ok"}"#, "dst_ip"),
            (r#"{"action": "ok"}"#, "action"),
            (r#"{"src_port": "99999", "ip_proto": "udp"}"#, "src_port"),
        ] {
            let fault = tc(body).unwrap_err();
            assert_eq!(fault.places.first().map(|place| place.key.as_str()), Some(key), "{body}");
        }
        assert_eq!(tc("[]").unwrap_err().code, "json");
    }

    #[test]
    fn of_a_body_that_is_nothing_but_faults_a_hundred_are_told_and_the_rest_is_counted() {
        let all: Map<_, _> = (0..300).map(|n| (format!("p{n}"), json!({"action": "fly"}))).collect();
        let body = json!({ "policies": all }).to_string();
        let lines = json!(vec!["-F"; 300]).to_string();
        let faults = [
            policies(body.as_bytes(), Dialect::Linux).unwrap_err(),
            rule_set(lines.as_bytes(), Dialect::Linux).unwrap_err(),
        ];
        for fault in faults {
            assert_eq!(fault.places.len(), 101);
            assert_eq!(fault.places[100].message, "and 200 more faults", "{}", fault.code);
        }
    }

    #[test]
    fn faults_of_all_policies_are_told_at_once() {
        let body = br#"{"policies": {"a": {"action": "drop", "source": "1.2.3"}, "-b": {}, "c": {}}}"#;
        let fault = policies(body, Dialect::Linux).unwrap_err();
        let of: Vec<_> =
            fault.places.iter().map(|place| (place.policy.as_str(), place.key.as_str())).collect();
        assert_eq!(of, [("a", "source"), ("-b", ""), ("c", "")]);
    }
}
