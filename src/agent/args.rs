//! The command line of `hsflowd`: the C agent's options, so that units, init scripts and `DAEMON_ARGS` go on
//! working. In: arguments. Out: [`Options`]. Spec: hsflowd(8).

use crate::collect::host::uuid::parse_uuid;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::path::PathBuf;

/// What the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-d` was given: stay in the foreground.
    pub foreground: bool,
    /// One less than the number of `-d`.
    pub verbosity: u32,
    /// `-D`: log to this file instead.
    pub log_file: Option<PathBuf>,
    /// `-L`: most bytes in that file.
    pub log_limit: u64,
    /// `-f`: configuration.
    pub config: PathBuf,
    /// `-f` was given: the file has to be there.
    pub config_named: bool,
    /// `-o`: settings file for sub-agents.
    pub auto_file: PathBuf,
    /// `-p`: process id file of a daemon.
    pub pid_file: PathBuf,
    /// `-u`: host UUID.
    pub uuid: Option<[u8; 16]>,
    /// `-m`: machine id, for the UUID of a host that has no other.
    pub machine_id: Option<[u8; 16]>,
    /// `-P`: keep root's privileges.
    pub keep_privileges: bool,
    /// `-M`: end when resident memory exceeds this many bytes.
    pub memory_limit: Option<u64>,
    /// `--socket`: control socket.
    pub socket: PathBuf,
    /// `--root`: where the host's /proc, /sys, /etc and /var are seen from here.
    pub root: PathBuf,
    /// Options that are accepted and do nothing any more.
    pub ignored: Vec<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            foreground: false,
            verbosity: 0,
            log_file: None,
            log_limit: 10_000_000,
            config: "/etc/hsflowd.conf".into(),
            config_named: false,
            auto_file: "/run/hsflowd/hsflowd.auto".into(),
            pid_file: "/var/run/hsflowd.pid".into(),
            uuid: None,
            machine_id: None,
            keep_privileges: false,
            memory_limit: None,
            socket: "/run/hsflowd/control.sock".into(),
            root: "/".into(),
            ignored: Vec::new(),
        }
    }
}

impl Options {
    /// Makes relative paths absolute: a daemon leaves the directory that it was started in.
    pub fn make_absolute(&mut self) {
        let own =
            [&mut self.config, &mut self.auto_file, &mut self.pid_file, &mut self.socket, &mut self.root];
        for path in own.into_iter().chain(&mut self.log_file) {
            // Fails for an empty path only, and where that directory is gone; then opening it says so.
            if let Ok(absolute) = std::path::absolute(&path) {
                *path = absolute;
            }
        }
    }
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Run with these options.
    Run(Box<Options>),
    /// `-v`: print the version.
    Version,
    /// `-h`: print the usage.
    Help,
}

