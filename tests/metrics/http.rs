//! A client of the test's own: one request, and all that comes back.

use crate::rig::LIMIT;
use crate::support::wait_until;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// A request for a path, which accepts such a page.
pub(crate) fn request(path: &str, accept: &str) -> String {
    // Of version 1.0, so that no answer comes in chunks.
    format!("GET {path} HTTP/1.0\r\nHost: test\r\nAccept: {accept}\r\n\r\n")
}

/// Sends these bytes and reads to the end; `None` where that breaks off.
pub(crate) fn exchange(stream: &mut (impl Read + Write), bytes: &[u8]) -> Option<Reply> {
    stream.write_all(bytes).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).unwrap();
    let (headers, body) = answer.split_once("\r\n\r\n")?;
    let status = headers.split(' ').nth(1)?.parse().ok()?;
    Some(Reply { status, headers: headers.to_ascii_lowercase(), body: body.to_owned() })
}

pub(crate) fn try_get(at: &str, path: &str, accept: &str) -> Option<Reply> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    exchange(&mut stream, request(path, accept).as_bytes())
}

/// The page, waited for.
#[track_caller]
pub(crate) fn page(at: &str, accept: &str) -> String {
    wait_until("a page", LIMIT, || try_get(at, "/metrics", accept).filter(|reply| reply.status == 200)).body
}

/// The page, once it has what is wanted.
#[track_caller]
pub(crate) fn page_with(at: &str, wanted: &str) -> String {
    wait_until(wanted, LIMIT, || {
        try_get(at, "/metrics", "").map(|reply| reply.body).filter(|page| page.contains(wanted))
    })
}

/// The page by a socket.
pub(crate) fn by_socket(path: &Path) -> Option<Reply> {
    let mut stream = UnixStream::connect(path).ok()?;
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    exchange(&mut stream, request("/metrics", "").as_bytes())
}
