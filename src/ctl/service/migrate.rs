//! `hsflowctl migrate`: reads what a C agent left on this host and says what will be otherwise. In: files. Out: a page, and 1
//! where something has to be mended first; with `--apply` the drop-ins. Rule: no file of it is changed.

use super::{DEFAULTS, drop_in, facts, options, privileges, read};
use crate::agent::args::Options;
use crate::agent::configuration::read_platform;
use crate::ctl::{Exit, print};
use crate::host::Host;
use crate::setup::migration::{Arguments, Installed, LOOKED_FOR, TextFile, page, report};
use nix::unistd::{Group, User};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where units lie, those of an operator first.
const UNITS: [&str; 4] =
    [drop_in::KEPT, "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
const UNIT: &str = "hsflowd.service";
/// Stands in the unit of this package and in no other.
const OURS: &str = "-o /run/hsflowd/hsflowd.auto";

#[derive(clap::Args)]
pub(in crate::ctl) struct Asked {
    /// Write the drop-ins too, as privileges does.
    #[arg(long)]
    apply: bool,
    /// Where the host's files are.
    #[arg(long, default_value = "/")]
    root: PathBuf,
}

pub(in crate::ctl) fn migrate(asked: &Asked) -> Result<(), Exit> {
    let host = Host::at(&asked.root);
    let (parsed, refused) = match options(&host) {
        Ok(options) => (options, None),
        Err(why) => (Options::default(), Some(why)),
    };
    let installed = Installed {
        configuration: text_file(&host, &parsed.config),
        arguments: Arguments { refused, ..arguments(&parsed) },
        defaults: [DEFAULTS, "/etc/sysconfig/hsflowd"]
            .iter()
            .filter_map(|path| text_file(&host, path.as_ref()))
            .collect(),
        units: units(&host),
        present: LOOKED_FOR.into_iter().filter(|path| host.path(path).exists()).collect(),
    };
    let report = report(&installed, read_platform(&host.root), &facts(&host, &parsed));
    print(&page(&report))?;
    if let Some(plan) = report.plan.as_ref().filter(|_| asked.apply) {
        privileges::apply(&host, plan, &parsed.config)?;
    }
    if report.is_ready() { Ok(()) } else { Err(Exit::No) }
}

fn arguments(options: &Options) -> Arguments {
    let plain = Options::default();
    let given = |path: &Path, default: &Path| (path != default).then(|| path.display().to_string());
    Arguments {
        refused: None,
        settings_file: given(&options.auto_file, &plain.auto_file)
            .filter(|path| !path.starts_with("/run/hsflowd/")),
        pid_file: given(&options.pid_file, &plain.pid_file),
        log_file: options.log_file.as_ref().map(|path| path.display().to_string()),
        memory_limit: options.memory_limit,
        keeps_privileges: options.keep_privileges,
        ignored: options.ignored.clone(),
    }
}

fn text_file(host: &Host, path: &Path) -> Option<TextFile> {
    let bytes = read(host, path.to_str()?)?;
    let is_readable = fs::metadata(host.path(path)).is_ok_and(|there| agent_may_read(&there));
    Some(TextFile { path: path.display().to_string(), bytes, is_readable })
}

/// By its mode alone; folders on the way to it are those of every program.
fn agent_may_read(file: &Metadata) -> bool {
    let is_its_user =
        User::from_name("hsflowd").ok().flatten().is_some_and(|user| user.uid.as_raw() == file.uid());
    let is_its_group =
        Group::from_name("hsflowd").ok().flatten().is_some_and(|group| group.gid.as_raw() == file.gid());
    match (is_its_user, is_its_group) {
        (true, _) => file.mode() & 0o400 != 0,
        (_, true) => file.mode() & 0o040 != 0,
        _ => file.mode() & 0o004 != 0,
    }
}

/// The units and drop-ins that are not of this package.
fn units(host: &Host) -> Vec<TextFile> {
    let mut found = Vec::new();
    for folder in UNITS {
        found.extend(text_file(host, &Path::new(folder).join(UNIT)));
        let drop_ins = Path::new(folder).join(format!("{UNIT}.d"));
        let entries = fs::read_dir(host.path(&drop_ins)).into_iter().flatten().filter_map(Result::ok);
        let mut paths: Vec<_> = entries.map(|entry| drop_ins.join(entry.file_name())).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "conf"));
        paths.retain(|path| path.file_name() != Some(crate::setup::FILE_NAME.as_ref()));
        paths.sort();
        found.extend(paths.iter().filter_map(|path| text_file(host, path)));
    }
    // Where /lib is /usr/lib each would be told twice.
    let mut seen: Vec<Vec<u8>> = Vec::new();
    found.retain(|unit| {
        let is_new = unit.path.starts_with(drop_in::KEPT) || !seen.contains(&unit.bytes);
        seen.push(unit.bytes.clone());
        is_new && !(unit.path.ends_with(UNIT) && String::from_utf8_lossy(&unit.bytes).contains(OURS))
    });
    found
}
