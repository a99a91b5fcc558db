//! Patterns mean what POSIX extended expressions mean to the C library, asked through `grep -E`.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use hsflow::config::Pattern;
use proptest::prelude::*;
use std::io::Write as _;
use std::process::{Command, Stdio};

const NAMES: &str = "eth0\neth12\neno1\nens3f0\nswp1\nswp1s0\nswp\nlo\nbr-0a1b\ndocker0\nveth7\\d\nvif1.0\na\naa\naaa\nab\nabb\nb\nd\n\
                     a.b\na]b\n[x]\na-b\n^a\na*\nx\\y\ne101-001-0\nEthernet0\na+b\n(a)\na|b\nfoo bar\n";

/// The lines that grep finds; `None` when it refuses the pattern.
fn grep(pattern: &str) -> Option<Vec<String>> {
    let mut child = Command::new("grep")
        .args(["-E", "-e", pattern])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A grep that refuses the pattern does not wait for its input.
    let _ = child.stdin.take().unwrap().write_all(NAMES.as_bytes());
    let output = child.wait_with_output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    (output.status.code() != Some(2)).then(|| found.lines().map(str::to_owned).collect())
}

fn ours(pattern: &str) -> Option<Vec<String>> {
    let pattern = Pattern::new(pattern).ok()?;
    Some(NAMES.lines().filter(|name| pattern.is_match(name)).map(str::to_owned).collect())
}

#[test]
fn patterns_of_real_files_find_what_grep_finds() {
    let patterns = [
        "^swp[0-9s]+$",
        "^e[0-9]+-[0-9]+-[0-9]+$",
        r"vif[^0-9]*([0-9]+)\.([0-9]+)$",
        "^(en|eth)",
        "eth|swp",
        "[[:digit:]]$",
        "^[^[:alpha:]]",
        r"[\.]",
        r"[]x]",
        r"[^]x]$",
        "[a-]",
        "[.+*]",
        r"\.",
        r"\<eth",
        r"h\>",
        r"\bbar",
        r"^\w+$",
        "a{2}",
        "a{2,}",
        "^a{1,2}$",
        "^a+?$",
        "^a*?b",
        "^a??b",
        "^(a|b)*$",
        "a.b",
        "^.$",
        "[&&]|[a~~b]",
        "$",
        "^$",
        "o b",
        r"\*$",
        r"^\^",
        r"[[]x]",
        "x|",
        "[[.a.]]$",
        "[[=b=][.-.]]",
    ];
    for pattern in patterns {
        assert_eq!(ours(pattern), grep(pattern), "{pattern}");
    }
}

#[test]
fn a_backslash_before_an_ordinary_letter_is_that_letter() {
    let pattern = Pattern::new(r"^\d$").unwrap();
    assert!(pattern.is_match("d") && !pattern.is_match("5"));
}

#[test]
fn what_the_c_library_takes_literally_or_refuses_is_so_here() {
    // regcomp(3) with REG_EXTENDED, glibc 2.36.
    assert!(Pattern::new("a)").unwrap().is_match("(a)"));
    assert!(!Pattern::new("a)").unwrap().is_match("a"));
    for refused in [
        "*a",
        "a|*b",
        "(*a)",
        "^*",
        "$*",
        "+",
        "(?:a)",
        "a\\",
        "[a",
        "[z-a]",
        "[[:foo:]]",
        "a{1",
        "{a",
        "a{3,2}",
    ] {
        assert!(Pattern::new(refused).is_err(), "{refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_we_accept_finds_what_grep_finds(pattern in r"(\^)?([a-d0.]|\[\^?[a-c\].*\\-]{1,4}\]|\([ab|]{1,3}\)|[a-c]\{1,2\}|[a-c][*+?]{1,2}|\||\\[.*+w]){1,6}\$?") {
        if let (Some(ours), Some(grep)) = (ours(&pattern), grep(&pattern)) {
            prop_assert_eq!(ours, grep, "{}", pattern);
        }
    }
}
