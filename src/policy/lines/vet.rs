//! The words of one line into a rule, or the first word that may not stand where it stands.

use super::Dialect;
use super::allowed::{BASE, FRAGMENT, FRAMES, MODULES, Module, Opt, Says, TARGETS, Target};
use super::fault::{At, Code};
use super::token::Word;
use crate::policy::model::{Chain, RawRule, Reach, Table, Tool};

/// Commands of iptables that are not `-A`, to say so rather than "unknown option".
const COMMANDS: &[&str] = &[
    "-C",
    "-D",
    "-I",
    "-R",
    "-L",
    "-S",
    "-F",
    "-Z",
    "-N",
    "-X",
    "-P",
    "-E",
    "-h",
    "-V",
    "--check",
    "--delete",
    "--insert",
    "--replace",
    "--list",
    "--list-rules",
    "--flush",
    "--zero",
    "--new-chain",
    "--delete-chain",
    "--policy",
    "--rename-chain",
    "--modprobe",
    "--help",
    "--version",
];

struct Vetting<'w, 'l> {
    words: std::slice::Iter<'w, Word<'l>>,
    end: usize,
    tool: Tool,
    dialect: Dialect,
    /// Modules so far, those that a protocol brings included.
    loaded: Vec<&'static Module>,
    /// Options since the module was named, to see one twice.
    seen: Vec<&'static str>,
    matches: Vec<String>,
    reach: Reach,
    /// Where the rule will stand.
    chain: Chain,
}

