//! One host name, one address, within a deadline. The system's resolver cannot be cancelled, so it works on a thread
//! of its own that is left behind when the time is over.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::channel;
use std::time::Duration;

/// The first address of `host`; a literal address costs nothing.
///
/// # Errors
/// The name has no address, or the answer took too long.
pub fn resolve_within(host: &str, patience: Duration) -> io::Result<IpAddr> {
    if let Ok(ip) = host.parse() {
        return Ok(ip);
    }
    let (sender, receiver) = channel();
    let name = host.to_owned();
    std::thread::Builder::new().name("resolve".into()).spawn(move || {
        let found = (name.as_str(), 0).to_socket_addrs().map(|mut found| found.next());
        // Nobody listens any more when the time is over.
        let _ = sender.send(found);
    })?;
    match receiver.recv_timeout(patience) {
        Ok(Ok(Some(address))) => Ok(address.ip()),
        Ok(Ok(None)) => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        Ok(Err(e)) => Err(e),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer from the resolver")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_hosts_file_and_literals_resolve() {
        let patience = Duration::from_secs(10);
        assert_eq!(resolve_within("192.0.2.9", patience).unwrap(), IpAddr::from([192, 0, 2, 9]));
        assert!(resolve_within("localhost", patience).unwrap().is_loopback());
        assert!(resolve_within("no such name", patience).is_err());
    }
}
