//! Mount tables: odd but legal lines, what counts, and what lies hidden.

use super::*;
use proptest::prelude::*;

fn table(text: &[u8]) -> (Vec<Mount<'_>>, Vec<String>) {
    let mut faults = Faults::default();
    let mounts = parse_mountinfo(text, &mut faults);
    (mounts, faults.drain().map(|f| f.to_string()).collect())
}

fn points(text: &str) -> (Vec<String>, Vec<String>) {
    let (mounts, faults) = table(text.as_bytes());
    assert_eq!(faults, [] as [&str; 0]);
    let (asked, hidden) = select(&mounts);
    let text = |p: &PathBuf| p.display().to_string();
    (asked.iter().map(|a| text(&a.point)).collect(), hidden.iter().map(text).collect())
}

#[test]
fn a_line_is_read_past_any_number_of_optional_fields() {
    let (mounts, faults) = table(
        b"36 35 98:0 /mnt1 /mnt2 rw,noatime - ext3 /dev/root rw,errors=continue\n\
          37 35 98:1 / /m3 ro shared:1 master:2 propagate_from:3 unbindable - xfs /dev/b ro,attr2\n",
    );
    assert_eq!(faults, [] as [&str; 0]);
    let first = Mount {
        id: 36,
        parent: 35,
        device: b"98:0",
        root: b"/mnt1",
        point: b"/mnt2",
        kind: b"ext3",
        source: b"/dev/root",
        options: b"rw,errors=continue",
        read_only: false,
    };
    assert_eq!(mounts[0], first);
    assert_eq!((mounts[1].kind, mounts[1].read_only), (b"xfs".as_slice(), true));
}

#[test]
fn an_empty_source_does_not_shift_the_options() {
    let (mounts, _) = table(b"20 15 0:31 / /mnt/odd rw shared:9 - tmpfs  ro,size=4k\n");
    assert_eq!((mounts[0].source, mounts[0].read_only), (b"".as_slice(), true));
}

#[test]
fn mount_points_keep_spaces_and_bytes_that_are_no_text() {
    assert_eq!(unescape(br"/a\040b\011c\012d\134e\043"), PathBuf::from("/a b\tc\nd\\e#"));
    assert_eq!(unescape(b"/no\\04end\\"), PathBuf::from("/no\\04end\\"));
    let (mounts, faults) = table(b"1 0 8:1 / /\xff\xfe rw - ext4 /dev/sda1 rw\n");
    assert_eq!((mounts[0].point, faults.len()), (b"/\xff\xfe".as_slice(), 0));
}

#[test]
fn lines_of_another_form_are_named_and_cost_only_themselves() {
    let (mounts, faults) =
        table(b"garbage\n1 0 8:1 / / rw - ext4 /dev/sda1 rw\n1 0 8:1 / / rw ext4 /dev/x rw\n9 0 8:");
    assert_eq!(mounts.len(), 1);
    assert_eq!(
        faults,
        [
            "/proc/self/mountinfo:1: unexpected line",
            "/proc/self/mountinfo:3: unexpected line",
            "/proc/self/mountinfo:4: line is cut off"
        ]
    );
}

#[test]
fn only_writable_devices_of_this_host_count() {
    let (asked, hidden) = points(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
         2 1 0:20 / /a rw - tmpfs tmpfs rw\n\
         3 1 0:21 / /b rw - nfs4 host:/x rw\n\
         4 1 0:22 / /c rw - cifs //host/x rw\n\
         5 1 7:0 / /d ro - squashfs /dev/loop0 ro\n\
         6 1 0:23 / /e rw - fuse.sshfs me@host: rw\n\
         7 1 0:24 / /f rw - autofs /dev/null-not-a-device-but-a-map rw,ro\n\
         8 1 0:25 / /g rw - ubifs ubi0:data rw\n\
         9 1 0:26 / /h rw - zfs pool/h rw\n\
         10 1 8:2 / /i rw - fuseblk /dev/sda2 rw\n\
         11 1 8:3 / /j rw - ocfs2 /dev/sda3 rw\n\
         12 1 0:27 / /k rw - fuse /dev/fuse rw\n",
    );
    assert_eq!(asked, ["/", "/g", "/i", "/h"]);
    assert_eq!(hidden, [] as [&str; 0]);
}

