//! Texts of cgroup files, and names of units in object paths.

use hsflow::collect::guests::cgroup::format::{
    parse_blkio, parse_cpu_stat, parse_io_stat, parse_limit, parse_number, parse_populated, parse_pressure,
};
use hsflow::collect::guests::systemd::names;

/// A fault lies inside the text; each line gives at most one value; a name that passes is made into the path it came of.
pub(crate) fn law(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines = text.lines().count();
    let mut seen = 0;
    let faults = [
        parse_cpu_stat(text).err(),
        parse_pressure(text).err(),
        parse_io_stat(text, |device, _| {
            assert!(!device.is_empty());
            seen += 1;
        })
        .err(),
        parse_blkio(text, |device, _, _| assert!(!device.is_empty())).err(),
    ];
    assert!(seen <= lines);
    for fault in faults.into_iter().flatten() {
        assert!(fault.line <= lines && !fault.field.is_empty());
    }
    if let (Ok(number), Ok(limit)) = (parse_number(text, "limit"), parse_limit(text)) {
        assert!(limit.is_none_or(|limit| limit == number));
    }
    let _ = parse_populated(text);
    if let Some(name) = names::of_path(text) {
        assert!(names::is_service(&name));
        assert_eq!(names::of_path(&names::to_path(&name)), Some(name));
    }
}
