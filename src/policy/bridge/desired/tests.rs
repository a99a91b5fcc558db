use super::super::flows::{bundle, parse};
use super::*;
use crate::policy::file;
use crate::policy::lines::Dialect;

fn desired(text: &str) -> Desired {
    let wishes = file::parse(&[("policy.toml", text)], Dialect::Linux);
    assert_eq!(wishes.faults, []);
    let members = wishes.groups.iter().map(|(name, group)| (name.clone(), group.addresses.clone())).collect();
    let ports = ["veth1", "veth2"].into_iter().zip(["1", "LOCAL"]);
    let ports = ports.map(|(name, number)| (name.to_owned(), number.to_owned())).collect();
    let has = Has { ports: Some(ports), ..Has::default() };
    Desired::new(&wishes.policies, &members, &has, SystemTime::UNIX_EPOCH)
}

fn texts(text: &str) -> Vec<String> {
    let desired = desired(text);
    assert_eq!(desired.faults, BTreeMap::new());
    let bundle = bundle([], &desired.flows);
    bundle.lines().map(|line| line.split_once(",table=0,").unwrap().1.to_owned()).collect()
}

#[test]
fn groups_ports_and_marks_are_the_words_of_openflow() {
    let text = r#"
[group.web]
addresses = ["10.0.0.1", "2001:db8::1"]
default = "deny"
bridge = "br0"
[policy.in]
bridge = "br0"
action = "accept"
source = "10.1.0.0/16"
destination = "@web"
protocol = "tcp"
destination_port = ["80", "1024:2047"]
[policy.mark]
bridge = "br0"
priority = 5
from = "veth1"
dscp = "cs1"
fragments = true
destination = "10.0.0.9"
action = { mark = { dscp = "ef" } }
"#;
    assert_eq!(
        texts(text),
        [
            "priority=64988,ip,nw_frag=later,in_port=veth1,nw_tos=32,nw_dst=10.0.0.9,reg15=0/0x1,actions=mod_nw_tos:184,load:0x1->NXM_NX_REG15[0],resubmit(,0)",
            "priority=62998,tcp,nw_src=10.1.0.0/16,nw_dst=10.0.0.1,tp_dst=80,actions=NORMAL",
            "priority=62998,tcp,nw_src=10.1.0.0/16,nw_dst=10.0.0.1,tp_dst=0x400/0xfc00,actions=NORMAL",
            "priority=34997,ip,nw_dst=10.0.0.1,actions=drop",
            "priority=34997,ipv6,ipv6_dst=2001:db8::1,actions=drop",
            "priority=34998,icmp6,icmp_type=133,actions=NORMAL",
            "priority=34998,icmp6,icmp_type=134,actions=NORMAL",
            "priority=34998,icmp6,icmp_type=135,actions=NORMAL",
            "priority=34998,icmp6,icmp_type=136,actions=NORMAL",
        ]
    );
}

#[test]
fn what_openflow_cannot_say_is_the_fault_of_its_policy_alone() {
    for (words, part) in [
        ("action = \"reject\"", "drop instead"),
        ("action = \"drop\"\nto = \"eth1\"", "'to'"),
        ("action = \"drop\"\nstate = [\"untracked\"]", "'untracked'"),
        ("action = \"drop\"\nabove = \"1 kpps\"", "limit instead"),
        ("action = \"drop\"\nfrom = \"veth9\"", "no port veth9"),
        ("action = { redirect = { device = \"veth9\" } }", "no port veth9"),
        ("action = \"drop\"\nfrom = \"swp+\"", "swp+"),
        ("action = \"drop\"\npriority = 20000", "0 to 14999"),
        ("action = \"drop\"\nnetns = \"router\"", "netns"),
    ] {
        let found = desired(&format!(
            "[policy.bad]\nbridge = \"br0\"\n{words}\n[policy.good]\nbridge = \"br0\"\naction = \"drop\"\nsource = \"10.0.0.1\"\n"
        ));
        let why: Vec<_> = found.faults.values().collect();
        assert!(matches!(&why[..], [why] if why.contains(part)), "{words}: {why:?}");
        assert_eq!(found.flows.len(), 1, "{words}");
    }
}

#[test]
fn a_place_that_somebody_has_is_not_taken() {
    let text = "[policy.a]\nbridge = \"br0\"\naction = \"drop\"\nsource = \"10.0.0.1\"\ndestination = \"10.0.0.2\"\n";
    let line = |priority| {
        format!(
            " cookie=0x5, duration=1.5s, table=0, n_packets=7, n_bytes=490, idle_age=1, priority={priority},ip,nw_src=10.0.0.1,nw_dst=10.0.0.2 actions=output:3"
        )
    };
    let mut same = desired(text);
    let seen = parse(&line(62_999));
    assert_eq!((seen[0].cookie, seen[0].packets, seen[0].bytes), (5, 7, 490));
    same.yield_to(&seen);
    assert_eq!((same.flows.len(), same.faults.len()), (0, 1));
    let mut other = desired(text);
    other.yield_to(&parse(&line(62_998)));
    assert_eq!((other.flows.len(), other.faults.len()), (1, 0));
}

