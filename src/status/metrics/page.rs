//! The page: families of metrics, each with its help and type, and lines of samples.
//!
//! In: tables of [`Row`]s, and the records that they take their values of. Out: text in either format. Rules: the samples of
//! a family stand together, under one help line; a family without a sample is not named; a value that is not known makes
//! no line.

use super::Format;
pub(super) use super::row::{About, Kind, Row, Value};
use std::io::Write;

/// The page while it is written.
pub(super) struct Page {
    out: Vec<u8>,
    format: Format,
    /// The family that is open.
    family: &'static str,
}

/// Bytes that a subject has, more or less.
const EACH: usize = 3072;

impl Page {
    /// An empty page for so many subjects.
    pub(super) fn new(format: Format, subjects: usize) -> Self {
        Self { out: Vec::with_capacity((subjects + 4) * EACH), format, family: "" }
    }

    /// Every row of a table, each of all records.
    #[allow(clippy::needless_pass_by_value)] // an iterator is cheap to give away
    pub(super) fn rows<'a, R: 'a>(
        &mut self,
        rows: &[Row<R>],
        records: impl Iterator<Item = About<'a, R>> + Clone,
    ) {
        for row in rows {
            for (labels, at_ms, record) in records.clone() {
                let value = (row.value)(record);
                if value != Value::Unknown {
                    self.open(row.name, row.kind, row.help);
                    self.line(row.name, labels, row.label, value, at_ms);
                }
            }
        }
    }

    /// Every row of a table, each of all records, which are told apart by these labels.
    pub(super) fn labelled<'a, R: 'a>(
        &mut self,
        rows: &[Row<R>],
        at_ms: Option<u64>,
        records: &'a [R],
        labels: impl FnMut(&R) -> String,
    ) {
        let labels: Vec<_> = records.iter().map(labels).collect();
        self.rows(rows, labels.iter().zip(records).map(|(labels, record)| (labels.as_str(), at_ms, record)));
    }

    /// A sample that stands in no table.
    pub(super) fn sample(
        &mut self,
        (name, kind, help): (&'static str, Kind, &'static str),
        labels: &str,
        value: Value,
        at_ms: Option<u64>,
    ) {
        if value != Value::Unknown {
            self.open(name, kind, help);
            self.line(name, labels, None, value, at_ms);
        }
    }

    /// The text.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.format == Format::OpenMetrics {
            self.out.extend_from_slice(b"# EOF\n");
        }
        self.out
    }

    /// Begins a family, where it is not the one that is open.
    fn open(&mut self, name: &'static str, kind: Kind, help: &str) {
        if self.family == name {
            return;
        }
        self.family = name;
        let (family, word) = match (self.format, kind) {
            (Format::Text, Kind::Counter) => (name, "counter"),
            (Format::Text, Kind::Gauge | Kind::Info) => (name, "gauge"),
            (Format::Text, Kind::Untyped) => (name, "untyped"),
            (Format::OpenMetrics, Kind::Counter) => (name.strip_suffix("_total").unwrap_or(name), "counter"),
            (Format::OpenMetrics, Kind::Info) => (name.strip_suffix("_info").unwrap_or(name), "info"),
            (Format::OpenMetrics, Kind::Gauge) => (name, "gauge"),
            (Format::OpenMetrics, Kind::Untyped) => (name, "unknown"),
        };
        self.write(format_args!("# HELP {family} {help}\n# TYPE {family} {word}\n"));
        if let Some(unit) = unit(family).filter(|_| self.format == Format::OpenMetrics) {
            self.write(format_args!("# UNIT {family} {unit}\n"));
        }
    }

    fn line(
        &mut self,
        name: &str,
        labels: &str,
        more: Option<(&str, &str)>,
        value: Value,
        at_ms: Option<u64>,
    ) {
        self.out.extend_from_slice(name.as_bytes());
        if !labels.is_empty() || more.is_some() {
            self.out.push(b'{');
            self.out.extend_from_slice(labels.as_bytes());
            if let Some((name, value)) = more {
                let comma = if labels.is_empty() { "" } else { "," };
                self.write(format_args!("{comma}{name}=\"{value}\""));
            }
            self.out.push(b'}');
        }
        self.out.push(b' ');
        match value {
            Value::Unknown => self.out.extend_from_slice(b"NaN"),
            Value::Whole(number) => self.number(number),
            Value::Thousandths(number) => self.thousandths(number),
            Value::Float(number) => self.write(format_args!("{number}")),
        }
        if let Some(at_ms) = at_ms {
            self.out.push(b' ');
            match self.format {
                Format::Text => self.number(at_ms),
                Format::OpenMetrics => self.thousandths(at_ms),
            }
        }
        self.out.push(b'\n');
    }

    fn thousandths(&mut self, number: u64) {
        self.number(number / 1000);
        if !number.is_multiple_of(1000) {
            let digit = |power| b'0' + u8::try_from(number / power % 10).unwrap_or(0);
            self.out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
        }
    }

    /// As `write!` does, in half the time: there are tens of thousands on a page.
    fn number(&mut self, mut number: u64) {
        let mut digits = [b'0'; 20];
        let mut first = digits.len();
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
            first = at;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(digits.get(first..).unwrap_or_default());
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to memory cannot fail.
        let _ = self.out.write_fmt(text);
    }
}

/// The unit that a name ends in.
fn unit(family: &str) -> Option<&'static str> {
    let units = ["seconds", "bytes", "ratio", "celsius", "volts", "amperes", "watts", "joules", "hertz"];
    let last = family.rsplit('_').next()?;
    units.into_iter().find(|unit| *unit == last)
}

/// Labels, escaped: `device="eth0",ifindex="2"`.
pub(super) fn labels(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                // No name has a use for them, and terminals do.
                c if c.is_control() => text.push('\u{fffd}'),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    text
}
