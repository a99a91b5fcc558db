//! The table of disks: its columns, sums over time, and names that come and go.

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

const SERVER: &str = include_str!("../../../../tests/fixtures/root/server-2socket/proc/diskstats");

fn devices(text: &str) -> (Vec<(&str, IoStat)>, Vec<CollectError>) {
    let (mut found, mut faults) = (Vec::new(), Faults::default());
    parse_diskstats(text, &mut faults, |name, stat| found.push((name, stat)));
    (found, faults.drain().collect())
}

/// A host of which only the table of disks changes; sysfs lists `sda` and `sdb`.
struct Table(PathBuf, DiskIo);

impl Table {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("disk-io-{name}-{}", std::process::id()));
        std::fs::create_dir_all(root.join("proc")).unwrap();
        std::fs::create_dir_all(root.join("sys/block")).unwrap();
        for disk in ["sda", "sdb"] {
            let _ = std::os::unix::fs::symlink(
                format!("../devices/pci/block/{disk}"),
                root.join("sys/block").join(disk),
            );
        }
        let io = DiskIo::new(&Host::at(&root));
        Self(root, io)
    }

    fn poll(&mut self, rows: &[(&str, u64)]) -> (Option<u64>, Vec<CollectError>) {
        let row = |&(name, n): &(&str, u64)| format!("8 0 {name} {n} 0 {n} {n} {n} 0 {n} {n} 0 0 0\n");
        self.poll_text(&rows.iter().map(row).collect::<String>())
    }

    fn poll_text(&mut self, text: &str) -> (Option<u64>, Vec<CollectError>) {
        std::fs::write(self.0.join("proc/diskstats"), text).unwrap();
        let mut faults = Faults::default();
        let stat = self.1.poll(&mut faults);
        (stat.and_then(|s| s.reads), faults.drain().collect())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_columns_are_those_of_the_kernels_documentation() {
    let (found, faults) = devices(" 254       0 vda 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27\n");
    let some = |n| Some(n);
    let expected = IoStat {
        reads: some(11),
        sectors_read: some(13),
        read_ms: some(14),
        writes: some(15),
        sectors_written: some(17),
        write_ms: some(18),
    };
    assert_eq!((found, faults), (vec![("vda", expected)], vec![]));
}

#[test]
fn a_table_cut_anywhere_gives_the_same_disks_or_fewer() {
    let (whole, faults) = devices(SERVER);
    assert_eq!((whole.len(), faults), (10, vec![]));
    for cut in 0..SERVER.len() {
        let (found, faults) = devices(&SERVER[..cut]);
        assert_eq!(found, whole[..found.len()], "cut at {cut}");
        let at_a_line = cut == 0 || SERVER[..cut].ends_with('\n');
        assert_eq!(faults.is_empty(), at_a_line, "cut at {cut}");
    }
}

#[test]
fn a_line_with_too_few_columns_or_a_wrong_number_keeps_its_other_fields() {
    let (found, faults) = devices("8 0 sda 1 2 3 x 5 6 7\n8\n");
    assert_eq!(found[0].1.reads, Some(1));
    assert_eq!((found[0].1.read_ms, found[0].1.writes, found[0].1.write_ms), (None, Some(5), None));
    let messages: Vec<String> = faults.iter().map(CollectError::to_string).collect();
    assert_eq!(
        messages,
        [
            "/proc/diskstats:1: read_ms is not a number",
            "/proc/diskstats: no write_ms",
            "/proc/diskstats:2: unexpected line"
        ]
    );
}

#[test]
fn partitions_and_unlisted_names_do_not_add_to_the_sum() {
    let mut table = Table::new("partitions");
    assert_eq!(table.poll(&[("sda", 5), ("sda1", 5), ("sdb", 7), ("dm-0", 12)]), (Some(12), vec![]));
}

#[test]
fn the_sum_never_goes_back_when_a_disk_leaves_returns_or_starts_again() {
    let mut table = Table::new("leave");
    assert_eq!(table.poll(&[("sda", 100), ("sdb", 50)]).0, Some(150));
    assert_eq!(table.poll(&[("sda", 110)]).0, Some(160), "sdb has left and keeps its part");
    assert_eq!(table.poll(&[("sda", 110), ("sdb", 3)]).0, Some(163), "another disk under the old name");
    assert_eq!(
        table.poll(&[("sdb", 4), ("sda", 2)]).0,
        Some(166),
        "the order has changed, and sda began again"
    );
}

#[test]
fn a_table_that_was_cut_off_once_does_not_count_anything_twice() {
    let mut table = Table::new("cut");
    assert_eq!(table.poll(&[("sda", 100), ("sdb", 50)]).0, Some(150));
    let (sum, faults) = table.poll_text("8 0 sda 101 0 1 1 1 0 1 1 0 0 0\n8 16 sdb 5");
    assert_eq!(sum, Some(151));
    assert_eq!(faults, [CollectError::CutOff { file: DISKSTATS, line: 2 }]);
    assert_eq!(table.poll(&[("sda", 102), ("sdb", 52)]), (Some(154), vec![]));
}

#[test]
fn a_kernel_field_of_32_bits_wraps_without_a_step_back() {
    let mut field = Running::default();
    field.advance(Some(u64::from(u32::MAX) - 9));
    field.advance(Some(5));
    assert_eq!(field.total(), Some(u64::from(u32::MAX) + 6));
}

#[test]
fn no_disks_at_all_have_done_nothing() {
    let mut table = Table::new("none");
    assert_eq!(table.poll(&[]), (Some(0), vec![]));
    assert_eq!(table.poll(&[("loop0", 9)]), (Some(0), vec![]));
}

#[test]
fn without_sysfs_names_decide_and_every_poll_says_so_until_it_is_back() {
    let mut table = Table::new("sysfs");
    let (block, away) = (table.0.join("sys/block"), table.0.join("sys/away"));
    std::fs::rename(&block, &away).unwrap();
    let rows = [("sda", 5), ("sda1", 5), ("nvme0n1", 1), ("nvme0n1p1", 1), ("dm-0", 6)];
    for _ in 0..2 {
        let (sum, faults) = table.poll(&rows);
        assert_eq!(sum, Some(6));
        assert!(matches!(faults[..], [CollectError::DisksByName(_)]), "{faults:?}");
    }
    std::fs::rename(&away, &block).unwrap();
    assert_eq!(table.poll(&rows[..2]).1, []);
}

proptest! {
    #[test]
    fn no_text_panics_or_floods(any in any::<String>(), like in "([0-9]{1,3} +[0-9]{1,3} [a-z/.!0-9]{1,8}( [0-9-]{1,22}){0,20}\n?){0,12}") {
        for text in [&any, &like] {
            prop_assert!(devices(text).1.len() <= 8);
        }
    }

    #[test]
    fn a_sum_over_any_history_of_one_disk_never_falls(history in prop::collection::vec(0u64..1 << 40, 1..30)) {
        let (mut field, mut last) = (Running::default(), 0);
        for now in history {
            field.advance(Some(now));
            let total = field.total().unwrap();
            prop_assert!(total >= last);
            last = total;
        }
    }
}
