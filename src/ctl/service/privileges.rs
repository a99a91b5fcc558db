//! `hsflowctl privileges`: what the units are given for a configuration, why, and whether systemd knows. In: files. Out: a page;
//! with `--apply` the drop-ins, for a host without the generator.

use super::{drop_in, facts, load, options, refresh};
use crate::agent::args::Options;
use crate::ctl::{Exit, fail, print};
use crate::host::Host;
use crate::setup::{AGENT, DropIn, Plan, WATCH, Watched, drop_ins, plan, watched};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where the generator may be installed.
const GENERATORS: [&str; 3] = [
    "/etc/systemd/system-generators",
    "/usr/lib/systemd/system-generators",
    "/lib/systemd/system-generators",
];
/// What makes systemd read drop-ins, and the agent run with them.
const RESTART: &str = "systemctl daemon-reload && systemctl restart hsflowd";

#[derive(clap::Args)]
pub(in crate::ctl) struct Asked {
    /// Configuration, instead of the one that the unit has.
    #[arg(short = 'f', long = "config")]
    config: Option<PathBuf>,
    /// Write the drop-ins, where no generator does.
    #[arg(long)]
    apply: bool,
    /// Have systemd run the generator, until no file changes meanwhile.
    #[arg(long, conflicts_with_all = ["config", "apply"])]
    refresh: bool,
    /// Where the host's files are.
    #[arg(long, default_value = "/")]
    root: PathBuf,
}

pub(in crate::ctl) fn privileges(asked: &Asked) -> Result<(), Exit> {
    let host = Host::at(&asked.root);
    if asked.refresh {
        return refresh::refresh(&host);
    }
    let options = options(&host).map_err(|why| fail(&format!("DAEMON_ARGS: {why}"), Exit::No))?;
    let loaded = load(&host, &options, asked.config.as_deref()).map_err(|e| fail(&e, Exit::No))?;
    let plan = plan(&loaded.settings, &facts(&host, &options));
    let config = asked.config.as_deref().unwrap_or(&options.config);
    print(&plan.page())?;
    match asked.apply {
        true => apply(&host, &plan, config),
        false => print(&state(&host, &plan, &options)),
    }
}

/// Without the first lines, which tell how it was made.
fn body(text: &str) -> Vec<&str> {
    text.lines().skip_while(|line| line.starts_with('#')).collect()
}

/// Whether systemd has been told the same.
fn state(host: &Host, plan: &Plan, options: &Options) -> String {
    let mut text = String::new();
    let mut all = drop_ins(&plan.grants, &[AGENT], "");
    // Without the generator there is nothing to be run when the file changes.
    match watched(&options.config.to_string_lossy(), "") {
        Watched::By(made) if has_generator(host) => all.push(made),
        Watched::Never if has_generator(host) => {
            let why = "systemd has no words for the path of -f, so nobody looks whether it changes: then";
            let _ = writeln!(text, "{WATCH}: {why} {RESTART}");
        }
        _ => {}
    }
    for DropIn { unit, text: wanted } in all {
        let _ = match drop_in::in_force(host, unit) {
            Some((path, there)) if body(&there) == body(&wanted) => {
                writeln!(text, "{unit}: so it is, by {}", path.display())
            }
            Some((path, _)) if path.starts_with(host.path(drop_in::KEPT)) => writeln!(
                text,
                "{unit}: {} says otherwise: hsflowctl privileges --apply, or remove it; then {RESTART}",
                path.display()
            ),
            Some((path, _)) => {
                writeln!(text, "{unit}: {} is older than the configuration: {RESTART}", path.display())
            }
            None if has_generator(host) => writeln!(text, "{unit}: not yet: {RESTART}"),
            None => writeln!(text, "{unit}: not so: hsflowctl privileges --apply && {RESTART}"),
        };
    }
    text
}

fn has_generator(host: &Host) -> bool {
    // By the link itself: it may lead out of the root that is looked at.
    GENERATORS.iter().any(|folder| host.path(folder).join("hsflowd-rs").symlink_metadata().is_ok())
}

/// Writes what a generator would. One that is installed needs no help, but for a file that stands in its place.
pub(super) fn apply(host: &Host, plan: &Plan, config: &Path) -> Result<(), Exit> {
    let folder = host.path(drop_in::KEPT);
    let mut text = String::new();
    for made in drop_ins(&plan.grants, &[AGENT], &drop_in::head(config, false)) {
        let path = drop_in::path(&folder, made.unit);
        if has_generator(host) && !path.exists() {
            let _ = writeln!(text, "{}: the generator makes its drop-in", made.unit);
            continue;
        }
        let outcome = drop_in::put(&folder, &made).map_err(|e| format!("{}: {e}", path.display()));
        let verb = if outcome.map_err(|e| fail(&e, Exit::Usage))? { "written" } else { "is so already" };
        let _ = writeln!(text, "{}: {verb}", path.display());
    }
    let _ = writeln!(text, "To put it in force: {RESTART}");
    print(&text)
}
