//! Rules as iptables and nft print them, and what they do to a datagram.

use super::*;
use proptest::prelude::*;

fn to(address: &str, port: u16) -> Datagram {
    Datagram { to: address.parse().unwrap(), port }
}

fn saved(rules: &str) -> Vec<Chain> {
    iptables::parse(
        &format!("*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:own - [0:0]\n{rules}COMMIT\n"),
        "ip",
    )
}

#[test]
fn a_rule_that_is_understood_whole_decides() {
    let here = to("192.0.2.7", 6343);
    for (rules, dropped) in [
        ("", false),
        ("-A OUTPUT -p udp -m udp --dport 6343 -j DROP\n", true),
        ("-A OUTPUT -p udp -m udp --dport 6344 -j DROP\n", false),
        ("-A OUTPUT -p tcp -m tcp --dport 6343 -j DROP\n", false),
        (
            "-A OUTPUT -p udp -m multiport --dports 53,6000:7000 -j REJECT --reject-with icmp-port-unreachable\n",
            true,
        ),
        ("-A OUTPUT -d 192.0.2.0/24 -j DROP\n", true),
        ("-A OUTPUT -d 198.51.100.0/24 -j DROP\n", false),
        ("-A OUTPUT ! -d 192.0.2.0/24 -j DROP\n", false),
        ("-A OUTPUT ! -o lo -p udp -j LOG --log-prefix \"-j DROP \"\n", false),
        ("-A OUTPUT -o lo -j DROP\n", false),
        ("-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A OUTPUT -p udp -j DROP\n", true),
        ("-A OUTPUT -p udp -m udp --dport 6343 -j ACCEPT\n-A OUTPUT -j DROP\n", false),
        ("-A OUTPUT -j own\n-A own -p udp -j DROP\n", true),
        ("-A OUTPUT -j own\n-A own -p udp -j RETURN\n-A own -j DROP\n", false),
        ("-A INPUT -p udp -j DROP\n", false),
        ("[4:5] -A OUTPUT -p udp -m comment --comment \"no sFlow\" -j DROP\n", true),
    ] {
        let answer = ask(&saved(rules), here);
        assert_eq!(matches!(answer, Answer::Dropped(_)), dropped, "{rules}{answer:?}");
        assert!(dropped || answer == Answer::Passes, "{rules}{answer:?}");
    }
}

#[test]
fn what_is_not_understood_is_a_may() {
    let here = to("192.0.2.7", 6343);
    for rules in [
        "-A OUTPUT -p udp -m owner --uid-owner 999 -j DROP\n",
        "-A OUTPUT -o eth+ -p udp -j DROP\n",
        "-A OUTPUT -m set --match-set blocked dst -j own\n-A own -j DROP\n",
        "-A OUTPUT -m owner --uid-owner 0 -j ACCEPT\n-A OUTPUT -j DROP\n",
    ] {
        assert!(matches!(ask(&saved(rules), here), Answer::MayBeDropped(_)), "{rules}");
    }
}

#[test]
fn a_policy_drops_what_no_rule_accepts() {
    let text = |rules: &str| format!("*filter\n:OUTPUT DROP [0:0]\n{rules}COMMIT\n");
    let here = to("192.0.2.7", 6343);
    let policy = "the policy of chain OUTPUT of table ip filter".to_owned();
    assert_eq!(ask(&iptables::parse(&text(""), "ip"), here), Answer::Dropped(policy.clone()));
    let accepting = text("-A OUTPUT -p udp --dport 6343 -j ACCEPT\n");
    assert_eq!(ask(&iptables::parse(&accepting, "ip"), here), Answer::Passes);
    let perhaps = text("-A OUTPUT -m owner --uid-owner 999 -j ACCEPT\n");
    assert_eq!(ask(&iptables::parse(&perhaps, "ip"), here), Answer::MayBeDropped(policy));
}

/// As nft 1.0.6 prints it, shortened.
fn nft(expressions: &str, policy: &str) -> Vec<Chain> {
    let text = format!(
        r#"{{"nftables": [{{"metainfo": {{"version": "1.0.6"}}}}, {{"table": {{"family": "inet", "name": "t"}}}},
        {{"chain": {{"family": "inet", "table": "t", "name": "out", "handle": 1, "type": "filter", "hook": "output", "prio": 0, "policy": "{policy}"}}}},
        {{"rule": {{"family": "inet", "table": "t", "chain": "out", "handle": 4, "expr": [{expressions}]}}}}]}}"#
    );
    nft::parse(&text).unwrap()
}

