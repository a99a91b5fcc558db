//! What is documented is there, and what is there is documented: options, subcommands, component names, telemetry,
//! exit statuses, make targets. A failure says which line to add where.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use hsflow::agent::exit::Exit as AgentExit;
use hsflow::collect::host::Component;
use hsflow::ctl::Exit as ToolExit;
use hsflow::sample::guest::Engine;
use hsflow::status::telemetry::Telemetry;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap()
}

/// One section of a manual page.
fn section(page: &str, name: &str) -> String {
    let text = read(page);
    let section = text.split("\n.Sh ").find(|section| section.starts_with(&format!("{name}\n")));
    section.unwrap_or_else(|| panic!("{page}: no .Sh {name}")).to_owned()
}

/// What a program prints on stdout.
fn said(program: &str, arguments: &[&str]) -> String {
    String::from_utf8(Command::new(program).args(arguments).output().unwrap().stdout).unwrap()
}

/// Options in the text of `-h`: the words in front of each description.
fn options_of_help(help: &str) -> BTreeSet<String> {
    let lines = help.lines().filter(|line| line.trim_start().starts_with('-'));
    let words = lines.flat_map(|line| {
        line.split_whitespace().take_while(|w| w.starts_with('-')).map(|w| w.trim_end_matches(',').to_owned())
    });
    // A lone dash makes a list.
    words.filter(|word| word.len() > 1).collect()
}

/// Options in a line of mdoc: the words after each `Fl`, up to the name of the argument.
fn options_of_mdoc(line: &str) -> BTreeSet<String> {
    let macros = line.split("Fl ").skip(1);
    let words = macros.flat_map(|rest| rest.split_whitespace().take_while(|word| *word != "Ar"));
    words.filter(|word| !matches!(*word, "|" | "," | "Op")).map(|word| format!("-{word}")).collect()
}

/// Fails with what must be written where; nothing missing is no failure.
#[track_caller]
fn assert_none(missing: impl IntoIterator<Item = String>, what: &str) {
    let missing: Vec<_> = missing.into_iter().collect();
    assert!(missing.is_empty(), "{what}:\n{}", missing.join("\n"));
}

#[test]
fn the_agents_options_are_those_of_its_manual() {
    let help = options_of_help(&said(env!("CARGO_BIN_EXE_hsflowd"), &["-h"]));
    assert!(help.len() > 10, "{help:?}");
    let description = section("man/hsflowd.8", "DESCRIPTION");
    let items = description.split("\n.It ").skip(1);
    // What is accepted only for the sake of old command lines is not in the help.
    let current = items.filter(|item| !item.contains("Accepted and ignored"));
    let manual: BTreeSet<_> =
        current.flat_map(|item| options_of_mdoc(item.lines().next().unwrap())).collect();
    let to_write = help.difference(&manual).map(|option| format!(".It Fl {}", &option[1..]));
    assert_none(to_write, "add to DESCRIPTION in man/hsflowd.8");
    let to_write = manual.difference(&help).map(|option| format!("  {option}"));
    assert_none(to_write, "add to USAGE in src/agent/args.rs, or take out of man/hsflowd.8");
    let synopsis = section("man/hsflowd.8", "SYNOPSIS");
    let short = |option: &&String| option.len() == 2;
    let flags = |option: &str| synopsis.lines().any(|l| l.starts_with(".Op Fl") && l.contains(&option[1..]));
    let to_write = manual.iter().filter(|option| !flags(option));
    assert_none(
        to_write.map(|option| format!(".Op Fl {}", &option[1..])),
        "add to the SYNOPSIS of hsflowd.8",
    );
    assert!(manual.iter().filter(short).count() > 8, "{manual:?}");
}

#[test]
fn the_policy_programs_options_are_those_of_its_manual() {
    let help = options_of_help(&said(env!("CARGO_BIN_EXE_hsflowd-policy"), &["-h"]));
    assert!(help.len() > 8, "{help:?}");
    let listed = |name, start: &str| -> BTreeSet<_> {
        let text = section("man/hsflowd-policy.8", name);
        text.lines().filter(|line| line.starts_with(start)).flat_map(options_of_mdoc).collect()
    };
    let manual = listed("DESCRIPTION", ".It Fl ");
    let to_write = help.difference(&manual).map(|option| format!(".It Fl {}", &option[1..]));
    assert_none(to_write, "add to DESCRIPTION in man/hsflowd-policy.8");
    let to_write = manual.difference(&help).map(|option| format!("  {option}"));
    assert_none(to_write, "add to USAGE in src/policy/program.rs, or take out of man/hsflowd-policy.8");
    // Those of two names stand there by the short one.
    let long = ["--help", "--version"].map(str::to_owned);
    let synopsis: BTreeSet<_> = listed("SYNOPSIS", ".").into_iter().chain(long).collect();
    assert_eq!(synopsis, manual, "the SYNOPSIS of hsflowd-policy.8");
}

