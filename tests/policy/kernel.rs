//! A small model of what iptables-restore, ip6tables-restore and ipset do to the kernel, after their manuals.
//!
//! It knows nothing of policies: chains and sets have any names. A text that names what is not there, adds what is there,
//! or removes what is in use is refused, that of a table as a whole.

use hsflow::policy::model::Family;
use hsflow::policy::plan::{Observed, Program};
use std::collections::BTreeMap;

type Chains = BTreeMap<String, Vec<String>>;
type Set = (String, BTreeMap<String, String>);

/// Rules and sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kernel {
    tables: BTreeMap<(Family, String), Chains>,
    sets: BTreeMap<String, Set>,
}

const BUILTIN: [(&str, &[&str]); 3] = [
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
];

impl Kernel {
    /// With the kernel's own chains.
    pub(crate) fn new() -> Self {
        let mut tables = BTreeMap::new();
        for family in Family::ALL {
            for (table, chains) in BUILTIN {
                let chains = chains.iter().map(|chain| ((*chain).to_owned(), Vec::new())).collect();
                tables.insert((family, table.to_owned()), chains);
            }
        }
        Self { tables, sets: BTreeMap::new() }
    }

    /// Runs a program on a text.
    pub(crate) fn run(&mut self, program: Program, text: &str) {
        let outcome = match program {
            Program::Tables(family) => self.restore(family, text),
            Program::Ipset => text.lines().try_for_each(|line| self.ipset(line)),
        };
        outcome.unwrap_or_else(|why| panic!("{program:?}: {why}\n{text}\n{self:#?}"));
    }

    /// What is ours of it, read as of real programs.
    pub(crate) fn observe(&self) -> Observed {
        let mut observed = Observed::default();
        for family in Family::ALL {
            observed.read_tables(family, &self.save(family));
        }
        observed.read_sets(&self.save_sets());
        observed
    }

    /// All but what has our names.
    pub(crate) fn foreign(&self) -> Self {
        let mut foreign = self.clone();
        for chains in foreign.tables.values_mut() {
            chains.retain(|name, _| !name.starts_with("hsflowd-"));
            for rules in chains.values_mut() {
                rules.retain(|rule| !rule.contains("--comment hsflowd-policy "));
            }
        }
        foreign.sets.retain(|name, _| !name.starts_with("hsflowd-"));
        foreign
    }

    fn save(&self, family: Family) -> String {
        let mut text = String::new();
        for ((_, table), chains) in self.tables.iter().filter(|((its, _), _)| *its == family) {
            text.push_str(&format!("*{table}\n"));
            chains.keys().for_each(|chain| text.push_str(&format!(":{chain} - [0:0]\n")));
            for (chain, rules) in chains {
                rules.iter().for_each(|rule| text.push_str(&format!("[1:2] -A {chain} {rule}\n")));
            }
            text.push_str("COMMIT\n");
        }
        text
    }

    fn save_sets(&self) -> String {
        let mut text = String::new();
        for (name, (header, members)) in &self.sets {
            text.push_str(&format!("create {name} {header}\n"));
            members.iter().for_each(|(member, rest)| text.push_str(&format!("add {name} {member} {rest}\n")));
        }
        text
    }

    fn restore(&mut self, family: Family, text: &str) -> Result<(), String> {
        let mut lines = text.lines();
        let table = lines.next().and_then(|line| line.strip_prefix('*')).ok_or("no table")?.to_owned();
        let place = (family, table);
        let mut chains = self.tables.get(&place).cloned().ok_or("unknown table")?;
        for line in lines.by_ref().take_while(|line| *line != "COMMIT") {
            self.edit(&mut chains, line).map_err(|why| format!("{why}: {line}"))?;
        }
        if !text.ends_with("COMMIT\n") || lines.next().is_some() {
            return Err("COMMIT ends a table".to_owned());
        }
        self.tables.insert(place, chains);
        Ok(())
    }

    fn edit(&self, chains: &mut Chains, line: &str) -> Result<(), &'static str> {
        if let Some(declared) = line.strip_prefix(':') {
            let name = declared.strip_suffix(" - [0:0]").ok_or("a chain is declared so")?;
            chains.insert(name.to_owned(), Vec::new());
            return Ok(());
        }
        let (verb, rest) = line.split_once(' ').ok_or("no verb")?;
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        if verb == "-X" {
            let is_named = chains.values().flatten().any(|rule| rule.ends_with(&format!("-j {name}")));
            let rules = chains.remove(name).ok_or("no chain")?;
            return if is_named || !rules.is_empty() { Err("in use") } else { Ok(()) };
        }
        if matches!(verb, "-A" | "-I") {
            self.can_name(chains, rest)?;
        }
        let rules = chains.get_mut(name).ok_or("no chain")?;
        let place = |text: &str| {
            text.parse::<usize>().map_err(|_| "no place").and_then(|n| n.checked_sub(1).ok_or("place 0"))
        };
        match verb {
            "-A" => rules.push(rest.to_owned()),
            "-F" => rules.clear(),
            "-I" => {
                let (at, rule) = rest.split_once(' ').ok_or("no rule")?;
                let at = place(at)?;
                if at > rules.len() {
                    return Err("beyond the end");
                }
                rules.insert(at, rule.to_owned());
            }
            "-D" => {
                let at = place(rest).ok().or_else(|| rules.iter().position(|rule| rule == rest));
                let at = at.filter(|at| *at < rules.len()).ok_or("no such rule")?;
                rules.remove(at);
            }
            _ => return Err("unknown verb"),
        }
        Ok(())
    }

    fn can_name(&self, chains: &Chains, rule: &str) -> Result<(), &'static str> {
        let after =
            |key: &str| rule.split_once(key).map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
        let target = after("-j ").ok_or("no target")?;
        let is_chain = target.chars().any(|c| c.is_ascii_lowercase());
        if is_chain && !chains.contains_key(&target) {
            return Err("no such target");
        }
        let set = after("--match-set ");
        if set.is_some_and(|set| !self.sets.contains_key(&set)) { Err("no such set") } else { Ok(()) }
    }

    fn ipset(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let fail = |why: &str| Err(format!("{why}: {line}"));
        match words.as_slice() {
            ["create", name, header] if name.len() <= 31 && !self.sets.contains_key(*name) => {
                self.sets.insert((*name).to_owned(), ((*header).to_owned(), BTreeMap::new()));
            }
            ["add", name, rest] => {
                let (member, rest) =
                    rest.strip_suffix(" -exist").and_then(|rest| rest.split_once(' ')).ok_or("how?")?;
                let Some((_, members)) = self.sets.get_mut(*name) else { return fail("no set") };
                if member.ends_with("/0") {
                    return fail("hash:net holds no /0");
                }
                members.insert(member.to_owned(), rest.to_owned());
            }
            ["del", name, rest] => {
                let Some((_, members)) = self.sets.get_mut(*name) else { return fail("no set") };
                members.remove(rest.strip_suffix(" -exist").ok_or("how?")?);
            }
            ["swap", one, other] => {
                let (Some(a), Some(b)) = (self.sets.remove(*one), self.sets.remove(*other)) else {
                    return fail("no set");
                };
                self.sets.insert((*one).to_owned(), b);
                self.sets.insert((*other).to_owned(), a);
            }
            ["destroy", name] => {
                let needle = format!("--match-set {name} ");
                let mut rules = self.tables.values().flat_map(BTreeMap::values).flatten();
                if rules.any(|rule| rule.contains(&needle)) || self.sets.remove(*name).is_none() {
                    return fail("in use, or not there");
                }
            }
            _ => return fail("not understood"),
        }
        Ok(())
    }
}
