//! Every kind of mistake with the whole list of messages that it makes: `bad/NAME.conf` beside `bad/NAME.expected`.
//! `UPDATE_GOLDEN=1` rewrites the lists.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use hsflow::config;
use std::{fs, path::Path};

#[test]
fn every_mistake_is_refused_with_the_expected_messages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config/bad");
    let mut seen = 0;
    let mut differing = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "conf") {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy();
        let (parsed, text) = config::parse_bytes(&name, &fs::read(&path).unwrap());
        let said = parsed.problems.iter().map(|problem| {
            assert!(text.get(problem.span.clone()).is_some(), "{name}: {problem:?}");
            format!("{}\n{}\n\n", problem.line(&name), problem.render(&name, &text, false))
        });
        let said: String = said.collect();
        assert!(parsed.settings.is_none(), "{name} is accepted");
        let golden = path.with_extension("expected");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        if fs::read_to_string(&golden).unwrap_or_default() != said {
            differing.push(format!("{name}:\n{said}"));
        }
        seen += 1;
    }
    assert!(differing.is_empty(), "not as expected:\n{}", differing.join("\n"));
    assert!(seen >= 45, "{seen} files");
}
