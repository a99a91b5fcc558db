//! Cumulus Linux's own program for the sampling rate of a port, and the processes of it that run.
//!
//! In: calls. Out: how each ended. Rules: no shell, an empty environment; a process that has not ended in time is killed with
//! all that it started, and nothing here ever waits for one. The program writes what switchd shows under
//! `/cumulus/switchd`, for which it needs root's right to write files. Usage: `portsamp PORT INGRESS EGRESS GROUP`,
//! each rate 1 in so many packets, 0 for none; GROUP is that of NFLOG.

use crate::sample::switch::port_rates::Call;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{self, PipeReader, Read, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Where Cumulus Linux has it.
pub const PROGRAM: &str = "/usr/lib/cumulus/portsamp";

const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// Of what it prints, the last so many bytes are kept.
const MOST_ANSWER: usize = 4096;
/// Pieces that are read at once of one that prints without end.
const MOST_PIECES: usize = 64;

/// Why a port was not set.
#[derive(Debug, thiserror::Error)]
pub enum PortsampError {
    /// It could not be started.
    #[error("{}: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was killed.
    #[error("{} had not ended after {secs} s", program.display())]
    Late {
        /// The program.
        program: PathBuf,
        /// What it was given.
        secs: u64,
    },
    /// It said no.
    #[error("{}: {status}{}{answer}", program.display(), if answer.is_empty() { "" } else { ": " })]
    Refused {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The last line that it printed; may be empty.
        answer: String,
    },
}

/// The processes that run.
#[derive(Debug)]
pub struct Portsamp {
    program: PathBuf,
    running: Vec<Running>,
    /// Killed, and not dead yet.
    killed: Vec<Child>,
}

#[derive(Debug)]
struct Running {
    call: Call,
    child: Child,
    output: PipeReader,
    answer: Vec<u8>,
    /// It prints no more.
    silent: bool,
    patience: Duration,
    until: Instant,
}

impl Portsamp {
    /// Nothing runs.
    pub fn new(program: &Path) -> Self {
        Self { program: program.to_owned(), running: Vec::new(), killed: Vec::new() }
    }

    /// Whether there is such a program.
    pub fn exists(&self) -> bool {
        self.program.is_file()
    }

    /// Starts a call, which may take so long.
    ///
    /// # Errors
    /// There is no such program, or no process.
    pub fn start(&mut self, call: Call, now: Instant, patience: Duration) -> Result<(), PortsampError> {
        let failed = |source| PortsampError::Start { program: self.program.clone(), source };
        let (output, end) = pipe().map_err(failed)?;
        let mut command = Command::new(&self.program);
        command.arg(&call.name);
        let rates = call.rates;
        command.args([rates.ingress, rates.egress, rates.group].map(|number| number.to_string()));
        command.env_clear().env("PATH", PATH).env("LC_ALL", "C").current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stderr(end.try_clone().map_err(failed)?).stdout(end);
        let child = command.spawn().map_err(failed)?;
        self.running.push(Running {
            call,
            child,
            output,
            answer: Vec::new(),
            silent: false,
            patience,
            until: now + patience,
        });
        Ok(())
    }

    /// The calls that have ended since this was last asked, those that took too long included.
    pub fn take_ended(&mut self, now: Instant) -> Vec<(Call, Result<(), PortsampError>)> {
        self.killed.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let mut ended = Vec::new();
        for mut running in std::mem::take(&mut self.running) {
            running.listen();
            match running.child.try_wait() {
                Ok(Some(status)) => {
                    running.listen();
                    let outcome = running.outcome(status, &self.program);
                    ended.push((running.call, outcome));
                }
                Ok(None) if now < running.until => self.running.push(running),
                _ => {
                    let late = PortsampError::Late {
                        program: self.program.clone(),
                        secs: running.patience.as_secs(),
                    };
                    running.kill();
                    ended.push((running.call, Err(late)));
                    self.killed.push(running.child);
                }
            }
        }
        ended
    }

    /// What to wait for: each tells when a process prints something or ends, unless something it started still runs.
    pub fn outputs(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.running.iter().filter(|running| !running.silent).map(|r| r.output.as_fd())
    }

    /// How many processes there are: one that hangs in the kernel may live on for long after it was killed.
    pub fn count(&self) -> usize {
        self.running.len() + self.killed.len()
    }

    /// None runs, but for those that were killed.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty()
    }
}

impl Drop for Portsamp {
    fn drop(&mut self) {
        self.running.iter().for_each(Running::kill);
    }
}

