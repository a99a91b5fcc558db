//! Drop-ins on disk: where they lie and how they get there. In: texts. Out: files, whole or not at all.

pub(super) use crate::setup::drop_in_path as path;

use crate::host::{Host, files};
use crate::setup::DropIn;
use std::io;
use std::path::{Path, PathBuf};

/// Where an operator's drop-ins are: they outlive a boot, and take the place of those that a generator makes.
pub(super) const KEPT: &str = "/etc/systemd/system";
/// Where the generator's are.
pub(super) const GENERATED: &str = "/run/systemd/generator";

/// Writes it, unless it is there as it should be; true if that was needed.
pub(super) fn put(folder: &Path, drop_in: &DropIn) -> io::Result<bool> {
    files::put(&path(folder, drop_in.unit), &drop_in.text)
}

/// The text that systemd has for this unit, and where: an operator's before the generator's.
pub(super) fn in_force(host: &Host, unit: &str) -> Option<(PathBuf, String)> {
    [KEPT, GENERATED].into_iter().find_map(|folder| {
        let path = path(&host.path(folder), unit);
        Some((path.clone(), std::fs::read_to_string(path).ok()?))
    })
}

/// The first lines of one that is made for this configuration.
pub(super) fn head(config: &Path, is_generated: bool) -> String {
    let config = config.display().to_string().replace(|c: char| c.is_control(), "?");
    let how = match is_generated {
        true => "anew at each systemctl daemon-reload",
        false => "by hsflowctl privileges --apply: to be repeated when that changes",
    };
    format!("Made for {config} {how}.\nWhat is given and why: hsflowctl(1), privileges.")
}
