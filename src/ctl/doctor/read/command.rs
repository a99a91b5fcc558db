//! Running a program that only tells: with a deadline, without input, and never through a shell. In: name and arguments. Out:
//! what it printed.

use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

const DEADLINE: Duration = Duration::from_secs(5);
const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::ctl::doctor) enum CommandError {
    /// It is not installed.
    #[error("{0} is not installed")]
    Missing(String),
    /// It could not be started, or waited for.
    #[error("{0}: {1}")]
    Start(String, std::io::Error),
    /// It took too long, and was killed.
    #[error("{0} did not end within {secs} s", secs = DEADLINE.as_secs())]
    Late(String),
    /// It failed, with these words.
    #[error("{0}: {1}")]
    Failed(String, String),
}

/// Its standard output.
pub(in crate::ctl::doctor) fn run(program: &str, arguments: &[&str]) -> Result<String, CommandError> {
    let name = || program.to_owned();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| CommandError::Start(name(), e))?;
    let ended = runtime.block_on(async { tokio::time::timeout(DEADLINE, command.output()).await });
    let output = ended.map_err(|_| CommandError::Late(name()))?.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => CommandError::Missing(name()),
        _ => CommandError::Start(name(), e),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last =
        said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it failed without a word");
    Err(CommandError::Failed(name(), last.to_owned()))
}
