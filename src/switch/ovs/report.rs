//! The tables in words. In: what the data base has, and what is wanted. Out: the component's state with cause and remedy, and
//! a line for each bridge.

use super::board::Told;
use crate::sample::switch::ovs::{Bridge, Holding, Record, Tables, Wish, holdings};
use crate::status::open_vswitch::{Bridge as Shown, OpenVswitch};
use crate::status::registry::{State, some_of};

/// What else there is to say.
#[derive(Debug, Default)]
pub(super) struct Troubles<'a> {
    /// Why the last transaction was refused.
    pub(super) refusal: Option<&'a str>,
    /// For so many seconds ovs-vswitchd has not taken over what the data base says.
    pub(super) lag_secs: Option<u64>,
    /// Another program undoes what is done.
    pub(super) quarrel: bool,
}

pub(super) fn told(tables: &Tables, wish: &Wish, troubles: &Troubles<'_>) -> Told {
    let mut bridges: Vec<_> = holdings(tables).map(|(_, bridge, holding)| shown(bridge, holding)).collect();
    bridges.sort_by(|a, b| a.name.cmp(&b.name));
    let sends = wish.record.as_ref().map(in_words);
    let switch = OpenVswitch { sends, idle: wish.idle.clone(), bridges };
    let mut wrong: Vec<String> = Vec::new();
    wrong.extend(troubles.refusal.map(|why| format!("ovsdb-server refuses the settings: {why}")));
    wrong.extend(troubles.lag_secs.map(|secs| {
        format!(
            "ovs-vswitchd has not taken over what ovsdb-server has for more than {secs} s: is it running?"
        )
    }));
    let quarrel = "another program undoes the sFlow settings again and again (a second hsflowd?): tried again after 10 min";
    wrong.extend(troubles.quarrel.then(|| quarrel.to_owned()));
    if wish.record.is_some() {
        let foreign = holdings(tables).filter_map(|(_, bridge, holding)| left_alone(bridge, holding));
        wrong.extend(foreign);
    }
    let odd: Vec<_> = tables.odd.values().collect();
    wrong.extend(
        (!odd.is_empty())
            .then(|| format!("cannot be read and is left out: {}", some_of(&odd, "; ", "; and "))),
    );
    wrong.extend(wish.remarks.iter().cloned());
    let state = match &wish.idle {
        Some(idle) if wrong.is_empty() => State::unavailable(idle),
        _ => State::from_problems(&wrong),
    };
    Told { state, switch: Some(switch) }
}

fn in_words(record: &Record) -> String {
    let number = |number: Option<i64>| number.unwrap_or_default();
    let targets: Vec<_> = record.targets.iter().map(String::as_str).collect();
    let rate = match number(record.sampling) {
        0 => "no packets".to_owned(),
        n => format!("1 in {n} packets"),
    };
    let polling = match number(record.polling) {
        0 => "no counters".to_owned(),
        secs => format!("counters every {secs} s"),
    };
    format!(
        "{rate}, {polling}, {} bytes of a packet, agent {}, to {}",
        number(record.header),
        record.agent.as_deref().unwrap_or("as Open vSwitch chooses"),
        targets.join(" ")
    )
}

fn shown(bridge: &Bridge, holding: Holding<'_>) -> Shown {
    let how = match holding {
        Holding::Ours => "Open vSwitch samples it and sends by itself".to_owned(),
        Holding::None => "not told to send sFlow".to_owned(),
        Holding::Foreign(_) => left_alone(bridge, holding).unwrap_or_default(),
    };
    Shown { name: bridge.name.clone(), ours: holding == Holding::Ours, how }
}

fn left_alone(bridge: &Bridge, holding: Holding<'_>) -> Option<String> {
    let Holding::Foreign(record) = holding else { return None };
    let targets =
        record.map(|record| record.targets.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
    let name = bridge.name.escape_debug();
    Some(format!(
        "bridge {name} has another's sFlow record (targets {}) and is left alone; to give it ours: ovs-vsctl clear Bridge {name} sflow",
        targets.as_deref().unwrap_or("unknown").escape_debug()
    ))
}
