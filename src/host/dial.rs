//! Connecting to a socket of messages, such as the agent's stream. In: a path. Out: a socket that never blocks. Rule: a
//! program that hangs takes nobody in, and that is an error at once, not a wait of whoever asks.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::path::Path;

/// To the `SOCK_SEQPACKET` socket at this path.
///
/// # Errors
/// Nobody listens there, nobody is taken in, or not this user.
pub fn messages(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_takes_nobody_in_is_an_error_at_once() {
        let path = std::env::temp_dir().join(format!("hsflow-dial-{}", std::process::id()));
        let listener = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(1).unwrap();
        let waiting: Vec<_> = (0..8).map(|_| messages(&path)).collect();
        std::fs::remove_file(&path).unwrap();
        assert!(waiting[0].is_ok());
        let why = waiting.last().unwrap().as_ref().unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::WouldBlock);
    }
}
