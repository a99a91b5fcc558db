use super::*;
use proptest::prelude::*;

fn on(if_index: u32, ip: &str) -> Candidate {
    let device = Device { if_index, name: format!("d{if_index}"), up: true, ..Device::default() };
    let ip = ip.parse().unwrap();
    Candidate { ip, device, autoconf: false, tentative: false, secondary: false, order: if_index }
}

fn lo(ip: &str) -> Candidate {
    with(on(1, ip), |c| c.device.loopback = true)
}

fn with(mut candidate: Candidate, change: impl FnOnce(&mut Candidate)) -> Candidate {
    change(&mut candidate);
    candidate
}

fn cidr(text: &str) -> CidrRule {
    let (negate, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let (network, prefix) = text.split_once('/').unwrap();
    CidrRule { network: network.parse().unwrap(), prefix: prefix.parse().unwrap(), negate }
}

fn cidrs(lines: &[&str]) -> Wish {
    Wish { cidrs: lines.iter().map(|l| cidr(l)).collect(), ..Wish::default() }
}

fn agent(device: &str) -> Wish {
    Wish { device: Some(device.into()), ..Wish::default() }
}

fn winner(candidates: &[Candidate], wish: &Wish) -> Option<String> {
    elect(candidates, wish, None).choice.map(|c| c.ip.to_string())
}

fn wins(candidates: &[Candidate], wish: &Wish, expected: &str) {
    assert_eq!(winner(candidates, wish).as_deref(), Some(expected));
}

#[test]
fn classes_rank_as_the_reference_does() {
    let rank = |ip: &str, lo, vlan| Class::of(ip.parse().unwrap(), lo, vlan).rank();
    for (ip, lo, vlan, expected) in [
        ("8.8.8.8", false, false, 12),
        ("100.64.0.1", false, false, 12),
        ("10.0.0.1", false, false, 11),
        ("172.31.255.255", false, false, 11),
        ("172.32.0.0", false, false, 12),
        ("192.168.0.1", false, false, 11),
        ("2001:db8::1", false, false, 10),
        ("fd00::1", false, false, 9),
        ("8.8.8.8", false, true, 8),
        ("10.0.0.1", false, true, 8),
        ("2001:db8::1", false, true, 7),
        ("fd00::1", false, true, 9),
        ("fe80::1", false, true, 6),
        ("169.254.1.1", false, true, 5),
        ("10.0.0.1", true, true, 4),
        ("2001:db8::1", true, false, 3),
        ("::1", false, false, 3),
        ("240.127.1.1", false, false, 1),
        ("239.1.1.1", false, false, 0),
        ("ff02::1", false, false, 0),
        ("0.0.0.0", false, false, 0),
    ] {
        assert_eq!(rank(ip, lo, vlan), expected, "{ip} loopback={lo} vlan={vlan}");
    }
}

#[test]
fn agent_ip_is_taken_as_it_is_even_where_no_device_has_it() {
    let wish = |ip: &str| Wish { ip: ip.parse().ok(), cidrs: vec![cidr("!10.0.0.0/8")], device: None };
    let here = [on(2, "10.0.0.1")];
    let absent = elect(&here, &wish("192.0.2.9"), None);
    let choice = absent.choice.unwrap();
    assert_eq!((choice.ip.to_string().as_str(), choice.device), ("192.0.2.9", None));
    assert_eq!(absent.explanation, "192.0.2.9 on no device of this host: set by agentIP");
    assert_eq!(elect(&here, &wish("10.0.0.1"), None).choice.unwrap().device.as_deref(), Some("d2"));
}

#[test]
fn an_unknown_agent_device_falls_back_to_the_usual_election_and_says_so() {
    let election = elect(&[on(2, "10.0.0.1")], &agent("eth9"), None);
    assert_eq!(election.choice.unwrap().ip.to_string(), "10.0.0.1");
    assert_eq!(
        election.explanation,
        "10.0.0.1 on d2: RFC 1918 IPv4 (class 11); 0 others considered; agent=eth9 ignored: no such device has an address"
    );
}

#[test]
fn the_agent_device_outweighs_any_class_and_may_be_named_by_its_alias() {
    let alias = |c: Candidate, name: &str| with(c, |c| c.device.alias = Some(name.into()));
    let hosts = [on(2, "8.8.8.8"), alias(on(3, "fe80::3"), "uplink"), alias(on(4, "10.0.0.4"), "d2")];
    wins(&hosts, &agent("d3"), "fe80::3");
    wins(&hosts, &agent("uplink"), "fe80::3");
    wins(&hosts, &agent("d2"), "8.8.8.8");
}

#[test]
fn earlier_cidr_lines_weigh_more_but_the_later_overlapping_line_applies() {
    let wish = cidrs(&["10.0.0.0/8", "10.1.0.0/16"]);
    wins(&[on(2, "10.1.1.1"), on(3, "10.2.2.2")], &wish, "10.2.2.2");
    let election = elect(&[on(2, "10.1.1.1"), on(3, "10.2.2.2")], &wish, None);
    assert_eq!(
        election.explanation,
        "10.2.2.2 on d3: RFC 1918 IPv4 (class 11), preferred by agent.cidr 10.0.0.0/8 (line 1 of 2); 1 other considered"
    );
}

#[test]
fn against_a_cidr_line_the_agent_device_only_ties() {
    let wish = |lines: &[&str]| Wish { device: Some("d2".into()), ..cidrs(lines) };
    wins(&[on(1, "10.0.1.1"), on(2, "10.0.2.1")], &wish(&["10.0.1.0/24"]), "10.0.1.1");
    wins(&[on(3, "10.0.1.1"), on(2, "10.0.2.1")], &wish(&["10.0.1.0/24"]), "10.0.2.1");
    wins(&[on(1, "10.0.1.1"), on(2, "8.8.8.8")], &wish(&["10.0.1.0/24"]), "8.8.8.8");
}

#[test]
fn an_excluded_address_never_wins_not_even_alone() {
    let wish = cidrs(&["!10.0.0.0/8"]);
    let alone = elect(&[on(2, "10.0.0.1")], &wish, None);
    assert_eq!(alone.choice, None);
    assert!(alone.explanation.starts_with("no agent address: none of 1 address may be used"));
    wins(&[on(2, "10.0.0.1"), on(2, "fe80::2")], &wish, "fe80::2");
    wins(&[on(2, "10.0.0.1"), lo("127.0.0.1")], &wish, "127.0.0.1");
    assert_eq!(winner(&[on(2, "10.0.0.1")], &Wish { device: Some("d2".into()), ..wish }), None);
}

#[test]
fn loopback_is_taken_only_when_nothing_better_exists() {
    wins(&[lo("127.0.0.1"), lo("::1")], &Wish::default(), "127.0.0.1");
    let down = with(on(2, "10.0.0.1"), |c| c.device.up = false);
    wins(&[lo("127.0.0.1"), down], &Wish::default(), "10.0.0.1");
    assert_eq!(elect(&[], &Wish::default(), None).explanation, "no agent address: this host has no address");
}

#[test]
fn ties_go_to_stable_then_lowest_ifindex_then_primary_then_first_listed() {
    let auto = |c| with(c, |c: &mut Candidate| c.autoconf = true);
    let later = |c, order| with(c, |c: &mut Candidate| c.order = order);
    let none = Wish::default();
    wins(&[auto(on(2, "2001:db8::2")), on(3, "2001:db8::3")], &none, "2001:db8::3");
    wins(&[on(3, "10.0.0.1"), on(2, "10.0.0.2")], &none, "10.0.0.2");
    wins(&[later(on(2, "10.0.0.1"), 9), on(2, "10.0.0.2")], &none, "10.0.0.2");
    let secondary = with(on(2, "10.0.0.1"), |c| c.secondary = true);
    wins(&[secondary, later(on(2, "10.0.0.2"), 9)], &none, "10.0.0.2");
}

#[test]
fn an_address_on_several_devices_counts_by_its_best_device() {
    let shared = [lo("10.0.0.1"), on(5, "10.0.0.1")];
    let all = [&shared[..], &[on(3, "10.0.0.3")]].concat();
    let choice = elect(&all, &Wish::default(), None).choice.unwrap();
    assert_eq!((choice.ip.to_string().as_str(), choice.device.as_deref()), ("10.0.0.1", Some("d5")));
}

#[test]
fn a_container_bridge_is_chosen_only_by_name_or_cidr() {
    let bridge = with(on(3, "172.17.0.1"), |c| c.device.container_bridge = true);
    assert_eq!(winner(std::slice::from_ref(&bridge), &Wish::default()), None);
    wins(&[bridge.clone(), lo("127.0.0.1")], &Wish::default(), "127.0.0.1");
    wins(&[bridge.clone(), on(2, "8.8.8.8")], &agent("d3"), "172.17.0.1");
    wins(&[bridge, on(2, "8.8.8.8")], &cidrs(&["172.16.0.0/12"]), "172.17.0.1");
}

#[test]
fn an_address_not_yet_checked_for_duplicates_waits() {
    let tentative = with(on(2, "2001:db8::1"), |c| c.tentative = true);
    assert_eq!(winner(std::slice::from_ref(&tentative), &agent("d2")), None);
}

#[test]
fn a_routable_choice_is_kept_until_it_goes_or_the_wishes_change() {
    let none = Wish::default();
    let first = elect(&[on(3, "2001:db8::3")], &none, None);
    let both = [on(3, "2001:db8::3"), on(2, "8.8.8.8")];
    let kept = elect(&both, &none, Some(&first));
    assert_eq!(kept.choice, first.choice);
    assert!(kept.explanation.contains("kept because it is still there"), "{}", kept.explanation);
    let moved = elect(&both, &cidrs(&["8.0.0.0/8"]), Some(&kept));
    assert_eq!(moved.choice.unwrap().ip.to_string(), "8.8.8.8");
    let gone = elect(&both[1..], &none, Some(&kept));
    assert_eq!(gone.choice.unwrap().ip.to_string(), "8.8.8.8");
}

#[test]
fn a_choice_that_others_cannot_reach_is_given_up_for_a_better_one() {
    for poor in [lo("127.0.0.1"), on(2, "fe80::1"), on(2, "169.254.0.1")] {
        let first = elect(std::slice::from_ref(&poor), &Wish::default(), None);
        let next = elect(&[poor, on(3, "10.0.0.1")], &Wish::default(), Some(&first));
        assert_eq!(next.choice.unwrap().ip.to_string(), "10.0.0.1");
    }
}

fn gateway(if_index: u32, ip: &str) -> Candidate {
    with(on(if_index, ip), |c| c.device.shared = true)
}

#[test]
fn virtual_routers_are_known_by_their_link_addresses() {
    let table = [
        ([0, 0, 0x5e, 0, 1, 0x33], false, true),
        ([0, 0, 0x5e, 0, 2, 0x33], true, true),
        ([0, 0, 0x5e, 0, 3, 0x33], true, false),
        ([0x44, 0x38, 0x39, 0xff, 0, 1], true, true),
        ([0x44, 0x38, 0x39, 0xff, 0, 1], false, false),
        ([0x44, 0x38, 0x39, 0, 0, 1], true, false),
    ];
    for (mac, second, expected) in table {
        assert_eq!(is_virtual_router(mac, second), expected, "{mac:x?} {second}");
    }
}

#[test]
fn an_address_that_other_switches_have_loses_to_all_routable_ones_and_wins_over_the_rest() {
    let none = Wish::default();
    for better in ["10.0.0.9", "2001:db8::1", "fd00::1"] {
        wins(&[gateway(2, "192.0.2.1"), on(3, better)], &none, better);
    }
    let vlan = with(on(3, "10.0.0.9"), |c| c.device.vlan = true);
    wins(&[gateway(2, "192.0.2.1"), vlan], &none, "10.0.0.9");
    for worse in [on(3, "fe80::1"), on(3, "169.254.0.1"), lo("127.0.0.1"), lo("10.255.0.1")] {
        wins(&[gateway(2, "192.0.2.1"), worse], &none, "192.0.2.1");
    }
    wins(&[gateway(2, "192.0.2.1"), on(3, "192.0.2.1"), on(4, "10.0.0.9")], &none, "192.0.2.1");
}

#[test]
fn who_wishes_for_such_an_address_gets_it() {
    let all = [gateway(2, "192.0.2.1"), on(3, "198.51.100.1")];
    wins(&all, &agent("d2"), "192.0.2.1");
    wins(&all, &cidrs(&["192.0.2.0/24"]), "192.0.2.1");
}

#[test]
fn such_an_address_is_given_up_for_a_better_one_and_the_words_say_why() {
    let none = Wish::default();
    let alone = elect(&[gateway(2, "192.0.2.1")], &none, None);
    assert!(alone.explanation.contains("other switches have it too"), "{}", alone.explanation);
    let both = elect(&[gateway(2, "192.0.2.1"), on(3, "10.0.0.9")], &none, Some(&alone));
    assert_eq!(both.choice.as_ref().map(|c| c.ip.to_string()).as_deref(), Some("10.0.0.9"));
    assert!(both.explanation.ends_with("(1 of virtual routers passed over: other switches have them too)"));
}

#[test]
fn among_equals_a_switch_port_and_127_come_last() {
    let none = Wish::default();
    let port = with(on(2, "10.1.0.1"), |c| c.device.switch_port = true);
    wins(&[port.clone(), on(9, "192.168.0.5")], &none, "192.168.0.5");
    wins(&[port, on(9, "fd00::1")], &none, "10.1.0.1");
    wins(&[lo("127.0.0.1"), lo("10.255.0.1")], &none, "10.255.0.1");
    wins(&[lo("::1"), lo("2001:db8::1")], &none, "2001:db8::1");
}

#[test]
fn the_device_that_agent_names_is_waited_for() {
    let wish = agent("d3");
    let first = elect(&[on(2, "192.0.2.1")], &wish, None);
    let later = [on(2, "192.0.2.1"), on(3, "10.0.0.9")];
    let second = elect(&later, &wish, Some(&first));
    assert_eq!(second.choice.as_ref().map(|c| c.ip.to_string()).as_deref(), Some("10.0.0.9"));
    let third = elect(&[later.as_slice(), &[on(3, "10.0.0.1")]].concat(), &wish, Some(&second));
    assert_eq!(third.choice, second.choice, "and kept");
}

fn arb_ip() -> impl Strategy<Value = IpAddr> {
    let near = prop_oneof![Just(8_u8), Just(10), Just(127), Just(169), Just(192), Just(224), Just(240)];
    prop_oneof![
        (near, 0_u8..3, 0_u8..4).prop_map(|(a, b, d)| IpAddr::from([
            a,
            if a == 169 { 254 } else { b },
            0,
            d
        ])),
        (prop_oneof![Just(0x2001_u16), Just(0xfd00), Just(0xfe80)], 0_u16..4)
            .prop_map(|(a, h)| IpAddr::from([a, 0, 0, 0, 0, 0, 0, h])),
    ]
}

/// Devices are a function of their index, as on a host; a (device, address) pair occurs once.
fn arb_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (1_u32..7, arb_ip(), any::<[bool; 3]>(), 0_u32..9).prop_map(|(if_index, ip, flags, order)| {
        with(on(if_index, "10.0.0.1"), |c| {
            (c.ip, c.order) = (ip, order);
            [c.autoconf, c.tentative, c.secondary] = flags;
            c.tentative &= order < 3;
            (c.device.loopback, c.device.vlan, c.device.container_bridge) =
                (if_index == 1, if_index == 4, if_index >= 5);
            c.device.shared = if_index == 3;
        })
    });
    prop::collection::vec(one, 0..12).prop_map(|mut all| {
        all.sort_by_key(|c| (c.device.if_index, c.ip));
        all.dedup_by_key(|c| (c.device.if_index, c.ip));
        all
    })
}

