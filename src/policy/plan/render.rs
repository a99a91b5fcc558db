//! A policy's match and action as rules of iptables, in the words that `iptables-save` 1.8 would print.

use super::chains::{ChainRule, OURS};
use super::sets::SetName;
use super::tunnel;
use crate::policy::model::{
    Action, Chain, End, Family, Match, PolicyName, Ports, Protocol, Rate, RawRule, Rule, Table, Traffic,
    Tunnel,
};
use std::fmt::Write as _;

/// Where a rule goes.
pub(super) type Place = (Family, Table, Chain);

/// A number for words that must differ when the words do; FNV-1a, nothing hangs on it being hard to meet.
pub(in crate::policy) fn sum(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// A rule with its comment, which stands before the target.
fn marked((family, table, chain): Place, name: &str, matches: &str, target: &str) -> ChainRule {
    let version = if family == Family::V4 { "4" } else { "6" };
    let sum = sum(&[version, table.name(), chain.ours(), matches, target]);
    let mark = format!("{OURS}:{name}:{sum:016x}");
    let words = format!("{matches}-m comment --comment \"{mark}\" -j {target}");
    ChainRule { mark: Some(mark), words, counters: (0, 0) }
}

/// The rule that drops what is in a set.
pub(super) fn drop_set(place: Place, set: &SetName, side: &str) -> ChainRule {
    marked(place, "", &format!("-m set --match-set {set} {side} "), "DROP")
}

/// A vetted line; `None` where it is not for the kernel's tables.
pub(super) fn raw(name: &PolicyName, rule: &RawRule) -> Option<(Place, ChainRule)> {
    let family = rule.tool().family().filter(|_| !rule.is_cumulus)?;
    let mut matches = rule.matches.join(" ");
    if !matches.is_empty() {
        matches.push(' ');
    }
    // The first word is -j.
    let target = rule.target.get(1..).unwrap_or_default().join(" ");
    let place = (family, rule.table(), rule.chain());
    Some((place, marked(place, name.as_str(), &matches, &target)))
}

/// The rules of a policy, in their order; none where other means than iptables are wanted.
pub(super) fn rules(name: &PolicyName, rule: &Rule) -> Vec<(Place, ChainRule)> {
    let traffic = rule.matching().traffic();
    if traffic.bridge.is_some() {
        return Vec::new();
    }
    let (table, targets, above) = match rule.action() {
        Action::Accept => (Table::Filter, vec!["ACCEPT".to_owned()], traffic.above),
        Action::Drop => (Table::Filter, vec!["DROP".to_owned()], traffic.above),
        Action::Reject => (Table::Filter, vec![String::from("REJECT")], traffic.above),
        Action::Limit(rate) => (Table::Filter, vec!["DROP".to_owned()], Some(*rate)),
        Action::Mark(mark) => {
            let dscp = mark.dscp.map(|dscp| format!("DSCP --set-dscp {dscp}"));
            let class = mark.class.map(|class| format!("CLASSIFY --set-class {class}"));
            (Table::Mangle, dscp.into_iter().chain(class).collect(), traffic.above)
        }
        Action::Shape(_) | Action::Redirect(_) => return Vec::new(),
    };
    let mut rules = Vec::new();
    for family in Family::ALL {
        for (source, destination) in rule.matching().pairs(family) {
            let matches = matches(rule.matching(), family, source, destination);
            for direction in &traffic.directions {
                for target in &targets {
                    let place = (family, table, Chain::from(*direction));
                    let counted = above.map(|rate| counted(name, target, rate)).unwrap_or_default();
                    let target = with_reply(family, target);
                    rules
                        .push((place, marked(place, name.as_str(), &format!("{matches}{counted}"), &target)));
                }
            }
        }
    }
    rules
}

fn with_reply(family: Family, target: &str) -> String {
    match (target, family) {
        ("REJECT", Family::V4) => "REJECT --reject-with icmp-admin-prohibited".to_owned(),
        ("REJECT", Family::V6) => "REJECT --reject-with icmp6-adm-prohibited".to_owned(),
        _ => target.to_owned(),
    }
}

/// All rules of one policy and target count together; the name says the rate, because the kernel keeps the table of a
/// name as it was first made.
fn counted(name: &PolicyName, target: &str, rate: Rate) -> String {
    let sum = sum(&[name.as_str(), target, &rate.to_string()]) >> 32;
    let how = match rate {
        Rate::Bits(bits) => format!("{}b/s", bits / 8),
        // The bucket holds a tenth of a second.
        Rate::Packets(packets) => {
            format!("{packets}/sec --hashlimit-burst {}", (packets / 10).clamp(5, 10_000))
        }
    };
    format!("-m hashlimit --hashlimit-above {how} --hashlimit-name hsf-{sum:08x} ")
}

pub(in crate::policy) fn matches(
    matching: &Match,
    family: Family,
    source: Option<&End>,
    destination: Option<&End>,
) -> String {
    let t = matching.traffic();
    let mut text = String::with_capacity(160);
    for (option, end) in [("-s", source), ("-d", destination)] {
        if let Some(End::Prefix(prefix)) = end.filter(|end| !is_everything(end)) {
            let _ = write!(text, "{option} {prefix} ");
        }
    }
    for (option, interface) in [("-i", &t.from), ("-o", &t.to)] {
        if let Some(interface) = interface {
            let _ = write!(text, "{option} {interface} ");
        }
    }
    payload(t, family, &mut text);
    if let Some(dscp) = t.dscp {
        let _ = write!(text, "-m dscp --dscp {dscp} ");
    }
    if !t.states.is_empty() {
        let _ = write!(text, "-m conntrack --ctstate {} ", listed(&t.states));
    }
    for (side, end) in [("src", source), ("dst", destination)] {
        if let Some(End::Group(group)) = end {
            let _ = write!(text, "-m set --match-set {} {side} ", SetName::group(family, group));
        }
    }
    text
}

/// `0.0.0.0/0` is no condition, and not printed by iptables-save.
fn is_everything(end: &End) -> bool {
    matches!(end, End::Prefix(prefix) if prefix.is_everything())
}

fn payload(t: &Traffic, family: Family, text: &mut String) {
    let protocol = match t.tunnel {
        Some(Tunnel::Vni(_)) => Some(Protocol::UDP),
        Some(Tunnel::GreKey(_)) => Some(Protocol::GRE),
        None => t.protocol,
    };
    if let Some(protocol) = protocol {
        let _ = write!(text, "-p {protocol} ");
    }
    match (t.fragments, family) {
        (true, Family::V4) => text.push_str("-f "),
        (true, Family::V6) => text.push_str("-m ipv6header --header ipv6-frag --soft "),
        // The match on a port leaves later fragments out by itself; GRE has none.
        (false, Family::V4) if matches!(t.tunnel, Some(Tunnel::GreKey(_))) => text.push_str("! -f "),
        (false, _) => {}
    }
    if let Some(protocol) = t.protocol {
        ports(protocol, &t.source_ports, &t.destination_ports, text);
    }
    if let Some(key) = t.tunnel {
        if matches!(key, Tunnel::Vni(_)) {
            text.push_str("-m udp --dport 4789 ");
        }
        let next = protocol.map_or(0, |protocol| protocol.0);
        let direct = if family == Family::V6 { tunnel::directly(next) + "&&" } else { String::new() };
        let _ = write!(text, "-m u32 --u32 \"{direct}{}\" ", tunnel::expression(family, key));
    }
}

fn ports(protocol: Protocol, sources: &[Ports], destinations: &[Ports], text: &mut String) {
    // Of the others only `multiport` knows where their ports are.
    let has_module = matches!(protocol.0, 6 | 17 | 132);
    if has_module && sources.len() <= 1 && destinations.len() <= 1 {
        if sources.len() + destinations.len() > 0 {
            let _ = write!(text, "-m {protocol} ");
        }
        for (option, ports) in [("--sport", sources), ("--dport", destinations)] {
            if let Some(ports) = ports.first() {
                let _ = write!(text, "{option} {ports} ");
            }
        }
        return;
    }
    for (option, ports) in [("--sports", sources), ("--dports", destinations)] {
        if !ports.is_empty() {
            let _ = write!(text, "-m multiport {option} {} ", listed(ports));
        }
    }
}

fn listed<T: ToString>(list: impl IntoIterator<Item = T>) -> String {
    list.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}
