//! The shells' completions are made from the programs' own command lines: `UPDATE_GOLDEN=1` rewrites them. bash, fish
//! and zsh, where they are, complete by them.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::{Shell, generate};
use std::path::{Path, PathBuf};
use std::{fs, process};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/completions")
}

/// The options in a text of `-h`: lines as `  -f CONF  text` and `  -V, --version  text`; of `-dP` the first letter.
fn from_usage(name: &'static str, usage: &'static str) -> Command {
    let mut command = Command::new(name).disable_help_flag(true).disable_version_flag(true);
    for line in usage.lines().filter(|line| line.starts_with("  -")) {
        // Two blanks or more begin the text; a long option may leave room for one alone.
        let (words, help) = line.trim().split_once("  ").unwrap_or_else(|| {
            let end = line.trim().match_indices(' ').nth(1).map_or(0, |(at, _)| at);
            line.trim().split_at(end)
        });
        command = command.arg(option(words).help(help.trim()));
    }
    command
}

/// One option from its words.
fn option(words: &'static str) -> Arg {
    let words = words.split_whitespace().map(|word| word.trim_end_matches(','));
    let (options, values): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with('-'));
    let long = options.iter().find_map(|word| word.strip_prefix("--"));
    let short = options.iter().find(|word| !word.starts_with("--")).and_then(|word| word.chars().nth(1));
    let mut arg = Arg::new(long.unwrap_or(&options[0][1..])).action(ArgAction::SetTrue);
    if let Some(long) = long {
        arg = arg.long(long);
    }
    if let Some(short) = short {
        arg = arg.short(short);
    }
    let Some(value) = values.first() else { return arg };
    let hint = match *value {
        "DIR" => ValueHint::DirPath,
        "CONF" | "AUTO" | "PIDFILE" | "LOG" | "PATH" | "FILE" => ValueHint::FilePath,
        _ => ValueHint::Other,
    };
    arg.action(ArgAction::Set).value_name(*value).value_hint(hint)
}

fn programs() -> [Command; 3] {
    [
        hsflow::ctl::command_line(),
        from_usage("hsflowd", hsflow::agent::args::USAGE),
        from_usage("hsflowd-policy", hsflow::policy::program::USAGE),
    ]
}

#[test]
fn the_completions_are_those_of_the_programs() {
    for mut command in programs() {
        let name = command.get_name().to_owned();
        for (shell, file) in [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ] {
            let mut made = Vec::new();
            generate(shell, &mut command, &name, &mut made);
            let path = folder().join(&file);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&path, &made).unwrap();
            }
            let have = fs::read(&path).unwrap_or_default();
            assert!(
                have == made,
                "packaging/completions/{file}: run UPDATE_GOLDEN=1 cargo test --test completions"
            );
        }
    }
}

/// The words that a shell's own run says, with spaces between; nothing where that shell is absent.
fn said(shell: &str, arguments: &[&str]) -> Option<Vec<String>> {
    let output = process::Command::new(shell).args(arguments).stdin(process::Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shell}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text.split_ascii_whitespace().map(str::to_owned).collect())
}

/// What bash offers after these words.
fn by_bash(program: &str, words: &[&str]) -> Option<Vec<String>> {
    let script = format!(
        ". '{}'; COMP_WORDS=({program} {}); COMP_CWORD={}; _{} {program} '{}' '{}'; echo ${{COMPREPLY[@]}}",
        folder().join(format!("{program}.bash")).display(),
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len(),
        program.replace('-', "__"), // as clap_complete names its function
        words.last().unwrap(),
        words.iter().rev().nth(1).unwrap_or(&program),
    );
    said("bash", &["--norc", "-c", &script])
}

/// What fish offers; it says what each word is for, too.
fn by_fish(program: &str, words: &[&str]) -> Option<Vec<String>> {
    let file = folder().join(format!("{program}.fish"));
    let line = format!("{program} {}", words.join(" "));
    let script = format!("source '{}'; complete -C '{line}' | string replace -r '\\t.*' ''", file.display());
    said("fish", &["--no-config", "-c", &script])
}

/// What zsh offers.
fn by_zsh(program: &str, words: &[&str]) -> Option<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/completions.zsh");
    let line = format!("{program} {}", words.join(" "));
    said("zsh", &["-f", script.to_str()?, folder().to_str()?, &line])
}

/// A shell with these completions offers what can stand there, and nothing that cannot.
fn completes(shell: &str, offered: fn(&str, &[&str]) -> Option<Vec<String>>) {
    let Some(commands) = offered("hsflowctl", &[""]) else {
        println!("SKIP {shell}: not here");
        return;
    };
    for command in ["check", "status", "explain", "policy", "reload"] {
        assert!(commands.iter().any(|word| word == command), "{shell}: {command}: {commands:?}");
    }
    for (program, words, wanted, unwanted) in [
        ("hsflowctl", &["sta"] as &[_], &["status"] as &[_], "check"),
        ("hsflowctl", &["status", "--j"], &["--json"], "--socket"),
        ("hsflowd", &["--"], &["--socket", "--root"], "--state"),
        ("hsflowd-policy", &["--"], &["--dry-run", "--state"], "--socket"),
    ] {
        let offered = offered(program, words).unwrap();
        let has = |what: &str| offered.iter().any(|word| word == what);
        assert!(wanted.iter().all(|word| has(word)), "{shell}: {program} {words:?}: {offered:?}");
        assert!(!has(unwanted), "{shell}: {program} {words:?}: {offered:?}");
    }
}

#[test]
fn bash_offers_subcommands_and_options() {
    completes("bash", by_bash);
}

#[test]
fn fish_offers_subcommands_and_options() {
    completes("fish", by_fish);
}

#[test]
fn zsh_offers_subcommands_and_options() {
    completes("zsh", by_zsh);
}
