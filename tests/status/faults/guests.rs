//! What the agent asks others about: engines of guests, Open vSwitch, GPUs, applications.

use super::{fault, mended, prepared, scene};
use crate::dockerd::Dockerd;
use crate::rig::Rig;
use crate::scene::{Scene, is_root};
use nix::sys::stat::Mode;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// An agent that sees the host below a folder with these of its parts.
fn below(rig: &Rig, parts: &[&str]) -> String {
    fs::create_dir(rig.path("root")).unwrap();
    parts.iter().for_each(|part| symlink(format!("/{part}"), rig.path("root").join(part)).unwrap());
    rig.text("root")
}

faults! {
    the_pipe_of_an_application_is_gone: mended(
        "json: ", &["No such file", "mkfifo"],
        || {
            let rig = Rig::new();
            let pipe = rig.text("pipe");
            let mut rig = rig;
            rig.configure(&format!("polling = 1\njson {{ fifo = {pipe} }}"));
            rig.start();
            Some(rig.into())
        },
        |scene| nix::unistd::mkfifo(&scene.rig.path("pipe"), Mode::from_bits_truncate(0o644)).unwrap(),
    );
    open_vswitch_does_not_run: fault("ovs: ", &["no Open vSwitch here", "systemctl start openvswitch-switch"], || {
        let mut rig = Rig::new();
        rig.configure(&format!("polling = 1\novs {{ unixsock = {} }}", rig.text("db.sock")));
        rig.start();
        Some(rig.into())
    });
    the_helper_for_libvirt_is_not_installed: fault("kvm: ", &["hsflowd-libvirt", "install the package hsflowd-rs-libvirt"], || {
        let mut rig = prepared("kvm { }");
        let root = below(&rig, &["proc", "sys", "etc"]);
        rig.start_with(&["--root", &root]);
        Some(rig.into())
    });
    containerds_socket_does_not_let_the_agent_in: fault("containerd: ", &["Permission denied", "/etc/containerd/config.toml"], || {
        if !is_root() {
            return None;
        }
        let mut rig = prepared("containerd { }");
        let root = below(&rig, &["proc", "sys", "etc"]);
        fs::create_dir_all(rig.path("root/run/containerd")).unwrap();
        let path = rig.path("root/run/containerd/containerd.sock");
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        rig.start_with(&["--root", &root]);
        Some(Scene::with(rig, listener))
    });
    dockerd_is_stopped: mended(
        "docker: ", &["docker.sock", "systemctl start docker"],
        || {
            if !is_root() {
                return None;
            }
            let mut dockerd = Dockerd::beside(&["--bridge=none"]);
            ["proc", "sys", "etc", "run"].iter().for_each(|part| symlink(format!("/{part}"), dockerd.root().join(part)).unwrap());
            let mut rig = prepared("docker { }");
            rig.start_with(&["-P", "--root", dockerd.root().to_str().unwrap()]);
            rig.wait_component("docker", "running");
            dockerd.stop();
            Some(Scene::with(rig, dockerd))
        },
        |scene| scene.keeper.as_mut().unwrap().downcast_mut::<Dockerd>().unwrap().launch(),
    );
    there_is_no_gpu: fault("nvml: ", &["nvml", "nvidia-smi"], || {
        if Path::new("/dev/nvidiactl").exists() {
            println!("SKIP: there is a GPU");
            return None;
        }
        scene("nvml { }")
    });
}
