//! `check` and `config`.

use crate::support::TempDir;
use crate::{repository, run, text};

#[test]
fn a_good_file_is_accepted() {
    let file = repository("etc/hsflowd.conf");
    let ran = run(&["check", text(&file)]);
    assert_eq!(ran.status, Some(0));
    assert_eq!(ran.stdout, format!("{}: accepted\n", file.display()));
}

#[test]
fn every_problem_of_a_bad_file_is_told_in_one_run() {
    let ran = run(&["check", text(&repository("tests/fixtures/config/bad/many.conf"))]);
    assert_eq!(ran.status, Some(1));
    // The mistakes, counted in the file by eye.
    for (line, mistake) in [
        (3, "301"),
        (4, "samplng"),
        (5, "comma"),
        (5, "datagramBytes"),
        (6, "agentIP"),
        (7, "colector"),
        (8, "ipp"),
        (9, "udpport"),
        (10, "promisc"),
        (13, "psample.group"),
    ] {
        let at = format!("many.conf:{line}:");
        let mut errors = ran.stdout.split("error: ").skip(1);
        assert!(errors.any(|told| told.contains(mistake) && told.contains(&at)), "{mistake}: {}", ran.stdout);
    }
    assert_eq!(ran.stdout.matches("error: ").count(), 10, "{}", ran.stdout);
    assert!(ran.stdout.ends_with("refused\n"));
}

#[test]
fn a_feature_that_is_not_active_is_named_and_refuses_nothing() {
    let ran = run(&["check", text(&repository("etc/examples/dns-sd.conf"))]);
    assert_eq!(ran.status, Some(0));
    assert!(!ran.stdout.contains("not active"), "{}", ran.stdout);
    let dir = TempDir::new();
    let file = dir.write("switch.conf", "sflow { collector { ip = 127.0.0.1 } opx { udpport = 20001 } }");
    let ran = run(&["check", text(&file)]);
    assert_eq!(ran.status, Some(0));
    assert!(ran.stdout.contains("note: opx.udpport: accepted, not active in this version"), "{}", ran.stdout);
}

#[test]
fn a_file_that_cannot_be_read_is_another_answer_than_a_bad_one() {
    let dir = TempDir::new();
    let missing = dir.path().join("missing.conf");
    for path in [missing.as_path(), dir.path()] {
        let ran = run(&["check", text(path)]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains(text(path)), "{}", ran.stderr);
    }
}

#[test]
fn a_file_that_is_no_text_is_refused_and_printed_without_control_characters() {
    let ran = run(&["check", text(&repository("tests/fixtures/config/bad/control-characters.conf"))]);
    assert_eq!(ran.status, Some(1));
    assert!(!ran.stdout.contains('\u{1b}'), "{:?}", ran.stdout);
    assert_eq!(
        run(&["check", text(&repository("tests/fixtures/config/bad/not-utf-8.conf"))]).status,
        Some(1)
    );
}

#[test]
fn the_default_configuration_is_the_shipped_file_byte_for_byte() {
    let ran = run(&["config", "default"]);
    assert_eq!(ran.status, Some(0));
    assert_eq!(ran.stdout, std::fs::read_to_string(repository("etc/hsflowd.conf")).unwrap());
}
