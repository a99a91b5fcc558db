//! Traces of containers where containerd cannot be asked: the files of its runtime, or else the cgroups.
//!
//! In: the folders beside its sockets, the tree of cgroups, the names of kubelet's log files. Out: [`Found`]. Rules: what the runtime's
//! files tell is complete and only root may read it; cgroups and log files are for everybody and tell of containers of
//! Kubernetes only. How much is read is bounded; what cannot be read costs one container. Blocks for as long as the disk takes.

mod bundles;
mod cgroups;
mod logs;

use super::container::Container;
use crate::host::Host;
use std::path::PathBuf;

/// Containers looked at.
const MOST: usize = 20_000;

/// Where containers were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nowhere.
    #[default]
    Nothing,
    /// In the files of the runtime.
    Bundles,
    /// In the tree of cgroups.
    Cgroups,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Those that run.
    pub containers: Vec<Container>,
    /// Where.
    pub source: Source,
    /// Some are of pods whose name nothing tells.
    pub nameless: bool,
    /// What is wrong with single ones.
    pub problems: Vec<String>,
}

/// Looks for containers of the containerd that listens, or listened, at these sockets.
pub fn read(host: &Host, sockets: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for folder in sockets.iter().filter_map(|socket| socket.parent()) {
        bundles::read(host, folder, &mut found);
    }
    if found.source == Source::Nothing {
        cgroups::read(host, &mut found);
    }
    found
}
