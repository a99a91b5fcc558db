//! `rtmetric` and `rtflow`: values under names that their sender chose, each an object with a `type` and a `value`.
//!
//! In: the member. Out: [`RtMetric`] or [`RtFlow`], values in their order. Rules: names are 1 to 64 of `A-Z a-z 0-9 _ -`, and
//! a data source does not start with a digit; what is neither a data source nor an object is passed over; a value that is
//! missing, or cannot be of its type, refuses the whole message, since a receiver could not tell where it ends. Numbers
//! may be text, with which every program can send 64 bits exactly.

use super::address::{ipv4, ipv6, mac};
use super::fault::{Fault, Wrong};
use super::number::{Number, parse_number};
use super::object::{Member, Object};
use super::tape::Node;
use super::transaction::one_in;
use crate::sflow::realtime::{FlowField, FlowValue, Metric, MetricValue, RtFlow, RtMetric};
use std::borrow::Cow;

/// Longest name and longest text, in bytes.
const MAX_NAME: usize = 64;
const MAX_TEXT: usize = 255;

/// These two are read in no other case, since a value may have the name in another one.
const DATASOURCE: &str = "datasource";
const SAMPLING_RATE: &str = "sampling_rate";

const METRIC_TYPES: &str = "string counter32 counter64 gauge32 gauge64 gaugeFloat gaugeDouble";
const FIELD_TYPES: &str = "string mac ip ip6 int32 int64 float double";

/// Reads `rtmetric`.
pub(super) fn metrics<'a>(sample: &Object<'_, '_, 'a>) -> Result<RtMetric<'a>, Fault> {
    let read = |name, given: &Given<'_, '_, 'a>| Ok(Metric { name, value: metric(given)? });
    Ok(RtMetric { datasource: datasource(sample)?, metrics: values(sample, read)? })
}

/// Reads `rtflow`.
pub(super) fn event<'a>(sample: &Object<'_, '_, 'a>) -> Result<RtFlow<'a>, Fault> {
    let read = |name, given: &Given<'_, '_, 'a>| Ok(FlowField { name, value: field(given)? });
    Ok(RtFlow {
        datasource: datasource(sample)?,
        sampling_rate: one_in(&sample.exact_member(SAMPLING_RATE))?,
        sample_pool: 0,
        fields: values(sample, read)?,
    })
}

fn metric<'a>(given: &Given<'_, '_, 'a>) -> Result<MetricValue<'a>, Fault> {
    Ok(match given.word {
        "string" => MetricValue::String(given.text()?),
        "counter32" => MetricValue::Counter32(given.number(Number::counter32)?),
        "counter64" => MetricValue::Counter64(given.number(Number::u64)?),
        "gauge32" => MetricValue::Gauge32(given.number(Number::gauge32)?),
        "gauge64" => MetricValue::Gauge64(given.number(Number::u64)?),
        "gaugeFloat" => MetricValue::GaugeFloat(given.number(Number::float)?),
        "gaugeDouble" => MetricValue::GaugeDouble(given.number(Number::double)?),
        _ => return Err(given.unknown_type(METRIC_TYPES)),
    })
}

fn field<'a>(given: &Given<'_, '_, 'a>) -> Result<FlowValue<'a>, Fault> {
    Ok(match given.word {
        "string" => FlowValue::String(given.text()?),
        "mac" => FlowValue::Mac(given.address(mac, "a MAC address")?),
        "ip" => FlowValue::Ip(given.address(ipv4, "an IPv4 address")?),
        "ip6" => FlowValue::Ip6(given.address(ipv6, "an IPv6 address")?),
        "int32" => FlowValue::Int32(given.number(Number::int32)?),
        "int64" => FlowValue::Int64(given.number(Number::int64)?),
        "float" => FlowValue::Float(given.number(Number::float)?),
        "double" => FlowValue::Double(given.number(Number::double)?),
        _ => return Err(given.unknown_type(FIELD_TYPES)),
    })
}

/// The name of the data source; empty where it is not text.
fn datasource<'a>(sample: &Object<'_, '_, 'a>) -> Result<Cow<'a, str>, Fault> {
    let member = sample.exact_member(DATASOURCE);
    let Some(Node::Text(name)) = member.value() else { return Ok(Cow::Borrowed("")) };
    if !is_name(name) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(member.fault(Wrong::Name(", not a digit first")));
    }
    Ok(name.clone())
}

fn values<'a, T>(
    sample: &Object<'_, '_, 'a>,
    read: impl Fn(Cow<'a, str>, &Given<'_, '_, 'a>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut values = Vec::with_capacity(sample.members().count());
    for (name, member) in sample.members() {
        let Some(object) = member.if_object().filter(|_| name != DATASOURCE) else { continue };
        if !is_name(name) {
            return Err(member.fault(Wrong::Name("")));
        }
        let [kind, value] = object.pick(["type", "value"]);
        let word = kind.required(kind.text()?)?;
        values.push(read(name.clone(), &Given { word, kind, value })?);
    }
    if values.is_empty() {
        return Err(sample.fault(Wrong::Empty));
    }
    Ok(values)
}

fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(known)
}

/// A value as it is given.
struct Given<'p, 't, 'a> {
    /// What `kind` says.
    word: &'t str,
    kind: Member<'p, 't, 'a>,
    value: Member<'p, 't, 'a>,
}

impl<'a> Given<'_, '_, 'a> {
    fn text(&self) -> Result<Cow<'a, str>, Fault> {
        let text = self.value.required(self.value.text()?)?;
        if text.len() > MAX_TEXT {
            return Err(self.value.fault(Wrong::Long(text.len())));
        }
        Ok(text.clone())
    }

    fn number<T>(&self, fit: impl Fn(Number) -> Result<T, &'static str>) -> Result<T, Fault> {
        if let Some(Node::Text(text)) = self.value.value() {
            let number = parse_number(text).ok_or_else(|| self.value.fault(Wrong::Kind("a number")))?;
            return fit(number).map_err(|range| self.value.fault(Wrong::Range(range)));
        }
        self.value.required(self.value.number(fit)?)
    }

    fn address<T>(&self, parse: fn(&str) -> Option<T>, what: &'static str) -> Result<T, Fault> {
        let text = self.value.required(self.value.text()?)?;
        parse(text).ok_or_else(|| self.value.fault(Wrong::Address(what)))
    }

    fn unknown_type(&self, known: &'static str) -> Fault {
        self.kind.fault(Wrong::Type(known))
    }
}
