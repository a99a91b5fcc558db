//! The texts of cgroup files.
//!
//! In: the text of one file. Out: numbers. Rules: pure; keys are found by name; a key that is not there is `None`, and only a
//! value that is no number is wrong. Spec: the kernel's `admin-guide/cgroup-v2.rst`, `cgroup-v1/blkio-controller.rst`,
//! `accounting/psi.rst`.

use super::DiskIo;

/// A limit of v1 above this is none: it stands for the largest number of pages, whose size differs between machines.
const NO_LIMIT: u64 = 1 << 62;

/// Where a text is not as documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1; 0 where no line has the field.
    pub line: usize,
    /// What is missing or no number.
    pub field: &'static str,
}

/// How long tasks waited for resources; `None` where the kernel does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// For a CPU.
    pub cpu: Option<Stall>,
    /// For memory.
    pub memory: Option<Stall>,
    /// For I/O.
    pub io: Option<Stall>,
}

/// Time lost to one resource, in microseconds since the cgroup was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stall {
    /// While at least one task waited.
    pub some_us: u64,
    /// While all tasks waited; kernels before 5.13 do not say it of the CPU.
    pub full_us: Option<u64>,
}

/// A file that is one number: `memory.current`, `cpuacct.usage`.
pub fn parse_number(text: &str, field: &'static str) -> Result<u64, Fault> {
    text.trim_ascii_end().parse().map_err(|_| Fault { line: 1, field })
}

/// A limit in bytes, `max` of v2 and the huge number of v1 being none.
pub fn parse_limit(text: &str) -> Result<Option<u64>, Fault> {
    match text.trim_ascii_end() {
        "max" => Ok(None),
        number => parse_number(number, "limit").map(|limit| Some(limit).filter(|&limit| limit < NO_LIMIT)),
    }
}

/// Nanoseconds of CPU time from `cpu.stat`: `usage_usec 123456`.
pub fn parse_cpu_stat(text: &str) -> Result<u64, Fault> {
    const FIELD: &str = "usage_usec";
    let value = |line: &'_ str| line.strip_prefix(FIELD)?.strip_prefix(' ')?.parse::<u64>().ok();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with(FIELD) {
            let micros = value(line).ok_or(Fault { line: index + 1, field: FIELD })?;
            return Ok(micros.saturating_mul(1000));
        }
    }
    Err(Fault { line: 0, field: FIELD })
}

/// `populated 1` of `cgroup.events`: the cgroup or one below it has processes.
pub fn parse_populated(text: &str) -> Option<bool> {
    text.lines().find_map(|line| line.strip_prefix("populated ")).map(|value| value.trim_ascii() != "0")
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same of `full`.
pub fn parse_pressure(text: &str) -> Result<Stall, Fault> {
    let total = |kind: &'static str| {
        let (index, line) = text.lines().enumerate().find(|(_, line)| line.starts_with(kind))?;
        let value = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("total="));
        Some(value.and_then(|v| v.parse().ok()).ok_or(Fault { line: index + 1, field: kind }))
    };
    Ok(Stall {
        some_us: total("some").unwrap_or(Err(Fault { line: 0, field: "some" }))?,
        full_us: total("full").transpose()?,
    })
}

/// Hands over each device (`major:minor`) of `io.stat`: `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`. A device
/// without values has done nothing.
pub fn parse_io_stat<'a>(text: &'a str, mut each: impl FnMut(&'a str, DiskIo)) -> Result<(), Fault> {
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        let Some(device) = words.next() else { continue };
        let mut io = DiskIo::default();
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let (into, field) = match key {
                "rbytes" => (&mut io.rd_bytes, "rbytes"),
                "wbytes" => (&mut io.wr_bytes, "wbytes"),
                "rios" => (&mut io.rd_req, "rios"),
                "wios" => (&mut io.wr_req, "wios"),
                _ => continue,
            };
            *into = value.parse().map_err(|_| Fault { line: index + 1, field })?;
        }
        each(device, io);
    }
    Ok(())
}

