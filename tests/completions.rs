//! The shells' completions are made from the programs' own command lines: `UPDATE_GOLDEN=1` rewrites them. bash, where it
//! is, completes by them.

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

/// What bash offers after these words.
fn offered(program: &str, words: &[&str]) -> Option<String> {
    let script = format!(
        ". '{}'; COMP_WORDS=({program} {}); COMP_CWORD={}; _{} {program} '{}' '{}'; echo ${{COMPREPLY[@]}}",
        folder().join(format!("{program}.bash")).display(),
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len(),
        program.replace('-', "__"), // as clap_complete names its function
        words.last().unwrap(),
        words.iter().rev().nth(1).unwrap_or(&program),
    );
    let output = process::Command::new("bash").args(["--norc", "-c", &script]).output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn bash_offers_subcommands_and_options() {
    let Some(commands) = offered("hsflowctl", &[""]) else {
        println!("SKIP bash_offers_subcommands_and_options: no bash");
        return;
    };
    for command in ["check", "status", "explain", "policy", "reload"] {
        assert!(commands.split_whitespace().any(|word| word == command), "{command}: {commands}");
    }
    assert!(offered("hsflowctl", &["status", "--j"]).unwrap().contains("--json"));
    assert!(offered("hsflowd", &["--"]).unwrap().contains("--socket"));
    let policy = offered("hsflowd-policy", &["--"]).unwrap();
    assert!(policy.contains("--dry-run") && policy.contains("--state"), "{policy}");
}
