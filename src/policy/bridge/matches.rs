//! A policy's match in the words of OpenFlow, as `ovs-ofctl` would print them.
//!
//! In: a match, the members of groups. Out: one text for each combination that needs a flow of its own, or what OpenFlow
//! cannot say. Rule: every member of a group and every part of a range of ports is spelled out, up to [`MOST_FLOWS`].
//! Spec: ovs-fields(7).

use crate::policy::model::{End, Family, Match, Ports, Prefix, State, Traffic, Tunnel};
use crate::policy::plan::{Members, addresses};

/// Flows that one policy may become.
pub(super) const MOST_FLOWS: usize = 16_384;

/// Every match that the policy needs; empty where a group has no members.
pub(super) fn matches(matching: &Match, members: &Members) -> Result<Vec<String>, String> {
    let t = matching.traffic();
    let (frame, states) = (frame(t)?, states(t)?);
    let mut all = Vec::new();
    for family in Family::ALL {
        if t.protocol.is_some_and(|protocol| !protocol.is_of(family)) {
            continue;
        }
        let (sources, destinations) =
            (ends(&t.sources, family, members), ends(&t.destinations, family, members));
        let (from, to) = (Ports::blocks(&t.source_ports), Ports::blocks(&t.destination_ports));
        let count = [sources.len(), destinations.len(), from.len(), to.len(), states.len()];
        if all.len() + count.iter().fold(1_usize, |all, one| all.saturating_mul(*one)) > MOST_FLOWS {
            return Err(format!(
                "more than {MOST_FLOWS} flows: smaller groups, or prefixes instead of addresses"
            ));
        }
        let start = format!("{}{frame}", protocol(t, family)?);
        let (src, dst) = if family == Family::V4 { ("nw_src", "nw_dst") } else { ("ipv6_src", "ipv6_dst") };
        for source in &sources {
            for destination in &destinations {
                let ends = format!("{start}{}{}", end(src, *source), end(dst, *destination));
                for (from, state) in
                    from.iter().flat_map(|from| states.iter().map(move |state| (from, state)))
                {
                    let from = port("tp_src", from);
                    all.extend(to.iter().map(|to| format!("{ends}{from}{}{state}", port("tp_dst", to))));
                }
            }
        }
    }
    Ok(all)
}

/// What has nothing to do with the version of IP.
fn frame(t: &Traffic) -> Result<String, String> {
    let mut text = String::new();
    if t.to.is_some() {
        return Err("a bridge decides before it knows where a packet goes out: leave 'to' out".into());
    }
    if t.above.is_some() {
        return Err("a bridge measures what it limits alone: say limit instead of 'above'".into());
    }
    match t.tunnel {
        Some(Tunnel::Vni(vni)) => text += &format!(",tun_id={:#x}", vni.get()),
        Some(Tunnel::GreKey(key)) => text += &format!(",tun_id={key:#x}"),
        None => {}
    }
    if let Some(from) = t.from.as_ref().map(ToString::to_string) {
        if from.ends_with('+') {
            return Err(format!("a flow names one port, and not {from}"));
        }
        text += &format!(",in_port={from}");
    }
    if let Some(dscp) = t.dscp {
        text += &format!(",nw_tos={}", dscp.get() << 2);
    }
    Ok(text)
}

/// One for each; of what the switch tells at once of a packet, as much as iptables does.
fn states(t: &Traffic) -> Result<Vec<&'static str>, String> {
    if t.states.is_empty() {
        return Ok(vec![""]);
    }
    let state = |state: &State| match state {
        State::Invalid => Ok(",ct_state=+trk+inv"),
        State::New => Ok(",ct_state=+trk+new-rel"),
        State::Related => Ok(",ct_state=+trk+rel-est"),
        State::Established => Ok(",ct_state=+trk+est"),
        State::Untracked => Err("a bridge tracks every packet or none: leave 'untracked' out".to_owned()),
    };
    t.states.iter().map(state).collect()
}

fn protocol(t: &Traffic, family: Family) -> Result<String, String> {
    let six = if family == Family::V4 { "" } else { "6" };
    let has_ports = !t.source_ports.is_empty() || !t.destination_ports.is_empty();
    let mut text = match t.protocol.map(|protocol| protocol.0) {
        None => format!("ip{}", if six.is_empty() { "" } else { "v6" }),
        Some(1) => "icmp".into(),
        Some(58) => "icmp6".into(),
        Some(6) => format!("tcp{six}"),
        Some(17) => format!("udp{six}"),
        Some(132) => format!("sctp{six}"),
        Some(other) if has_ports => return Err(format!("OpenFlow knows no ports of protocol {other}")),
        Some(other) => format!("ip{},nw_proto={other}", if six.is_empty() { "" } else { "v6" }),
    };
    match (t.fragments, family) {
        (false, _) => {}
        (true, Family::V4) => text += ",nw_frag=later",
        (true, Family::V6) => text += ",nw_frag=yes",
    }
    Ok(text)
}

/// `None` is any; of one family, without those that another one holds.
fn ends(ends: &[End], family: Family, members: &Members) -> Vec<Option<Prefix>> {
    if ends.is_empty() {
        return vec![None];
    }
    addresses(ends, family, members).into_iter().map(Some).collect()
}

fn end(field: &str, prefix: Option<Prefix>) -> String {
    match prefix.filter(|prefix| !prefix.is_everything()) {
        None => String::new(),
        Some(prefix) => format!(",{field}={}", prefix.short()),
    }
}

fn port(field: &str, port: &Option<(u16, u16)>) -> String {
    match port {
        None | Some((_, 0)) => String::new(),
        Some((value, u16::MAX)) => format!(",{field}={value}"),
        Some((value, mask)) => format!(",{field}={value:#x}/{mask:#x}"),
    }
}
