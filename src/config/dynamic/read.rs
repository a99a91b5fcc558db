//! Lines → [`Dynamic`], one after the other; the last line of a key holds. Rule: a wrong value is replaced by that of
//! the last good answer, with the record that said it then.

use super::line::{Parts, Subject, parse_parts, subject};
use super::{Dynamic, MOST_COLLECTORS, Read, Stated, Target, collector};
use crate::config::keyed::KeyedRates;
use crate::config::keys::Kind;
use crate::config::model::CollectorSettings;
use crate::config::problem::quoted;
use crate::config::value::{self, Value};

/// Remarks on one answer; the rest are counted.
const MOST_REMARKS: usize = 16;
const CIDR: &str = "agent.cidr";

/// A collector, and who said its fields.
type Named = (CollectorSettings, Vec<(&'static str, Stated)>);

pub(super) struct Reader<'a> {
    name: &'a str,
    previous: Option<&'a Dynamic>,
    dynamic: Dynamic,
    keyed: KeyedRates,
    remarks: Vec<String>,
    unsaid: usize,
    bad_collector: bool,
    /// Keys that a line gave a wrong value, and what they want.
    wrong: Vec<(String, &'static Kind)>,
    from_txt: Vec<Named>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(name: &'a str, previous: Option<&'a Dynamic>) -> Self {
        Self {
            name,
            previous,
            dynamic: Dynamic::default(),
            keyed: KeyedRates::default(),
            remarks: Vec::new(),
            unsaid: 0,
            bad_collector: false,
            wrong: Vec::new(),
            from_txt: Vec::new(),
        }
    }

    pub(super) fn target(&mut self, target: &Target) {
        let stated = |value: String| Stated { value, record: target.record.clone() };
        let Target { settings, .. } = target;
        let fields = [("ip", settings.host.clone()), ("udpport", settings.port.to_string())];
        self.collector(settings.clone(), fields.map(|(field, value)| (field, stated(value))));
    }

    pub(super) fn line(&mut self, line: &[u8]) {
        let record = format!("TXT {} {}", self.name, shown(line));
        let Parts { key, value, more } = match parse_parts(line) {
            Ok(parts) => parts,
            // It may be a comment of somebody: no error of a key.
            Err(fault) => return self.remark(format!("{record}: {fault}, ignored")),
        };
        if more {
            self.remark(format!("{record}: what follows the second '=' is ignored"));
        }
        match subject(key) {
            Subject::Version => {}
            Subject::Unknown => self.remark(format!("{record}: unknown key {}, ignored", quoted(key))),
            Subject::Collector => self.collector_line(value, &record),
            Subject::Setting(key, kind) => {
                self.setting(key, kind, Stated { value: value.to_owned(), record })
            }
        }
    }

    fn setting(&mut self, key: String, kind: &'static Kind, stated: Stated) {
        match value::parse(kind, &stated.value) {
            Ok(parsed) => {
                parsed.remarks.iter().for_each(|said| self.remark(format!("{}: {said}", stated.record)));
                self.set(key, parsed.value, stated);
            }
            Err(fault) => {
                let kept = self.previous.and_then(|previous| previous.stated.get(&key));
                let reason = fault.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                let holds = match kept {
                    Some(kept) => format!("the last good value {} stays", quoted(&kept.value)),
                    None => "ignored".to_owned(),
                };
                let (value, expects) = (quoted(&stated.value), kind.expects());
                let shown = quoted(&key);
                self.remark(format!(
                    "{}: {shown} takes {expects}, not {value}{reason}; {holds}",
                    stated.record
                ));
                self.wrong.push((key, kind));
            }
        }
    }

    fn set(&mut self, key: String, value: Value, stated: Stated) {
        let dynamic = &mut self.dynamic;
        match (key.as_str(), value) {
            ("sampling", Value::Int(number)) => dynamic.sampling = Some(number),
            ("polling", Value::Int(number)) => dynamic.polling_secs = Some(number),
            ("headerBytes", Value::Int(number)) => dynamic.header_bytes = Some(number),
            ("datagramBytes", Value::Int(number)) => dynamic.datagram_bytes = Some(number),
            ("dropmon.limit", Value::Int(number)) => dynamic.drop_limit = Some(number),
            ("agentIP", Value::Text(text)) => dynamic.agent_ip = Some(text),
            ("agent", Value::Text(text)) => dynamic.agent_device = Some(text),
            (CIDR, Value::Cidr(rule)) => {
                dynamic.agent_cidrs.push(rule);
                let all = dynamic.stated.entry(key).or_insert_with(|| stated.clone());
                if *all != stated {
                    all.value = format!("{} {}", all.value, stated.value);
                    all.record = stated.record;
                }
                return;
            }
            (_, Value::Int(number)) => {
                let Some((what, key)) = key.split_once('.') else { return };
                self.keyed.set(what == "sampling", key, number);
            }
            _ => return,
        }
        self.dynamic.stated.insert(key, stated);
    }

    fn collector_line(&mut self, value: &str, record: &str) {
        match collector::parse(value) {
            Ok((settings, stated)) => {
                let stated = stated.into_iter().map(|(field, value)| {
                    let record = record.to_owned();
                    (field, Stated { value, record })
                });
                self.from_txt.push((settings, stated.collect()));
            }
            Err(reason) => {
                self.bad_collector = true;
                let holds = if self.previous.is_some() {
                    "the collectors that TXT named last stay"
                } else {
                    "ignored"
                };
                self.remark(format!("{record}: {reason}; {holds}"));
            }
        }
    }

    fn collector(
        &mut self,
        settings: CollectorSettings,
        stated: impl IntoIterator<Item = (&'static str, Stated)>,
    ) {
        let number = self.dynamic.collectors.len() + 1;
        let same =
            |known: &CollectorSettings| CollectorSettings { rank: known.rank, ..settings.clone() } == *known;
        if number > MOST_COLLECTORS || self.dynamic.collectors.iter().any(same) {
            return;
        }
        self.dynamic.collectors.push(settings);
        let keys = stated.into_iter().map(|(field, stated)| (format!("collector.{number}.{field}"), stated));
        self.dynamic.stated.extend(keys);
    }

    /// The collectors of the last good answer that came from TXT.
    fn kept_collectors(&self) -> Vec<Named> {
        let Some(previous) = self.previous else { return Vec::new() };
        let stated = |number: usize| {
            let of = move |field| Some((field, previous.stated.get(&format!("collector.{number}.{field}"))?));
            ["ip", "udpport", "dev", "namespace"].into_iter().filter_map(of)
        };
        let from_txt = |number: usize| stated(number).any(|(_, said)| said.record.starts_with("TXT "));
        let numbered = (1..).zip(&previous.collectors).filter(|(number, _)| from_txt(*number));
        let owned = |number| stated(number).map(|(field, said)| (field, said.clone())).collect();
        numbered.map(|(number, settings)| (settings.clone(), owned(number))).collect()
    }

    /// Gives keys whose every line was wrong what the last good answer gave them.
    fn keep_last_good(&mut self) {
        let Some(previous) = self.previous else { return };
        for (key, kind) in std::mem::take(&mut self.wrong) {
            let Some(kept) = previous.stated.get(&key) else { continue };
            if key == CIDR {
                // One list: half of it could prefer what the other half forbids.
                self.dynamic.agent_cidrs.clone_from(&previous.agent_cidrs);
                self.dynamic.stated.insert(key, kept.clone());
            } else if !self.dynamic.stated.contains_key(&key)
                && let Ok(parsed) = value::parse(kind, &kept.value)
            {
                self.set(key, parsed.value, kept.clone());
            }
        }
    }

    pub(super) fn finish(mut self) -> Read {
        let from_txt = std::mem::take(&mut self.from_txt);
        let from_txt =
            if self.bad_collector && self.previous.is_some() { self.kept_collectors() } else { from_txt };
        let room = MOST_COLLECTORS.saturating_sub(self.dynamic.collectors.len());
        if from_txt.len() > room {
            let name = self.name;
            self.remark(format!("TXT {name}: more than {MOST_COLLECTORS} collectors, the rest is ignored"));
        }
        for (settings, stated) in from_txt {
            self.collector(settings, stated);
        }
        self.keep_last_good();
        self.dynamic.keyed = self.keyed.finish();
        if self.unsaid > 0 {
            self.remarks.push(format!("TXT {}: {} more remarks are not listed", self.name, self.unsaid));
        }
        Read { dynamic: self.dynamic, remarks: self.remarks }
    }

    fn remark(&mut self, text: String) {
        if self.remarks.len() < MOST_REMARKS {
            self.remarks.push(text);
        } else {
            self.unsaid += 1;
        }
    }
}

/// A line as it may stand in a message: in double quotes, steering characters escaped, cut when long.
pub fn shown(line: &[u8]) -> String {
    let text = quoted(&String::from_utf8_lossy(line));
    let inside = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(&text);
    format!("\"{inside}\"")
}
