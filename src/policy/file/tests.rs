use super::*;
use crate::policy::model::{Action, Body, Direction};
use proptest::prelude::*;

fn one(text: &str) -> Wishes {
    parse(&[("policy.toml", text)], Dialect::Linux)
}

fn told(wishes: &Wishes) -> Vec<String> {
    wishes.faults.iter().map(ToString::to_string).collect()
}

const GOOD: &str = r#"
[limits]
policies = 2000

[[protect]]
peer = "192.0.2.9"
protocol = "udp"
port = 6343
at = "peer"

[group.web]
addresses = ["10.1.0.0/24", "2001:db8::/64"]
guests = [{ image = "nginx:*" }]

[policy.ddos1]
owner = "sflow-rt"
priority = 10
expires = "10m"
from = "swp+"
destination = "10.0.0.1"
protocol = "udp"
source_port = [53, "123", "1024-2047"]
action = "drop"

[policy.video]
direction = "forward"
source = "@web"
dscp = "af41"
state = ["new", "established"]
action = { mark = { dscp = 10, class = "1:10" } }

[policy.slow]
vni = 100
direction = "forward"
action = { limit = "10 Mbit/s" }

[policy.raw]
lines = ["[iptables]", "-A FORWARD -s 10.0.0.1 -j DROP"]

[policy.shaped]
to = "eth0"
action = { shape = { rate = "5Mbit/s", burst_ms = 10 } }
"#;

#[test]
fn a_file_says_what_it_says() {
    let wishes = one(GOOD);
    assert_eq!(told(&wishes), [""; 0]);
    let names: Vec<_> = wishes.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["ddos1", "raw", "shaped", "slow", "video"]);
    let Body::Rule(ddos) = &wishes.policies[0].body else { panic!("a rule") };
    let traffic = ddos.matching().traffic();
    assert_eq!(traffic.directions, [Direction::In, Direction::Forward].into());
    assert_eq!(
        traffic.source_ports.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["53", "123", "1024:2047"]
    );
    assert_eq!((wishes.policies[0].priority, wishes.policies[1].priority), (10, 1000));
    let Body::Rule(slow) = &wishes.policies[3].body else { panic!("a rule") };
    assert_eq!(*slow.action(), Action::Limit("10 Mbit/s".parse().unwrap()));
    assert_eq!((wishes.limits.policies, wishes.limits.lines), (2000, Limits::default().lines));
}