/// Reads a whole line.
pub(super) fn rule(words: &[Word<'_>], tool: Tool, dialect: Dialect) -> Result<RawRule, At> {
    let end = words.last().map_or(0, |word| word.at + word.text.len());
    let mut vetting = Vetting {
        words: words.iter(),
        end,
        tool,
        dialect,
        loaded: Vec::new(),
        seen: Vec::new(),
        matches: Vec::new(),
        reach: Reach::default(),
        chain: Chain::Forward,
    };
    vetting.rule()
}

impl<'l> Vetting<'_, 'l> {
    fn rule(&mut self) -> Result<RawRule, At> {
        let (table, chain) = self.place()?;
        while let Some(word) = self.words.next() {
            let is_negated = word.text == "!" && !word.is_quoted;
            let word = if is_negated { self.next("an option behind !")? } else { *word };
            match word.text {
                _ if word.is_quoted => return Err(word.fault(Code::Option, "an option, not a text")),
                "!" => return Err(word.fault(Code::Negation, "one ! is enough")),
                "-j" | "--jump" if is_negated => {
                    return Err(word.fault(Code::Negation, "a target cannot be negated"));
                }
                "-j" | "--jump" => return self.target(table, chain),
                "-m" | "--match" if is_negated => {
                    return Err(word.fault(Code::Negation, "! stands before the option"));
                }
                "-m" | "--match" => self.module()?,
                _ => self.option(&word, is_negated)?,
            }
        }
        Err(self.at_end(Code::Target, "a rule ends with -j and a target"))
    }

    fn place(&mut self) -> Result<(Table, Chain), At> {
        let mut word = self.next("-A and a chain")?;
        let mut table = Table::Filter;
        if matches!(word.text, "-t" | "--table") {
            let name = self.next("a table")?;
            let known = Table::ALL.into_iter().find(|table| table.name() == name.text);
            table = known.ok_or_else(|| name.fault(Code::Table, "filter, mangle or raw"))?;
            word = self.next("-A and a chain")?;
        }
        if !matches!(word.text, "-A" | "--append") || word.is_quoted {
            return Err(word.fault(Code::Command, "-A CHAIN: rules are only ever added"));
        }
        let name = self.next("a chain")?;
        let chain = Chain::ALL.into_iter().find(|chain| chain.builtin() == name.text);
        let chain = chain
            .filter(|chain| table.has(*chain) && (self.tool != Tool::Ebtables || table == Table::Filter));
        let allowed = "INPUT, FORWARD or OUTPUT; in mangle also PREROUTING and POSTROUTING; in raw PREROUTING or OUTPUT";
        let chain = chain.ok_or_else(|| name.fault(Code::Chain, allowed))?;
        self.chain = chain;
        self.reach.directions = chain.directions().iter().copied().collect();
        Ok((table, chain))
    }

    fn module(&mut self) -> Result<(), At> {
        let name = self.next("a match")?;
        let known =
            MODULES.iter().find(|module| module.name == name.text && module.tools.contains(&self.tool));
        let module = known.ok_or_else(|| name.fault(Code::Module, "a match that this program allows"))?;
        self.load(module);
        if module.name != "comment" {
            self.matches.extend(["-m".to_owned(), module.name.to_owned()]);
        }
        Ok(())
    }

    fn load(&mut self, module: &'static Module) {
        self.loaded.push(module);
        self.seen.retain(|name| !module.options.iter().any(|option| option.names.contains(name)));
    }

    fn option(&mut self, word: &Word<'l>, is_negated: bool) -> Result<(), At> {
        if COMMANDS.contains(&word.text) {
            return Err(word.fault(Code::Command, "a line adds one rule and does nothing else"));
        }
        if matches!(word.text, "-t" | "--table") {
            return Err(word.fault(Code::Table, "the table stands first in the line, once"));
        }
        let unknown = || {
            word.fault(Code::Option, "an option that this program allows, of a match that -m named before")
        };
        let option = self.find(word.text).ok_or_else(unknown)?;
        let name = option.names.first().copied().unwrap_or_default();
        if self.seen.contains(&name) {
            return Err(word.fault(Code::Duplicate, "an option may be given once"));
        }
        if is_negated && !option.may_negate {
            return Err(word.fault(Code::Negation, "this option cannot be negated"));
        }
        // iptables says so only of the kernel's own chains; in ours the rule would never match.
        let is_never = match name {
            "-i" => matches!(self.chain, Chain::Output | Chain::Postrouting),
            "-o" => matches!(self.chain, Chain::Input | Chain::Prerouting),
            _ => false,
        };
        if is_never {
            return Err(word.fault(Code::Option, "packets have no such interface at this chain"));
        }
        self.seen.push(name);
        let values = self.values(option)?;
        self.note(option.says, &values, is_negated);
        if option.says != Says::Comment {
            self.matches.extend(is_negated.then(|| "!".to_owned()));
            self.matches.push(name.to_owned());
            self.matches.extend(values.iter().map(|value| quoted(value.text)));
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&'static Opt> {
        let base = if self.tool == Tool::Ebtables { FRAMES } else { BASE };
        let modules = self.loaded.iter().rev().flat_map(|module| module.options);
        let fragment = (self.tool == Tool::Iptables).then_some(&FRAGMENT);
        base.iter().chain(fragment).chain(modules).find(|option| option.names.contains(&name))
    }

    fn values(&mut self, option: &Opt) -> Result<Vec<Word<'l>>, At> {
        let mut values = Vec::new();
        for argument in option.takes {
            let value = self.next("what the option takes")?;
            if value.text == "!" {
                return Err(value.fault(Code::Negation, "! stands before the option"));
            }
            argument.check(value.text, self.tool).map_err(|allowed| value.fault(Code::Argument, allowed))?;
            values.push(value);
        }
        Ok(values)
    }

    /// What is negated reaches nearly everything, and so counts as saying nothing.
    fn note(&mut self, says: Says, values: &[Word<'_>], is_negated: bool) {
        let Some(text) = values.first().map(|value| value.text).filter(|_| !is_negated) else { return };
        match says {
            Says::Source => self.reach.sources = text.parse().into_iter().collect(),
            Says::Destination => self.reach.destinations = text.parse().into_iter().collect(),
            Says::Protocol => {
                self.reach.protocol = text.parse().ok();
                // As iptables does: the match of the protocol needs no -m.
                let brought = match text {
                    "icmpv6" | "ipv6-icmp" => "icmp6",
                    other => other,
                };
                let module =
                    MODULES.iter().find(|module| module.name == brought && module.tools.contains(&self.tool));
                self.loaded.extend(
                    module.filter(|module| ["tcp", "udp", "sctp", "icmp", "icmp6"].contains(&module.name)),
                );
            }
            Says::SourcePorts => self.reach.source_ports = text.split(',').flat_map(str::parse).collect(),
            Says::DestinationPorts => {
                self.reach.destination_ports = text.split(',').flat_map(str::parse).collect()
            }
            Says::Nothing | Says::Comment => {}
        }
    }

    fn target(&mut self, table: Table, chain: Chain) -> Result<RawRule, At> {
        let name = self.next("a target")?;
        let known =
            TARGETS.iter().find(|target| target.name == name.text && target.tools.contains(&self.tool));
        let target = known
            .ok_or_else(|| name.fault(Code::Target, "a target that this program allows; chains are none"))?;
        if target.is_cumulus && self.dialect != Dialect::Cumulus {
            return Err(name.fault(Code::CumulusOnly, "a target that Linux itself has"));
        }
        if target.table.is_some_and(|only| only != table) {
            return Err(name.fault(
                Code::Target,
                "a target of this table: DSCP, TOS and CLASSIFY are mangle's, REJECT filter's",
            ));
        }
        if target.name == "CLASSIFY" && matches!(chain, Chain::Input | Chain::Prerouting) {
            return Err(
                name.fault(Code::Target, "CLASSIFY where packets leave: FORWARD, OUTPUT or POSTROUTING")
            );
        }
        let mut words = vec!["-j".to_owned(), target.name.to_owned()];
        self.target_options(target, &mut words)?;
        Ok(RawRule {
            tool: self.tool,
            table,
            chain,
            matches: std::mem::take(&mut self.matches),
            target: words,
            reach: std::mem::take(&mut self.reach),
            is_cumulus: target.is_cumulus || self.tool == Tool::Ebtables,
            cuts: target.cuts,
        })
    }

    fn target_options(&mut self, target: &'static Target, words: &mut Vec<String>) -> Result<(), At> {
        let mut seen: Vec<&str> = Vec::new();
        while let Some(word) = self.words.next() {
            let option =
                target.options.iter().find(|option| option.names.contains(&word.text) && !word.is_quoted);
            let option = match option {
                Some(option) => option,
                None if COMMANDS.contains(&word.text) => {
                    return Err(word.fault(Code::Command, "a line adds one rule and does nothing else"));
                }
                None => return Err(word.fault(Code::Option, "behind the target, only its own options")),
            };
            if seen.contains(&word.text) {
                return Err(word.fault(Code::Duplicate, "an option may be given once"));
            }
            seen.push(word.text);
            words.push(word.text.to_owned());
            let values = self.values(option)?;
            words.extend(values.iter().map(|value| quoted(value.text)));
        }
        Ok(())
    }

    fn next(&mut self, allowed: &'static str) -> Result<Word<'l>, At> {
        self.words.next().copied().ok_or(At { at: self.end, code: Code::Argument, allowed })
    }

    const fn at_end(&self, code: Code, allowed: &'static str) -> At {
        At { at: self.end, code, allowed }
    }
}

/// A word that passed its check, in quotes where it has blanks or is empty.
fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(' ') { format!("\"{word}\"") } else { word.to_owned() }
}
