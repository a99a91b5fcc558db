//! Policies as text and as JSON, there and back.

use crate::wishes;
use hsflow::policy::file::{from_json, parse, write};
use hsflow::policy::lines::Dialect;
use hsflow::policy::model::{Expiry, Policy};
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

fn extra() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "[policy.x]\nto = \"eth0\"\nforce = true\nnetns = \"red\"\naction = { shape = { rate = \"5Mbit/s\", ceil = \"9 Mbit/s\", burst_ms = 10, latency_ms = 7 } }",
        "[policy.x]\nowner = \"me@there\"\naction = { redirect = { netns = \"red\" } }",
        "[policy.x]\nfrom = \"swp+\"\naction = { redirect = { device = \"eth0\" } }",
        "[policy.x]\nlines = [\"[iptables]\", \"-A INPUT -p tcp --dport 1 -m comment --comment \\\"a b\\\" -j DROP\", \"[ip6tables]\", \"-A INPUT -j DROP\", \"[iptables]\", \"-t mangle -A INPUT -j DSCP --set-dscp 1\"]",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_as_the_same_policy(text in wishes::text(), extra in extra()) {
        let wishes = wishes::read(&(text + &extra));
        for policy in &wishes.policies {
            let body = write::json(policy, wishes::now());
            let again = from_json(&policy.name, &body, Dialect::Linux);
            prop_assert_eq!(again.as_ref(), Ok(policy), "{}", body);
        }
        let groups: String = ["a", "b"].map(|name| format!("[group.{name}]\naddresses = \"10.0.0.1\"\n")).concat();
        let text: String = wishes.policies.iter().map(|policy| write::toml(policy, wishes::now())).collect();
        let again = parse(&[("again.toml", &(groups + &text))], Dialect::Linux);
        prop_assert_eq!(again.faults, vec![], "{}", text);
        prop_assert_eq!(again.policies, wishes.policies);
    }

    #[test]
    fn no_text_in_a_request_becomes_a_key_of_its_own(key in "\\PC{0,12}|[\"\\\\\n\r\t\u{0}\u{7f}\\[\\]=.#']{1,8}", value in "\\PC{0,12}|[\"\\\\\n\r\t\u{0}\u{7f}\\[\\]=.#']{1,8}") {
        let name = "p".parse().unwrap();
        let strange = json!({ "action": "drop", format!("?{key}"): "x" });
        let faults = from_json(&name, &strange, Dialect::Linux).unwrap_err();
        prop_assert!(faults.len() == 1 && faults[0].key.starts_with('?'), "{faults:?}");
        let strange = json!({ "action": "drop", "source": format!("?{value}") });
        let faults = from_json(&name, &strange, Dialect::Linux).unwrap_err();
        prop_assert!(faults.len() == 1 && faults[0].key == "source", "{faults:?}");
    }
}

#[test]
fn a_fault_of_a_request_names_the_key_and_no_line() {
    let name = "p".parse().unwrap();
    for (body, key, told) in [
        (json!([1]), "", "request: an object, not array"),
        (json!({ "action": null }), "action", "request: action: a value: leave the key out, not null"),
        (json!({ "action": { "limit": "1" } }), "action.limit", "request: action.limit: a rate is a whole"),
        (json!({ "actoin": "drop", "action": "drop" }), "actoin", "request: actoin: unknown, did you mean"),
        (
            json!({ "action": "drop", "priority": 1.5 }),
            "priority",
            "request: priority: a whole number, not float",
        ),
        (json!({ "action": "drop", "priority": u64::MAX }), "priority", "request: priority: 0 to 65535"),
        (json!({}), "", "request: missing; 'action' or 'lines'"),
        (json!({ "lines": ["[iptables]", "-F"] }), "lines", "request: lines: line 2:1: command"),
    ] {
        let faults = from_json(&name, &body, Dialect::Linux).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].key, key);
        assert!(faults[0].to_string().starts_with(told), "{}", faults[0]);
    }
}

#[test]
fn a_point_in_time_is_written_as_what_is_left_of_it() {
    let read = wishes::read("[policy.p]\nexpires = \"2h\"\naction = \"drop\"");
    let policy = Policy { expiry: read.policies[0].expiry.from(wishes::now()), ..read.policies[0].clone() };
    let later = wishes::now() + Duration::from_secs(7_000) + Duration::from_millis(1);
    assert_eq!(write::json(&policy, later)["expires"], "200s");
    let again = from_json(&policy.name, &write::json(&policy, wishes::now()), Dialect::Linux).unwrap();
    assert_eq!(again.expiry, Expiry::After(Duration::from_secs(7_200)));
    assert_eq!(write::json(&policy, later + Duration::from_secs(900))["expires"], "1s");
}
