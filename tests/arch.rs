//! Who may use whom, where `unsafe` may stand, and which layers do no I/O: the table of the README's map as data.
//! Changing an edge here is a visible diff with a sentence of why.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Layer, and what it may use of this crate.
const MAY_USE: &[(&str, &[&str])] = &[
    // The only unsafe code: safe types over system calls, nothing parsed.
    ("sys", &[]),
    ("log", &[]),
    // Core: bytes and text to types and back; decisions. No I/O.
    ("wire", &[]),
    ("sflow", &[]),
    // The page of metrics tells of the samples that were sent.
    ("status", &["sflow"]),
    ("sample", &["sflow", "config", "wire"]),
    ("config", &["sflow"]),
    // What the service manager has to give for a configuration; texts of units.
    ("setup", &["config"]),
    // What is to be done to traffic. Of the configuration only the nearest of known words; the agent does not know it.
    // Detection reads what the agent sends, and waits for its socket. Who watches over the rules hears the kernel, and the
    // program has a log.
    ("policy", &["sys", "sflow", "wire", "config", "setup", "host", "status", "log"]),
    // What hosts are doing, by their sFlow: decodes datagrams, and counts flows as detection does.
    ("view", &["sflow", "wire", "config", "policy"]),
    // The environment as a value.
    ("host", &["sys"]),
    // Shells: kernel in, sockets and files out.
    ("collect", &["sys", "host", "wire", "sflow", "config", "sample", "status"]),
    ("source", &["sys", "host", "wire", "sflow", "config", "sample", "status"]),
    ("switch", &["sys", "host", "wire", "config", "sample", "status"]),
    ("export", &["sys", "host", "sflow", "config", "sample", "status"]),
    ("discover", &["sys", "host", "config", "sample", "status"]),
    // Wiring may use everything; nobody uses it but the programs, and `ctl once`, which runs one poll of it.
    (
        "agent",
        &[
            "sys", "host", "wire", "sflow", "config", "setup", "sample", "status", "collect", "source",
            "switch", "discover", "export", "log",
        ],
    ),
    // The doctor tries each packet source as the agent would, on traffic of its own, and looks where Open vSwitch and the
    // engines of guests listen.
    (
        "ctl",
        &[
            "agent", "host", "sys", "source", "sample", "switch", "collect", "wire", "sflow", "config",
            "setup", "status", "view", "log",
        ],
    ),
];

/// Layers without I/O, clock or runtime, and the parts of `policy` and `ctl` that have none: there, shells stand beside them.
const PURE: &[&str] = &[
    "wire",
    "sflow",
    "sample",
    "config",
    "setup",
    "status",
    "ctl/doctor/judge",
    "ctl/doctor/firewall",
    "ctl/doctor/facts",
    "view",
    "policy/model",
    "policy/file",
    "policy/lines",
    "policy/plan",
    "policy/privileges",
    "policy/react",
    "policy/book",
    "policy/bridge/desired",
    "policy/bridge/flows",
    "policy/bridge/matches",
    "policy/bridge/meters",
    "policy/bridge/ports",
    "policy/cumulus/files",
    "policy/shape/made",
    "policy/shape/plan",
    "policy/shape/observed",
    "policy/watch/dates",
    "ctl/decode/formats",
    "ctl/decode/anonymise",
];

/// What I/O looks like in source text.
const IO_WORDS: &[&str] = &[
    "std::fs",
    "std::process",
    "std::thread",
    "std::env",
    "UdpSocket",
    "TcpStream",
    "UnixStream",
    "Instant::now",
    "SystemTime::now",
    "tokio",
    "async fn",
    "libc::",
    "nix::",
];

fn sources(layer: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let file = src.join(format!("{layer}.rs"));
    if file.exists() {
        found.push(file);
    }
    collect(&src.join(layer), &mut found);
    assert!(!found.is_empty(), "no source for layer {layer}");
    found
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.map(|e| e.unwrap().path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The text without comments and without its inline tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
    product.lines().map(|l| l.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n == "tests.rs") || path.components().any(|c| c.as_os_str() == "tests")
}

#[test]
fn every_layer_is_in_the_table_and_in_the_readme() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let on_disk: BTreeSet<String> = fs::read_dir(src)
        .unwrap()
        .map(|e| e.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|n| n != "lib" && n != "bin")
        .collect();
    let in_table: BTreeSet<String> = MAY_USE.iter().map(|(n, _)| (*n).to_owned()).collect();
    assert_eq!(on_disk, in_table);
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for layer in on_disk {
        assert!(readme.contains(&format!("`{layer}")), "README's map does not name `{layer}`");
    }
}

#[test]
fn layers_use_only_what_the_table_permits() {
    for (layer, allowed) in MAY_USE {
        for path in sources(layer).iter().filter(|p| !is_test_file(p)) {
            for used in code(path).split("crate::").skip(1) {
                let target: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let known = MAY_USE.iter().any(|(n, _)| *n == target);
                assert!(
                    !known || target == *layer || allowed.contains(&target.as_str()),
                    "{}: {layer} must not use {target}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn core_layers_do_no_io() {
    for layer in PURE {
        for path in sources(layer).iter().filter(|p| !is_test_file(p)) {
            let text = code(path);
            for word in IO_WORDS {
                assert!(!text.contains(word), "{}: {word} in a core layer", path.display());
            }
        }
    }
}

#[test]
fn the_pure_parts_of_policy_use_no_shell() {
    for part in PURE.iter().filter(|part| part.starts_with("policy/")) {
        for path in sources(part).iter().filter(|p| !is_test_file(p)) {
            let text = code(path);
            let shells = ["crate::host", "crate::sys", "crate::status", "policy::apply", "policy::rest"];
            assert!(
                !shells.iter().any(|shell| text.contains(shell)),
                "{}: a shell in a core layer",
                path.display()
            );
        }
    }
}

#[test]
fn unsafe_code_stands_in_sys_alone_and_says_why() {
    for (layer, _) in MAY_USE {
        for path in sources(layer) {
            let uses = code(&path).contains("unsafe {");
            assert!(!uses || *layer == "sys", "{}: unsafe outside sys/", path.display());
            if uses {
                assert!(fs::read_to_string(&path).unwrap().contains("SAFETY:"), "{}", path.display());
            }
        }
    }
}