fn arb_wish() -> impl Strategy<Value = Wish> {
    let rule = (arb_ip(), 0_u8..33, any::<bool>()).prop_map(|(network, prefix, negate)| CidrRule {
        network,
        prefix,
        negate,
    });
    (prop::option::of(1_u32..9), prop::collection::vec(rule, 0..4)).prop_map(|(device, cidrs)| Wish {
        ip: None,
        device: device.map(|d| format!("d{d}")),
        cidrs,
    })
}

/// The applicable rule, found the slow way.
fn applies(wish: &Wish, ip: IpAddr) -> Option<&CidrRule> {
    let text = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => format!("4{:032b}", u32::from(ip)),
        IpAddr::V6(ip) => format!("6{:0128b}", u128::from(ip)),
    };
    wish.cidrs.iter().rev().find(|r| text(ip).starts_with(&text(r.network)[..=usize::from(r.prefix)]))
}

proptest! {
    #[test]
    fn what_wins_is_neither_excluded_nor_tentative_nor_an_unwanted_container_bridge(
        all in arb_candidates(), wish in arb_wish(),
    ) {
        if let Some(choice) = elect(&all, &wish, None).choice {
            let rule = applies(&wish, choice.ip);
            prop_assert!(!rule.is_some_and(|r| r.negate));
            let holder = all.iter().find(|c| c.ip == choice.ip && choice.device.as_ref() == Some(&c.device.name));
            let holder = holder.expect("a choice is one of the candidates");
            prop_assert!(!holder.tentative);
            let named = wish.device.as_ref() == Some(&holder.device.name);
            prop_assert!(!holder.device.container_bridge || named || rule.is_some());
        }
    }

    #[test]
    fn the_order_of_the_candidates_does_not_matter(
        (all, shuffled) in arb_candidates().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        wish in arb_wish(),
    ) {
        prop_assert_eq!(elect(&all, &wish, None), elect(&shuffled, &wish, None));
    }

    #[test]
    fn a_routable_choice_survives_any_additions(all in arb_candidates(), more in arb_candidates(), wish in arb_wish()) {
        let first = elect(&all, &wish, None);
        let mut grown = all.clone();
        grown.extend(more.into_iter().filter(|m| !all.iter().any(|c| c.device.if_index == m.device.if_index)));
        prop_assume!(first.choice.as_ref().is_some_and(|c| c.class.is_some_and(Class::is_routable)));
        // Unless the configuration names a device that was not there.
        prop_assume!(wish.device.is_none() || first.pegged);
        // Nor one that others have too.
        prop_assume!(first.choice.as_ref().is_some_and(|c| c.device.as_deref() != Some("d3")));
        prop_assert_eq!(elect(&grown, &wish, Some(&first)).choice.map(|c| c.ip), first.choice.map(|c| c.ip));
    }
}
