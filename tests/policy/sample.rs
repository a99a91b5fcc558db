//! The sample and the examples are what the program reads, and every key of the tables is in the sample and the manual;
//! what the examples shape can be shaped.

use hsflow::policy::file::{self, tables};
use hsflow::policy::lines::Dialect;
use hsflow::policy::shape::plan::{Classifier, lanes};
use hsflow::policy::wanted::{Carrier, Wanted};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn sample() -> String {
    fs::read_to_string(repository("etc/policy.toml")).unwrap()
}

/// With every setting in force: prose has a blank after its `#`, a setting has none.
fn everything() -> String {
    let lines = sample();
    let lines = lines.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with([' ', '-']) => setting.to_owned(),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_faultless(name: &str, text: &str) -> file::Wishes {
    // Of a host whose addresses are known, as the program knows them.
    let host = ["198.51.100.7".parse().unwrap()];
    let wishes = file::parse_on(&host, &[(name, text)], Dialect::Linux);
    let faults: Vec<_> = wishes.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, [""; 0], "{name}");
    wishes
}

/// The keys of a value by the tables they are in, names of groups and policies as `NAME`.
fn keys(value: &DeValue<'_>, path: &str, found: &mut BTreeSet<(String, String)>) {
    match value {
        DeValue::Array(values) => values.iter().for_each(|value| keys(value.get_ref(), path, found)),
        DeValue::Table(table) => keys_of(table, path, found),
        _ => {}
    }
}

fn keys_of(table: &DeTable<'_>, path: &str, found: &mut BTreeSet<(String, String)>) {
    for (key, value) in table.iter() {
        let is_chosen = matches!(path, "group" | "policy");
        if !is_chosen {
            found.insert((path.to_owned(), key.get_ref().to_string()));
        }
        let key = if is_chosen { "NAME" } else { key.get_ref() };
        keys(value.get_ref(), &[path, key].join(if path.is_empty() { "" } else { "." }), found);
    }
}

fn known() -> BTreeSet<(String, String)> {
    let pairs = tables()
        .into_iter()
        .flat_map(|(table, keys)| keys.into_iter().map(move |key| (table.to_owned(), key.to_owned())));
    pairs.collect()
}

#[test]
fn the_sample_asks_for_nothing() {
    let wishes = assert_faultless("etc/policy.toml", &sample());
    assert_eq!(wishes, file::Wishes::default());
}

#[test]
fn the_sample_has_every_key_and_no_other_and_its_defaults_are_the_programs() {
    let text = everything();
    let wishes = assert_faultless("etc/policy.toml", &text);
    let default = file::Wishes::default();
    assert_eq!((wishes.limits, wishes.pace, wishes.service), (default.limits, default.pace, default.service));
    assert_eq!(wishes.rest.socket, default.rest.socket);
    assert_eq!(wishes.rest.check(), Ok(()));
    let mut found = BTreeSet::new();
    keys_of(DeTable::parse(&text).unwrap().get_ref(), "", &mut found);
    let missing: Vec<_> = known().difference(&found).cloned().collect();
    assert!(missing.is_empty(), "add to etc/policy.toml: {missing:?}");
    let unknown: Vec<_> = found.difference(&known()).cloned().collect();
    assert!(unknown.is_empty(), "add to src/policy/file/keys.rs: {unknown:?}");
}

#[test]
fn every_table_of_the_file_says_its_keys() {
    let tables = tables();
    let (_, top) = tables.first().unwrap();
    for table in top {
        let inner = |(path, _): &(&str, Vec<&str>)| path.split('.').next() == Some(table);
        assert!(tables.iter().any(inner), "add {table} to src/policy/file/keys.rs");
    }
}

#[test]
fn the_example_of_the_manual_is_a_policy() {
    let page = fs::read_to_string(repository("man/policy.toml.5")).unwrap();
    let examples: Vec<_> = page.split(".Bd -literal -offset indent\n").skip(1).collect();
    assert!(!examples.is_empty());
    for example in examples {
        let wishes = assert_faultless("man/policy.toml.5", example.split("\n.Ed").next().unwrap());
        assert_ne!(wishes, file::Wishes::default());
    }
}

#[test]
fn the_manual_has_every_key_and_no_other() {
    let page = fs::read_to_string(repository("man/policy.toml.5")).unwrap();
    let mut found = BTreeSet::new();
    let mut table = None;
    for line in page.lines() {
        if let Some(path) = line.strip_prefix(".\\\" table ") {
            table = Some(path.trim_matches('"'));
        } else if line.starts_with(".Sh ") {
            table = None;
        } else if let Some((table, item)) = table.zip(line.strip_prefix(".It Ic ")) {
            let names = item.split(" Ar ").next().unwrap().split_whitespace().filter(|word| *word != ",");
            found.extend(names.map(|key| (table.to_owned(), key.to_owned())));
        }
    }
    let wanted: BTreeSet<_> = known().into_iter().filter(|(table, _)| !table.is_empty()).collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    assert!(missing.is_empty(), "add to man/policy.toml.5: {missing:?}");
    assert!(found.is_subset(&wanted), "no such keys: {:?}", found.difference(&wanted).collect::<Vec<_>>());
}

#[test]
fn the_examples_are_taken_up_whole() {
    let entries = fs::read_dir(repository("etc/examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for path in entries.filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let wishes = assert_faultless(&path.display().to_string(), &fs::read_to_string(&path).unwrap());
        assert!(!wishes.policies.is_empty(), "{}", path.display());
        let wanted = Wanted { policies: wishes.policies, ..Wanted::default() };
        let (lanes, mut faults) = lanes(wanted.of(Carrier::Traffic), Classifier::Flower);
        faults.extend(lanes.iter().flat_map(|((device, _), lane)| lane.tree(device, 1500).1));
        assert!(faults.is_empty(), "{}: {faults:?}", path.display());
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}
