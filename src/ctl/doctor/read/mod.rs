//! Asking the host. In: `/proc`, `/sys`, sockets, a few programs with a deadline. Out: [`Facts`]. Nothing is judged here, and
//! what cannot be read is left unknown.

mod command;
mod doors;
mod kernel;
mod processes;
mod rules;

pub(super) use command::run;

use super::facts::{Config, Facts};
use super::firewall::Datagram;
use crate::agent::configuration::{LoadError, load};
use crate::agent::privileges;
use crate::ctl::client::ClientError;
use crate::host::Host;
use crate::status::snapshot::{Collector, Snapshot};
use std::io;
use std::path::Path;

const USUAL: &str = "/etc/hsflowd.conf";

/// Everything, about the host that this program runs on.
pub(super) fn facts(config: Option<&Path>, snapshot: Result<Snapshot, ClientError>) -> Facts {
    let host = Host::default();
    let (snapshot, silent) = match snapshot {
        Ok(snapshot) => (Some(snapshot), String::new()),
        Err(e) => (None, e.to_string()),
    };
    let path = match (config, &snapshot) {
        (Some(path), _) => path.to_owned(),
        (None, Some(snapshot)) => snapshot.settings.file.split(" (absent").next().unwrap_or(USUAL).into(),
        (None, None) => USUAL.into(),
    };
    let config = configuration(&path);
    let rights = match &snapshot {
        Some(snapshot) => processes::rights(&host, snapshot.agent.pid),
        None => processes::future_rights(),
    };
    let modules = config.settings().map(|settings| kernel::modules(&host, settings)).unwrap_or_default();
    Facts {
        processes: processes::agents(&host),
        rights,
        left_behind: left_behind(&host),
        sources: config.settings().map(kernel::sources).unwrap_or_default(),
        modules,
        doors: config.settings().map(|settings| doors::doors(&host, settings)).unwrap_or_default(),
        rules: Some(rules::read()),
        datagrams: datagrams(&config, snapshot.as_ref()),
        synchronised: crate::sys::clock::is_synchronised(),
        is_root: nix::unistd::geteuid().is_root(),
        config,
        snapshot,
        silent,
    }
}

fn configuration(path: &Path) -> Config {
    let name = path.display().to_string();
    match load(path, Path::new("/")) {
        Ok(loaded) => Config::Valid(name, Box::new(loaded.settings), loaded.remarks.len()),
        Err(LoadError::Unreadable { source, .. })
            if source.kind() == io::ErrorKind::NotFound && path == Path::new(USUAL) =>
        {
            Config::None
        }
        Err(e @ LoadError::Unreadable { .. }) => Config::Unreadable(e.to_string()),
        Err(LoadError::Refused { lines }) => Config::Refused(name, lines),
    }
}

/// What packages of the C agent leave, or still have.
fn left_behind(host: &Host) -> Vec<String> {
    let places = ["/etc/hsflowd/modules", "/etc/dbus-1/system.d/net.sflow.hsflowd.conf"];
    let modules = places.iter().take(1).filter(|place| host.path(place).is_dir());
    modules.map(|place| (*place).to_owned()).collect()
}

/// Where the agent sends to, or would: names only where the agent has resolved them.
fn datagrams(config: &Config, snapshot: Option<&Snapshot>) -> Vec<Datagram> {
    let of_agent = |c: &Collector| {
        let port = c.name.split(' ').nth(2).and_then(|port| port.parse().ok());
        let address = c.address.as_ref()?.split('%').next()?;
        // In another namespace other rules hold.
        let elsewhere = c.name.contains(" namespace ");
        (!elsewhere).then_some(Datagram { to: address.parse().ok()?, port: port? })
    };
    if let Some(snapshot) = snapshot {
        return snapshot.collectors.iter().filter_map(of_agent).collect();
    }
    let collectors = config.settings().map(|settings| settings.collectors.as_slice()).unwrap_or_default();
    let here = collectors.iter().filter(|c| c.namespace.is_none());
    here.filter_map(|c| Some(Datagram { to: c.host.parse().ok()?, port: c.port })).collect()
}

/// Capabilities of the caller, for who wants to say what it lacks.
pub(super) fn has(capability: caps::Capability) -> bool {
    caps::has_cap(None, caps::CapSet::Effective, capability).unwrap_or(false)
}

/// The user that an agent started as root becomes.
fn agents_user() -> Option<nix::unistd::User> {
    privileges::unprivileged_user()
        .ok()
        .flatten()
        .or_else(|| nix::unistd::User::from_name("hsflowd").ok().flatten())
}
