//! CPU text: the documented form, its older and damaged forms, and laws that hold for any text.

use super::*;
use crate::collect::host::CollectError;
use proptest::prelude::*;

const SERVER: &str = include_str!("../../../../tests/fixtures/root/server-2socket/proc/stat");

fn parsed<T>(parse: impl Fn(&str, &mut Faults) -> T, text: &str) -> (T, Vec<CollectError>) {
    let mut faults = Faults::default();
    let found = parse(text, &mut faults);
    (found, faults.drain().collect())
}

fn fields(s: &Stat) -> [Option<u64>; 13] {
    let cpus = s.cpus.map(u64::from);
    [
        s.user,
        s.nice,
        s.system,
        s.idle,
        s.iowait,
        s.irq,
        s.softirq,
        s.steal,
        s.guest,
        s.guest_nice,
        cpus,
        s.intr,
        s.ctxt,
    ]
}

#[test]
fn every_column_of_stat_goes_to_its_own_field() {
    let text = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu12 0 0 0 0\nintr 77 1 2\nctxt 88\nbtime 3\n";
    let (stat, faults) = parsed(parse_stat, text);
    assert_eq!(fields(&stat), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2, 77, 88].map(Some));
    assert_eq!(faults, []);
}

#[test]
fn columns_that_an_older_kernel_lacks_are_unknown_without_a_fault() {
    let (stat, faults) = parsed(parse_stat, "cpu  1 2 3 4\ncpu0 1 2 3 4\nintr 5\nctxt 6\n");
    assert_eq!((stat.idle, stat.iowait, stat.guest_nice, stat.cpus), (Some(4), None, None, Some(1)));
    assert_eq!(faults, []);
}

#[test]
fn a_wrong_number_costs_one_field_and_is_named_by_file_line_and_field() {
    let (stat, faults) = parsed(parse_stat, "cpu  1 -2 3 4 5\nintr 99999999999999999999\nctxt 6\n");
    assert_eq!(
        (stat.user, stat.nice, stat.system, stat.intr, stat.ctxt),
        (Some(1), None, Some(3), None, Some(6))
    );
    let messages: Vec<String> = faults.iter().map(CollectError::to_string).collect();
    assert_eq!(
        messages,
        ["/proc/stat:1: nice is not a number", "/proc/stat:2: intr is not a number", "/proc/stat: no intr"]
    );
}

#[test]
fn stat_cut_anywhere_gives_the_same_numbers_or_none() {
    let (whole, faults) = parsed(parse_stat, SERVER);
    assert_eq!(faults, []);
    for cut in 0..SERVER.len() {
        let (stat, faults) = parsed(parse_stat, &SERVER[..cut]);
        for (field, of_whole) in fields(&stat).into_iter().zip(fields(&whole)) {
            assert!(field.is_none() || field == of_whole, "cut at {cut}");
        }
        let has_all = stat == whole;
        assert!(!faults.is_empty() || has_all, "cut at {cut} goes unnoticed");
    }
}

#[test]
fn loadavg_has_three_loads_and_two_counts_of_threads() {
    let (load, faults) = parsed(parse_loadavg, "0.20 1.18 20.12 3/1180 11206\n");
    assert_eq!(
        load,
        Loadavg { loads: [Some(0.20), Some(1.18), Some(20.12)], running: Some(3), total: Some(1180) }
    );
    assert_eq!(faults, []);
}

#[test]
fn damaged_loadavg_and_uptime_are_faults_and_never_numbers() {
    for text in ["", "\n", "0.20 0.18 0.12 3/1180 11206", "nan inf -1 x/y\n", "a b c\n", "0.1 0.1\n"] {
        let (load, faults) = parsed(parse_loadavg, text);
        assert!(load.total.is_none() && load.running.is_none(), "{text:?}");
        assert!(load.loads.iter().flatten().all(|l| l.is_finite() && *l >= 0.0), "{text:?}");
        assert!(!faults.is_empty(), "{text:?}");
    }
    for text in ["", "\n", "866.13 1639.18", "-3.0 1\n", "x\n"] {
        let (uptime, faults) = parsed(parse_uptime, text);
        assert_eq!(uptime, None, "{text:?}");
        assert!(!faults.is_empty(), "{text:?}");
    }
    assert_eq!(parsed(parse_uptime, "866.13 1639.18\n"), (Some(866), vec![]));
}

