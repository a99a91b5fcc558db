//! The settings file on real file systems.

use crate::spaces::eventually;
use hsflow::export::auto::{AutoError, AutoFile, Written};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A directory of its own for each test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hsflow-auto-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    /// Mounts a tmpfs on a folder of it.
    fn mounted(test: &str, options: &str) -> Option<(Self, PathBuf)> {
        let dir = Self::new(test);
        let point = dir.0.join("fs");
        fs::create_dir(&point).expect("a mount point");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(&point).output();
        if !mount.is_ok_and(|m| m.status.success()) {
            println!("SKIP {test}: cannot mount (needs CAP_SYS_ADMIN)");
            return None;
        }
        Some((dir, point))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // Lazily: a program being started by another test may hold a file in it for a moment.
        for point in ["fs/a.auto", "fs"] {
            let _ = Command::new("umount").arg("-l").arg(self.0.join(point)).output();
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn shows(path: &Path, revision: u64, body: &str) {
    let text = fs::read_to_string(path).expect("the settings file");
    let (_, lines) = text.split_once('\n').expect("a comment line");
    assert_eq!(lines, format!("rev_start={revision}\n{body}rev_end={revision}\n"));
}

fn alone(dir: &Path) {
    assert_eq!(fs::read_dir(dir).expect("the directory").count(), 1, "nothing is left beside the file");
}

#[test]
fn the_revision_rises_with_each_change_and_time_moves_by_whole_seconds() {
    let dir = Dir::new("rises");
    let path = dir.0.join("a.auto");
    let mut file = AutoFile::open(&path);
    let mut last = i64::MIN;
    for n in 1..=5 {
        let body = format!("polling={n}\n");
        assert_eq!(file.write(&body).unwrap(), Written::Replaced);
        shows(&path, n, &body);
        let meta = fs::metadata(&path).unwrap();
        assert!(meta.mtime() > last);
        assert_eq!(meta.permissions().mode() & 0o7777, 0o644);
        assert_eq!(file.write(&body).unwrap(), Written::Unchanged);
        assert_eq!(fs::metadata(&path).unwrap().ino(), meta.ino());
        last = meta.mtime();
        if n == 3 {
            fs::remove_file(&path).unwrap();
        }
    }
    alone(&dir.0);
}

#[test]
fn a_reader_in_the_middle_of_the_file_sees_no_torn_one() {
    let dir = Dir::new("torn");
    let path = dir.0.join("a.auto");
    let mut file = AutoFile::open(&path);
    file.write("polling=1\n").unwrap();
    let mut reader = fs::File::open(&path).unwrap();
    let mut start = [0; 20];
    reader.read_exact(&mut start).unwrap();
    file.write("polling=2\n").unwrap();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("rev_start=1\npolling=1\nrev_end=1\n"), "{rest}");
    alone(&dir.0);
}

#[test]
fn a_file_overwritten_in_place_ends_in_a_later_second_than_a_torn_one_had() {
    let dir = Dir::new("inplace");
    let path = dir.0.join("a.auto");
    AutoFile::open(&path).write("polling=1\n").unwrap();
    let old = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    // No second file can be made.
    fs::create_dir_all(dir.0.join(".a.auto.new/x")).unwrap();
    let mut file = AutoFile::open(&path);
    let before = dir.0.join("before");
    fs::write(&before, "").unwrap();
    assert_eq!(file.write("polling=2\n").unwrap(), Written::InPlace);
    shows(&path, 2, "polling=2\n");
    // Java remembers the second of a torn file and does not look again in it.
    assert!(fs::metadata(&path).unwrap().mtime() > fs::metadata(&before).unwrap().mtime());
}

#[test]
fn what_others_did_to_the_file_is_undone() {
    let dir = Dir::new("others");
    let path = dir.0.join("a.auto");
    let mut file = AutoFile::open(&path);
    file.write("polling=1\n").unwrap();
    file.write("polling=2\n").unwrap();
    // Whatever time it says.
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "polling=99\n").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert_eq!(file.write("polling=2\n").unwrap(), Written::Replaced);
    shows(&path, 3, "polling=2\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(file.write("polling=2\n").unwrap(), Written::Unchanged);
    fs::remove_file(&path).unwrap();
    assert_eq!(file.write("polling=2\n").unwrap(), Written::Replaced);
    shows(&path, 4, "polling=2\n");
}

#[test]
fn a_file_removed_after_a_restart_comes_back_in_a_later_second() {
    let dir = Dir::new("comesback");
    let path = dir.0.join("a.auto");
    AutoFile::open(&path).write("polling=1\n").unwrap();
    let mut again = AutoFile::open(&path);
    assert_eq!(again.write("polling=1\n").unwrap(), Written::Unchanged);
    let seen = fs::metadata(&path).unwrap().mtime();
    fs::remove_file(&path).unwrap();
    assert_eq!(again.write("polling=1\n").unwrap(), Written::Replaced);
    assert!(fs::metadata(&path).unwrap().mtime() > seen);
}

#[test]
fn a_restart_goes_on_from_the_file_that_is_there() {
    let dir = Dir::new("restart");
    let path = dir.0.join("a.auto");
    AutoFile::open(&path).write("polling=1\n").unwrap();
    let mut again = AutoFile::open(&path);
    assert_eq!((again.write("polling=1\n").unwrap(), again.revision()), (Written::Unchanged, 1));
    // As another program left it, torn in the middle.
    fs::write(&path, "# old\nrev_start=41\nsampling=400\n").unwrap();
    let mut torn = AutoFile::open(&path);
    assert_eq!(torn.write("sampling=400\n").unwrap(), Written::Replaced);
    shows(&path, 42, "sampling=400\n");
    fs::write(&path, [0xff, 0xfe, b'\n']).unwrap();
    AutoFile::open(&path).write("x=1\n").unwrap();
    shows(&path, 1, "x=1\n");
}

#[test]
fn a_link_stays_and_its_end_is_written() {
    let dir = Dir::new("link");
    fs::create_dir(dir.0.join("run")).unwrap();
    symlink("run/middle", dir.0.join("a.auto")).unwrap();
    symlink("end.auto", dir.0.join("run/middle")).unwrap();
    let mut file = AutoFile::open(&dir.0.join("a.auto"));
    assert_eq!(file.write("x=1\n").unwrap(), Written::Replaced);
    assert!(fs::symlink_metadata(dir.0.join("a.auto")).unwrap().is_symlink());
    shows(&dir.0.join("run/end.auto"), 1, "x=1\n");
}

#[test]
fn a_device_is_written_to_and_not_replaced() {
    let mut file = AutoFile::open(Path::new("/dev/null"));
    assert_eq!(file.write("x=1\n").unwrap(), Written::InPlace);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn a_missing_directory_is_an_error_that_names_the_file() {
    let error = AutoFile::open(Path::new("/nonexistent-folder/a.auto")).write("x=1\n").unwrap_err();
    assert!(matches!(error, AutoError::Io { .. }));
    assert!(
        error.to_string().starts_with("/nonexistent-folder/a.auto: cannot create a file beside it"),
        "{error}"
    );
}

#[test]
fn a_mount_point_is_overwritten_in_place() {
    let Some((dir, point)) = Dir::mounted("mountpoint", "size=64k") else { return };
    let (path, other) = (point.join("a.auto"), dir.0.join("other"));
    fs::write(&path, "").unwrap();
    fs::write(&other, "much longer than what will be written to it, and so it has to be cut off".repeat(3))
        .unwrap();
    assert!(Command::new("mount").arg("--bind").arg(&other).arg(&path).status().unwrap().success());
    let mut file = AutoFile::open(&path);
    assert_eq!(file.write("x=1\n").unwrap(), Written::InPlace);
    let first = fs::metadata(&path).unwrap().mtime();
    assert_eq!(file.write("x=2\n").unwrap(), Written::InPlace);
    assert!(fs::metadata(&path).unwrap().mtime() > first);
    shows(&other, 2, "x=2\n");
    alone(&point);
}

#[test]
fn a_full_file_system_keeps_the_old_content() {
    let Some((_dir, point)) = Dir::mounted("full", "size=8k") else { return };
    let path = point.join("a.auto");
    let mut file = AutoFile::open(&path);
    file.write("x=1\n").unwrap();
    let error = file.write(&"y=1\n".repeat(4096)).unwrap_err();
    assert!(matches!(error, AutoError::Full { .. }), "{error}");
    shows(&path, 1, "x=1\n");
    alone(&point);
    // A program being started by another test may hold the failed draft, and so its space, for a moment.
    eventually("there is space again", || file.write("x=2\n").is_ok());
    shows(&path, 2, "x=2\n");
}

#[test]
fn a_read_only_file_system_keeps_the_old_content() {
    let Some((_dir, point)) = Dir::mounted("readonly", "size=64k") else { return };
    let path = point.join("a.auto");
    let mut file = AutoFile::open(&path);
    file.write("x=1\n").unwrap();
    // A program being started by another test may hold the file open for writing for a moment.
    eventually("it is read-only", || {
        let mount = Command::new("mount").args(["-o", "remount,ro"]).arg(&point).output();
        mount.is_ok_and(|mount| mount.status.success())
    });
    let error = file.write("x=2\n").unwrap_err();
    assert!(matches!(error, AutoError::ReadOnly { .. }), "{error}");
    shows(&path, 1, "x=1\n");
}
