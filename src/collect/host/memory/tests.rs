//! Memory text: the documented form, what is missing in some kernels, damage, and units.

use super::*;
use crate::collect::host::CollectError;
use proptest::prelude::*;

const SERVER: &str = include_str!("../../../../tests/fixtures/root/server-2socket/proc/meminfo");

fn meminfo(text: &str) -> (Meminfo, Vec<CollectError>) {
    let mut faults = Faults::default();
    let found = parse_meminfo(text, &mut faults);
    (found, faults.drain().collect())
}

fn vmstat(text: &str) -> (Vmstat, Vec<CollectError>) {
    let mut faults = Faults::default();
    let found = parse_vmstat(text, &mut faults);
    (found, faults.drain().collect())
}

fn fields(m: &Meminfo) -> [Option<u64>; 8] {
    [m.mem_total, m.mem_free, m.buffers, m.cached, m.s_reclaimable, m.shmem, m.swap_total, m.swap_free]
}

#[test]
fn meminfo_is_read_by_name_in_any_order_and_becomes_bytes() {
    let text = "Shmem: 6 kB\nSwapFree: 8 kB\nSwapTotal: 7 kB\nSReclaimable: 5 kB\nCached: 4 kB\nSwapCached: 99 kB\n\
                Buffers: 3 kB\nMemFree: 2 kB\nMemTotal:       1 kB\nHugePages_Total:       9\n";
    let (found, faults) = meminfo(text);
    assert_eq!(fields(&found), [1, 2, 3, 4, 5, 6, 7, 8].map(|kib| Some(kib * 1024)));
    assert_eq!(faults, []);
}

#[test]
fn meminfo_cut_anywhere_gives_the_same_numbers_or_none() {
    let (whole, faults) = meminfo(SERVER);
    assert_eq!(faults, []);
    for cut in 0..SERVER.len() {
        let (found, faults) = meminfo(&SERVER[..cut]);
        for (field, of_whole) in fields(&found).into_iter().zip(fields(&whole)) {
            assert!(field.is_none() || field == of_whole, "cut at {cut}");
        }
        assert!(found == whole || !faults.is_empty(), "cut at {cut} goes unnoticed");
    }
}

#[test]
fn wrong_units_and_numbers_are_faults_that_cost_one_field() {
    for (line, message) in [
        ("MemFree: 5 MB", "/proc/meminfo:2: unexpected line"),
        ("MemFree: -5 kB", "/proc/meminfo:2: MemFree is not a number"),
        ("MemFree 5 kB", "/proc/meminfo:2: unexpected line"),
    ] {
        let (found, faults) = meminfo(&format!("MemTotal: 9 kB\n{line}\nBuffers: 1 kB\n"));
        assert_eq!(
            (found.mem_total, found.mem_free, found.buffers),
            (Some(9216), None, Some(1024)),
            "{line}"
        );
        assert_eq!(faults[0].to_string(), message);
        assert!(faults.contains(&CollectError::Missing { file: MEMINFO, field: "MemFree" }));
    }
    assert_eq!(
        meminfo(&format!("MemTotal: {} kB\n", u64::MAX)).0.mem_total,
        None,
        "more bytes than 64 bits hold"
    );
}

#[test]
fn a_kernel_without_swap_leaves_swapping_unknown_and_is_healthy() {
    let (found, faults) = vmstat("nr_free_pages 1\npgpgin 412033\npgpgout 3120335\npgfault 1\n");
    assert_eq!(faults, []);
    let record = record(&Meminfo::default(), &found, 4096);
    assert_eq!((record.page_in, record.page_out), (103_008, 780_083), "KiB are a quarter of a page");
    assert_eq!((record.swap_in, record.swap_out), (u32::MAX, u32::MAX));
}

#[test]
fn pages_are_those_of_this_kernel() {
    let paging = Vmstat { pgpgin: Some(6400), pgpgout: Some(63), ..Vmstat::default() };
    let record = record(&Meminfo::default(), &paging, 65_536);
    assert_eq!((record.page_in, record.page_out), (100, 0));
}

#[test]
fn cached_is_page_cache_and_reclaimable_slab() {
    let info = Meminfo { cached: Some(700), s_reclaimable: Some(30), ..Meminfo::default() };
    assert_eq!(record(&info, &Vmstat::default(), 4096).mem_cached, 730);
    let old = Meminfo { cached: Some(700), ..Meminfo::default() };
    assert_eq!(record(&old, &Vmstat::default(), 4096).mem_cached, 700);
}

#[test]
fn a_vmstat_without_paging_names_what_it_lacks() {
    let (_, faults) = vmstat("nr_free_pages 1\n");
    let missing = |field| CollectError::Missing { file: VMSTAT, field };
    assert_eq!(faults, [missing("pgpgin"), missing("pgpgout")]);
}

proptest! {
    #[test]
    fn any_counters_come_out_as_they_went_in(v in prop::array::uniform4(any::<u64>())) {
        let text = format!("a 1\npswpout {}\npswpin {}\npgpgout {}\npgpgin {}\n", v[3], v[2], v[1], v[0]);
        let (found, faults) = vmstat(&text);
        prop_assert_eq!([found.pgpgin, found.pgpgout, found.pswpin, found.pswpout], v.map(Some));
        prop_assert!(faults.is_empty());
    }

    #[test]
    fn no_text_panics_or_floods(any in any::<String>(), like in "((MemTotal|Cached|pgpgin)[: ][ 0-9-]{0,24}( kB)?\n?){0,30}") {
        for text in [&any, &like] {
            prop_assert!(meminfo(text).1.len() <= 8);
            prop_assert!(vmstat(text).1.len() <= 8);
        }
    }
}
