//! The kept file against ordinary files, procfs and sysfs of the running kernel.

use super::*;
use std::fs;
use std::process;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("hot-file-{name}-{}", process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
    fn file(&self) -> PathBuf {
        self.0.join("file")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn new_contents_of_any_length_are_seen_by_the_same_open_file() {
    let dir = Scratch::new("lengths");
    let mut hot = HotFile::new(dir.file());
    for length in [0, 1, FIRST - 1, FIRST, FIRST + 1, 3 * FIRST, 100_000, 5] {
        let text = "x".repeat(length);
        fs::write(dir.file(), &text).unwrap();
        assert_eq!(hot.text().unwrap(), text, "text of {length}");
        assert_eq!(hot.records().unwrap(), text, "records of {length}");
        assert_eq!(hot.bytes().unwrap(), text.as_bytes(), "bytes of {length}");
    }
}

#[test]
fn a_file_that_appears_later_is_found_by_the_next_reading() {
    let dir = Scratch::new("later");
    let mut hot = HotFile::new(dir.file());
    let error = hot.text().unwrap_err();
    assert!(error.is_absent(), "{error}");
    assert_eq!(
        error.to_string(),
        format!("open {}: No such file or directory (os error 2)", dir.file().display())
    );
    fs::write(dir.file(), "here\n").unwrap();
    assert_eq!(hot.text().unwrap(), "here\n");
}

#[test]
fn a_descriptor_that_went_bad_is_opened_anew_once() {
    // The status file of a process that is gone answers ESRCH on its old descriptor, as the files of an
    // unplugged device answer ENODEV.
    let mut child = process::Command::new("cat").stdin(process::Stdio::piped()).spawn().unwrap();
    let mut hot = HotFile::new(format!("/proc/{}/stat", child.id()));
    assert!(hot.text().unwrap().contains("("));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(hot.text().unwrap_err().errno(), Some(libc::ENOENT), "the second error is that of open");
    hot.path = "/proc/self/stat".into();
    assert!(hot.text().is_ok());
}

#[test]
fn reading_a_directory_or_an_endless_file_is_an_error() {
    assert_eq!(HotFile::new("/proc").text().unwrap_err().errno(), Some(libc::EISDIR));
    assert!(matches!(
        HotFile::new("/dev/zero").bytes().unwrap_err(),
        ReadError::TooLong { limit: LIMIT, .. }
    ));
}

#[test]
fn bytes_that_are_not_text_are_named_by_offset() {
    let dir = Scratch::new("nottext");
    fs::write(dir.file(), b"abc\xff\n").unwrap();
    let mut hot = HotFile::new(dir.file());
    assert_eq!(hot.text().unwrap_err(), ReadError::NotText { path: dir.file(), offset: 3 });
    assert_eq!(hot.bytes().unwrap(), b"abc\xff\n");
}

#[test]
fn every_kernel_file_read_in_one_go_is_complete() {
    // Byte-wise comparison is impossible for files that count; their number of lines is stable.
    for path in ["/proc/stat", "/proc/meminfo", "/proc/net/snmp", "/proc/loadavg", "/proc/uptime"] {
        let mut hot = HotFile::new(path);
        for _ in 0..3 {
            let lines = hot.text().unwrap().lines().count();
            assert_eq!(lines, fs::read_to_string(path).unwrap().lines().count(), "{path}");
        }
    }
}

#[test]
fn tables_longer_than_a_page_are_read_to_their_end() {
    let mut hot = HotFile::new("/proc/kallsyms");
    let expected = fs::read("/proc/kallsyms").unwrap();
    if expected.len() > LIMIT {
        assert!(matches!(hot.bytes(), Err(ReadError::TooLong { .. })));
    } else {
        assert_eq!(hot.bytes().unwrap().len(), expected.len());
    }
}

#[test]
fn head_stops_as_soon_as_it_has_enough() {
    let mut hot = HotFile::new("/proc/kallsyms");
    let head = hot.head(|read| read.contains(&b'\n')).unwrap();
    assert!(head.contains('\n') && head.len() <= FIRST, "{}", head.len());
}

#[test]
fn head_of_an_ordinary_file_ends_with_a_whole_line() {
    let dir = Scratch::new("head");
    fs::write(dir.file(), "some line\n".repeat(1000)).unwrap();
    let mut hot = HotFile::new(dir.file());
    let head = hot.head(|_| true).unwrap();
    assert!(head.ends_with("line\n") && head.len() > FIRST - 20, "{}", head.len());
    assert_eq!(hot.head(|_| false).unwrap().len(), 10_000);
}

#[test]
fn a_large_buffer_is_given_back_when_the_file_has_become_small() {
    let dir = Scratch::new("shrink");
    fs::write(dir.file(), "x".repeat(1 << 20)).unwrap();
    let mut hot = HotFile::new(dir.file());
    hot.text().unwrap();
    assert!(hot.buffer.capacity() >= 1 << 20);
    fs::write(dir.file(), "x").unwrap();
    hot.text().unwrap();
    hot.text().unwrap();
    assert!(hot.buffer.capacity() <= GENEROUS, "{}", hot.buffer.capacity());
}

#[test]
fn a_file_that_cannot_announce_changes_has_changed_only_before_it_is_read() {
    let dir = Scratch::new("change");
    fs::write(dir.file(), "x").unwrap();
    let mut hot = HotFile::new(dir.file());
    assert!(hot.has_changed(), "not read yet");
    hot.text().unwrap();
    fs::write(dir.file(), "y").unwrap();
    assert!(!hot.has_changed());
}

#[test]
fn a_new_mount_is_announced_once_by_mountinfo() {
    use nix::mount::{MntFlags, MsFlags, mount, umount2};
    let dir = Scratch::new("mount");
    // A mount namespace belongs to a thread, so the rest of the test run sees nothing of this.
    let own_namespace = std::thread::spawn(move || {
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        if nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).is_err()
            || mount(None::<&str>, "/", None::<&str>, private, None::<&str>).is_err()
        {
            return eprintln!("SKIP a_new_mount_is_announced_once_by_mountinfo: CAP_SYS_ADMIN");
        }
        let mut hot = HotFile::new("/proc/thread-self/mountinfo");
        let before = hot.bytes().unwrap().len();
        assert!(!hot.has_changed());
        mount(Some("hot"), &dir.0, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
        assert!(hot.has_changed());
        assert!(hot.bytes().unwrap().len() > before);
        assert!(!hot.has_changed());
        umount2(&dir.0, MntFlags::MNT_DETACH).unwrap();
        assert!(hot.has_changed());
    });
    own_namespace.join().unwrap();
}
