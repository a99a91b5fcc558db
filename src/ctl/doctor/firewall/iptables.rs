//! What `iptables-save` and `ip6tables-save` print. In: their text. Out: the chains of the tables that packets of this host
//! pass. A word that is not known makes its rule a question that is not understood. Spec: iptables(8), iptables-extensions(8).

use super::{Chain, Match, Net, Question, Rule, Verdict};

/// Targets that decide nothing about the packet itself.
const HARMLESS: [&str; 12] = [
    "LOG", "NFLOG", "MARK", "CONNMARK", "TRACE", "AUDIT", "CLASSIFY", "DSCP", "TCPMSS", "CT", "NOTRACK",
    "SET",
];

/// Reads it; lines that are none of chains and rules are passed over. `family` is `ip` or `ip6`.
pub fn parse(text: &str, family: &str) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    let mut table = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('*') {
            table = format!("{family} {name}");
        } else if let Some(rest) = line.strip_prefix(':') {
            let mut words = rest.split_whitespace();
            let (Some(name), Some(policy)) = (words.next(), words.next()) else { continue };
            let (is_output, drops) = (matches!(name, "OUTPUT" | "POSTROUTING"), policy == "DROP");
            chains.push(Chain {
                table: table.clone(),
                name: name.to_owned(),
                is_output,
                drops,
                rules: Vec::new(),
            });
        } else if let Some((name, rule)) = rule(line) {
            let home = chains.iter_mut().find(|chain| chain.table == table && chain.name == name);
            home.into_iter().for_each(|chain| chain.rules.push(rule.clone()));
        }
    }
    chains
}

/// `-A OUTPUT -p udp -m udp --dport 6343 -j DROP`, perhaps with counters before it.
fn rule(line: &str) -> Option<(String, Rule)> {
    let line = line.split_once("] -A ").map_or(line, |(_, rest)| rest).trim_start_matches("-A ");
    let (name, rest) = line.split_once(' ')?;
    let is_rule = !name.starts_with(['#', '*', ':']) && name != "COMMIT" && rest.contains('-');
    let mut rule = Rule { text: format!("-A {name} {rest}"), ..Rule::default() };
    let words: Vec<&str> = words(rest);
    let mut words = words.into_iter().peekable();
    let mut not = false;
    while let Some(word) = words.next() {
        if word == "!" {
            not = true;
            continue;
        }
        let value = words.next_if(|next| !next.starts_with('-') && *next != "!").unwrap_or_default();
        let mut ask = |what| rule.matches.push(Match { not, what });
        match word {
            "-p" => ask(Question::Protocol(vec![value.to_owned()])),
            "-d" => ask(Net::parse(value).map_or(Question::Unknown, |net| Question::To(vec![net]))),
            "-o" => ask(if value.ends_with('+') {
                Question::Unknown
            } else {
                Question::Out(vec![value.to_owned()])
            }),
            "--dport" | "--dports" | "--destination-port" => {
                ask(ranges(value, ':').map_or(Question::Unknown, Question::Port));
            }
            "--ctstate" | "--state" => ask(Question::State(value.split(',').map(str::to_owned).collect())),
            // Their own options follow, or none, such as those of comments; they ask nothing by themselves.
            "-m" | "--comment" => {}
            "-j" => rule.verdict = verdict(value),
            "-g" => rule.verdict = Verdict::Goto(value.to_owned()),
            // What follows the target is the target's.
            _ if rule.verdict != Verdict::Nothing || is_target_option(word) => {}
            _ => ask(Question::Unknown),
        }
        not = false;
    }
    is_rule.then(|| (name.to_owned(), rule))
}

/// Words, quoted ones whole and empty: what is in quotes is a comment or a prefix.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (n, part) in text.split('"').enumerate() {
        if n % 2 == 0 { found.extend(part.split_whitespace()) } else { found.push("") }
    }
    found
}

fn is_target_option(word: &str) -> bool {
    ["--nflog-", "--log-", "--set-", "--reject-with", "--to-", "--queue-"]
        .iter()
        .any(|start| word.starts_with(start))
}

fn verdict(target: &str) -> Verdict {
    match target {
        "ACCEPT" => Verdict::Accept,
        "DROP" | "REJECT" => Verdict::Drop,
        "RETURN" => Verdict::Return,
        _ if HARMLESS.contains(&target) || target.is_empty() => Verdict::Nothing,
        _ => Verdict::Jump(target.to_owned()),
    }
}

/// `6343`, `1000:2000`, `53,6343`; `None` for names of services.
pub(super) fn ranges(text: &str, between: char) -> Option<Vec<(u16, u16)>> {
    let range = |part: &str| match part.split_once(between) {
        Some((low, high)) => Some((low.parse().ok()?, high.parse().ok()?)),
        None => part.parse().ok().map(|port| (port, port)),
    };
    text.split(',').map(range).collect()
}
