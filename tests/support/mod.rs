//! What integration tests share: a catcher of datagrams, the package's programs as child processes, a folder that
//! goes away, and waiting.
//!
//! Everything here panics with what was waited for, because only tests call it. Waiting always has a limit and ends
//! as soon as the condition holds. Nothing uses a fixed port or path, so tests may run side by side.
#![allow(dead_code, unreachable_pub)] // every test program compiles this module and uses a part of it

pub mod catcher;
pub mod process;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send, setsockopt, sockopt};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder of the test's own, removed with what is in it when the value is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    /// An empty folder, readable by everybody (agents under test may run as another user).
    pub fn new() -> Self {
        // Numbers of processes are not names: tests in namespaces of their own have the same and may share the place.
        let path = nix::unistd::mkdtemp(&std::env::temp_dir().join("hsflow-XXXXXX")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap_or_else(|e| panic!("write {}: {e}", path.display()));
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Gives a socket so many bytes of room for what is not read yet; a kernel that grants less is no fault.
pub fn make_room(socket: &impl AsFd, bytes: usize) {
    let _ = setsockopt(socket, sockopt::RcvBufForce, &bytes)
        .or_else(|_| setsockopt(socket, sockopt::RcvBuf, &bytes));
}

/// Sends a frame, and waits for room: on a busy machine the kernel sends later than it takes.
pub fn send_frame(socket: &impl AsFd, frame: &[u8]) {
    while let Err(error) = send(socket.as_fd().as_raw_fd(), frame, MsgFlags::empty()) {
        assert_eq!(error, Errno::EAGAIN);
        let mut room = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        assert_eq!(poll(&mut room, PollTimeout::from(10_000_u16)), Ok(1), "room to send");
    }
}

/// Writes a script that can be run. A program does: what is open for writing here, those that other tests begin just then have
/// open too until they are executed, and so long nobody can run it (ETXTBSY).
pub fn script_file(path: &Path, text: &str) {
    let draft = path.with_extension("draft");
    std::fs::write(&draft, text).unwrap_or_else(|e| panic!("write {}: {e}", draft.display()));
    let mut install = std::process::Command::new("install");
    let made = install.args(["-m", "755"]).arg(&draft).arg(path).status().expect("install");
    assert!(made.success(), "install {}", path.display());
}

/// Asks `probe` every few milliseconds until it answers, for at most `limit`; for states of the outside world that
/// nobody announces. The catcher and the processes wake their waiters instead.
#[track_caller]
pub fn wait_until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    const STEP: Duration = Duration::from_millis(5);
    let clock = hsflow::host::Clock::system();
    let end = clock.now() + limit;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(clock.now() < end, "not within {limit:?}: {what}");
        std::thread::park_timeout(STEP);
    }
}

/// Waits until somebody takes connections at `socket`, a stream's or one of whole messages: its file is there a moment
/// earlier, when connecting is refused.
#[track_caller]
pub fn wait_listening(socket: &Path, limit: Duration) {
    use socket2::{Domain, SockAddr, Socket, Type};
    let address = SockAddr::unix(socket).unwrap();
    let takes = |kind| Socket::new(Domain::UNIX, kind, None).unwrap().connect(&address).is_ok();
    wait_until(&format!("somebody listens at {}", socket.display()), limit, || {
        (takes(Type::STREAM) || takes(Type::SEQPACKET)).then_some(())
    });
}