#[test]
fn every_fault_says_where_which_key_and_what_would_be_right() {
    for (text, message) in [
        (
            "[policy.a]\nactoin = \"drop\"\naction = \"drop\"",
            "policy.toml:2:1: policy.a.actoin: unknown, did you mean 'action'?",
        ),
        (
            "[policy.a]\naction = \"drp\"",
            "policy.toml:2:10: policy.a.action: an action is accept, drop or reject",
        ),
        (
            "[policy.a]\naction = \"drop\"\nsource = [\"10.0.0.1\", \"example.org\"]",
            "policy.toml:3:23: policy.a.source: not an address",
        ),
        (
            "[policy.a]\naction = \"drop\"\nsource_port = 53",
            "policy.toml:1:1: policy.a: ports need a protocol",
        ),
        (
            "[policy.a]\naction = \"drop\"\npriority = 70000",
            "policy.toml:3:12: policy.a.priority: 0 to 65535",
        ),
        ("[policy.a]\naction = \"drop\"\nexpires = \"10\"", "policy.toml:3:11: policy.a.expires: a time is"),
        ("[policy.a]\naction = \"drop\"\nexpires = 10", "policy.toml:3:11: policy.a.expires: a time is"),
        (
            "[policy.a]\naction = \"drop\"\nfrom = true",
            "policy.toml:3:8: policy.a.from: a text or a whole number, not boolean",
        ),
        (
            "[policy.a]\naction = \"drop\"\nsource = []",
            "policy.toml:3:10: policy.a.source: missing; an empty list",
        ),
        ("[policy.a]\naction = { limit = \"1 MB\" }", "policy.toml:2:20: policy.a.action.limit: a rate is"),
        ("[policy.a]\naction = { }", "policy.toml:2:10: policy.a.action: missing; one of limit"),
        ("[policy.\"a b\"]\naction = \"drop\"", "policy.toml:1:9: policy.a b: ' ' may not stand in a name"),
        (
            "[policy.a]\nlines = [\"[iptables]\",\n\"-F\"]",
            "policy.toml:3:1: policy.a.lines: line 2:1: command: ",
        ),
        ("[policy.a]\nlines = []\naction = \"drop\"", "policy.toml:1:1: policy.a: 'lines' say everything"),
        ("[policy.a]\nsource = \"10.0.0.1\"", "policy.toml:1:1: policy.a: missing; 'action' or 'lines'"),
        (
            "[policy.a]\nsource = \"@nobody\"\naction = \"drop\"",
            "policy.toml:1:9: policy.a: no group has the name nobody",
        ),
        (
            "[[protect]]\npeer = \"10.0.0.1\"\nport = 1",
            "policy.toml:1:1: protect: missing; 'protocol', 'port' and 'at' go together",
        ),
        ("[group.web]\nguests = [{ }]", "policy.toml:2:11: group.web.guests: missing; engine"),
        ("polcy = 1", "policy.toml:1:1: polcy: unknown, did you mean 'policy'?"),
        ("policy = 1", "policy.toml:1:10: policy: a table of tables, not integer"),
        ("[policy.a]\naction = drop", "policy.toml:2:10: not TOML: "),
    ] {
        let told = told(&one(text));
        assert!(told.iter().any(|told| told.starts_with(message)), "{text}\n{told:?}");
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn one_bad_policy_costs_only_itself() {
    let mut text = String::new();
    for number in 0..1000 {
        let address = if number == 500 {
            "10.0.0.256".to_owned()
        } else {
            format!("10.0.{}.{}", number / 250, number % 250)
        };
        text.push_str(&format!("[policy.p{number}]\nsource = \"{address}\"\naction = \"drop\"\n"));
    }
    let wishes = one(&text);
    assert_eq!((wishes.policies.len(), wishes.faults.len()), (999, 1));
    assert_eq!(wishes.faults[0].key, "policy.p500.source");
}

#[test]
fn a_file_of_nothing_but_faults_costs_little() {
    let text = (0..50_000).map(|n| format!("k{n} = 1\n")).collect::<String>();
    let wishes = one(&text);
    assert_eq!(wishes.faults.len(), 101);
    assert_eq!(wishes.faults[100].kind, FaultKind::More(49_900));
}

#[test]
fn files_say_more_together_than_each_alone() {
    let main = "[group.web]\naddresses = [\"10.0.0.1\"]\n[policy.a]\naction = \"drop\"\nsource = \"@mail\"\n";
    let more = "[limits]\nlines = 1\n[group.web]\naddresses = [\"10.0.0.2\"]\n[group.mail]\naddresses = [\"10.0.0.3\"]\n\
                [policy.a]\naction = \"accept\"\n[policy.b]\naction = \"drop\"\nsource = \"@web\"\n";
    let broken = "[policy.c]\naction = \"drop\"\n[policy";
    let wishes = parse(
        &[("policy.toml", main), ("policy.d/1.toml", more), ("policy.d/2.toml", broken)],
        Dialect::Linux,
    );
    assert_eq!(wishes.policies.len(), 2);
    assert_eq!(wishes.groups.values().next_back().unwrap().addresses.len(), 2);
    let told = told(&wishes);
    assert!(told[0].starts_with("policy.d/1.toml:1:1: limits: the first file alone"), "{told:?}");
    assert!(told[1].starts_with("policy.d/1.toml:7:9: policy.a: said in policy.toml already"), "{told:?}");
    assert!(told[2].starts_with("policy.d/2.toml:3:") && told.len() == 3, "{told:?}");
}

#[test]
fn caps_hold_for_policies_groups_and_members() {
    let text = "[limits]\npolicies = 1\ngroups = 1\nmembers = 1\n[group.a]\naddresses = [\"10.0.0.1\", \"10.0.0.2\"]\n\
                [group.b]\naddresses = [\"10.0.0.1\"]\n[group.c]\naddresses = []\n\
                [policy.a]\nsource = \"@a\"\naction = \"drop\"\n[policy.b]\nsource = \"@b\"\naction = \"drop\"\n\
                [policy.c]\naction = \"accept\"\n";
    let wishes = one(text);
    let keys: Vec<_> =
        wishes.faults.iter().map(|fault| (fault.key.as_str(), fault.kind.to_string())).collect();
    assert_eq!(
        keys[0],
        ("group.c.addresses", "missing; an empty list would be no packet: leave the key out".into())
    );
    assert_eq!(keys[1], ("group.a", "2 addresses, [limits] allows 1".into()));
    assert_eq!(keys[2], ("policy.a", "no group has the name a".into()));
    assert_eq!(keys[3], ("policy.c", "there are 1 policies already, as many as [limits] allows".into()));
    assert_eq!((wishes.policies.len(), wishes.groups.len(), keys.len()), (1, 1, 4));
}

#[test]
fn what_is_protected_is_cut_only_by_force() {
    let protect = "[[protect]]\npeer = \"192.0.2.9\"\nprotocol = \"udp\"\nport = 6343\nat = \"peer\"\n";
    let cases = [
        ("action = \"drop\"\ndestination = \"192.0.2.0/24\"", false),
        ("action = \"drop\"\ndestination = \"192.0.2.0/24\"\nforce = true", true),
        ("action = \"drop\"\ndirection = \"out\"\ndestination = \"198.51.100.0/24\"", true),
        ("action = \"accept\"\ndestination = \"192.0.2.0/24\"", true),
        ("action = \"drop\"\nsource = \"@all\"", false),
        ("lines = [\"[iptables]\", \"-A OUTPUT ! -d 10.0.0.0/8 -j DROP\"]", false),
        ("lines = [\"[iptables]\", \"-A OUTPUT -d 10.0.0.0/8 -j DROP\"]", true),
        (
            "lines = [\"[iptables]\", \"-A FORWARD --in-interface swp+ -d 10.0.0.1 -p udp --sport 53 -j DROP\"]",
            true,
        ),
    ];
    for (policy, is_taken) in cases {
        let text =
            format!("{protect}[group.all]\nguests = [{{ engine = \"docker\" }}]\n[policy.a]\n{policy}\n");
        let wishes = one(&text);
        assert_eq!(
            (wishes.policies.len() == 1, wishes.faults.is_empty()),
            (is_taken, is_taken),
            "{policy}: {:?}",
            told(&wishes)
        );
    }
}

const SSH: &str = "[[protect]]\npeer = \"192.0.2.0/24\"\nprotocol = \"tcp\"\nport = 22\nat = \"host\"\n";

#[test]
fn a_policy_of_a_bridge_is_held_against_what_is_protected_by_the_hosts_addresses() {
    let own: Vec<Prefix> = ["192.0.2.1", "fe80::1"].iter().map(|text| text.parse().unwrap()).collect();
    let groups = "[group.vms]\naddresses = [\"192.0.2.128/25\"]\ndefault = \"deny\"\nbridge = \"br0\"\n\
        [group.boxes]\nguests = [{ engine = \"docker\" }]\ndefault = \"deny\"\nbridge = \"br0\"\n";
    let cases = [
        ("source = \"192.0.2.0/25\"\ndestination = \"192.0.2.1\"", 1),
        ("destination = \"192.0.2.0/25\"\nprotocol = \"tcp\"", 1),
        ("source = \"192.0.2.7\"", 1),
        ("source = \"192.0.2.7\"\ndestination = \"@vms\"", 0),
        ("source = \"@vms\"", 0),
        ("source = \"@boxes\"", 0),
        ("destination = \"192.0.2.1\"\nprotocol = \"udp\"", 0),
    ];
    for (policy, refused) in cases {
        let protect = SSH.replace("/24", "/25");
        let text = format!("{protect}{groups}[policy.a]\nbridge = \"br0\"\naction = \"drop\"\n{policy}\n");
        let wishes = parse_on(&own, &[("policy.toml", &text)], Dialect::Linux);
        assert_eq!(wishes.faults.len(), refused, "{policy}: {:?}", told(&wishes));
        assert_eq!(wishes.policies.len(), 3 - refused, "{policy}");
    }
}

#[test]
fn shaping_to_next_to_nothing_cuts_what_is_protected() {
    for (rate, is_taken) in [("63 kbit/s", false), ("64 kbit/s", true)] {
        let text =
            format!("{SSH}[policy.a]\nto = \"eth0\"\naction = {{ shape = {{ rate = \"{rate}\" }} }}\n");
        let wishes = one(&text);
        assert_eq!(wishes.policies.len() == 1, is_taken, "{rate}: {:?}", told(&wishes));
    }
}

#[test]
fn a_protection_that_is_lost_is_known() {
    let limits = "[limits]\nlines = 3\n";
    for (text, is_lost) in [
        (SSH.to_owned(), false),
        (format!("{limits}[policy"), false),
        (SSH.replace("tcp", "tpc"), true),
        (SSH.replace("192.0.2.0/24", ""), true),
        (format!("{SSH}[policy"), true),
        ("protect = 1".to_owned(), true),
    ] {
        assert_eq!(one(&text).has_lost_protection, is_lost, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic_or_point_outside(cut in 0..GOOD.len(), with in "\\PC{0,4}|[\\[\\]{}\"=\n]{0,4}", len in 0usize..8) {
        let mut text = GOOD.to_owned();
        let end = (cut + len).min(text.len());
        text.replace_range(cut..end, &with);
        let wishes = one(&text);
        for fault in &wishes.faults {
            prop_assert!(fault.line >= 1 && fault.line <= text.matches('\n').count() + 1, "{fault}");
            prop_assert!(!fault.to_string().contains('\n'), "{fault}");
        }
    }
}