#[test]
fn rules_of_nft_are_read_with_sets_ranges_and_prefixes() {
    let port = r#"{"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": RIGHT}}"#;
    let address = r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": RIGHT}}"#;
    for (template, right, dropped) in [
        (port, "6343", true),
        (port, "6344", false),
        (port, r#"{"set": [53, {"range": [6000, 7000]}]}"#, true),
        (address, r#""192.0.2.7""#, true),
        (address, r#"{"prefix": {"addr": "192.0.2.0", "len": 24}}"#, true),
        (address, r#"{"prefix": {"addr": "198.51.100.0", "len": 24}}"#, false),
        (
            r#"{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": RIGHT}}"#,
            r#""udp""#,
            true,
        ),
        (
            r#"{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": RIGHT}}"#,
            "6343",
            false,
        ),
        (
            r#"{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": RIGHT}}"#,
            r#"["established", "related"]"#,
            false,
        ),
    ] {
        let chains = nft(
            &format!(
                "{}, {{\"counter\": {{\"packets\": 0, \"bytes\": 0}}}}, {{\"drop\": null}}",
                template.replace("RIGHT", right)
            ),
            "accept",
        );
        let answer = ask(&chains, to("192.0.2.7", 6343));
        let expected = if dropped {
            Answer::Dropped("rule 4 of chain out of table inet t (nft -a list table inet t)".into())
        } else {
            Answer::Passes
        };
        assert_eq!(answer, expected, "{right}");
    }
    for not_understood in [
        r#"{"match": {"op": "==", "left": {"meta": {"key": "skuid"}}, "right": 999}}"#,
        r#"{"limit": {"rate": 10, "per": "second", "inv": true}}"#,
        r#"{"set": {"op": "add", "elem": 1, "set": "@s", "stmt": [{"limit": {"rate": 10, "per": "second", "inv": true}}]}}"#,
        r#"{"meter": {"key": 1, "stmt": {"limit": {"rate": 10, "per": "second", "inv": true}}, "name": "m"}}"#,
    ] {
        let odd = nft(&format!("{not_understood}, {{\"drop\": null}}"), "accept");
        let answer = ask(&odd, to("192.0.2.7", 6343));
        assert!(matches!(answer, Answer::MayBeDropped(_)), "{not_understood}: {answer:?}");
    }
    assert!(matches!(ask(&nft(r#"{"counter": null}"#, "drop"), to("::1", 1)), Answer::Dropped(_)));
}

#[test]
fn a_table_of_the_other_family_is_no_matter() {
    let text = r#"{"nftables": [{"chain": {"family": "ip6", "table": "t", "name": "o", "type": "filter", "hook": "output", "policy": "accept"}},
        {"rule": {"family": "ip6", "table": "t", "chain": "o", "handle": 2, "expr": [{"drop": null}]}}]}"#;
    let chains = nft::parse(text).unwrap();
    assert_eq!(ask(&chains, to("192.0.2.7", 6343)), Answer::Passes);
    assert!(matches!(ask(&chains, to("2001:db8::7", 6343)), Answer::Dropped(_)));
}

#[test]
fn chains_that_jump_to_each_other_end() {
    let rules = "-A OUTPUT -j own\n-A own -j OUTPUT\n";
    assert_eq!(ask(&saved(rules), to("192.0.2.7", 6343)), Answer::Passes);
}

#[test]
fn networks_have_their_addresses_and_no_others() {
    for (net, address, has) in [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/255.0.0.0", "11.0.0.1", false),
        ("0.0.0.0/0", "1.2.3.4", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("192.0.2.7", "192.0.2.7", true),
    ] {
        assert_eq!(Net::parse(net).unwrap().has(address.parse().unwrap()), has, "{net} {address}");
    }
    assert!(
        ["", "10.0.0.0/33", "x/8", "::/129", "10.0.0.0/", "10.0.0.0/255.0.255.0", "10.0.0.0/ff::"]
            .iter()
            .all(|text| Net::parse(text).is_none())
    );
}

proptest! {
    #[test]
    fn no_text_brings_it_down(text in "(\\*filter\n:OUTPUT (DROP|ACCEPT) \\[0:0\\]\n)?(-A OUTPUT [ -~]{0,60}\n){0,4}.{0,40}") {
        let _ = ask(&iptables::parse(&text, "ip"), to("192.0.2.7", 6343));
        let _ = nft::parse(&text).map(|chains| ask(&chains, to("::1", 6343)));
    }

    #[test]
    fn a_drop_of_everything_drops_whatever_stands_behind_it(rest in "(-A OUTPUT (-p udp|-d 10.0.0.0/8|-j own) -j (ACCEPT|LOG)\n){0,5}") {
        let answer = ask(&saved(&format!("-A OUTPUT -j DROP\n{rest}")), to("192.0.2.7", 6343));
        prop_assert_eq!(answer, Answer::Dropped("-A OUTPUT -j DROP".into()));
    }
}
