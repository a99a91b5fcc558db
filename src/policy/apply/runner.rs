//! Running a program of the system, without a shell.
//!
//! In: the name of a program, its arguments, a text for its standard input. Out: what it printed, or why it did not do
//! what it was to do. Rule: programs are looked for in fixed folders alone, get no environment but `PATH` and `LC_ALL`,
//! and none outlives its deadline or us. This is also where crash tests end the process: before the n-th run.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

const FOLDERS: [&str; 5] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"];
const DEADLINE: Duration = Duration::from_secs(20);
/// Lines and bytes of a complaint that are kept.
const COMPLAINT: (usize, usize) = (4, 600);

/// Why a program did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// It is in none of the folders.
    #[error("{0} is not installed")]
    Missing(String),
    /// It may not be started, or says that it lacks a privilege.
    #[error("{program}: {why}")]
    Denied {
        /// Which.
        program: String,
        /// Its words, or the kernel's.
        why: String,
    },
    /// It was ended, because it took longer.
    #[error("{program} took longer than {secs} s")]
    Deadline {
        /// Which.
        program: String,
        /// What it had.
        secs: u64,
    },
    /// It says that it failed.
    #[error("{program} (status {code}): {stderr}")]
    Status {
        /// Which.
        program: String,
        /// Its exit status; 128 and more is a signal.
        code: i32,
        /// Its first words about it.
        stderr: String,
    },
}

impl Failed {
    /// Whether what it was asked is wrong, and not the host, its privileges or its load.
    pub fn is_about_input(&self) -> bool {
        // Above 125 it did not end by itself. The status of a lock that others hold is also that of a rule refused.
        matches!(self, Self::Status { code, stderr, .. } if *code < 126 && !stderr.contains("xtables lock"))
    }
}

/// Runs programs; clones share the count of runs.
#[derive(Clone, Debug)]
pub struct Runner {
    folders: Arc<[PathBuf]>,
    deadline: Duration,
    /// What stands before every program: `nsenter --net=… --`.
    before: Arc<[String]>,
    runs: Arc<AtomicUsize>,
    crash_at: Option<usize>,
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

impl Runner {
    /// In the system's folders. A debug build ends before the run that `HSFLOW_POLICY_CRASH_AT` tells (from 1).
    pub fn new() -> Self {
        let crash_at =
            if cfg!(debug_assertions) { std::env::var("HSFLOW_POLICY_CRASH_AT").ok() } else { None };
        Self {
            folders: FOLDERS.map(PathBuf::from).into(),
            deadline: DEADLINE,
            before: Arc::default(),
            runs: Arc::default(),
            crash_at: crash_at.and_then(|number| number.parse().ok()),
        }
    }

    /// In these folders instead.
    #[must_use]
    pub fn with_folders(self, folders: Vec<PathBuf>) -> Self {
        Self { folders: folders.into(), ..self }
    }

    /// With so long for each run, instead of 20 s.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Aborts the process before the `number`-th run, from 1.
    #[must_use]
    pub fn with_fault(self, number: usize) -> Self {
        Self { crash_at: Some(number), ..self }
    }

    /// The same programs in the network namespace of a file. Needs `nsenter` (util-linux) and CAP_SYS_ADMIN.
    #[must_use]
    pub fn inside(&self, namespace: &Path) -> Self {
        let before = ["nsenter".to_owned(), format!("--net={}", namespace.display()), "--".to_owned()];
        Self { before: before.into(), ..self.clone() }
    }

