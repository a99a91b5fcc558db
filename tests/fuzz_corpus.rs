//! Replays the fuzzer's kept inputs, so that what it once found stays found without the fuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a failed unwrap is a failed test

#[path = "fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn every_kept_input_of_every_target_keeps_its_law() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut folders: Vec<_> =
        fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    folders.sort();
    let names: Vec<_> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(folders, names, "each target has a corpus folder, in the order of the alphabet");
    for (name, target) in targets::TARGETS {
        let inputs = fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path());
        let replayed = inputs
            .map(|path| {
                println!("{}", path.display());
                target(&fs::read(&path).unwrap());
            })
            .count();
        assert!(replayed > 0, "corpus/{name} is empty");
    }
}
