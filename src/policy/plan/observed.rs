//! What the kernel holds of ours, read from the texts of `iptables-save -c`, `ip6tables-save -c` and `ipset save`.
//!
//! Rule: what is not ours is not understood and not kept, whatever it looks like; nothing here fails. Ours are the
//! chains and sets of our names, and of the kernel's chains the jumps into ours that bear our comment. A foreign jump
//! into a chain of ours is only remembered as a reason not to remove the chain.

use super::chains::{ChainRule, OURS, Tables};
use super::sets::{Member, Set, SetName, Sets};
use crate::policy::model::{Chain, Family, Table};
use std::collections::BTreeMap;

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Chains of ours.
    pub tables: Tables,
    /// Sets of ours.
    pub sets: Sets,
}

impl Observed {
    /// Adds what `iptables-save -c` or `ip6tables-save -c` printed; the counters may be missing.
    pub fn read_tables(&mut self, family: Family, text: &str) {
        let (mut table, mut before) = (None, "");
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('*') {
                table = Table::ALL.into_iter().find(|table| table.name() == name.trim_end());
            }
            let Some(table) = table else { continue };
            if let Some(declared) = line.strip_prefix(':') {
                let name = declared.split(' ').next().unwrap_or_default();
                if let Some(chain) = chain_of(name) {
                    self.tables.entry((family, table)).or_default().entry(chain).or_default();
                }
            } else {
                let (counters, line) = counted(line);
                let rule = line.strip_prefix("-A ").and_then(|rule| rule.split_once(' '));
                if let Some((name, rule)) = rule {
                    self.rule((family, table), (name, name == before), rule, counters);
                }
                before = rule.map_or("", |(name, _)| name);
            }
        }
    }

    /// Whether any jump of ours stands behind others' rules.
    pub fn has_jump_behind(&self) -> bool {
        self.tables.values().flat_map(BTreeMap::values).any(|chain| chain.is_behind)
    }

    /// Takes every place of a jump for the right one.
    pub fn accept_places(&mut self) {
        self.tables.values_mut().flat_map(BTreeMap::values_mut).for_each(|chain| chain.is_behind = false);
    }

    /// One that is not the first of its chain has others before it.
    fn rule(
        &mut self,
        place: (Family, Table),
        (name, has_others): (&str, bool),
        rule: &str,
        counters: (u64, u64),
    ) {
        let own = chain_of(name);
        // Most lines of a large firewall are others'; a jump to us has our name in it.
        if own.is_none() && !rule.contains(super::sets::PREFIX) {
            return;
        }
        let said = said(rule);
        let chains = self.tables.entry(place).or_default();
        if let Some(chain) = own {
            let mark =
                said.comment.clone().filter(|comment| comment.starts_with(OURS) && comment.contains(':'));
            let rule = ChainRule { mark, words: rule.to_owned(), counters };
            chains.entry(chain).or_default().rules.push(rule);
        }
        let Some(target) = said.target.as_deref().and_then(chain_of) else { return };
        let is_ours = name == target.builtin() && said.comment.as_deref() == Some(OURS);
        let chain = chains.entry(target).or_default();
        match is_ours {
            true => {
                chain.is_behind |= has_others && chain.jumps.is_empty();
                chain.jumps.push(rule.to_owned());
            }
            false => chain.is_pinned = true,
        }
    }

    /// Adds what `ipset save` printed.
    pub fn read_sets(&mut self, text: &str) {
        for line in text.lines() {
            let mut parts = line.splitn(3, ' ');
            let (verb, name, rest) =
                (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let Some(name) = SetName::observed(name) else { continue };
            match verb {
                Some("create") => {
                    self.sets
                        .insert(name, Set { header: rest.trim_end().to_owned(), members: BTreeMap::new() });
                }
                Some("add") => {
                    let member = member(rest);
                    if let Some((set, (prefix, member))) = self.sets.get_mut(&name).zip(member) {
                        set.members.insert(prefix, member);
                    }
                }
                _ => {}
            }
        }
    }
}

fn chain_of(name: &str) -> Option<Chain> {
    Chain::ALL.into_iter().find(|chain| chain.ours() == name)
}

/// `[12:3456] ` before a rule.
fn counted(line: &str) -> ((u64, u64), &str) {
    let split = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let read = split.and_then(|(counters, rest)| {
        let (packets, bytes) = counters.split_once(':')?;
        Some(((packets.parse().ok()?, bytes.parse().ok()?), rest))
    });
    read.unwrap_or(((0, 0), line))
}

#[derive(Default)]
struct Said {
    comment: Option<String>,
    target: Option<String>,
}

/// The last comment of a rule, which is where ours stands, and its target.
fn said(rule: &str) -> Said {
    let (mut said, mut before) = (Said::default(), String::new());
    for (word, is_quoted) in words(rule) {
        match before.as_str() {
            "--comment" => said.comment = Some(word.clone()),
            "-j" | "-g" => said.target = Some(word.clone()),
            _ => {}
        }
        before = if is_quoted { String::new() } else { word };
    }
    said
}

