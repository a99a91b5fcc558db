//! Where log lines go: stderr (with journald priorities when a journal reads it), a file (`-D`), or syslog
//! when the agent was started as a daemon without `-d`. In: records of the `log` facade. Out: one line each,
//! `component: clause`, no time stamp (journald and syslog add it).
//!
//! Rule: a line is written whole or not at all, and a log that cannot be written never stops the agent; its lines are counted.
//! Priorities: systemd `sd-daemon(3)`, `<N>` prefixes.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::linux::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A terminal or a pipe: bare lines.
    Stderr,
    /// stderr read by journald: `<3>` … `<7>` prefixes.
    Journal,
    /// `-D FILE`, appended; no more than this many bytes until the file is rotated and reopened.
    File(PathBuf, u64),
    /// The local syslog socket, facility daemon.
    Syslog,
}

impl Destination {
    /// stderr as its reader wants it: the service manager says which file it should be (systemd.exec(5),
    /// JOURNAL_STREAM), and it may be another one by now.
    pub fn stderr() -> Self {
        let promised = std::env::var("JOURNAL_STREAM").ok();
        let there = std::fs::metadata("/proc/self/fd/2").ok();
        match promised.zip(there) {
            Some((promised, there)) if promised == format!("{}:{}", there.st_dev(), there.st_ino()) => {
                Self::Journal
            }
            _ => Self::Stderr,
        }
    }
}

enum Sink {
    Stderr { priorities: bool },
    File { path: PathBuf, file: File, written: u64, limit: u64 },
    Syslog(UnixDatagram),
}

struct Logger(Mutex<Sink>);

static LOGGER: std::sync::OnceLock<Logger> = std::sync::OnceLock::new();
static LOST: AtomicU64 = AtomicU64::new(0);

/// Lines that could not be written since the start: no room, or more than the limit of `-D`.
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Starts logging. A second call only changes the destination.
///
/// # Errors
/// The file or the syslog socket cannot be opened; logging then goes on where it went before.
pub fn start(to: &Destination, verbosity: u32) -> io::Result<()> {
    let sink = open(to)?;
    set_verbosity(verbosity);
    match LOGGER.get() {
        Some(logger) => *logger.0.lock().unwrap_or_else(PoisonError::into_inner) = sink,
        None => {
            let logger = LOGGER.get_or_init(|| Logger(Mutex::new(sink)));
            // Only another logger could have been first, and then its lines are as good as ours.
            let _ = log::set_logger(logger);
        }
    }
    Ok(())
}

/// 0 is what operators need, 1 adds one line a poll, 2 and more add one line a message.
pub fn set_verbosity(verbosity: u32) {
    log::set_max_level(match verbosity {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    });
}

/// One step more talkative, as SIGUSR2 asks.
pub fn raise_verbosity() {
    set_verbosity(if log::max_level() >= LevelFilter::Debug { 2 } else { 1 });
}

/// Opens the log file anew after a rotation; other destinations have nothing to reopen.
///
/// # Errors
/// The file cannot be opened; the old one stays in use.
pub fn reopen() -> io::Result<()> {
    let Some(logger) = LOGGER.get() else { return Ok(()) };
    let mut sink = logger.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Sink::File { path, limit, .. } = &*sink {
        let fresh = open_file(path, *limit)?;
        *sink = fresh;
    }
    Ok(())
}

fn open(to: &Destination) -> io::Result<Sink> {
    match to {
        Destination::Stderr => Ok(Sink::Stderr { priorities: false }),
        Destination::Journal => Ok(Sink::Stderr { priorities: true }),
        Destination::File(path, limit) => open_file(path, *limit),
        Destination::Syslog => {
            let socket = UnixDatagram::unbound()?;
            socket.connect("/dev/log")?;
            Ok(Sink::Syslog(socket))
        }
    }
}

fn open_file(path: &Path, limit: u64) -> io::Result<Sink> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let written = file.metadata()?.len();
    Ok(Sink::File { path: path.to_owned(), file, written, limit })
}

fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let component = record.target().rsplit("::").next().unwrap_or_default();
        let mut sink = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that fails cannot say so; the status does.
        if write_line(&mut sink, record.level(), &format!("{component}: {}", record.args())).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

fn write_line(sink: &mut Sink, level: Level, line: &str) -> io::Result<()> {
    match sink {
        Sink::Stderr { priorities: true } => {
            let prefix = priority(level);
            let lines: String = line.lines().map(|l| format!("<{prefix}>{l}\n")).collect();
            io::stderr().write_all(lines.as_bytes())
        }
        Sink::Stderr { priorities: false } => {
            io::stderr().write_all(format!("{} {line}\n", level.as_str().to_lowercase()).as_bytes())
        }
        Sink::File { file, written, limit, .. } => {
            let text = format!("{} {line}\n", level.as_str().to_lowercase());
            if *written + text.len() as u64 > *limit {
                return Err(io::ErrorKind::StorageFull.into());
            }
            *written += text.len() as u64;
            file.write_all(text.as_bytes())
        }
        Sink::Syslog(socket) => {
            const FACILITY_DAEMON: u8 = 3 << 3;
            let head = format!("<{}>hsflowd[{}]: ", FACILITY_DAEMON | priority(level), std::process::id());
            for part in line.lines() {
                socket.send(format!("{head}{part}").as_bytes())?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stops_at_its_limit_and_goes_on_when_rotated() {
        let dir = std::env::temp_dir().join(format!("hsflow-log-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("log");
        let mut sink = open(&Destination::File(path.clone(), 40)).unwrap();
        write_line(&mut sink, Level::Warn, "collector: first").unwrap();
        assert!(write_line(&mut sink, Level::Warn, "collector: second and too long").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "warn collector: first\n");
        std::fs::rename(&path, dir.join("log.1")).unwrap();
        let mut sink = open(&Destination::File(path.clone(), 40)).unwrap();
        write_line(&mut sink, Level::Info, "collector: third").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "info collector: third\n");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn journal_priorities_follow_who_must_act() {
        assert_eq!([Level::Error, Level::Warn, Level::Info, Level::Trace].map(priority), [3, 4, 6, 7]);
    }
}
