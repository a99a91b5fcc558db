//! `decode` of capture files.

use crate::support::TempDir;
use crate::{closed_pipe, objects, repository, run, run_with, text};
use std::fs::File;
use std::process::{Command, Stdio};

const DATAGRAMS: usize = 42;

fn capture() -> String {
    text(&repository("tests/data/c-agent.pcap")).to_owned()
}

#[test]
fn a_recording_prints_every_datagram_as_text_and_as_an_object_a_line() {
    let plain = run(&["decode", &capture()]);
    assert_eq!((plain.status, plain.stderr.as_str()), (Some(0), ""));
    assert_eq!(plain.stdout.matches("datagram from agent 192.0.2.2 ").count(), DATAGRAMS);
    let json = run(&["decode", "--json", &capture()]);
    assert_eq!((json.status, json.stderr.as_str()), (Some(0), ""));
    let printed = std::fs::read(repository("tests/data/c-agent.json")).unwrap();
    let theirs: Vec<serde_json::Value> =
        serde_json::Deserializer::from_slice(&printed).into_iter().map_while(Result::ok).collect();
    let ours = objects(&json.stdout);
    assert_eq!(ours.len(), DATAGRAMS);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours["sequence"].to_string(), theirs["packetSequenceNo"].as_str().unwrap());
        assert_eq!(
            ours["samples"].as_array().unwrap().len().to_string(),
            theirs["samplesInPacket"].as_str().unwrap()
        );
    }
}

#[test]
fn standard_input_is_read_like_a_file() {
    let stdin = || Stdio::from(File::open(capture()).unwrap());
    assert_eq!(run_with(stdin(), &["decode", "-"]).stdout, run(&["decode", &capture()]).stdout);
    let ran = run_with(stdin(), &["decode", "--json", "-"]);
    assert_eq!((ran.status, objects(&ran.stdout).len()), (Some(0), DATAGRAMS));
}

#[test]
fn a_count_ends_early_and_one_that_is_not_reached_is_a_no() {
    let ran = run(&["decode", "--json", "--count", "3", &capture()]);
    assert_eq!((ran.status, objects(&ran.stdout).len()), (Some(0), 3));
    let ran = run(&["decode", "--json", "--count", "43", &capture()]);
    assert_eq!((ran.status, objects(&ran.stdout).len()), (Some(1), DATAGRAMS));
}

#[test]
fn a_capture_that_is_cut_off_is_read_up_to_there() {
    let dir = TempDir::new();
    let whole = std::fs::read(capture()).unwrap();
    let file = dir.write("cut.pcap", &whole[..whole.len() - 7]);
    let ran = run(&["decode", "--json", text(&file)]);
    assert_eq!((ran.status, objects(&ran.stdout).len()), (Some(2), DATAGRAMS - 1));
    assert!(ran.stderr.contains("cut.pcap") && ran.stderr.contains("cut off"), "{}", ran.stderr);
}

#[test]
fn what_is_no_capture_is_an_error_that_names_the_file() {
    let dir = TempDir::new();
    for (name, bytes) in [("empty", &b""[..]), ("short", &b"\xd4\xc3"[..]), ("words", &[b'x'; 500][..])] {
        let ran = run(&["decode", text(&dir.write(name, bytes))]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{name}");
        assert!(ran.stderr.contains(name), "{}", ran.stderr);
    }
    assert_eq!(run(&["decode", text(&dir.path().join("missing"))]).status, Some(2));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [&["decode", "--json"][..], &["decode"], &["decode", "--count", "42"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hsflowctl"));
        let output = command.args(arguments).arg(capture()).stdout(closed_pipe()).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}
