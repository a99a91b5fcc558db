//! A checked [`Tree`] → [`Settings`]: every value of the file in its typed place, every gap filled by its default.

use super::keyed::KeyedRates;
use super::keys::{OBJECTS, ObjectId};
use super::model::{CollectorSettings, InterfaceCounters, KeyedRate, Settings};
use super::origin::{Inactive, Origins};
use super::syntax::Lines;
use super::tree::{Entry, Section, Tree};
use super::value::Value;

/// The settings that a tree without errors means.
pub(super) fn settings(tree: &Tree, origins: Origins) -> Settings {
    let top = tree.section(ObjectId::Sflow);
    Settings {
        polling_secs: top.int("polling"),
        sampling: top.int("sampling"),
        keyed: keyed(top),
        header_bytes: top.int("headerBytes"),
        datagram_bytes: top.int("datagramBytes"),
        agent_ip: top.text("agentIP"),
        agent_device: top.text("agent"),
        agent_cidrs: top.cidrs(),
        sub_agent_id: top.int("subAgentId"),
        uuid: top.uuid("uuid"),
        refresh_adaptors_secs: top.int("refreshAdaptors"),
        check_adaptors_secs: top.int("checkAdaptors"),
        refresh_vms_secs: top.int("refreshVMs"),
        forget_vms_secs: top.int("forgetVMs"),
        collectors: tree.list(ObjectId::Collector).filter_map(collector).collect(),
        guest_pressure: top.switch("guestPressure"),
        optics: top.opt_switch("optics"),
        pfc: top.opt_switch("pfc"),
        interface_counters: interface_counters(top),
        modules: super::build_modules::modules(tree),
        suspended: None,
        origins,
    }
}

fn collector(section: &Section) -> Option<CollectorSettings> {
    Some(CollectorSettings {
        host: section.text("ip")?,
        port: section.port("udpport"),
        device: section.text("dev"),
        namespace: section.text("namespace"),
        rank: 0,
    })
}

fn interface_counters(top: &Section) -> InterfaceCounters {
    match top.text("interfaceCounters").as_deref() {
        Some("physical") => InterfaceCounters::Physical,
        Some("all") => InterfaceCounters::All,
        _ => InterfaceCounters::Sampled,
    }
}

fn keyed(top: &Section) -> Vec<KeyedRate> {
    let mut rates = KeyedRates::default();
    for listed in top.listed.iter().filter(|listed| !listed.selector.is_empty()) {
        let Value::Int(number) = listed.entry.value else { continue };
        let is_sampling = top.object.keys[listed.place].name == "sampling.KEY";
        rates.set(is_sampling, &listed.selector, number);
    }
    rates.finish()
}

/// What the lines of the file say, by key; blocks of a list are numbered from 1.
pub(super) fn origins(tree: &Tree, file_name: &str, text: &str, lines: &Lines) -> Origins {
    let written = |entry: &Entry| text.get(entry.span.clone()).unwrap_or_default().trim_matches('"');
    let mut found = Origins { file_name: file_name.to_owned(), ..Origins::default() };
    let mut numbers = [0_usize; OBJECTS.len()];
    for section in tree.all() {
        let id = section.object.id;
        let prefix = match section.object.repeat {
            super::keys::Repeat::List => {
                let path = section.object.path("");
                let number = numbers[id as usize];
                numbers[id as usize] += 1; // the first is the table's own, empty one
                format!("{path}{number}.")
            }
            _ => section.object.path(""),
        };
        if let Some(span) = section.named.as_ref().filter(|_| id != ObjectId::Sflow) {
            found.add_line(prefix.trim_end_matches('.').to_owned(), "", lines.line(span.start));
        }
        for (key, entry) in section.object.keys.iter().zip(&section.slots) {
            if let Some(entry) = entry {
                found.add_line(format!("{prefix}{}", key.name), written(entry), lines.line(entry.span.start));
            }
        }
        for listed in &section.listed {
            let name = section.object.keys[listed.place].name.replace("KEY", &listed.selector);
            let entry = &listed.entry;
            found.add_line(format!("{prefix}{name}"), written(entry), lines.line(entry.span.start));
        }
    }
    let positions = lines.positions(text, tree.inactive.iter().map(|unused| unused.span.start));
    let inactive = tree.inactive.iter().zip(positions).map(|(unused, (line, column))| Inactive {
        key: unused.key.clone(),
        line,
        column,
        why: unused.why.clone(),
    });
    found.inactive = inactive.collect();
    found
}
