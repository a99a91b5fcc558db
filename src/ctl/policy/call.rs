//! A request over the service's socket, and its answer.
//!
//! In: method, path, body. Out: status and body, or lines as they come. Rule: HTTP/1.0, so that an answer ends with the
//! connection; every wait but that for events has a deadline, and every length a limit.

use crate::host::connect;
use socket2::Type;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A policy may have to be tried before there is an answer.
const PATIENCE: Duration = Duration::from_secs(60);
const LONGEST: u64 = 256 << 20;
const LONGEST_HEAD: u64 = 64 << 10;
const MOST_HEADERS: usize = 32;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Nothing came back that is an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("no hsflowd-policy answers on {path}: {source}")]
    Unreachable { path: PathBuf, source: io::Error },
    #[error("the answer of hsflowd-policy broke off: {0}")]
    Broken(#[from] io::Error),
    #[error("what answers is no hsflowd-policy: {0}")]
    NotHttp(#[from] httparse::Error),
    #[error("hsflowd-policy says {}", .0.status)]
    Refused(Answer),
    #[error(transparent)]
    File(#[from] super::body::FileError),
}

/// # Errors
/// Nobody is there, or nobody who speaks HTTP.
pub(super) fn call(socket: &Path, method: &str, path: &str, body: Option<&str>) -> Result<Answer, CallError> {
    let (status, stream) = begin(socket, method, path, body)?;
    let mut body = Vec::new();
    stream.take(LONGEST).read_to_end(&mut body)?;
    Ok(Answer { status, body })
}

/// # Errors
/// As [`call`], and where the service says no.
pub(super) fn stream(socket: &Path, path: &str) -> Result<BufReader<UnixStream>, CallError> {
    let (status, mut stream) = begin(socket, "GET", path, None)?;
    if status != 200 {
        let mut body = Vec::new();
        stream.take(LONGEST).read_to_end(&mut body)?;
        return Err(CallError::Refused(Answer { status, body }));
    }
    stream.get_mut().set_read_timeout(None)?;
    Ok(stream)
}

fn begin(
    socket: &Path,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> Result<(u16, BufReader<UnixStream>), CallError> {
    let unreachable = |source| CallError::Unreachable { path: socket.to_owned(), source };
    let stream = connect::patiently(socket, Type::STREAM, PATIENCE).map_err(unreachable)?;
    let mut stream = UnixStream::from(OwnedFd::from(stream));
    let body = body.unwrap_or_default();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    // A service that says no before it has read all closes: its answer says why.
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    let mut reader = BufReader::new(stream);
    match status(&mut reader) {
        Ok(status) => Ok((status, reader)),
        Err(why) => Err(sent.err().map_or(why, CallError::Broken)),
    }
}

fn status(reader: &mut BufReader<UnixStream>) -> Result<u16, CallError> {
    let mut head = Vec::new();
    let mut lines = reader.take(LONGEST_HEAD);
    while !head.ends_with(b"\r\n\r\n") {
        if lines.read_until(b'\n', &mut head)? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(&head)?;
    response.code.ok_or(CallError::NotHttp(httparse::Error::Status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn answer_of(text: &'static [u8]) -> Result<Answer, CallError> {
        let folder = nix::unistd::mkdtemp(&std::env::temp_dir().join("hsflow-XXXXXX")).unwrap();
        let path = folder.join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let other = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(text).unwrap();
            // What was asked is read, so that closing loses nothing.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let answer = call(&path, "GET", "/", None);
        other.join().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        answer
    }

    #[test]
    fn an_answer_is_its_status_and_what_follows_the_head() {
        let answer = answer_of(b"HTTP/1.0 404 Not Found\r\nX: y\r\n\r\n{\r\n\r\n}").unwrap();
        assert_eq!((answer.status, &*answer.body), (404, &b"{\r\n\r\n}"[..]));
    }

    #[test]
    fn another_protocol_and_half_a_head_are_no_answers() {
        assert!(matches!(answer_of(b"{\"version\": 1}\r\n\r\n"), Err(CallError::NotHttp(_))));
        assert!(matches!(answer_of(b"HTTP/1.0 200 OK\r\n"), Err(CallError::Broken(_))));
    }
}
