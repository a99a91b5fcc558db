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
use std::time::{Duration, Instant};

const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
/// Longer than the program itself waits for its lock.
const DEADLINE: Duration = Duration::from_secs(5);
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

/// Standard output and error together of a program that ended well.
pub(super) fn run(program: &'static str, arguments: &[&str], input: &str) -> Result<String, RuleError> {
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
    let text = read_until_end(&mut output);
    if !matches!(text, Ok(Some(_))) {
        // It may have ended already.
        let _ = child.kill();
    }
    // Whatever happened before, or it stays as a zombie.
    let status = child.wait().map_err(failed)?;
    match text.map_err(failed)? {
        None => Err(RuleError::Late { program, secs: DEADLINE.as_secs() }),
        Some(text) if status.success() => Ok(text),
        Some(text) => {
            let answer = text.lines().rev().find(|line| !line.trim().is_empty());
            Err(RuleError::Refused { program, answer: answer.unwrap_or("no reason given").trim().into() })
        }
    }
}

/// `None` where the program takes too long.
fn read_until_end(output: &mut PipeReader) -> std::io::Result<Option<String>> {
    let deadline = Clock::system().now() + DEADLINE;
    let (mut text, mut block) = (Vec::new(), [0; 4096]);
    while wait_readable(output, deadline) {
        match output.read(&mut block)? {
            0 => return Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            count => text.extend_from_slice(block.get(..count).unwrap_or_default()),
        }
    }
    Ok(None)
}

fn wait_readable(output: &PipeReader, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Clock::system().now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(output.as_fd(), PollFlags::POLLIN)], timeout) {
            Err(nix::errno::Errno::EINTR) => {}
            answer => return answer.is_ok_and(|count| count > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_prints_is_the_answer() {
        let answer = run("sh", &["-c", "read line; echo $line $PATH; echo >&2 and errors"], "lines\n");
        assert_eq!(answer, Ok(format!("lines {PATH}\nand errors\n")));
    }

    #[test]
    fn a_failure_tells_the_last_line() {
        let answer = run("sh", &["-c", "echo first; echo last; echo; exit 4"], "");
        assert_eq!(answer, Err(RuleError::Refused { program: "sh", answer: "last".into() }));
        let silent = run("false", &[], "").unwrap_err();
        assert_eq!(silent.to_string(), "false: no reason given");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let answer = run("no-such-program", &[], "").unwrap_err();
        assert_eq!(answer.to_string(), "no-such-program is not installed");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let before = Clock::system().now();
        let answer = run("sleep", &["1000"], "");
        assert_eq!(answer, Err(RuleError::Late { program: "sleep", secs: DEADLINE.as_secs() }));
        assert!(Clock::system().now() - before < 2 * DEADLINE);
    }
}