impl Running {
    /// Takes what was printed.
    fn listen(&mut self) {
        let mut block = [0; 1024];
        for _ in 0..MOST_PIECES {
            let mut waiting = [PollFd::new(self.output.as_fd(), PollFlags::POLLIN)];
            if self.silent || poll(&mut waiting, PollTimeout::ZERO) != Ok(1) {
                return;
            }
            match self.output.read(&mut block) {
                Ok(count) if count > 0 => {
                    self.answer.extend_from_slice(block.get(..count).unwrap_or_default());
                    let old = self.answer.len().saturating_sub(MOST_ANSWER);
                    self.answer.drain(..old);
                }
                _ => self.silent = true,
            }
        }
    }

    fn outcome(&self, status: ExitStatus, program: &Path) -> Result<(), PortsampError> {
        if status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&self.answer);
        let answer = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        Err(PortsampError::Refused { program: program.to_owned(), status, answer: answer.to_owned() })
    }

    fn kill(&self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            // It may have ended.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Clock;
    use crate::sample::switch::port_rates::Rates;
    use std::os::unix::fs::PermissionsExt;

    const SOON: Duration = Duration::from_secs(20);

    /// Runs a script in the program's place until it has ended.
    fn run(script: &str, patience: Duration) -> (Result<(), PortsampError>, Duration) {
        let folder = std::env::temp_dir().join(format!("portsamp-{:?}", std::thread::current().id()));
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("portsamp");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let (clock, mut portsamp) = (Clock::system(), Portsamp::new(&program));
        let before = clock.now();
        let rates = Rates { ingress: 1000, egress: 0, group: 1 };
        let call = Call { if_index: 3, name: "swp1".into(), rates };
        // Another test's process may hold the new file open for a moment (ETXTBSY).
        while let Err(PortsampError::Start { source, .. }) =
            portsamp.start(call.clone(), clock.now(), patience)
        {
            assert!(source.raw_os_error() == Some(libc::ETXTBSY) && clock.now() < before + SOON, "{source}");
        }
        loop {
            assert!(clock.now() < before + SOON);
            if let Some((ended, outcome)) = portsamp.take_ended(clock.now()).pop() {
                let killed = usize::from(matches!(outcome, Err(PortsampError::Late { .. })));
                assert_eq!(
                    (ended, portsamp.count()),
                    (call, killed),
                    "it counts until it is known to be dead"
                );
                while portsamp.count() > 0 {
                    assert!(clock.now() < before + SOON && portsamp.take_ended(clock.now()).is_empty());
                }
                std::fs::remove_dir_all(&folder).unwrap();
                return (outcome, clock.now() - before);
            }
            let mut outputs: Vec<_> =
                portsamp.outputs().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
            let _ = poll(&mut outputs, PollTimeout::from(10_u8));
        }
    }

    #[test]
    fn it_is_given_port_rates_and_group_and_nothing_else() {
        let (outcome, _) =
            run(r#"[ "$*" = "swp1 1000 0 1" ] && [ -z "$HOME" ] && [ "$PWD" = / ] && ! read line"#, SOON);
        assert!(outcome.is_ok(), "{outcome:?}");
    }

    #[test]
    fn what_it_says_last_is_the_reason() {
        let (outcome, _) = run("echo first; echo 'no such port' >&2; echo; exit 3", SOON);
        let said = outcome.unwrap_err().to_string();
        assert!(said.ends_with("portsamp: exit status: 3: no such port"), "{said}");
        let (outcome, _) = run("exit 1", SOON);
        assert!(outcome.unwrap_err().to_string().ends_with("portsamp: exit status: 1"));
        let (outcome, _) = run("head -c 1000000 /dev/zero | tr '\\0' '\\n'; echo last; exit 1", SOON);
        assert!(outcome.unwrap_err().to_string().ends_with("exit status: 1: last"), "however much it prints");
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_started() {
        let (outcome, took) = run("sleep 1000 & sleep 1000", Duration::from_millis(200));
        let said = outcome.unwrap_err().to_string();
        assert!(said.ends_with("portsamp had not ended after 0 s") && took < SOON / 2, "{said} {took:?}");
    }

    #[test]
    fn one_that_is_not_there_cannot_be_started() {
        let mut portsamp = Portsamp::new("/nowhere/portsamp".as_ref());
        let call = Call { if_index: 1, name: "swp1".into(), rates: Rates::default() };
        let error = portsamp.start(call, Clock::system().now(), SOON).unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/portsamp: No such file or directory (os error 2)");
        assert!(!portsamp.exists());
    }
}