/// Subcommands and their options by the synopsis; `-h` and `-V` stand alone there.
fn synopsis_of_the_tool() -> Vec<(String, BTreeSet<String>)> {
    let synopsis = section("man/hsflowctl.1", "SYNOPSIS");
    let blocks = synopsis.split(".Nm\n").skip(1);
    let named = blocks.filter_map(|block| {
        let name = block.lines().next()?.strip_prefix(".Cm ")?;
        Some((name.to_owned(), block.lines().flat_map(options_of_mdoc).collect()))
    });
    named.collect()
}

#[test]
fn the_tools_subcommands_and_options_are_those_of_its_manual() {
    let tool = env!("CARGO_BIN_EXE_hsflowctl");
    let help = said(tool, &["--help"]);
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: BTreeSet<_> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let manual = synopsis_of_the_tool();
    let named: BTreeSet<_> = manual.iter().filter_map(|(name, _)| name.split_whitespace().next()).collect();
    assert_none(
        commands.difference(&named).map(|c| format!(".Nm\n.Cm {c}")),
        "add to SYNOPSIS in hsflowctl.1",
    );
    assert_none(named.difference(&commands).map(|c| (*c).to_owned()), "take out of SYNOPSIS in hsflowctl.1");
    let description = section("man/hsflowctl.1", "DESCRIPTION");
    for (name, manual) in &manual {
        assert!(description.contains(&format!(".It Cm {name}")), "add to hsflowctl.1: .It Cm {name}");
        let words: Vec<&str> = name.split_whitespace().chain(["--help"]).collect();
        let mut help = options_of_help(&said(tool, &words));
        for common in ["-h", "--help"] {
            assert!(help.remove(common), "{name} --help");
        }
        let to_write = help.difference(manual).map(|option| format!(".Op Fl {}", &option[1..]));
        assert_none(to_write, &format!("add to {name} in the SYNOPSIS of hsflowctl.1"));
        assert_none(manual.difference(&help).cloned(), &format!("take out of {name} in hsflowctl.1"));
    }
    assert!(options_of_help(&help).is_subset(&["-h", "--help", "-V", "--version"].map(str::to_owned).into()));
}

