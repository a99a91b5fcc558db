//! Wishes of every kind, as the text of a file.

use hsflow::policy::file::{self, Wishes};
use hsflow::policy::lines::Dialect;
use hsflow::policy::plan::Desired;
use hsflow::policy::wanted::Wanted;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// When all tests take place.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Reads a text that is right.
pub(crate) fn read(text: &str) -> Wishes {
    let wishes = file::parse(&[("policy.toml", text)], Dialect::Linux);
    assert!(wishes.faults.is_empty(), "{text}\n{:#?}", wishes.faults);
    wishes
}

/// What a back end is given of it.
pub(crate) fn wanted(text: &str) -> Wanted {
    of(read(text))
}

pub(crate) fn of(wishes: Wishes) -> Wanted {
    let members = wishes.groups.into_iter().map(|(name, group)| (name, group.addresses)).collect();
    Wanted { policies: wishes.policies, members, is_cumulus: false }
}

pub(crate) fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// What the kernel should hold of it.
pub(crate) fn desired(text: &str) -> Desired {
    let Wanted { policies, members, .. } = wanted(text);
    let desired = Desired::new(&policies, &members, now());
    assert!(desired.elsewhere.is_empty(), "{:?}", desired.elsewhere);
    desired
}

/// Any file of up to a dozen policies, whose names and addresses are few, so that two files have much in common.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let members = || prop::collection::btree_set(address(), 1..4);
    let policies = prop::collection::btree_map(0_u8..20, policy(), 0..12);
    (members(), members(), policies).prop_map(|(a, b, policies)| {
        let policies: BTreeMap<_, _> = policies;
        let mut text = String::new();
        for (name, members) in [("a", a), ("b", b)] {
            let members: Vec<_> = members.into_iter().collect();
            text.push_str(&format!("[group.{name}]\naddresses = {members:?}\n"));
        }
        for (name, body) in policies {
            text.push_str(&format!("[policy.p{name}]\n{body}\n"));
        }
        text
    })
}

fn address() -> impl Strategy<Value = String> {
    let v4 =
        (0_u8..4, prop::sample::select(vec![8_u8, 24, 32])).prop_map(|(n, len)| format!("10.{n}.0.0/{len}"));
    let v6 = (0_u8..4, prop::sample::select(vec![48_u8, 128]))
        .prop_map(|(n, len)| format!("2001:db8:{n}::/{len}"));
    prop_oneof![3 => v4, 2 => v6, 1 => Just("0.0.0.0/0".to_owned())]
}

fn priority() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "priority = 10\n", "priority = 2000\n"]).prop_map(str::to_owned)
}

fn policy() -> impl Strategy<Value = String> {
    let body = prop_oneof![3 => bare_drop(), 4 => rule(), 1 => raw()];
    (priority(), body).prop_map(|(priority, body)| priority + &body)
}

fn bare_drop() -> impl Strategy<Value = String> {
    let side = prop::sample::select(vec!["source", "destination"]);
    let expires = prop::sample::select(vec!["", "expires = \"1h\"\n", "expires = \"2h\"\n"]);
    (side, prop::collection::vec(address(), 1..4), expires)
        .prop_map(|(side, addresses, expires)| format!("{expires}{side} = {addresses:?}\naction = \"drop\""))
}

/// What packets; parts of which each goes with every action.
const TRAFFIC: [&str; 12] = [
    "protocol = \"udp\"\nsource_port = 53",
    "protocol = \"tcp\"\ndestination_port = [80, 443, \"8000-8100\"]\nsource_port = \"1024-65535\"",
    "protocol = \"sctp\"\ndestination_port = 5060",
    "protocol = \"icmp\"",
    "protocol = \"icmpv6\"",
    "source = \"@a\"\ndestination = \"@b\"",
    "vni = 5000",
    "gre_key = 4294967295",
    "fragments = true",
    "dscp = \"ef\"\nstate = [\"new\", \"established\"]",
    "from = \"swp+\"\nto = \"eth0\"\nprotocol = 89",
    "protocol = \"udplite\"\ndestination_port = 7",
];

fn rule() -> impl Strategy<Value = String> {
    let action = prop::sample::select(vec![
        "action = \"accept\"",
        "action = \"drop\"",
        "action = \"reject\"",
        "action = \"drop\"\nabove = \"1kpps\"",
        "action = { limit = \"10 Mbit/s\" }",
        "action = { mark = { dscp = 10, class = \"1:1a\" } }",
    ]);
    (prop::sample::select(TRAFFIC.to_vec()), action)
        .prop_map(|(traffic, action)| format!("direction = \"forward\"\n{traffic}\n{action}"))
}

/// In the words in which iptables-save prints them, so that they can be compared.
fn raw() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "lines = [\"[iptables]\", \"-A FORWARD -d 10.0.0.1/32 --in-interface swp+ -p udp -m udp --sport 53 -j DROP\"]",
        "lines = [\"[iptables]\", \"-A INPUT -s 10.9.0.0/16 -j DROP\", \"[ip6tables]\", \"-A OUTPUT ! -o lo -j RETURN\"]",
        "lines = [\"[iptables]\", \"-t mangle -A PREROUTING -i swp1 -j DSCP --set-dscp 0x0a\"]",
        "lines = []",
    ])
    .prop_map(str::to_owned)
}