#[test]
fn the_clock_rate_is_the_first_one_told() {
    assert_eq!(parse_cpu_mhz("processor\t: 0\ncpu MHz\t\t: 2596.096\n\ncpu MHz\t\t: 1.0\n"), Some(2596));
    assert_eq!(parse_cpu_mhz("processor\t: 0\ncpu MHz\t\t: 2596.09"), None, "cut off");
    assert_eq!(parse_cpu_mhz("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
    assert_eq!(parse_cpufreq("1800000\n"), Some(1800));
    assert_eq!(parse_cpufreq("<unknown>\n"), None);
}

#[test]
fn guest_time_is_in_one_field_only() {
    let mut cpu = Cpu::new(&Host { user_hz: 100, ..Host::at("/nowhere") });
    let mut record = HostCpu::default();
    let (stat, _) = parsed(parse_stat, "cpu  100 50 0 0 0 0 0 0 70 20\nintr 0\nctxt 0\n");
    cpu.times(&stat, &mut record);
    assert_eq!((record.cpu_user, record.cpu_guest), (300, 700));
    assert_eq!((record.cpu_nice, record.cpu_guest_nice), (300, 200));
    assert_eq!(record.cpu_num, 0);
}

#[test]
fn ticks_become_milliseconds_by_the_kernels_own_rate_and_wrap_at_32_bits() {
    for (ticks, hz, ms) in
        [(7, 100, 70), (7, 250, 28), (7, 1024, 6), (429_496_730, 100, 4), (u64::MAX, 1000, u32::MAX)]
    {
        let mut cpu = Cpu::new(&Host { user_hz: hz, ..Host::at("/nowhere") });
        let mut record = HostCpu::default();
        cpu.times(&Stat { system: Some(ticks), ..Stat::default() }, &mut record);
        assert_eq!(record.cpu_system, ms, "{ticks} at {hz}");
        assert_eq!(record.cpu_idle, u32::MAX, "unknown");
    }
}

#[test]
fn a_counter_that_goes_back_a_little_stands_still_and_a_reset_is_followed() {
    let mut ratchet = Ratchet::default();
    let shown: Vec<_> = [50_000, 49_990, 50_010, 100].map(|ms| ratchet.hold(Some(ms))).into();
    assert_eq!(shown, [Some(50_000), Some(50_000), Some(50_010), Some(100)]);
    assert_eq!(ratchet.hold(None), None);
}

proptest! {
    #[test]
    fn any_numbers_come_out_as_they_went_in(v in prop::array::uniform10(any::<u64>()), cpus in 0u32..300) {
        let words: Vec<String> = v.iter().map(u64::to_string).collect();
        let mut text = format!("cpu  {}\n", words.join(" "));
        (0..cpus).for_each(|i| text.push_str(&format!("cpu{i} 0 0 0 0\n")));
        text.push_str("intr 1 2\nctxt 3\n");
        let (stat, faults) = parsed(parse_stat, &text);
        prop_assert_eq!(&fields(&stat)[..10], &v.map(Some));
        prop_assert_eq!(stat.cpus, Some(cpus));
        prop_assert!(faults.is_empty());
    }

    #[test]
    fn no_text_panics_or_floods(text in any::<String>(), lines in "((cpu[0-9]*|intr|ctxt)( [0-9x-]{0,22}){0,12}\n?){0,20}") {
        for text in [&text, &lines] {
            for faults in [
                parsed(parse_stat, text).1, parsed(parse_loadavg, text).1, parsed(parse_uptime, text).1,
            ] {
                prop_assert!(faults.len() <= 8);
            }
            let _ = (parse_cpu_mhz(text), parse_cpufreq(text));
        }
    }
}