/// The words between `before` and a quote, in every source file of the agent's loop.
fn words_in_source(before: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let entries = fs::read_dir(repository("src/agent")).unwrap().map(|entry| entry.unwrap().path());
    for path in entries.filter(|path| path.is_file()) {
        let text = fs::read_to_string(path).unwrap();
        let joined = text.lines().map(str::trim).collect::<String>();
        words.extend(joined.split(before).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    words
}

#[test]
fn every_component_that_the_agent_reports_is_in_its_manual() {
    let mut reported = words_in_source(".set(\"");
    reported.extend(words_in_source(".show(\""));
    reported.extend(words_in_source("open_beside(&mut agent, \""));
    assert!(reported.len() >= 5, "{reported:?}");
    reported.extend(Component::ALL.map(|component| component.name().to_owned()));
    reported.extend(hsflow::agent::packets::COMPONENTS.map(str::to_owned));
    reported.extend(Engine::ALL.map(|engine| engine.name().to_owned()));
    reported.extend(hsflow::agent::platforms::UNSUPPORTED.map(str::to_owned));
    reported.insert(hsflow::agent::applications::COMPONENT.to_owned());
    reported.insert(hsflow::agent::cumulus::COMPONENT.to_owned());
    reported.insert(hsflow::agent::tc_sampling::COMPONENT.to_owned());
    let families = words_in_source("const COLLECTOR: &str = \"");
    assert_eq!(families.len(), 1, "the collectors' prefix");
    reported.extend(families.iter().map(|prefix| prefix.trim().to_owned()));
    let page = section("man/hsflowd.8", "COMPONENTS");
    let items = page.lines().filter_map(|line| line.strip_prefix(".It Sy "));
    let names = items.flat_map(|item| item.split(" Ar ").next().unwrap().split([' ', ',']));
    let listed: BTreeSet<_> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let to_write = reported.difference(&listed).map(|name| format!(".It Sy {name}"));
    assert_none(to_write, "add to COMPONENTS in man/hsflowd.8");
    assert_none(listed.difference(&reported).cloned(), "nothing reports these COMPONENTS of man/hsflowd.8");
}

#[test]
fn the_telemetry_names_are_in_the_manual() {
    let page = section("man/hsflowd.8", "SIGNALS");
    let words: BTreeSet<_> = page.split_whitespace().collect();
    let names = Telemetry::default().fields().map(|(name, _)| name);
    let missing = names.iter().filter(|name| !words.contains(*name));
    assert_none(missing.map(|name| format!(".Li {name}")), "add to SIGUSR1 in man/hsflowd.8");
}

#[test]
fn the_exit_statuses_are_those_of_the_manuals() {
    let agent = [
        AgentExit::Ok,
        AgentExit::Usage,
        AgentExit::Unavailable,
        AgentExit::Software,
        AgentExit::NoPermission,
        AgentExit::Config,
    ];
    let tool = [ToolExit::Yes, ToolExit::No, ToolExit::Usage, ToolExit::Unreachable];
    for (page, numbers) in [
        ("man/hsflowd.8", agent.map(|e| e as u8).to_vec()),
        ("man/hsflowctl.1", tool.map(|e| e as u8).to_vec()),
    ] {
        let section = section(page, "EXIT STATUS");
        let listed: Vec<u8> = section
            .lines()
            .filter_map(|line| line.strip_prefix(".It ").map(|number| number.parse().unwrap()))
            .collect();
        assert_eq!(listed, numbers, "EXIT STATUS of {page}: one .It NUMBER for each, rising");
    }
}

#[test]
fn the_manuals_render_without_warnings() {
    let checks: [(&str, &[&str]); 2] =
        [("mandoc", &["-Tlint", "-Wwarning"]), ("groff", &["-ww", "-mandoc", "-Tutf8", "-z"])];
    let pages: Vec<_> = fs::read_dir(repository("man")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(pages.len(), 5);
    for (program, arguments) in checks {
        let Ok(output) = Command::new(program).args(arguments).args(&pages).output() else {
            println!("SKIP the_manuals_render_without_warnings: no {program}");
            continue;
        };
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(String::from_utf8_lossy(&said), "", "{program}");
    }
}

#[test]
fn man_shows_the_manuals_without_warnings() {
    for page in fs::read_dir(repository("man")).unwrap().map(|entry| entry.unwrap().path()) {
        let mut man = Command::new("man");
        man.args(["--warnings=w", "-l"]).arg(&page).env("LC_ALL", "C.UTF-8").env("MANPAGER", "cat");
        let Ok(output) = man.output() else {
            println!("SKIP man_shows_the_manuals_without_warnings: no man");
            return;
        };
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", page.display());
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.lines().count() > 50, "{}: {} lines", page.display(), shown.lines().count());
    }
}

#[test]
fn the_examples_of_the_tools_manual_are_commands_that_it_takes() {
    let examples = section("man/hsflowctl.1", "EXAMPLES");
    let commands: Vec<_> = examples.lines().filter_map(|line| line.strip_prefix("hsflowctl ")).collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_hsflowctl"))
            .args(command.split_whitespace())
            .arg("--help")
            .output();
        assert!(output.unwrap().status.success(), "hsflowctl {command}");
    }
}

#[test]
fn the_readmes_commands_exist() {
    let (readme, makefile) = (read("README.md"), read("Makefile"));
    let shell: String =
        readme.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    let inline = readme.split('`').skip(1).step_by(2).filter(|code| code.starts_with("make "));
    let targets = shell.lines().chain(inline).filter_map(|line| line.strip_prefix("make "));
    let targets: BTreeSet<_> = targets.map(|t| t.split([' ', '\t']).next().unwrap()).collect();
    let missing = targets.iter().filter(|t| !t.is_empty() && !makefile.contains(&format!("\n{t}:")));
    assert_none(missing.map(|target| format!("{target}: ## …")), "README.md uses, the Makefile has not");
    assert!(targets.contains("run") && targets.contains("test"), "{targets:?}");
    let manual = synopsis_of_the_tool();
    for line in shell.lines().filter_map(|line| line.strip_prefix("target/release/hsflowctl ")) {
        let command = line.split_whitespace().next().unwrap();
        assert!(manual.iter().any(|(name, _)| name == command), "README.md: hsflowctl {command}");
    }
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let readme = read("README.md");
    let prose: String = readme.split("```").step_by(2).collect();
    let code = prose.split('`').skip(1).step_by(2);
    let folders =
        ["src/", "tests/", "benches/", "man/", "etc/", "systemd/", "agent/", "collect/", "sflow/", "policy/"];
    let paths = code.filter(|word| !word.contains(' ') && folders.iter().any(|f| word.starts_with(f)));
    let (mut missing, mut seen) = (Vec::new(), 0);
    for path in paths {
        seen += 1;
        if !repository(path).exists() && !repository("src").join(path).exists() {
            // Made by the long test.
            missing.extend((path != "tests/RESULTS.md").then(|| path.to_owned()));
        }
    }
    assert_none(missing, "README.md names files that are not there");
    assert!(seen > 10, "{seen}");
}

#[test]
fn the_readme_says_how_it_differs_from_the_c_agent_and_how_it_is_built_up() {
    let readme = read("README.md");
    let section = |title: &str| {
        let found = readme.split("\n## ").find(|section| section.starts_with(title));
        found.unwrap_or_else(|| panic!("README.md: no ## {title}"))
    };
    let rows = |section: &str| section.lines().filter(|line| line.starts_with('|')).count();
    assert!(rows(section("Where it differs from the C agent")) > 15);
    assert!(rows(section("Map")) > 10);
}
