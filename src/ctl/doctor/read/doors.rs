//! Sockets and programs that the settings want the agent to use. In: settings, the host's files. Out: owner and mode of each, or
//! that it is not there. Of several places the first that exists counts.

use crate::config::model::Settings;
use crate::ctl::doctor::facts::Door;
use crate::host::Host;
use std::fs;
use std::os::unix::fs::MetadataExt;

const WRITE: u32 = 2;
const RUN: u32 = 1;
const DOCKER: &[&str] = &["/var/run/docker.sock", "/run/podman/podman.sock"];
const CONTAINERD: &[&str] = &[
    "/run/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
];
const LIBVIRT: &[&str] = &["/usr/libexec/hsflowd/hsflowd-libvirt", "/usr/lib/hsflowd/hsflowd-libvirt"];
const BUS: &[&str] = &["/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket"];

/// Each that is wanted.
pub(super) fn doors(host: &Host, settings: &Settings) -> Vec<Door> {
    let m = &settings.modules;
    let usual = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    let named = m.ovs.as_ref().and_then(|ovs| ovs.unix_socket.clone());
    let ovs = named.map_or_else(|| usual(&[crate::switch::ovs::SOCKET]), |path| vec![path]);
    let wanted: [(&'static str, bool, Vec<String>, u32); 6] = [
        ("docker", m.docker.is_some(), usual(DOCKER), WRITE),
        ("containerd", m.containerd.is_some(), usual(CONTAINERD), WRITE),
        ("k8s", m.k8s.is_some(), usual(CONTAINERD), WRITE),
        ("ovs", m.ovs.is_some(), ovs, WRITE),
        ("kvm", m.kvm.is_some(), usual(LIBVIRT), RUN),
        ("systemd", m.systemd.is_some(), usual(BUS), WRITE),
    ];
    let wanted = wanted.into_iter().filter(|(_, is_wanted, ..)| *is_wanted);
    wanted.map(|(of, _, paths, wanted)| door(host, of, &paths, wanted)).collect()
}

fn door(host: &Host, of: &'static str, paths: &[String], wanted: u32) -> Door {
    let there = paths.iter().find_map(|path| Some((path, fs::metadata(host.path(path)).ok()?)));
    match there {
        Some((path, meta)) => Door {
            of,
            path: path.clone(),
            owner: Some((meta.uid(), meta.gid(), meta.mode() & 0o777)),
            wanted,
        },
        None => Door { of, path: paths.join(", nor "), owner: None, wanted },
    }
}