/// Hands over what each device of a v1 file (`blkio.throttle.io_service_bytes` and its like) has read and written:
/// lines `8:0 Read 4096`. The lines are of one device each time, and the sums at the end are passed over.
pub fn parse_blkio<'a>(text: &'a str, mut each: impl FnMut(&'a str, Operation, u64)) -> Result<(), Fault> {
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        let (Some(device), Some(operation), Some(value)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let (operation, field) = match operation {
            word if word.eq_ignore_ascii_case("read") => (Operation::Read, "Read"),
            word if word.eq_ignore_ascii_case("write") => (Operation::Write, "Write"),
            _ => continue,
        };
        each(device, operation, value.parse().map_err(|_| Fault { line: index + 1, field })?);
    }
    Ok(())
}

/// What a line of v1's disk files counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reads.
    Read,
    /// Writes.
    Write,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_by_its_name() {
        let text = "user_usec 1\nusage_usec 123456\nsystem_usec 2\n";
        assert_eq!(parse_cpu_stat(text), Ok(123_456_000));
        assert_eq!(parse_cpu_stat("usage_usec x\n"), Err(Fault { line: 1, field: "usage_usec" }));
        assert_eq!(parse_cpu_stat("user_usec 1\n"), Err(Fault { line: 0, field: "usage_usec" }));
    }

    #[test]
    fn no_limit_is_none_in_either_version() {
        assert_eq!(parse_limit("max\n"), Ok(None));
        assert_eq!(parse_limit("9223372036854771712\n"), Ok(None));
        assert_eq!(parse_limit("9223372036854710272\n"), Ok(None), "pages of 64 KiB");
        assert_eq!(parse_limit("134217728\n"), Ok(Some(134_217_728)));
        assert!(parse_limit("much\n").is_err());
    }

    #[test]
    fn devices_of_io_stat_are_read_whatever_else_stands_there() {
        let text = "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n\
                    8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 cost.usage=3\n254:1 \n";
        let mut seen = Vec::new();
        parse_io_stat(text, |device, io| seen.push((device, io))).unwrap();
        let io = |rd_req, rd_bytes, wr_req, wr_bytes| DiskIo { rd_req, rd_bytes, wr_req, wr_bytes };
        assert_eq!(
            seen,
            [
                ("8:16", io(192, 1_459_200, 353, 314_773_504)),
                ("8:0", io(8950, 90_430_464, 1252, 299_008_000)),
                ("254:1", io(0, 0, 0, 0)),
            ]
        );
        assert_eq!(parse_io_stat("8:0 rbytes=-1\n", |_, _| ()), Err(Fault { line: 1, field: "rbytes" }));
    }

    #[test]
    fn operations_of_v1_are_read_in_any_case_and_sums_are_not() {
        let text = "8:0 Read 4096\n8:0 write 12\n8:0 Sync 4108\n8:0 Total 4108\nTotal 4108\n";
        let mut seen = Vec::new();
        parse_blkio(text, |device, operation, value| seen.push((device, operation, value))).unwrap();
        assert_eq!(seen, [("8:0", Operation::Read, 4096), ("8:0", Operation::Write, 12)]);
    }

    #[test]
    fn pressure_of_old_kernels_has_no_full_line_for_the_cpu() {
        let some = "some avg10=0.22 avg60=0.17 avg300=1.11 total=58761459\n";
        assert_eq!(parse_pressure(some), Ok(Stall { some_us: 58_761_459, full_us: None }));
        let both = format!("{some}full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
        assert_eq!(parse_pressure(&both), Ok(Stall { some_us: 58_761_459, full_us: Some(7) }));
        assert_eq!(parse_pressure("some avg10=0\n"), Err(Fault { line: 1, field: "some" }));
        assert_eq!(parse_pressure(""), Err(Fault { line: 0, field: "some" }));
    }

    #[test]
    fn populated_is_told_only_by_its_own_line() {
        assert_eq!(parse_populated("populated 1\nfrozen 0\n"), Some(true));
        assert_eq!(parse_populated("frozen 1\npopulated 0\n"), Some(false));
        assert_eq!(parse_populated("frozen 1\n"), None);
    }
}
