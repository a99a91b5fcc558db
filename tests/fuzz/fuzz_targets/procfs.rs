//! Any bytes as any kernel file: nothing may panic, keep us, or say more than it was told.
#![no_main]

use hsflow::collect::host::{Faults, cpu, disk_io, memory, mib2, mounts, uuid};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut faults = Faults::default();
    let table = mounts::parse_mountinfo(bytes, &mut faults);
    let (asked, hidden) = mounts::select(&table);
    assert!(asked.len() + hidden.len() <= table.len());
    assert!(mounts::unescape(bytes).as_os_str().len() <= bytes.len());
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = cpu::parse_stat(text, &mut faults);
    let _ = cpu::parse_loadavg(text, &mut faults);
    let _ = cpu::parse_uptime(text, &mut faults);
    let _ = (cpu::parse_cpu_mhz(text), cpu::parse_cpufreq(text));
    let _ = memory::parse_meminfo(text, &mut faults);
    let _ = memory::parse_vmstat(text, &mut faults);
    let _ = mib2::parse_snmp(text, &mut faults);
    let _ = uuid::parse_uuid(text);
    let mut devices = 0;
    disk_io::parse_diskstats(text, &mut faults, |name, _| {
        assert!(!name.is_empty());
        devices += 1;
    });
    assert!(devices <= text.lines().count());
    assert!(faults.drain().count() <= 8);
});
