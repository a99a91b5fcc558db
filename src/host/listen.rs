//! Listening for connections. In: an address, or a path. Out: a listener of the agent's runtime. Rules: an address may be one that
//! this host has not yet; a socket that is left of a program that has gone is replaced, and that of one that lives is not;
//! any other file of that name is somebody's and stays.

use super::connect;
use socket2::{Domain, Socket, Type};
use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use tokio::net::{TcpListener, UnixListener};

/// Listens for TCP connections, of which so many may wait.
///
/// # Errors
/// The port is taken, or not for this user.
pub fn tcp(at: SocketAddr, waiting: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM.nonblocking(), None)?;
    socket.set_reuse_address(true)?;
    match at {
        SocketAddr::V4(_) => socket.set_freebind_v4(true)?,
        SocketAddr::V6(_) => socket.set_freebind_v6(true)?,
    }
    socket.bind(&at.into())?;
    socket.listen(waiting)?;
    TcpListener::from_std(socket.into())
}

/// Listens on a path, for those whom `mode` permits.
///
/// # Errors
/// Another program listens there, the file is no socket, or the folder does not permit one.
pub fn unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket());
    if is_socket {
        // One that may not be tried may be another user's, and live.
        if somebody_listens(path)? {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Whether a program listens at this socket, be it one that hangs: nothing is waited for.
///
/// # Errors
/// It cannot be tried.
pub fn somebody_listens(path: &Path) -> io::Result<bool> {
    match connect::at_once(path, Type::STREAM) {
        Ok(_) => Ok(true),
        // Its queue is full.
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockAddr;

    #[test]
    fn a_program_that_accepts_nobody_is_there_and_not_waited_for() {
        let path = std::env::temp_dir().join(format!("hsflow-listen-{}", std::process::id()));
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        // The one for whom there is room.
        let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
        assert_eq!(unix(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!somebody_listens(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
    }
}
