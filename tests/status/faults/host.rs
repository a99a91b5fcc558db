//! The host: its files, its disk, its clock, and the configuration.

use super::{fault, mended, prepared, scene};
use crate::mounts;
use crate::scene::is_root;
use hsflow::sflow::ids::DataSource;
use nix::mount::{MsFlags, mount};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

faults! {
    a_reload_is_refused: mended(
        "configuration: ", &["reload refused, the previous settings stay in force", "hsflowctl check"],
        || {
            let scene = scene("")?;
            scene.rig.next_sample(DataSource::HOST);
            scene.rig.configure("polling = never");
            scene.rig.hang_up("configuration degraded");
            Some(scene)
        },
        |scene| {
            scene.rig.configure("polling = 1");
            scene.rig.hang_up("configuration: reloaded");
        },
    );
    the_clock_jumps: fault("clock: ", &["was set forward by", "chronyc tracking or timedatectl"], || {
        if !Path::new(FAKETIME).exists() {
            println!("SKIP: faketime is not installed");
            return None;
        }
        let mut rig = prepared("");
        let file = rig.dir.write("faketime", "+0\n");
        let one = Path::new("1");
        let variables =
            [("LD_PRELOAD", Path::new(FAKETIME)), ("FAKETIME_TIMESTAMP_FILE", &file), ("FAKETIME_NO_CACHE", one), ("FAKETIME_DONT_FAKE_MONOTONIC", one)];
        rig.start_in(&[], &variables);
        rig.next_sample(DataSource::HOST);
        rig.dir.write("faketime", "+3600\n");
        Some(rig.into())
    });
    a_file_of_proc_cannot_be_read: mended(
        "memory: ", &["/proc/meminfo", "Permission denied", "hidepid"],
        || {
            let rig = prepared("");
            if !is_root() || !mounts::isolated() {
                return None;
            }
            let file = rig.dir.write("meminfo", fs::read("/proc/meminfo").unwrap());
            fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
            mounts::cover("/proc/meminfo", &file);
            let mut rig = rig;
            rig.start();
            Some(rig.into())
        },
        |scene| fs::set_permissions(scene.rig.path("meminfo"), PermissionsExt::from_mode(0o644)).unwrap(),
    );
    the_settings_file_cannot_be_written: mended(
        "settings-file: ", &["Permission denied", "chown the folder"],
        || {
            if !is_root() {
                return None;
            }
            let mut rig = prepared("");
            fs::create_dir(rig.path("locked")).unwrap();
            let auto = rig.text("locked/hsflowd.auto");
            rig.start_with(&["-o", &auto]);
            Some(rig.into())
        },
        |scene| fs::set_permissions(scene.rig.path("locked"), PermissionsExt::from_mode(0o777)).unwrap(),
    );
    the_disk_is_full: mended(
        "settings-file: ", &["the file system is full", "make room: df -h"],
        || {
            let mut rig = prepared("");
            if !mounts::isolated() {
                return None;
            }
            fs::create_dir(rig.path("full")).unwrap();
            let (none, options): (Option<&str>, _) = (None, Some("size=64k,mode=777"));
            mount(none, &rig.path("full"), Some("tmpfs"), MsFlags::empty(), options).unwrap();
            let _ = fs::write(rig.path("full/ballast"), vec![0; 1 << 17]);
            let auto = rig.text("full/hsflowd.auto");
            rig.start_with(&["-o", &auto]);
            Some(rig.into())
        },
        |scene| fs::remove_file(scene.rig.path("full/ballast")).unwrap(),
    );
}
