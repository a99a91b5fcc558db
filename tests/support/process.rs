//! The package's programs, or others, as child processes: their output is kept line by line and can be waited for,
//! and they never outlive the test.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A running program. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
}

#[derive(Default)]
struct Output {
    said: Mutex<Said>,
    changed: Condvar,
}

/// What a program has printed so far.
#[derive(Default)]
pub struct Said {
    /// Lines of standard output.
    pub stdout: Vec<String>,
    /// Lines of standard error.
    pub stderr: Vec<String>,
    closed: usize,
}

impl Process {
    /// Starts this package's agent.
    pub fn hsflowd<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Self {
        Self::start(Command::new(env!("CARGO_BIN_EXE_hsflowd")).args(arguments))
    }

    /// Starts this package's tool.
    pub fn hsflowctl<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Self {
        Self::start(Command::new(env!("CARGO_BIN_EXE_hsflowctl")).args(arguments))
    }

    /// Starts any program, with empty input and its output captured.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("start {name}: {e}"));
        let output = Arc::new(Output::default());
        output.follow(child.stdout.take().expect("piped"), |said| &mut said.stdout);
        output.follow(child.stderr.take().expect("piped"), |said| &mut said.stderr);
        Self { name, child, output }
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a process id is positive"))
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap_or_else(|e| panic!("{signal} to {}: {e}", self.name));
    }

    /// Waits until `enough` is true of what it has printed, and returns what that gave.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, limit: Duration, mut enough: impl FnMut(&Said) -> Option<T>) -> T {
        let mut found = None;
        let (said, _) = self
            .output
            .changed
            .wait_timeout_while(self.output.lock(), limit, |said| {
                found = enough(said);
                found.is_none() && !said.is_over()
            })
            .unwrap_or_else(PoisonError::into_inner);
        found.unwrap_or_else(|| {
            panic!("{} not within {limit:?}: {what}; it said:\n{}", self.name, said.text())
        })
    }

    /// Waits for a line that contains `text`, on either output, and returns it.
    #[track_caller]
    pub fn wait_line(&self, text: &str, limit: Duration) -> String {
        self.wait_for(&format!("a line with {text:?}"), limit, |said| {
            said.stderr.iter().chain(&said.stdout).find(|line| line.contains(text)).cloned()
        })
    }

    /// Waits for its end. Its outputs are complete then.
    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let (said, _) = self
            .output
            .changed
            .wait_timeout_while(self.output.lock(), limit, |said| !said.is_over())
            .unwrap_or_else(PoisonError::into_inner);
        assert!(said.is_over(), "{} did not end within {limit:?}; it said:\n{}", self.name, said.text());
        drop(said);
        self.child.wait().expect("a child can be waited for")
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    #[track_caller]
    pub fn stop(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_exit(limit)
    }

    /// All lines on standard error so far, as one text.
    pub fn stderr(&self) -> String {
        self.output.lock().stderr.join("\n")
    }

    /// All lines on standard output so far, as one text.
    pub fn stdout(&self) -> String {
        self.output.lock().stdout.join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    /// Both outputs are closed: the program has ended, or soon will.
    fn is_over(&self) -> bool {
        self.closed == 2
    }

    fn text(&self) -> String {
        [&self.stdout[..], &self.stderr[..]].concat().join("\n")
    }
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one of the pipes to its end, on a thread.
    fn follow(self: &Arc<Self>, pipe: impl Read + Send + 'static, lines: fn(&mut Said) -> &mut Vec<String>) {
        let output = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                lines(&mut output.lock()).push(String::from_utf8_lossy(&line).into_owned());
                output.changed.notify_all();
            }
            output.lock().closed += 1;
            output.changed.notify_all();
        });
    }
}

/// Resident memory of a process, in KiB: of its page tables, because `status` is a few hundred off on some kernels. Who may
/// not see those has to do with it.
pub fn resident_kib(pid: impl std::fmt::Display) -> u64 {
    let line = |file: &str, name: &str| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
    };
    line("smaps_rollup", "Rss:").or_else(|| line("status", "VmRSS:")).unwrap()
}

/// Ticks in user and kernel of a process or thread, in milliseconds.
pub fn stat_ms(path: &str) -> [u64; 2] {
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.rsplit_once(')').unwrap();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    [11, 12].map(|at| fields[at].parse::<u64>().unwrap() * 10)
}

/// Resident memory that no file has, in KiB: the program's own pages come and go as they are needed.
pub fn own_kib(pid: impl std::fmt::Display) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let (mut sum, mut is_own) = (0, false);
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["Rss:", kib, ..] if is_own => sum += kib.parse::<u64>().unwrap(),
            [range, _, _, _, _, rest @ ..] if range.contains('-') => {
                is_own = !rest.first().is_some_and(|path| path.starts_with('/'));
            }
            _ => {}
        }
    }
    sum
}
