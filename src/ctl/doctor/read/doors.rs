//! Sockets and programs that the settings want the agent to use. In: settings, the host's files. Out: owner and mode of each, or
//! that it is not there. Of several places the first that exists counts.

use crate::collect::guests::{containerd, docker, libvirt, systemd};
use crate::config::model::Settings;
use crate::ctl::doctor::facts::Door;
use crate::host::Host;
use crate::switch::ovs;
use std::fs;
use std::os::unix::fs::MetadataExt;

const WRITE: u32 = 2;
const RUN: u32 = 1;

/// Each that is wanted.
pub(super) fn doors(host: &Host, settings: &Settings) -> Vec<Door> {
    let m = &settings.modules;
    let usual = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    let named_or = |named: Option<&String>, paths: &[&str]| {
        named.map_or_else(|| usual(paths), |path| vec![path.clone()])
    };
    let ovs = named_or(m.ovs.as_ref().and_then(|ovs| ovs.unix_socket.as_ref()), &[ovs::SOCKET]);
    let k8s = named_or(m.k8s.as_ref().and_then(|k8s| k8s.unix_socket.as_ref()), &containerd::SOCKETS);
    let wanted: [(&'static str, bool, Vec<String>, u32); 6] = [
        ("docker", m.docker.is_some(), usual(&docker::SOCKETS), WRITE),
        ("containerd", m.containerd.is_some(), usual(&containerd::SOCKETS), WRITE),
        ("k8s", m.k8s.is_some(), k8s, WRITE),
        ("ovs", m.ovs.is_some(), ovs, WRITE),
        ("kvm", m.kvm.is_some(), usual(&libvirt::PLACES), RUN),
        ("systemd", m.systemd.is_some(), usual(&[systemd::SOCKET]), WRITE),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_the_settings_name_is_looked_for_in_place_of_the_usual_ones() {
        let text = "sflow { collector { ip = ::1 } k8s { unixsock = /run/crio.sock } ovs { unixsock = /run/o.sock } docker { } }";
        let settings = crate::config::parse("f", text).settings.expect("a valid file");
        let found = doors(&Host::at("/nowhere"), &settings);
        let found: Vec<_> = found.iter().map(|door| (door.of, door.path.as_str())).collect();
        let docker = "/var/run/docker.sock, nor /run/podman/podman.sock";
        assert_eq!(found, [("docker", docker), ("k8s", "/run/crio.sock"), ("ovs", "/run/o.sock")]);
    }
}
