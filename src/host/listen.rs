//! Listening for connections. In: an address, or a path. Out: a listener of the agent's runtime. Rules: an address may be one that
//! this host has not yet; a socket that is left of a program that has gone is replaced, and that of one that lives is not;
//! any other file of that name is somebody's and stays.

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
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            // It may be another user's, and live.
            Err(why) => return Err(why),
        }
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(listener)
}
