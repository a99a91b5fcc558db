//! The file's tables and keys, read with the place of every fault.

use super::{Limit, Limits, METRICS, Row};
use crate::config::nearest;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const KEYS: [&str; 3] = ["warn", "high", "for"];
const LONGEST_SECS: u64 = 86_400;
/// Faults that are listed.
const LISTED: usize = 100;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Reads the file's text: limits, and everything that is wrong. What it does not say is as it is without a file.
pub fn parse(text: &str) -> (Limits, Vec<Fault>) {
    let mut reader = Reader { text, limits: Limits::default(), faults: Vec::new() };
    match DeTable::parse(text) {
        Ok(root) => reader.file(root.get_ref()),
        Err(why) => {
            let message = format!("not TOML: {}", why.message().replace(char::is_control, " "));
            reader.fault(&why.span().unwrap_or(0..0), message);
        }
    }
    reader.faults.sort_by_key(|fault| (fault.line, fault.column));
    (reader.limits, reader.faults)
}

struct Reader<'t> {
    text: &'t str,
    limits: Limits,
    faults: Vec<Fault>,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Reader<'_> {
    fn fault(&mut self, span: &Range<usize>, message: String) {
        if self.faults.len() >= LISTED {
            return;
        }
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.faults.push(Fault { line, column, message });
    }

    fn unknown(&mut self, span: &Range<usize>, key: &str, known: impl Iterator<Item = &'static str>) {
        let key: String = key.chars().take(80).flat_map(char::escape_debug).collect();
        let nearest = nearest(&key, known).map(|known| format!(", did you mean '{known}'?"));
        self.fault(span, format!("unknown key '{key}'{}", nearest.unwrap_or_default()));
    }

    fn file(&mut self, root: &DeTable<'_>) {
        for (name, value) in root {
            let rows: Vec<&Row> = METRICS.iter().filter(|row| row.table == &**name.get_ref()).collect();
            if rows.is_empty() {
                self.unknown(&name.span(), name.get_ref(), METRICS.iter().map(|row| row.table));
                continue;
            }
            let Some(table) = self.table(value) else { continue };
            for (key, value) in table {
                match rows.iter().find(|row| row.key == &**key.get_ref()) {
                    Some(row) => self.limit(row, value),
                    None => self.unknown(&key.span(), key.get_ref(), rows.iter().map(|row| row.key)),
                }
            }
        }
    }

    fn table<'v, 't>(&mut self, value: &'v Value<'t>) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.fault(&value.span(), format!("a table, not {}", value.get_ref().type_str()));
        }
        table
    }

    fn limit(&mut self, row: &Row, value: &Value<'_>) {
        let Some(table) = self.table(value) else { return };
        let before = self.limits.of(row.metric);
        let (mut limit, faults) = (before, self.faults.len());
        for (key, value) in table {
            match &**key.get_ref() {
                "warn" => limit.warn = self.number(value).unwrap_or(limit.warn),
                "high" => limit.high = self.number(value).unwrap_or(limit.high),
                "for" => limit.lasting = self.time(value).unwrap_or(limit.lasting),
                other => self.unknown(&key.span(), other, KEYS.into_iter()),
            }
        }
        if limit.warn > limit.high && self.faults.len() == faults {
            let Limit { warn, high, .. } = limit;
            self.fault(&value.span(), format!("warn ({warn}) is above high ({high})"));
            limit = Limit { lasting: limit.lasting, ..before };
        }
        self.limits.set(row.metric, limit);
    }

    fn number(&mut self, value: &Value<'_>) -> Option<f64> {
        let number = match value.get_ref() {
            DeValue::Integer(digits) if digits.radix() == 10 => digits.as_str().parse::<f64>().ok(),
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| (0.0..=1e15).contains(number));
        if number.is_none() {
            self.fault(&value.span(), "a number from 0 on".to_owned());
        }
        number
    }

    fn time(&mut self, value: &Value<'_>) -> Option<Duration> {
        const UNITS: [(char, u64); 3] = [('s', 1), ('m', 60), ('h', 3600)];
        let parse = |text: &str| {
            let (count, factor) =
                UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(*unit)?, factor)))?;
            let count: u64 =
                Some(count).filter(|count| count.chars().all(|c| c.is_ascii_digit()))?.parse().ok()?;
            count.checked_mul(*factor).filter(|secs| *secs <= LONGEST_SECS).map(Duration::from_secs)
        };
        let time = value.get_ref().as_str().and_then(parse);
        if time.is_none() {
            self.fault(&value.span(), "a time is a text: a whole number and s, m or h, up to 24h".to_owned());
        }
        time
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metric;
    use super::*;

    #[test]
    fn what_the_file_says_counts_and_the_rest_is_as_it_was() {
        let (limits, faults) =
            parse("[guest]\ncpu = { warn = 50, high = 75.5, for = \"2m\" }\n[host.disk]\nhigh = 99\n");
        assert_eq!(faults, []);
        let cpu = Limit { warn: 50.0, high: 75.5, lasting: Duration::from_secs(120) };
        assert_eq!(limits.of(Metric::GuestCpu), cpu);
        let disk = Limits::default().of(Metric::HostDisk);
        assert_eq!(limits.of(Metric::HostDisk), Limit { high: 99.0, ..disk });
        assert_eq!(limits.of(Metric::HostCpu), Limits::default().of(Metric::HostCpu));
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let text = "[gest]\n[guest]\ncpu = 5\nmemry = {}\n[host]\ncpu = { warn = 95, hig = 1 }\n\
                    load = { warn = 9, high = 2 }\nswap = { warn = -1, for = \"10 s\" }\n";
        let (limits, faults) = parse(text);
        let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "1:2: unknown key 'gest', did you mean 'guest'?",
                "3:7: a table, not integer",
                "4:1: unknown key 'memry', did you mean 'memory'?",
                "6:20: unknown key 'hig', did you mean 'high'?",
                "7:8: warn (9) is above high (2)",
                "8:17: a number from 0 on",
                "8:27: a time is a text: a whole number and s, m or h, up to 24h",
            ]
        );
        assert_eq!(limits.of(Metric::HostLoad), Limits::default().of(Metric::HostLoad));
        let (limits, faults) = parse("[host\n");
        assert_eq!((limits, faults.len()), (Limits::default(), 1));
    }

    #[test]
    fn the_shipped_file_has_every_key_with_its_default() {
        let text = include_str!("../../../etc/top.toml");
        // The keys are comments there: what is in force is what the program has.
        let without: String = text.lines().map(|line| line.strip_prefix("#:").unwrap_or(line)).fold(
            String::new(),
            |mut all, line| {
                all.push_str(line);
                all.push('\n');
                all
            },
        );
        let (limits, faults) = parse(&without);
        assert_eq!((limits, faults), (Limits::default(), Vec::new()));
        assert_eq!(parse(text), (Limits::default(), Vec::new()));
        for row in &METRICS {
            let line = format!("#:{} = {{ warn = ", row.key);
            assert!(
                text.contains(&line) && text.contains(row.what),
                "etc/top.toml: {}.{}",
                row.table,
                row.key
            );
        }
    }
}