#[test]
fn a_sandbox_that_makes_every_mount_read_only_changes_nothing() {
    let (asked, _) = points(
        "1 0 8:1 / / ro,relatime - ext4 /dev/sda1 rw\n\
         2 1 8:1 /var/lib/x /var/lib/x rw - ext4 /dev/sda1 rw\n\
         3 1 8:2 / /data ro - xfs /dev/sda2 ro\n",
    );
    assert_eq!(asked, ["/"]);
}

#[test]
fn a_mount_covered_at_its_point_is_hidden_unless_its_device_shows_elsewhere() {
    let covered = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                   2 1 8:2 / /home rw - ext4 /dev/sda2 rw\n\
                   3 2 0:40 / /home ro - tmpfs tmpfs ro\n";
    assert_eq!(points(covered), (vec!["/".into()], vec!["/home".into()]));
    let elsewhere = format!("{covered}4 1 8:2 /x /srv/x rw - ext4 /dev/sda2 rw\n");
    assert_eq!(points(&elsewhere), (vec!["/".into(), "/srv/x".into()], vec![]));
}

#[test]
fn a_mount_below_a_covered_directory_is_hidden() {
    let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                2 1 8:2 / /mnt/deep/data rw - ext4 /dev/sda2 rw\n\
                3 1 0:40 / /mnt rw - tmpfs tmpfs rw\n\
                4 2 8:3 / /mnt/deep/data/more rw - ext4 /dev/sda3 rw\n\
                5 1 8:4 / /mntx rw - ext4 /dev/sda4 rw\n";
    let (asked, hidden) = points(text);
    assert_eq!(asked, ["/", "/mntx"]);
    assert_eq!(hidden, ["/mnt/deep/data", "/mnt/deep/data/more"]);
}

#[test]
fn a_root_mounted_over_the_first_root_is_the_one_that_counts() {
    let text = "1 1 0:2 / / rw - rootfs rootfs rw\n\
                2 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                3 2 8:2 / /var rw - ext4 /dev/sda2 rw\n";
    assert_eq!(points(text), (vec!["/".into(), "/var".into()], vec![]));
}

#[test]
fn datasets_of_one_pool_follow_each_other() {
    let (mounts, _) = table(
        b"1 0 0:1 / /t rw - zfs tank rw\n2 1 0:2 / /a rw - zfs apool/x rw\n3 1 0:3 / /t/v rw - zfs tank/v rw\n",
    );
    let pools: Vec<_> = select(&mounts).0.into_iter().map(|a| a.pool.unwrap()).collect();
    assert_eq!(pools, [b"apool".to_vec(), b"tank".to_vec(), b"tank".to_vec()]);
}

proptest! {
    #[test]
    fn no_table_panics_or_keeps_us(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        ids in prop::collection::vec((0u32..6, 0u32..6, "(/[ab]){0,3}"), 0..12),
    ) {
        let mut faults = Faults::default();
        select(&parse_mountinfo(&bytes, &mut faults));
        let text: String =
            ids.iter().map(|(id, parent, point)| format!("{id} {parent} 8:{id} / /{point} rw - ext4 /dev/x rw\n")).collect();
        let mounts = parse_mountinfo(text.as_bytes(), &mut faults);
        let (asked, hidden) = select(&mounts);
        prop_assert!(asked.len() + hidden.len() <= mounts.len());
    }

    #[test]
    fn escaping_as_the_kernel_does_is_undone(name in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut escaped = Vec::new();
        for &byte in &name {
            match byte {
                b' ' | b'\t' | b'\n' | b'\\' | b'#' => escaped.extend(format!("\\{byte:03o}").bytes()),
                _ => escaped.push(byte),
            }
        }
        prop_assert_eq!(unescape(&escaped), PathBuf::from(OsString::from_vec(name)));
    }
}
