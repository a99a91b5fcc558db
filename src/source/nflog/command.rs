//! Runs a program for the rules: with the privileges that it needs, with an end, and nothing else of ours.
//!
//! In: name, arguments, standard input. Out: what it printed. Rules: it is killed when it has not ended in time, so
//! nothing hangs here longer; its environment is empty but for a path and a locale; capabilities are handed to it
//! by the thread that calls this, which is why that thread should be one that ends soon. Spec: capabilities(7).

use super::rule::RuleError;
use crate::host::Clock;
use caps::{CapSet, Capability};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
/// Longer than the program itself waits for its lock.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long a program may go on after [`Stop::now`].
const SLICE: Duration = Duration::from_millis(50);
/// Iptables of the older kind opens a raw socket.
const HANDED_ON: [Capability; 2] = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];

/// Lets programs that this thread starts have the capabilities that it has itself, though it is not root.
pub(super) fn hand_on_capabilities() {
    for capability in HANDED_ON {
        // What is missing shows in the program's answer.
        let _ = caps::raise(None, CapSet::Inheritable, capability)
            .and_then(|()| caps::raise(None, CapSet::Ambient, capability));
    }
}

/// The end of all programs of one task, those that have not begun included.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    asked: Arc<AtomicBool>,
    at: Option<Instant>,
}

impl Stop {
    /// At this moment.
    pub(super) fn at(at: Instant) -> Self {
        Self { at: Some(at), ..Self::default() }
    }

    /// Ends what runs.
    pub(super) fn now(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// What is left until a program that ends at `deadline` must end; nothing where it must end now.
    fn left(&self, deadline: Instant) -> Option<Duration> {
        let end = self.at.map_or(deadline, |at| at.min(deadline));
        let left = end.saturating_duration_since(Clock::system().now());
        (!left.is_zero() && !self.asked.load(Ordering::Relaxed)).then_some(left)
    }
}

/// Standard output and error together of a program that ended well.
pub(super) fn run(
    program: &'static str,
    arguments: &[&str],
    input: &str,
    stop: &Stop,
) -> Result<String, RuleError> {
    let deadline = Clock::system().now() + DEADLINE;
    let late = RuleError::Late { program, secs: DEADLINE.as_secs() };
    if stop.left(deadline).is_none() {
        return Err(late);
    }
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => RuleError::Missing { program },
        _ => RuleError::Start { program, errno: error.raw_os_error().unwrap_or(libc::EIO) },
    };
    let (mut output, end) = pipe().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATH).env("LC_ALL", "C").current_dir("/");
    command.stdin(Stdio::piped()).stderr(end.try_clone().map_err(failed)?).stdout(end);
    let mut child = command.spawn().map_err(failed)?;
    // Else our own end would keep the pipe open.
    drop(command);
    if let Some(mut stdin) = child.stdin.take() {
        // It fits in a pipe; a program that does not read it says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let text = read_until_end(&mut output, stop, deadline);
    if !matches!(text, Ok(Some(_))) {
        // It may have ended already.
        let _ = child.kill();
    }
    // Whatever happened before, or it stays as a zombie.
    let status = child.wait().map_err(failed)?;
    match text.map_err(failed)? {
        None => Err(late),
        Some(text) if status.success() => Ok(text),
        Some(text) => {
            let answer = text.lines().rev().find(|line| !line.trim().is_empty());
            Err(RuleError::Refused { program, answer: answer.unwrap_or("no reason given").trim().into() })
        }
    }
}

/// `None` where the program takes too long.
fn read_until_end(
    output: &mut PipeReader,
    stop: &Stop,
    deadline: Instant,
) -> std::io::Result<Option<String>> {
    let (mut text, mut block) = (Vec::new(), [0; 4096]);
    while wait_readable(output, stop, deadline) {
        match output.read(&mut block)? {
            0 => return Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            count => text.extend_from_slice(block.get(..count).unwrap_or_default()),
        }
    }
    Ok(None)
}

fn wait_readable(output: &PipeReader, stop: &Stop, deadline: Instant) -> bool {
    while let Some(left) = stop.left(deadline) {
        let timeout = PollTimeout::try_from(left.min(SLICE)).unwrap_or(PollTimeout::ZERO);
        match poll(&mut [PollFd::new(output.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            answer => return answer.is_ok(),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_prints_is_the_answer() {
        let answer = run(
            "sh",
            &["-c", "read line; echo $line $PATH; echo >&2 and errors"],
            "lines\n",
            &Stop::default(),
        );
        assert_eq!(answer, Ok(format!("lines {PATH}\nand errors\n")));
    }

    #[test]
    fn a_failure_tells_the_last_line() {
        let answer = run("sh", &["-c", "echo first; echo last; echo; exit 4"], "", &Stop::default());
        assert_eq!(answer, Err(RuleError::Refused { program: "sh", answer: "last".into() }));
        let silent = run("false", &[], "", &Stop::default()).unwrap_err();
        assert_eq!(silent.to_string(), "false: no reason given");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let answer = run("no-such-program", &[], "", &Stop::default()).unwrap_err();
        assert_eq!(answer.to_string(), "no-such-program is not installed");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let before = Clock::system().now();
        let late = Err(RuleError::Late { program: "sleep", secs: DEADLINE.as_secs() });
        assert_eq!(run("sleep", &["1000"], "", &Stop::default()), late);
        assert!(Clock::system().now() - before < 2 * DEADLINE);
    }

    #[test]
    fn a_task_that_is_to_end_ends_its_program_and_begins_no_other() {
        let before = Clock::system().now();
        let late = Err(RuleError::Late { program: "sleep", secs: DEADLINE.as_secs() });
        let stop = Stop::at(before + DEADLINE / 10);
        assert_eq!(run("sleep", &["1000"], "", &stop), late);
        let stop = Stop::default();
        let running = std::thread::spawn({
            let stop = stop.clone();
            move || run("sleep", &["1000"], "", &stop)
        });
        stop.now();
        assert_eq!(running.join().unwrap(), late);
        assert_eq!(run("sleep", &["1000"], "", &stop), late);
        assert!(Clock::system().now() - before < DEADLINE / 2);
    }
}
