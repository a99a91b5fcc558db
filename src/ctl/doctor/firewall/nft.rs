//! What `nft -j list ruleset` prints. In: its JSON. Out: the chains. An expression that is not known makes its rule a question
//! that is not understood. Spec: libnftables-json(5).

use super::{Chain, Match, Net, Question, Rule, Verdict};
use serde_json::{Map, Value};

/// Statements that decide nothing about the packet itself. Not among them: `limit`, and `set` and `meter`, which may have one in
/// them.
const HARMLESS: [&str; 6] = ["counter", "log", "mangle", "ct helper", "notrack", "comment"];

/// Reads it; an error where it is no JSON.
///
/// # Errors
/// It is none.
pub fn parse(text: &str) -> Result<Vec<Chain>, serde_json::Error> {
    let all: Value = serde_json::from_str(text)?;
    let items = all.get("nftables").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut chains: Vec<Chain> = Vec::new();
    for chain in items.iter().filter_map(|item| item.get("chain")) {
        let is = |key: &str, wanted: &[&str]| text_of(chain, key).is_some_and(|word| wanted.contains(&word));
        chains.push(Chain {
            table: table_of(chain),
            name: text_of(chain, "name").unwrap_or_default().to_owned(),
            is_output: is("hook", &["output", "postrouting"]) && is("type", &["filter", "route"]),
            drops: is("policy", &["drop"]),
            rules: Vec::new(),
        });
    }
    for rule in items.iter().filter_map(|item| item.get("rule")) {
        let (table, name) = (table_of(rule), text_of(rule, "chain").unwrap_or_default());
        let home = chains.iter_mut().find(|chain| chain.table == table && chain.name == name);
        home.into_iter().for_each(|chain| chain.rules.push(read_rule(rule, &table, name)));
    }
    Ok(chains)
}

fn text_of<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

fn table_of(value: &Value) -> String {
    format!("{} {}", text_of(value, "family").unwrap_or("?"), text_of(value, "table").unwrap_or("?"))
}

fn read_rule(rule: &Value, table: &str, chain: &str) -> Rule {
    let handle = rule.get("handle").and_then(Value::as_u64).unwrap_or(0);
    let mut read = Rule {
        text: format!("rule {handle} of chain {chain} of table {table} (nft -a list table {table})"),
        ..Rule::default()
    };
    // A table of one family sees packets of that family alone.
    let family = match table.split(' ').next() {
        Some("ip") => Net::parse("0.0.0.0/0"),
        Some("ip6") => Net::parse("::/0"),
        _ => None,
    };
    read.matches.extend(family.map(|net| Match { not: false, what: Question::To(vec![net]) }));
    let list = rule.get("expr").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (word, body) in list.iter().filter_map(Value::as_object).flat_map(Map::iter) {
        let target = || text_of(body, "target").unwrap_or_default().to_owned();
        match word.as_str() {
            "accept" => read.verdict = Verdict::Accept,
            "drop" | "reject" => read.verdict = Verdict::Drop,
            "return" => read.verdict = Verdict::Return,
            "jump" => read.verdict = Verdict::Jump(target()),
            "goto" => read.verdict = Verdict::Goto(target()),
            "match" => read.matches.push(question(body)),
            // A target of iptables' own, or one of its questions.
            "xt" if text_of(body, "type") == Some("target") => {}
            word if HARMLESS.contains(&word) => {}
            _ => read.matches.push(unknown()),
        }
    }
    read
}

fn unknown() -> Match {
    Match { not: false, what: Question::Unknown }
}

fn question(body: &Value) -> Match {
    let (left, right) = (body.get("left").unwrap_or(&Value::Null), body.get("right").unwrap_or(&Value::Null));
    let not = match text_of(body, "op") {
        Some("==" | "in") => false,
        Some("!=") => true,
        _ => return unknown(),
    };
    Match { not, what: asked(left, right).unwrap_or(Question::Unknown) }
}

fn asked(left: &Value, right: &Value) -> Option<Question> {
    let words = || items(right).map(word).collect::<Option<Vec<_>>>();
    if let Some(meta) = left.get("meta") {
        return match text_of(meta, "key")? {
            "l4proto" => words().map(Question::Protocol),
            "oifname" | "oif" => {
                words().filter(|w| !w.iter().any(|name| name.contains('*'))).map(Question::Out)
            }
            _ => None,
        };
    }
    if let Some(ct) = left.get("ct") {
        return if text_of(ct, "key")? == "state" { words().map(Question::State) } else { None };
    }
    let payload = left.get("payload")?;
    match (text_of(payload, "protocol")?, text_of(payload, "field")?) {
        ("udp" | "th", "dport") => items(right).map(ports).collect::<Option<Vec<_>>>().map(Question::Port),
        // Whatever it asks of TCP, UDP is none.
        ("tcp" | "icmp" | "icmpv6" | "sctp", _) => Some(Question::Protocol(vec!["tcp".to_owned()])),
        ("ip" | "ip6", "daddr") => items(right).map(net).collect::<Option<Vec<_>>>().map(Question::To),
        ("ip", "protocol") | ("ip6", "nexthdr") => words().map(Question::Protocol),
        _ => None,
    }
}

/// Each of a set; one that stands alone.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    let list = value.get("set").and_then(Value::as_array).or(value.as_array());
    list.map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn word(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
}

fn ports(value: &Value) -> Option<(u16, u16)> {
    let number = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    match value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        Some([low, high]) => Some((number(low)?, number(high)?)),
        Some(_) => None,
        None => number(value).map(|port| (port, port)),
    }
}

fn net(value: &Value) -> Option<Net> {
    match value.get("prefix") {
        Some(prefix) => {
            let bits = prefix.get("len")?.as_u64().and_then(|len| u8::try_from(len).ok())?;
            Net::new(text_of(prefix, "addr")?.parse().ok()?, bits)
        }
        None => value.as_str().and_then(Net::parse),
    }
}
