//! The files made from the key table, and the samples shipped beside them, stay true: `UPDATE_GOLDEN=1` rewrites the
//! made ones, everything else is parsed.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use hsflow::config::{self, keys::OBJECTS};
use std::{fs, path::Path};

fn root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn assert_is_file(path: &str, want: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(root(path), want).unwrap();
    }
    let have = fs::read_to_string(root(path)).unwrap_or_default();
    assert!(
        have == want,
        "{path} is not what the key table says: run UPDATE_GOLDEN=1 cargo test --test config_files"
    );
}

fn problems(text: &str) -> Vec<String> {
    config::parse("file", text).problems.iter().map(|problem| problem.line("file")).collect()
}

/// Takes the `#` from every setting; objects that cannot stand together go.
fn all_on(text: &str) -> String {
    let mut left_out = false;
    let lines = text.lines().filter_map(|line| {
        let body = line.trim_start();
        let line = match body.strip_prefix('#') {
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
            _ => body,
        };
        left_out |= line.starts_with("dns-sd {");
        let skip = left_out;
        left_out &= line != "}";
        (!skip).then_some(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_file_is_made_from_the_key_table() {
    assert_is_file("etc/hsflowd.conf", &config::default_file());
}

#[test]
fn the_shipped_file_as_it_is_means_the_defaults_and_one_local_collector() {
    let text = config::default_file();
    assert_eq!(problems(&text), [] as [String; 0]);
    let settings = config::parse("file", &text).settings.unwrap();
    let mut defaults = config::model::Settings::defaults();
    defaults.collectors.clone_from(&settings.collectors);
    assert_eq!(settings, defaults);
    let [collector] = settings.collectors.as_slice() else { panic!("one collector") };
    assert_eq!((collector.host.as_str(), collector.port), ("127.0.0.1", 6343));
}

#[test]
fn the_shipped_file_with_everything_on_is_valid_and_names_every_key() {
    let text = all_on(&config::default_file());
    let parsed = config::parse("file", &text);
    let errors = parsed.problems.iter().filter(|problem| problem.severity == config::Severity::Error);
    assert_eq!(errors.map(|problem| problem.line("file")).collect::<Vec<_>>(), [] as [String; 0]);
    let origins = parsed.settings.unwrap().origins;
    let set: Vec<&str> = origins.iter().map(|(key, _)| key).collect();
    for object in OBJECTS.iter().filter(|object| object.name != "dns-sd") {
        for key in object.keys.iter().filter(|key| key.moved.is_none()) {
            let path = object.path(&key.sample().0);
            let (object, name) = path.split_once('.').unwrap_or(("", &path));
            let numbered = format!("{object}.1.{name}");
            let port = path.replace("opx.port.", "opx.port.1.");
            assert!(
                set.iter().any(|set| [path.as_str(), &numbered, &port].contains(set)),
                "{path} in {set:?}"
            );
        }
    }
}

#[test]
fn everything_on_with_its_shown_default_changes_no_default() {
    let text = all_on(&config::default_file());
    let settings = config::parse("file", &text).settings.unwrap();
    let defaults = config::model::Settings::defaults();
    assert_eq!(settings.polling_secs, defaults.polling_secs);
    assert_eq!(settings.sampling, defaults.sampling);
    assert_eq!(settings.header_bytes, defaults.header_bytes);
    assert_eq!(settings.datagram_bytes, defaults.datagram_bytes);
    assert_eq!(settings.sub_agent_id, defaults.sub_agent_id);
    assert_eq!(settings.interface_counters, defaults.interface_counters);
    let dropmon = |text: &str| {
        let text = format!("sflow {{ collector {{ ip=::1 }} dropmon {{ {text} }} }}");
        config::parse("file", &text).settings.unwrap().modules.dropmon.unwrap()
    };
    assert_eq!(settings.modules.dropmon.unwrap(), dropmon("hide=^skb"));
}

#[test]
fn every_shipped_sample_is_valid() {
    let mut seen = 0;
    for entry in fs::read_dir(root("etc/examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "conf") {
            continue;
        }
        let parsed = config::parse("sample", &fs::read_to_string(&path).unwrap());
        let bad = parsed.problems.iter().filter(|problem| problem.severity > config::Severity::Note);
        let bad: Vec<_> = bad.map(|problem| problem.line(&path.to_string_lossy())).collect();
        assert_eq!(bad, [] as [String; 0]);
        seen += 1;
    }
    assert!(seen >= 5);
}

#[test]
fn the_manual_is_made_from_the_key_table_and_names_every_key_and_object() {
    let page = config::man_page();
    assert_is_file("man/hsflowd.conf.5", &page);
    for object in OBJECTS {
        for key in object.keys {
            let name = key.name.trim_end_matches("KEY");
            assert!(page.contains(&format!(".It Ic {name}")), "{name}");
        }
    }
}

#[test]
fn every_example_in_the_manual_is_valid() {
    let page = config::man_page();
    let examples: Vec<_> = page.split(".Bd -literal -offset indent\n").skip(1).collect();
    assert_eq!(examples.len(), 5);
    for example in examples {
        let text = example.split("\n.Ed").next().unwrap().replace("\\e", "\\").replace("\\(ha", "^");
        let parsed = config::parse("example", &text);
        let bad = parsed.problems.iter().filter(|problem| problem.severity > config::Severity::Note);
        assert_eq!(bad.count(), 0, "{text}\n{:?}", parsed.problems);
    }
}

#[test]
fn the_file_that_packages_install_means_what_holds_without_a_file() {
    let shipped = fs::read_to_string(root("packaging/hsflowd.conf")).unwrap();
    assert_eq!(problems(&shipped), [] as [String; 0]);
    let settings = |text: &str| {
        let mut settings = config::parse("file", text).settings.unwrap();
        settings.origins = config::model::Settings::defaults().origins; // where it is said differs
        settings
    };
    assert_eq!(settings(&shipped), settings(config::Platform::Host.built_in()));
}
