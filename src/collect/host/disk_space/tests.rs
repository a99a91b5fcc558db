//! Space: sums, shares, pools, and file systems that fail or hang.

use super::*;
use proptest::prelude::*;
use std::path::Path;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

const G: u64 = 1 << 30;

fn space(total: u64, available: u64) -> Space {
    Space { total, free: available, available }
}

#[test]
fn space_kept_for_root_counts_as_used_and_the_fullest_is_in_hundredths_of_a_percent() {
    let reserved = Space { total: 1000 * G, free: 300 * G, available: 250 * G };
    let totals = add_up([(None, reserved), (None, space(3 * G, 2 * G))].into_iter());
    assert_eq!(totals, Totals { total: 1003 * G, available: 252 * G, fullest: 7500 });
    assert_eq!(add_up([(None, space(3, 2))].into_iter()).fullest, 3333);
}

#[test]
fn datasets_of_a_pool_share_their_free_space_once() {
    let pool = Some(b"tank".as_slice());
    // 10 and 200 used, and the same 90 free seen through both.
    let answers =
        [(None, space(50 * G, 20 * G)), (pool, space(100 * G, 90 * G)), (pool, space(290 * G, 90 * G))];
    let totals = add_up(answers.into_iter());
    assert_eq!(totals, Totals { total: 350 * G, available: 110 * G, fullest: 7000 });
}

#[test]
fn empty_and_impossible_answers_neither_panic_nor_exceed_the_whole() {
    assert_eq!(add_up([(None, space(0, 0))].into_iter()), Totals::default());
    assert_eq!(add_up([(None, space(10, 20))].into_iter()), Totals { total: 10, available: 10, fullest: 0 });
    let huge = space(u64::MAX, 0);
    assert_eq!(add_up([(None, huge), (None, huge)].into_iter()).total, u64::MAX);
}

struct Root(PathBuf);

impl Root {
    fn new(name: &str, mountinfo: &str) -> Self {
        let root = std::env::temp_dir().join(format!("disk-space-{name}-{}", std::process::id()));
        std::fs::create_dir_all(root.join("proc/self")).unwrap();
        std::fs::write(root.join("proc/self/mountinfo"), mountinfo).unwrap();
        Self(root)
    }

    fn asked_by(&self, space_of: SpaceOf) -> DiskSpace {
        DiskSpace::new(&Host { space_of, ..Host::at(&self.0) })
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn poll(disk: &mut DiskSpace) -> (Option<Totals>, Vec<CollectError>) {
    let mut faults = Faults::default();
    let totals = disk.poll(&mut faults);
    (totals, faults.drain().collect())
}

#[test]
fn a_file_system_that_fails_is_named_and_the_others_are_still_added_up() {
    let root = Root::new("fails", "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / /b rw - ext4 /dev/b rw\n");
    let mut disk = root.asked_by(|path| if path.ends_with("b") { Err(libc::EIO) } else { Ok(space(10, 4)) });
    let (totals, faults) = poll(&mut disk);
    assert_eq!(totals, Some(Totals { total: 10, available: 4, fullest: 6000 }));
    let expected = format!("statvfs {}/b: Input/output error (os error 5)", root.0.display());
    assert_eq!(faults.iter().map(CollectError::to_string).collect::<Vec<_>>(), [expected]);
    let mut none = root.asked_by(|_| Err(libc::EACCES));
    assert_eq!(poll(&mut none).0, None, "nothing is known");
}

#[test]
fn a_host_without_file_systems_has_no_space_and_no_fault() {
    let root = Root::new("empty", "1 0 0:1 / / rw - overlay overlay rw\n");
    let mut disk = root.asked_by(|_| Err(libc::EIO));
    assert_eq!(poll(&mut disk), (Some(Totals::default()), vec![]));
}

/// Whether the file system at `/stuck` answers.
static GATE: (Mutex<bool>, Condvar) = (Mutex::new(true), Condvar::new());

fn gated(path: &Path) -> Result<Space, i32> {
    if path.ends_with("stuck") {
        let open = GATE.0.lock().unwrap();
        drop(GATE.1.wait_while(open, |open| !*open).unwrap());
        return Ok(space(100, 50));
    }
    Ok(space(10, 4))
}

fn open_gate(open: bool) {
    *GATE.0.lock().unwrap() = open;
    GATE.1.notify_all();
}

#[test]
fn a_hung_file_system_costs_one_short_wait_and_its_last_answer_stays() {
    let root = Root::new("hung", "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / /stuck rw - zfs pool rw\n");
    let mut disk = root.asked_by(gated);
    let clock = disk.host.clock.clone();
    let until_fresh = |disk: &mut DiskSpace| {
        let deadline = clock.now() + Duration::from_secs(20);
        while clock.now() < deadline {
            let (totals, faults) = poll(disk);
            if faults.is_empty() {
                return totals;
            }
            std::thread::yield_now();
        }
        panic!("no answer");
    };
    let whole = Some(Totals { total: 110, available: 54, fullest: 6000 });
    assert_eq!(until_fresh(&mut disk), whole);
    open_gate(false);
    let began = clock.now();
    for _ in 0..50 {
        let (totals, faults) = poll(&mut disk);
        assert_eq!(totals, whole, "the last answer");
        assert_eq!(faults, [CollectError::NoAnswer(root.0.join("stuck"))]);
    }
    let waited = clock.now() - began;
    assert!(waited < Duration::from_secs(2), "only the first of 50 polls may wait: {waited:?}");
    open_gate(true);
    assert_eq!(until_fresh(&mut disk), whole);
}

proptest! {
    #[test]
    fn no_answers_add_up_to_more_free_than_there_is(answers in prop::collection::vec((any::<u64>(), any::<u64>(), 0u8..3), 0..20)) {
        let mut answers = answers;
        answers.sort_by_key(|a| a.2);
        let pools: [Option<&[u8]>; 3] = [None, Some(b"a"), Some(b"b")];
        let totals = add_up(answers.iter().map(|&(t, a, pool)| (pools[usize::from(pool)], space(t, a))));
        prop_assert!(totals.available <= totals.total);
        prop_assert!(totals.fullest <= 10_000);
    }
}