/// What is wrong with the command line.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// An unknown option, or one without its value.
    #[error(transparent)]
    Option(#[from] lexopt::Error),
    /// A value that cannot be read.
    #[error("-{option} {value}: expected {expected}")]
    Value {
        /// The option's letter.
        option: char,
        /// As given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
}

/// The text of `-h`.
pub const USAGE: &str = "\
usage: hsflowd [-dP] [-f CONF] [-o AUTO] [-p PIDFILE] [-u UUID] [-m MACHINE-ID] [-D LOG] [-L BYTES] [-M BYTES]
  -d            stay in the foreground and log to stderr; each further d says more
  -f CONF       configuration (default /etc/hsflowd.conf)
  -o AUTO       settings file for sub-agents (default /run/hsflowd/hsflowd.auto)
  -p PIDFILE    process id file when run as a daemon (default /var/run/hsflowd.pid)
  -u UUID       host UUID
  -m MACHINE-ID machine id to derive the UUID from where there is no better source
  -D LOG        log to this file; SIGHUP reopens it
  -L BYTES      most bytes in that file (default 10000000)
  -M BYTES      end when more memory than this is resident
  -P            never drop privileges
  --socket PATH control socket that hsflowctl asks (default /run/hsflowd/control.sock)
  --root DIR    where the host's /proc, /sys, /etc and /var are mounted (in a container)
  -v            print the version
";

/// Reads the command line (without the program's name). Extra words are ignored, as by the C agent.
///
/// # Errors
/// An unknown option, a missing value, or a value of the wrong form.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Action, UsageError> {
    let mut parser = Parser::from_args(arguments);
    let mut options = Options::default();
    let mut debug = 0;
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('v') | Arg::Long("version") => return Ok(Action::Version),
            Arg::Short('h' | '?') | Arg::Long("help") => return Ok(Action::Help),
            Arg::Short('d') => debug += 1,
            Arg::Short('P') => options.keep_privileges = true,
            Arg::Short('f') => {
                (options.config, options.config_named) = (parser.value()?.into(), true);
            }
            Arg::Short('o') => options.auto_file = parser.value()?.into(),
            Arg::Short('p') => options.pid_file = parser.value()?.into(),
            Arg::Short('D') => options.log_file = Some(parser.value()?.into()),
            Arg::Long("socket") => options.socket = parser.value()?.into(),
            Arg::Long("root") => options.root = parser.value()?.into(),
            Arg::Short('u') => options.uuid = Some(uuid_value(&mut parser, 'u')?),
            Arg::Short('m') => options.machine_id = Some(uuid_value(&mut parser, 'm')?),
            Arg::Short('L') => options.log_limit = bytes_value(&mut parser, 'L')?,
            Arg::Short('M') => options.memory_limit = Some(bytes_value(&mut parser, 'M')?),
            Arg::Short('l') => ignore(&mut parser, &mut options, "-l: features are built in, not loaded")?,
            Arg::Short('c') => ignore(&mut parser, &mut options, "-c: crashes go to the log")?,
            Arg::Short('F') => ignore(&mut parser, &mut options, "-F: use -dd, or SIGUSR2 while running")?,
            Arg::Value(_) => {}
            other => return Err(other.unexpected().into()),
        }
    }
    options.foreground = debug > 0;
    options.verbosity = u32::saturating_sub(debug, 1);
    Ok(Action::Run(Box::new(options)))
}

fn ignore(parser: &mut Parser, options: &mut Options, why: &'static str) -> Result<(), UsageError> {
    parser.value()?;
    options.ignored.push(why);
    Ok(())
}

fn uuid_value(parser: &mut Parser, option: char) -> Result<[u8; 16], UsageError> {
    let value = parser.value()?.string()?;
    parse_uuid(&value).ok_or(UsageError::Value { option, value, expected: "32 hexadecimal digits" })
}

fn bytes_value(parser: &mut Parser, option: char) -> Result<u64, UsageError> {
    let value = parser.value()?.string()?;
    value.parse().map_err(|_| UsageError::Value { option, value, expected: "a number of bytes" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Result<Options, UsageError> {
        match parse(line.split_whitespace().map(OsString::from))? {
            Action::Run(options) => Ok(*options),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_c_agents_unit_line_is_understood() {
        let options = options("-m 3d1219c7c4c5404aaa1f6d2a48adfda4 -d").unwrap();
        assert!(options.foreground);
        assert_eq!(options.verbosity, 0);
        assert_eq!(options.machine_id.unwrap()[..2], [0x3d, 0x12]);
    }

    #[test]
    fn debug_letters_add_up_and_values_may_stick_to_their_letter() {
        let options = options("-ddd -f/tmp/a.conf -o /tmp/a.auto extra words").unwrap();
        assert_eq!((options.foreground, options.verbosity), (true, 2));
        assert_eq!(options.config, PathBuf::from("/tmp/a.conf"));
        assert_eq!(options.auto_file, PathBuf::from("/tmp/a.auto"));
    }

    #[test]
    fn options_without_meaning_are_taken_with_their_values() {
        let options = options("-l /etc/hsflowd/modules -c /var/log/crash -F /tmp/f -P").unwrap();
        assert_eq!(options.ignored.len(), 3);
        assert!(options.keep_privileges && !options.foreground);
    }

    #[test]
    fn bad_values_name_the_option() {
        assert_eq!(options("-u 12-34").unwrap_err().to_string(), "-u 12-34: expected 32 hexadecimal digits");
        assert_eq!(options("-M lots").unwrap_err().to_string(), "-M lots: expected a number of bytes");
        assert!(options("-x").is_err());
        assert!(options("-f").is_err());
    }

    #[test]
    fn version_and_help_win() {
        assert_eq!(parse([OsString::from("-v")]).unwrap(), Action::Version);
        assert_eq!(parse([OsString::from("-?")]).unwrap(), Action::Help);
    }
}