/// Words with whether they stood in quotes; in quotes a backslash keeps the character behind it.
fn words(line: &str) -> impl Iterator<Item = (String, bool)> {
    let mut rest = line.chars().peekable();
    std::iter::from_fn(move || {
        while rest.next_if_eq(&' ').is_some() {}
        let is_quoted = rest.next_if_eq(&'"').is_some();
        let mut word = String::new();
        if !is_quoted {
            rest.peek()?;
        }
        while let Some(c) = rest.next() {
            match c {
                '\\' if is_quoted => word.extend(rest.next()),
                '"' if is_quoted => break,
                ' ' if !is_quoted => break,
                c => word.push(c),
            }
        }
        Some((word, is_quoted))
    })
}

/// `10.0.0.0/8 timeout 30 comment "ddos1"`; of one with an element that we never make, nothing.
fn member(text: &str) -> Option<(crate::policy::model::Prefix, Member)> {
    let mut words = words(text);
    let prefix = words.next()?.0.parse().ok()?;
    let mut member = Member::default();
    while let Some((key, _)) = words.next() {
        match key.as_str() {
            "timeout" => member.secs = words.next()?.0.parse().ok()?,
            "comment" => member.comment = words.next()?.0,
            "packets" => member.counters.0 = words.next()?.0.parse().ok()?,
            "bytes" => member.counters.1 = words.next()?.0.parse().ok()?,
            _ => {}
        }
    }
    Some((prefix, member))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As iptables 1.8.9 prints them.
    const SAVED: &str = r#"# Generated by iptables-save v1.8.9 (nf_tables) on Sun Nov 22 01:02:19 2026
*nat
:hsflowd-forward - [0:0]
-A PREROUTING -j hsflowd-forward
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [3:4]
:DOCKER-USER - [0:0]
:hsflowd-forward - [0:0]
[5:420] -A FORWARD -m comment --comment hsflowd-policy -j hsflowd-forward
[5:420] -A FORWARD -m comment --comment "see --comment hsflowd-policy" -j DOCKER-USER
[0:0] -A DOCKER-USER -m comment --comment "a \" -j hsflowd-output" -j RETURN
[2:84] -A hsflowd-forward -p udp -m comment --comment "hsflowd-policy:ddos1:00000000000000ff" -j DROP
[0:0] -A hsflowd-forward -j RETURN
COMMIT
"#;

    #[test]
    fn only_our_chains_and_our_jumps_are_kept() {
        let mut observed = Observed::default();
        observed.read_tables(Family::V4, SAVED);
        let chains = &observed.tables[&(Family::V4, Table::Filter)];
        assert_eq!(chains.keys().collect::<Vec<_>>(), [&Chain::Forward]);
        let chain = &chains[&Chain::Forward];
        assert_eq!(chain.jumps, ["-m comment --comment hsflowd-policy -j hsflowd-forward"]);
        assert!(!chain.is_pinned && !observed.has_jump_behind());
        let marks: Vec<_> = chain.rules.iter().map(|rule| rule.mark.as_deref()).collect();
        assert_eq!(marks, [Some("hsflowd-policy:ddos1:00000000000000ff"), None]);
        assert_eq!(chain.rules[0].counters, (2, 84));
        assert!(!observed.tables.contains_key(&(Family::V6, Table::Filter)));
    }

    #[test]
    fn a_foreign_jump_pins_our_chain_and_is_no_jump_of_ours() {
        for line in
            ["-A FORWARD -j hsflowd-input", "-A INPUT -j hsflowd-input", "-A DOCKER-USER -g hsflowd-input"]
        {
            let mut observed = Observed::default();
            observed.read_tables(Family::V6, &format!("*filter\n:hsflowd-input - [0:0]\n{line}\n"));
            let chain = &observed.tables[&(Family::V6, Table::Filter)][&Chain::Input];
            assert!(chain.is_pinned && chain.jumps.is_empty(), "{line}");
        }
    }

    #[test]
    fn a_jump_of_ours_that_is_not_the_first_rule_of_its_chain_is_behind() {
        let ours = "-A FORWARD -m comment --comment hsflowd-policy -j hsflowd-forward\n";
        for (before, is_behind) in [("", false), ("-A INPUT -j A\n", false), ("-A FORWARD -j A\n", true)] {
            let mut observed = Observed::default();
            observed.read_tables(
                Family::V4,
                &format!("*filter\n[1:2] {before}{ours}{ours}-A FORWARD -j B\nCOMMIT\n"),
            );
            assert_eq!(observed.has_jump_behind(), is_behind, "{before}");
        }
    }

    #[test]
    fn only_our_sets_are_kept() {
        let mut observed = Observed::default();
        observed.read_sets(
            "create f2b-sshd hash:ip family inet\nadd f2b-sshd 10.0.0.1\n\
             create hsflowd-g4-web hash:net family inet hashsize 1024 maxelem 65536 timeout 0 comment bucketsize 12 initval 0xb05961bb\n\
             add hsflowd-g4-web 10.0.0.1 timeout 0 comment \"a.b\"\nadd hsflowd-g4-web 10.0.0.0/8 timeout 8\nadd hsflowd-g4-no 10.0.0.1\n",
        );
        let [(name, set)] = &observed.sets.iter().collect::<Vec<_>>()[..] else { panic!("one set") };
        assert_eq!(name.to_string(), "hsflowd-g4-web");
        let shown: Vec<_> =
            set.members.iter().map(|(p, m)| (p.to_string(), m.secs, m.comment.as_str())).collect();
        assert_eq!(shown, [("10.0.0.0/8".to_owned(), 8, ""), ("10.0.0.1/32".to_owned(), 0, "a.b")]);
    }
}
