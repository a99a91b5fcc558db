use super::*;
use crate::policy::file::parse;
use crate::policy::lines::Dialect;

fn planned(text: &str) -> (Lanes, BTreeMap<PolicyName, String>) {
    let wishes = parse(&[("policy.toml", text)], Dialect::Linux);
    assert_eq!(wishes.faults, []);
    lanes(wishes.policies.iter(), Classifier::U32)
}

/// The lines that make a device of MTU 1500 from nothing.
fn made(parts: &Parts) -> Vec<String> {
    steps("eth0", &BTreeMap::new(), parts, false).into_iter().map(|line| line.text).collect()
}

#[test]
fn a_limit_of_everything_is_one_bucket() {
    let (lanes, _) = planned("[policy.a]\nto = \"eth0\"\naction = { shape = { rate = \"10 Mbit/s\" } }");
    let (parts, faults) = lanes[&("eth0".to_owned(), Side::Egress)].tree("eth0", 1500);
    let wanted = "qdisc replace dev eth0 root handle 5f01: tbf rate 10000000bit burst 12500b limit 75000b";
    assert_eq!((made(&parts), faults.len()), (vec![wanted.to_owned()], 0));
}

#[test]
fn what_is_about_everything_comes_after_what_is_about_something() {
    let (lanes, faults) = planned(
        "[policy.a-rest]\nto = \"eth0\"\naction = { shape = { share = 20, of = \"100 Mbit/s\" } }\n\
         [policy.web]\nto = \"eth0\"\nprotocol = \"tcp\"\nsource_port = 80\naction = { shape = { share = 50, of = \"100 Mbit/s\" } }\n\
         [policy.x]\nto = \"eth0\"\nprotocol = \"udp\"\naction = { shape = { share = 40, of = \"100 Mbit/s\" } }",
    );
    assert!(faults.is_empty());
    let (parts, faults) = lanes[&("eth0".to_owned(), Side::Egress)].tree("eth0", 1500);
    let names: Vec<_> = faults.keys().map(PolicyName::as_str).collect();
    assert_eq!(names, ["a-rest"], "50 and 40 leave less than 20");
    let rest = "classid 5f00:ffff htb rate 10000000bit ceil 100000000bit";
    assert!(made(&parts).iter().any(|line| line.contains(rest)), "{parts:?}");
}

#[test]
fn what_tc_cannot_tell_is_a_fault_in_words() {
    for (keys, word) in [
        ("to = \"swp+\"", "pattern"),
        ("to = \"eth0\"\nsource = \"@web\"", "groups"),
        ("to = \"eth0\"\nstate = \"new\"", "states"),
        ("to = \"eth0\"\nfrom = \"eth1\"", "not both"),
        ("to = \"eth0\"\ndirection = \"out\"", "direction"),
    ] {
        let text = format!(
            "[group.web]\naddresses = [\"10.0.0.1\"]\n[policy.a]\n{keys}\naction = {{ shape = {{ rate = \"1 Mbit/s\" }} }}"
        );
        let (lanes, faults) = planned(&text);
        let why = faults.values().next().unwrap();
        assert!(lanes.is_empty() && why.contains(word), "{keys}: {why}");
    }
}
