//! Lines of InfluxDB's protocol by its specification, strictly: an error wherever a database would refuse a line, or take
//! it for another. Spec: docs.influxdata.com, "Line protocol".

#![allow(dead_code)] // each program that checks lines uses its part

use std::collections::BTreeMap;

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field {
    Float(f64),
    Integer(i64),
    Text(String),
    Truth(bool),
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) measurement: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) time: Option<i64>,
}

/// Reads one line, without its end.
pub(crate) fn parse(line: &str) -> Result<Point, String> {
    let mut rest = line;
    let measurement = key(&mut rest, &[',', ' '])?;
    if measurement.is_empty() || measurement.starts_with(['_', '#']) {
        return Err(format!("measurement {measurement:?}"));
    }
    let (mut tags, mut fields) = (BTreeMap::new(), BTreeMap::new());
    while take(&mut rest, ',') {
        let name = named(&mut rest)?;
        let value = key(&mut rest, &[',', ' ', '='])?;
        if value.is_empty() || tags.insert(name.clone(), value).is_some() {
            return Err(format!("tag {name:?} is empty, or there twice"));
        }
    }
    if !take(&mut rest, ' ') {
        return Err(format!("no fields before {rest:?}"));
    }
    loop {
        let name = named(&mut rest)?;
        let value = field(&mut rest)?;
        if fields.insert(name.clone(), value).is_some() {
            return Err(format!("field {name:?} twice"));
        }
        if !take(&mut rest, ',') {
            break;
        }
    }
    let time =
        if take(&mut rest, ' ') { Some(rest.parse().map_err(|_| format!("time {rest:?}"))?) } else { None };
    if time.is_none() && !rest.is_empty() {
        return Err(format!("{rest:?} behind the fields"));
    }
    Ok(Point { measurement, tags, fields, time })
}

fn take(rest: &mut &str, c: char) -> bool {
    rest.strip_prefix(c).map(|behind| *rest = behind).is_some()
}

/// A name and the equals sign behind it.
fn named(rest: &mut &str) -> Result<String, String> {
    let name = key(rest, &[',', ' ', '='])?;
    if name.is_empty() || name.starts_with('_') || name == "time" || !take(rest, '=') {
        return Err(format!("name {name:?} before {rest:?}"));
    }
    Ok(name)
}

/// Up to one of these characters, which a backslash takes the meaning from.
fn key(rest: &mut &str, ends: &[char]) -> Result<String, String> {
    let (mut text, mut characters) = (String::new(), rest.char_indices());
    while let Some((at, c)) = characters.next() {
        match c {
            c if ends.contains(&c) => {
                *rest = &rest[at..];
                return Ok(text);
            }
            '\\' => match characters.next() {
                Some((_, c @ (',' | '=' | ' '))) => text.push(c),
                other => return Err(format!("a backslash before {other:?}")),
            },
            c if c.is_control() => return Err(format!("{c:?}")),
            c => text.push(c),
        }
    }
    *rest = "";
    Ok(text)
}

fn field(rest: &mut &str) -> Result<Field, String> {
    if take(rest, '"') {
        return text(rest);
    }
    let end = rest.find([',', ' ']).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(end);
    *rest = behind;
    let wrong = || format!("value {word:?}");
    match word {
        "true" => Ok(Field::Truth(true)),
        "false" => Ok(Field::Truth(false)),
        _ => match word.strip_suffix('i') {
            Some(digits) => digits.parse().map(Field::Integer).map_err(|_| wrong()),
            None => {
                let number = word.parse::<f64>().ok().filter(|number| number.is_finite());
                number.map(Field::Float).ok_or_else(wrong)
            }
        },
    }
}

fn text(rest: &mut &str) -> Result<Field, String> {
    let (mut text, mut characters) = (String::new(), rest.char_indices());
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                *rest = &rest[at + 1..];
                return Ok(Field::Text(text));
            }
            '\\' => match characters.next() {
                Some((_, c @ ('"' | '\\'))) => text.push(c),
                other => return Err(format!("a backslash before {other:?}")),
            },
            c if c.is_control() => return Err(format!("{c:?}")),
            c => text.push(c),
        }
    }
    Err(format!("no end of {rest:?}"))
}
