//! gRPC over a UNIX socket, as much of it as a client of containerd needs.
//!
//! In: the name of a method and the bytes of its request. Out: the bytes of its answer, or of each message of a stream.
//! Rules: every question has a deadline; the size of an answer is bounded; a refusal keeps the server's code and words.
//! What the bytes mean is not known here. Spec: the gRPC project's "gRPC over HTTP2"; HTTP/2 itself is `h2`.

use super::error::CallError;
use bytes::{Buf, Bytes, BytesMut};
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Request};
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How long an answer may take. containerd asks every runtime process for some, which on a busy host takes seconds.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The largest message taken: what containerd itself is willing to send.
const LARGEST: usize = 16 << 20;

/// A connection.
pub struct Channel {
    path: PathBuf,
    requests: SendRequest<Bytes>,
    driver: AbortHandle,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Channel {
    /// Connects to the socket at `path`.
    pub async fn connect(path: &Path) -> Result<Self, CallError> {
        let failed = |source| CallError::Connect { path: path.to_owned(), source };
        let connect = async {
            let socket = UnixStream::connect(path).await?;
            h2::client::handshake(socket).await.map_err(io::Error::other)
        };
        let (requests, connection) = timeout(PATIENCE, connect)
            .await
            .map_err(|_| failed(io::ErrorKind::TimedOut.into()))?
            .map_err(failed)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                log::debug!(target: "containerd", "connection: {error}");
            }
        });
        Ok(Self { path: path.to_owned(), requests, driver: driver.abort_handle() })
    }

    /// The socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One question, one answer, which may be empty. `namespace` is containerd's, not the kernel's.
    pub async fn ask(&self, method: &'static str, namespace: &str, body: &[u8]) -> Result<Bytes, CallError> {
        let ask = async {
            let mut answers = self.open(method, namespace, body).await?;
            let answer = answers.next().await?;
            if answer.is_some() {
                // The status comes behind the answer.
                answers.next().await?;
            }
            Ok(answer.unwrap_or_default())
        };
        timeout(PATIENCE, ask).await.unwrap_or(Err(CallError::Deadline { method, limit: PATIENCE }))
    }

    /// One question, messages as they come.
    pub async fn follow(&self, method: &'static str, body: &[u8]) -> Result<Messages, CallError> {
        let open = self.open(method, "", body);
        timeout(PATIENCE, open).await.unwrap_or(Err(CallError::Deadline { method, limit: PATIENCE }))
    }

    async fn open(&self, method: &'static str, namespace: &str, body: &[u8]) -> Result<Messages, CallError> {
        let http = |source| CallError::Connection { method, source };
        let request = Request::post(format!("http://localhost{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("containerd-namespace", namespace)
            .body(())
            .map_err(|_| CallError::Namespace { method, namespace: namespace.to_owned() })?;
        let mut requests = self.requests.clone().ready().await.map_err(http)?;
        let (answer, mut stream) = requests.send_request(request, false).map_err(http)?;
        stream.send_data(framed(body), true).map_err(http)?;
        Ok(Messages { method, state: Progress::Asked(answer), waiting: BytesMut::new() })
    }
}

/// A message with its head: not compressed, and its size.
fn framed(body: &[u8]) -> Bytes {
    let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&[0], &size.to_be_bytes()[..], body].concat().into()
}

/// Messages of one method.
pub struct Messages {
    method: &'static str,
    state: Progress,
    waiting: BytesMut,
}

enum Progress {
    /// containerd sends the head of a stream with its first message, which may be hours from now.
    Asked(ResponseFuture),
    Answered(RecvStream),
}

impl Messages {
    /// The next message; `None` at the good end. May be dropped and called again at any point.
    pub async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        let method = self.method;
        let http = |source| CallError::Connection { method, source };
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            let stream = match &mut self.state {
                Progress::Asked(answer) => {
                    let (head, stream) = answer.await.map_err(http)?.into_parts();
                    if head.status != http::StatusCode::OK {
                        return Err(CallError::Status { method, status: head.status.as_u16() });
                    }
                    check_status(method, &head.headers)?;
                    self.state = Progress::Answered(stream);
                    continue;
                }
                Progress::Answered(stream) => stream,
            };
            let Some(data) = stream.data().await else {
                let trailers = poll_fn(|context| stream.poll_trailers(context)).await.map_err(http)?;
                check_status(method, &trailers.unwrap_or_default())?;
                return if self.waiting.is_empty() { Ok(None) } else { Err(CallError::Cut { method }) };
            };
            let data = data.map_err(http)?;
            // An error means that the stream has ended, which the next turn finds.
            let _ = stream.flow_control().release_capacity(data.len());
            self.waiting.extend_from_slice(&data);
        }
    }

    fn whole(&mut self) -> Result<Option<Bytes>, CallError> {
        let Some(([compressed], rest)) = self.waiting.split_first_chunk() else { return Ok(None) };
        let Some((size, body)) = rest.split_first_chunk() else { return Ok(None) };
        let size = u32::from_be_bytes(*size) as usize;
        let method = self.method;
        if *compressed != 0 {
            return Err(CallError::Compressed { method });
        }
        if size > LARGEST {
            return Err(CallError::TooLong { method, size, limit: LARGEST });
        }
        if body.len() < size {
            return Ok(None);
        }
        self.waiting.advance(5);
        Ok(Some(self.waiting.split_to(size).freeze()))
    }
}

/// The server's verdict, where these headers have it.
fn check_status(method: &'static str, headers: &HeaderMap) -> Result<(), CallError> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match text("grpc-status") {
        None => Ok(()),
        Some(code) if code == "0" => Ok(()),
        Some(code) => Err(CallError::Refused {
            method,
            code: code.parse().unwrap_or(u32::MAX),
            words: text("grpc-message").unwrap_or_default().chars().take(300).collect(),
        }),
    }
}

#[cfg(test)]
mod tests;
