//! Drop-ins on disk: where they lie and how they get there. In: texts. Out: files, whole or not at all.

use crate::host::Host;
use crate::setup::{DropIn, FILE_NAME};
use std::io;
use std::path::{Path, PathBuf};

/// Where an operator's drop-ins are: they outlive a boot, and take the place of those that a generator makes.
pub(super) const KEPT: &str = "/etc/systemd/system";
/// Where the generator's are.
pub(super) const GENERATED: &str = "/run/systemd/generator";

/// Where the drop-in of this unit is in this folder of units.
pub(super) fn path(folder: &Path, unit: &str) -> PathBuf {
    folder.join(format!("{unit}.d")).join(FILE_NAME)
}

/// Writes it, unless it is there as it should be; true if that was needed.
pub(super) fn put(folder: &Path, drop_in: &DropIn) -> io::Result<bool> {
    let path = path(folder, drop_in.unit);
    if std::fs::read(&path).is_ok_and(|there| there == drop_in.text.as_bytes()) {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    // Not *.conf: systemd must not read a half.
    let half = path.with_extension("new");
    let written = std::fs::write(&half, &drop_in.text).and_then(|()| std::fs::rename(&half, &path));
    if written.is_err() {
        // The first failure counts.
        let _ = std::fs::remove_file(&half);
    }
    written.map(|()| true)
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
