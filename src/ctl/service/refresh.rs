//! `hsflowctl privileges --refresh`: has systemd make the drop-ins anew. In: files. Out: they are as what stands in those when
//! it ends. Rule: while systemd reads its units it takes no news of files, so who asks for that looks whether one changed meanwhile.
//! When `daemon-reload` is answered it does so again. Spec: systemd.path(5).

use super::{DEFAULTS, options};
use crate::ctl::{Exit, fail};
use crate::host::Host;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

/// A file that changes each time is looked at again by whoever has told of that change.
const MOST: usize = 5;

/// What tells one content of a file from another: file system, inode, length, and when it last changed.
type Stamp = (u64, u64, u64, i64, i64);

pub(super) fn refresh(host: &Host) -> Result<(), Exit> {
    let mut seen = stamps(host);
    for _ in 0..MOST {
        reload()?;
        let now = stamps(host);
        if now == seen {
            break;
        }
        seen = now;
    }
    Ok(())
}

fn reload() -> Result<(), Exit> {
    let what = "systemctl daemon-reload";
    match Command::new("systemctl").arg("daemon-reload").status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(fail(&format!("{what}: {status}"), Exit::No)),
        Err(e) => Err(fail(&format!("{what}: {e}"), Exit::No)),
    }
}

/// The files that the generator reads. Of one that is not there, or in a place that is hidden from this process, none.
fn stamps(host: &Host) -> Vec<(PathBuf, Option<Stamp>)> {
    let config = options(host).map(|options| options.config).ok();
    let files = [Some(DEFAULTS.into()), config].into_iter().flatten();
    files.map(|file| (file.clone(), stamp(host, file))).collect()
}

fn stamp(host: &Host, file: PathBuf) -> Option<Stamp> {
    let there = fs::metadata(host.path(file)).ok()?;
    Some((there.dev(), there.ino(), there.len(), there.ctime(), there.ctime_nsec()))
}