    /// How often a program was run.
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    /// Runs a program to its end: what it printed.
    ///
    /// # Errors
    /// It could not be run, or says that it failed.
    pub async fn run(&self, program: &str, arguments: &[&str], input: &str) -> Result<String, Failed> {
        if self.crash_at == Some(self.runs.fetch_add(1, Ordering::Relaxed) + 1) {
            std::process::abort();
        }
        let mut child = self.start(program, arguments)?;
        let secs = self.deadline.as_secs();
        let late = |_| Failed::Deadline { program: program.to_owned(), secs };
        tokio::time::timeout(self.deadline, finish(program, &mut child, input)).await.map_err(late)?
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Result<Child, Failed> {
        let path = self.find(program)?;
        let mut command = match &*self.before {
            [] => Command::new(&path),
            [first, others @ ..] => {
                let mut command = Command::new(self.find(first)?);
                command.args(others).arg(&path);
                command
            }
        };
        let all = std::env::join_paths(self.folders.iter()).unwrap_or_default();
        command.args(arguments).env_clear().env("PATH", all).env("LC_ALL", "C").current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().map_err(|error| failed(program, &error))
    }

    fn find(&self, program: &str) -> Result<PathBuf, Failed> {
        let mut paths = self.folders.iter().map(|folder| folder.join(program));
        paths.find(|path| path.is_file()).ok_or_else(|| Failed::Missing(program.to_owned()))
    }
}

fn failed(program: &str, error: &io::Error) -> Failed {
    match error.kind() {
        io::ErrorKind::NotFound => Failed::Missing(program.to_owned()),
        _ => Failed::Denied { program: program.to_owned(), why: error.to_string() },
    }
}

/// Writes and reads side by side: a program may print before it has read everything.
async fn finish(program: &str, child: &mut Child, input: &str) -> Result<String, Failed> {
    let (to, from, complaints) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut printed, mut said) = (Vec::new(), Vec::new());
    let write = async {
        // A program that ends early does not read all of it; its status tells why.
        if let Some(mut to) = to {
            let _ = to.write_all(input.as_bytes()).await;
        }
        Ok(0)
    };
    let read = async {
        match from {
            Some(mut from) => from.read_to_end(&mut printed).await,
            None => Ok(0),
        }
    };
    let hear = async {
        match complaints {
            Some(mut from) => from.read_to_end(&mut said).await,
            None => Ok(0),
        }
    };
    tokio::try_join!(write, read, hear).map_err(|error| failed(program, &error))?;
    let status = child.wait().await.map_err(|error| failed(program, &error))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&printed).into_owned());
    }
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Err(refused(program, code, &String::from_utf8_lossy(&said)))
}

fn refused(program: &str, code: i32, said: &str) -> Failed {
    let lines: Vec<_> =
        said.lines().map(str::trim).filter(|line| !line.is_empty()).take(COMPLAINT.0).collect();
    let mut stderr = lines.join("; ");
    stderr.truncate(stderr.floor_char_boundary(COMPLAINT.1));
    let program = program.to_owned();
    if ["Permission denied", "Operation not permitted", "must be root"]
        .iter()
        .any(|words| stderr.contains(words))
    {
        return Failed::Denied { program, why: stderr };
    }
    Failed::Status { program, code, stderr }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn run(runner: &Runner, program: &str, arguments: &[&str], input: &str) -> Result<String, Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(runner.run(program, arguments, input))
    }

    #[test]
    fn a_program_prints_more_than_a_pipe_holds_while_it_reads() {
        let text = "0123456789abcdef\n".repeat(20_000);
        assert_eq!(run(&Runner::new(), "cat", &[], &text), Ok(text));
    }

    #[test]
    fn there_is_no_shell_and_no_environment() {
        assert_eq!(run(&Runner::new(), "echo", &["$PATH;`id`"], "").unwrap(), "$PATH;`id`\n");
        let found = run(&Runner::new(), "env", &[], "").unwrap();
        assert_eq!(found, "LC_ALL=C\nPATH=/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin\n");
    }

    #[test]
    fn each_way_to_fail_has_its_name() {
        let missing = run(&Runner::new(), "hsflow-no-such-program", &[], "");
        assert_eq!(missing, Err(Failed::Missing("hsflow-no-such-program".into())));
        let failed = run(&Runner::new(), "ls", &["/no/such/file"], "").unwrap_err();
        assert!(failed.is_about_input(), "{failed}");
        let folder = std::env::temp_dir().join(format!("hsflow-runner-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let hangs = folder.join("hangs");
        std::fs::write(&hangs, "#!/bin/sh\nexec /bin/cat /dev/zero >/dev/null\n").unwrap();
        std::fs::set_permissions(&hangs, PermissionsExt::from_mode(0o755)).unwrap();
        let runner =
            Runner::new().with_folders(vec![folder.clone()]).with_deadline(Duration::from_millis(50));
        // Another test's process may hold the new file open for a moment (ETXTBSY).
        let is_busy = |answer: &Result<String, Failed>| {
            answer.as_ref().is_err_and(|failed| failed.to_string().contains("os error 26"))
        };
        let mut answers = std::iter::repeat_with(|| run(&runner, "hangs", &[], "")).take(1000);
        let late = answers.find(|answer| !is_busy(answer)).unwrap();
        std::fs::set_permissions(&hangs, PermissionsExt::from_mode(0o644)).unwrap();
        let denied = run(&runner, "hangs", &[], "");
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(late, Err(Failed::Deadline { program: "hangs".into(), secs: 0 }));
        assert!(matches!(denied, Err(Failed::Denied { .. })), "{denied:?}");
    }
}
