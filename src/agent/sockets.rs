//! The agent's UNIX sockets: where they are, and who may connect. Rule: a socket that is left of an agent that has gone is
//! replaced; any other file of that name is somebody's and stays.

use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};

/// Where another socket of the agent is: beside `control.sock` as `WORD.sock`, beside another control socket under its name
/// with `.WORD`, as several agents may have theirs in one directory.
pub fn path_beside(control: &Path, word: &str) -> PathBuf {
    match control.file_name() {
        Some(name) if name != "control.sock" => {
            let mut own = name.to_owned();
            own.push(".");
            own.push(word);
            control.with_file_name(own)
        }
        _ => control.with_file_name(format!("{word}.sock")),
    }
}

/// A socket beside the control socket of this agent, which has replaced that of any agent before it; it goes with this value.
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
    word: &'static str,
}

impl Door {
    /// Listens at the socket of this word, for those whom `mode` permits.
    pub(super) fn open(control: &Path, word: &'static str, mode: u32) -> io::Result<Self> {
        let path = path_beside(control, word);
        Ok(Self { listener: listen(&path, mode)?, path, word })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for a client.
    pub async fn client(&self) -> UnixStream {
        loop {
            match self.listener.accept().await {
                Ok((client, _)) => return client,
                Err(e) => {
                    // Out of descriptors, usually: those who wait in the queue can wait longer.
                    log::debug!(target: "sockets", "{}: accept: {e}", self.word);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Listens on `path`, with these permissions.
pub(super) fn listen(path: &Path, mode: u32) -> io::Result<UnixListener> {
    remove_old(path)?;
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(listener)
}

/// The same for a socket that keeps the boundaries of messages (`SOCK_SEQPACKET`).
pub(super) fn listen_for_messages(path: &Path, mode: u32) -> io::Result<Socket> {
    remove_old(path)?;
    let listener = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    listener.set_nonblocking(true)?;
    listener.bind(&SockAddr::unix(path)?)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    listener.listen(BACKLOG)?;
    Ok(listener)
}

/// Whether an agent left a socket there that it could have taken away: it did not end by itself.
pub(super) fn is_left_behind(path: &Path) -> bool {
    let there = std::fs::symlink_metadata(path).ok().filter(|there| there.file_type().is_socket());
    let folder = path.parent().and_then(|folder| std::fs::metadata(folder).ok());
    there.zip(folder).is_some_and(|(socket, folder)| socket.uid() == folder.uid())
}

fn remove_old(path: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_agent_has_its_own_sockets() {
        let beside = |path: &str| path_beside(Path::new(path), "command").display().to_string();
        assert_eq!(beside("/run/hsflowd/control.sock"), "/run/hsflowd/command.sock");
        assert_eq!(beside("/run/hsflowd/two.sock"), "/run/hsflowd/two.sock.command");
    }
}
