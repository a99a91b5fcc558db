//! Rules between keys: what no single value shows. In: the parsed [`Tree`]. Out: more problems.

use super::keys::{Object, ObjectId};
use super::problem::{Problem, Problems};
use super::syntax::{Lines, Span};
use super::tree::{Section, Tree};
use std::collections::{BTreeSet, HashMap};

/// Bytes of a line that the C agent reads.
const C_LINE: usize = 2047;

/// Adds everything that is wrong between keys.
pub(super) fn check(text: &str, lines: &Lines, tree: &Tree, problems: &mut Problems) {
    let Some(sflow) = &tree.section(ObjectId::Sflow).named else {
        return; // said already
    };
    collectors(tree, lines, problems);
    sources_of_collectors(tree, sflow, problems);
    overruled(tree, problems);
    only_deprecated(tree, problems);
    useless(tree, problems);
    if let Some(long) = lines.longer_than(text, C_LINE + 1) {
        let message = format!("a line of more than {C_LINE} bytes: the C agent ignores its rest");
        problems.add(Problem::warning(&(long..long), message));
    }
}

fn collectors(tree: &Tree, lines: &Lines, problems: &mut Problems) {
    let mut seen: HashMap<(String, u16, Option<String>, Option<String>), usize> = HashMap::new();
    for section in tree.list(ObjectId::Collector) {
        let Some(span) = &section.named else { continue };
        let Some(ip) = section.text("ip") else {
            if !section.failed {
                problems.add(Problem::error(span, "collector has no ip").key("collector.ip"));
            }
            continue;
        };
        let same = (ip, section.port("udpport"), section.text("dev"), section.text("namespace"));
        let line = lines.line(span.start);
        if let Some(before) = seen.insert(same, line) {
            let message = format!("the same collector as in line {before}: it gets every datagram twice");
            problems.add(Problem::warning(span, message).key("collector"));
        }
    }
}

fn sources_of_collectors(tree: &Tree, sflow: &Span, problems: &mut Problems) {
    let dns_sd = tree.dns_sd();
    let other = [ObjectId::Eapi, ObjectId::Sonic].into_iter().find_map(|id| tree.named(id));
    let has_collectors = tree.list(ObjectId::Collector).next().is_some();
    // Who asks for metrics gets the numbers without one.
    let is_asked = tree.named(ObjectId::Metrics).is_some();
    match (&dns_sd, other.and_then(|other| Some((other, other.named.as_ref()?)))) {
        (Some(dns), Some((other, span))) => {
            let message =
                format!("dns-sd and {} cannot be combined: both say where to send", other.object.name);
            problems.add(Problem::error(if dns.start > span.start { dns } else { span }, message));
        }
        (None, None) if !has_collectors && !is_asked && !tree.section(ObjectId::Sflow).failed => {
            let help = "write collector { ip = ADDRESS }, or dns-sd { }";
            problems.add(Problem::error(sflow, "no collector to send to").key("collector").help(help));
        }
        (Some(dns), None) if has_collectors => {
            let message = "dns-sd says where to send: the collectors of this file are not used";
            problems.add(Problem::warning(dns, message).key("dns-sd"));
        }
        _ => {}
    }
}

/// What DNS says or leaves to the defaults.
fn overruled(tree: &Tree, problems: &mut Problems) {
    let Some(dns) = tree.dns_sd() else { return };
    let top = tree.section(ObjectId::Sflow);
    let single =
        ["polling", "sampling", "headerBytes"].into_iter().filter_map(|key| Some((key, top.entry(key)?)));
    let families = top.listed.iter().map(|listed| (top.object.keys[listed.place].name, &listed.entry));
    let families = families.filter(|(key, _)| matches!(*key, "polling.KEY" | "sampling.KEY"));
    let keys: BTreeSet<_> = single.chain(families).map(|(key, _)| key).collect();
    if !keys.is_empty() {
        let keys = keys.into_iter().collect::<Vec<_>>().join(", ");
        let message =
            format!("dns-sd says what holds, or else the default does: {keys} of this file are not used");
        problems.add(Problem::warning(&dns, message).key("dns-sd"));
    }
}

/// Old top-level spellings set a value without switching its object on, in the C agent too.
fn only_deprecated(tree: &Tree, problems: &mut Problems) {
    for key in Object::of(ObjectId::Sflow).keys {
        let Some((id, name)) = key.moved.filter(|(id, name)| !name.is_empty() && *id != ObjectId::DnsSd)
        else {
            continue;
        };
        let section = tree.section(id);
        if let (Some(entry), None) = (section.entry(name), &section.named) {
            let object = section.object.name;
            let message = format!("{} alone does not switch {object} on", key.name);
            let help = format!("write {object} {{ {name} = … }}");
            problems.add(Problem::warning(&entry.span, message).key(section.object.path(name)).help(help));
        }
    }
}

/// Objects that do nothing as they stand.
fn useless(tree: &Tree, problems: &mut Problems) {
    let mut say = |section: Option<&Section>, idle: fn(&Section) -> bool, message: &str| {
        let section = section.filter(|section| !section.failed && idle(section));
        if let Some((section, span)) = section.and_then(|section| Some((section, section.named.as_ref()?))) {
            problems.add(Problem::warning(span, message).key(section.object.name));
        }
    };
    let no_input = |json: &Section| {
        json.int("udpport") == 0 && json.text("fifo").is_none() && json.text("socket").is_none()
    };
    say(tree.named(ObjectId::Json), no_input, "json without udpport, fifo or socket has nothing to read");
    let no_group = |log: &Section| log.opt_int("group").is_none();
    say(tree.named(ObjectId::Nflog), no_group, "nflog without a group is off");
    say(tree.named(ObjectId::Ulog), no_group, "ulog without a group is off");
    let no_dot = |dns: &Section| dns.text("domain").is_some_and(|domain| !domain.starts_with('.'));
    say(
        tree.named(ObjectId::DnsSd),
        no_dot,
        "domain should begin with a dot: it is appended to _sflow._udp as it is",
    );
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    fn of_dns(body: &str) -> Vec<String> {
        let problems = parse("f", &format!("sflow {{ {body} }}")).problems;
        let about = problems.iter().filter(|p| p.key.as_deref() == Some("dns-sd"));
        about.map(|p| p.message.clone()).collect()
    }

    #[test]
    fn keys_that_dns_overrules_are_named_once_each() {
        let said = of_dns(
            "dns-sd { } polling = 5 sampling.1G = 7 sampling.10G = 8 agent.cidr = 10.0.0.0/8 pcap { sampling = 3 }",
        );
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].ends_with(": polling, sampling.KEY of this file are not used"), "{said:?}");
        assert_eq!(of_dns("dns-sd { } agent = eth0 datagramBytes = 900"), [] as [&str; 0]);
        assert_eq!(of_dns("collector { ip = ::1 } polling = 5"), [] as [&str; 0]);
    }
}