#[test]
fn what_is_marked_or_measured_meets_what_follows_and_not_what_was_before() {
    let text = r#"
[policy.a-early]
bridge = "br0"
priority = 1
dscp = "ef"
action = "drop"
[policy.b-mark]
bridge = "br0"
priority = 2
destination = "10.0.0.9"
action = { mark = { dscp = "ef" } }
[policy.c-limit]
bridge = "br0"
priority = 3
destination = "10.0.0.0/8"
action = { limit = "8 Mbit/s" }
[policy.d-late]
bridge = "br0"
priority = 4
dscp = "ef"
source = "10.0.0.7"
action = "accept"
"#;
    let texts = texts(text);
    let [early, early6, mark, limit, late] = &texts[..] else { panic!("{texts:?}") };
    assert_eq!(
        early, "priority=64997,ip,nw_tos=184,reg15=0/0x3,actions=drop",
        "what b makes of it comes too late"
    );
    assert_eq!(early6, "priority=64997,ipv6,nw_tos=184,reg15=0/0x3,actions=drop");
    assert!(
        mark.ends_with("reg15=0/0x3,actions=mod_nw_tos:184,load:0x1->NXM_NX_REG15[0],resubmit(,0)"),
        "{mark}"
    );
    let (place, actions) = limit.split_once(",actions=meter:").unwrap();
    assert_eq!(place, "priority=64993,ip,nw_dst=10.0.0.0/8,reg15=0/0x2");
    assert!(actions.ends_with(",load:0x1->NXM_NX_REG15[1],resubmit(,0)"), "{actions}");
    assert_eq!(late, "priority=64990,ip,nw_tos=184,nw_src=10.0.0.7,actions=NORMAL");
    let many: String = (0..33)
        .map(|n| format!("[policy.m{n:02}]\nbridge = \"br0\"\nsource = \"10.0.1.{n}\"\naction = {{ mark = {{ dscp = 8 }} }}\n"))
        .collect();
    let found = desired(&many);
    let faults: Vec<_> = found.faults.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
    assert!(matches!(faults[..], [("m32", why)] if why.starts_with("32 policies")), "{faults:?}");
}

#[test]
fn states_need_tracking_as_long_as_somebody_asks_for_one() {
    let text = "[policy.a]\nbridge = \"br0\"\naction = \"accept\"\nstate = [\"established\", \"related\"]\ndestination = \"10.0.0.1\"\n";
    let words = [
        "priority=62998,ip,nw_dst=10.0.0.1,ct_state=+trk+rel-est,actions=NORMAL",
        "priority=62998,ip,nw_dst=10.0.0.1,ct_state=+trk+est,actions=NORMAL",
        "priority=65000,ip,ct_state=-trk,actions=ct(commit,table=0,zone=26739)",
        "priority=65000,ipv6,ct_state=-trk,actions=ct(commit,table=0,zone=26739)",
    ];
    assert_eq!(texts(text), words);
    let mut both =
        desired(&(text.to_owned() + &text.replace("policy.a", "policy.b").replace("0.1\"", "0.2\"")));
    for (guilty, left) in [("a", 4), ("b", 0)] {
        both.faults.insert(guilty.parse().unwrap(), "why".to_owned());
        both.without_faulty();
        assert_eq!(both.flows.len(), left, "{guilty}");
    }
}

#[test]
fn a_port_with_another_number_and_another_mark_behind_make_another_flow_of_the_same_policy() {
    let text = "[policy.a]\nbridge = \"br0\"\naction = { redirect = { device = \"veth2\" } }\nfrom = \"veth1\"\nprotocol = \"tcp\"\n";
    let (alone, [first, _]) = (desired(text), ["in_port=1", "LOCAL"]);
    assert_eq!(alone.flows[0].more(), [first, "LOCAL"]);
    let seen = |number| {
        parse(&format!(
            " cookie={:#x}, duration=1s, table=0, n_packets=0, n_bytes=0, priority=62999,tcp,in_port={number} actions=LOCAL",
            alone.flows[0].cookie()
        ))
    };
    assert!(seen(1)[0].has(alone.flows[0].more()) && !seen(2)[0].has(alone.flows[0].more()));
    let dscp = "[policy.a]\nbridge = \"br0\"\ndscp = 8\naction = \"drop\"\n";
    let more =
        dscp.to_owned() + "[policy.z]\nbridge = \"br0\"\npriority = 2000\naction = { mark = { dscp = 9 } }\n";
    let (without, with) = (desired(dscp), desired(&more));
    assert_eq!(without.flows[0].cookie(), with.flows[0].cookie());
    assert_ne!(without.flows[0].more(), with.flows[0].more());
}
