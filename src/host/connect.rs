//! Connecting to the UNIX socket of another program, which may hang. In: a path. Out: a connection. Rule: who accepts nobody is
//! an error like nobody at all, and no wait is without an end.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Waits no longer than `patience` for a place in the queue, for room to write, and for what is read.
///
/// # Errors
/// Nobody listens there, or nobody accepts.
pub fn patiently(path: &Path, kind: Type, patience: Duration) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.set_read_timeout(Some(patience))?;
    // It also bounds the wait for a place.
    socket.set_write_timeout(Some(patience))?;
    connect(socket, path)
}

/// Waits for nothing, for a program that waits elsewhere.
///
/// # Errors
/// Nobody listens there, or the queue is full (`WouldBlock`).
pub fn at_once(path: &Path, kind: Type) -> io::Result<Socket> {
    connect(Socket::new(Domain::UNIX, kind.nonblocking(), None)?, path)
}

fn connect(socket: Socket, path: &Path) -> io::Result<Socket> {
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(socket),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
            Err(io::Error::new(e.kind(), "who listens there hangs: it accepts nobody"))
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_accepts_nobody_is_an_error_and_no_endless_wait() {
        let path = std::env::temp_dir().join(format!("hsflow-connect-{}", std::process::id()));
        for kind in [Type::STREAM, Type::SEQPACKET] {
            let hung = Socket::new(Domain::UNIX, kind, None).unwrap();
            hung.bind(&SockAddr::unix(&path).unwrap()).unwrap();
            hung.listen(0).unwrap();
            let patience = Duration::from_millis(50);
            let kept: Vec<_> = (0..4).map_while(|_| patiently(&path, kind, patience).ok()).collect();
            assert!((1..4).contains(&kept.len()), "the queue is full");
            let why = patiently(&path, kind, patience).unwrap_err();
            assert!(why.to_string().contains("accepts nobody"), "{why}");
            assert_eq!(at_once(&path, kind).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            std::fs::remove_file(&path).unwrap();
            assert_eq!(at_once(&path, kind).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }
}
