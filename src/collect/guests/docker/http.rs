//! Questions to an engine: HTTP/1.1 over a unix socket, a connection for each.
//!
//! In: a path with its query. Out: the body, or a stream of it. Rules: an answer within the deadline or none; no more
//! bytes than the asker is ready to keep. Spec: RFC 9112.

use super::{Body, Fault};
use httparse::{Error, Response, Status};
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Headers that a head may have.
const HEADERS: usize = 64;
/// Bytes that a head may have.
const HEAD: usize = 65_536;
/// Bytes of an engine's words on an error that are worth showing.
const MESSAGE: usize = 200;

/// Where an engine listens, and how long it may think.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) path: PathBuf,
    pub(super) deadline: Duration,
}

/// An answer whose head has been read.
#[derive(Debug)]
pub(super) struct Answer {
    stream: UnixStream,
    raw: Vec<u8>,
    body: Body,
    endpoint: Endpoint,
    target: String,
}

impl Endpoint {
    /// The whole answer.
    pub(super) async fn get(&self, target: &str, limit: usize) -> Result<Vec<u8>, Fault> {
        self.within(target, async {
            let (status, mut answer) = self.ask(target).await?;
            let body = answer.rest(limit).await?;
            if status == 200 { Ok(body) } else { Err(self.refused(target, status, &body)) }
        })
        .await
    }

    /// The head of an answer whose body goes on for as long as both sides like.
    pub(super) async fn open(&self, target: &str) -> Result<Answer, Fault> {
        self.within(target, async {
            let (status, mut answer) = self.ask(target).await?;
            if status == 200 {
                return Ok(answer);
            }
            let body = answer.rest(HEAD).await?;
            Err(self.refused(target, status, &body))
        })
        .await
    }

    async fn within<T>(
        &self,
        target: &str,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::time::timeout(self.deadline, work).await.unwrap_or_else(|_| {
            Err(Fault::Late { path: self.path.clone(), target: resource(target), limit: self.deadline })
        })
    }

    async fn ask(&self, target: &str) -> Result<(u16, Answer), Fault> {
        let system = |operation| move |error| Fault::system(operation, &self.path, error);
        let mut stream = UnixStream::connect(&self.path).await.map_err(system("connect"))?;
        let question = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).await.map_err(system("write"))?;
        let (endpoint, target) = (self.clone(), resource(target));
        let mut answer = Answer { stream, raw: Vec::new(), body: Body::UntilClosed, endpoint, target };
        loop {
            answer.read().await?;
            if let Some(status) = answer.parse_head().map_err(|why| answer.not_http(why))? {
                return Ok((status, answer));
            }
        }
    }

    fn refused(&self, target: &str, status: u16, body: &[u8]) -> Fault {
        let said = serde_json::from_slice::<serde_json::Value>(body);
        let said = said.ok().and_then(|said| Some(said.get("message")?.as_str()?.to_owned()));
        let said = said.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
        let message = super::field::shown(said.trim(), MESSAGE);
        Fault::Refused { path: self.path.clone(), target: resource(target), status, message }
    }
}

impl Answer {
    /// Adds to `out` what comes next, which may be nothing yet. False: the body is complete. Nothing is lost where the
    /// future is dropped while it waits.
    pub(super) async fn more(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        if self.body.is_complete() {
            return Ok(false);
        }
        if self.raw.is_empty() || !self.decode(out)? {
            match self.read().await {
                Err(Fault::Cut { .. }) if self.body.may_end() => return Ok(false),
                read => read?,
            }
            self.decode(out)?;
        }
        Ok(true)
    }

    async fn rest(&mut self, limit: usize) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        while self.more(&mut body).await? {
            if body.len() > limit {
                let (path, target) = (self.endpoint.path.clone(), self.target.clone());
                return Err(Fault::TooLong { path, target, limit });
            }
        }
        Ok(body)
    }

    /// True where something was taken from what had been read.
    fn decode(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let before = self.raw.len();
        let decoded = self.body.decode(&mut self.raw, out);
        decoded.map_err(|_| self.not_http(Error::Token))?;
        Ok(self.raw.len() < before)
    }

    async fn read(&mut self) -> Result<(), Fault> {
        self.raw.reserve(16_384);
        let read = self.stream.read_buf(&mut self.raw).await;
        match read.map_err(|error| Fault::system("read", &self.endpoint.path, error))? {
            0 => Err(self.ended()),
            _ => Ok(()),
        }
    }

    /// What it is when it ends and should not have.
    pub(super) fn ended(&self) -> Fault {
        Fault::Cut { path: self.endpoint.path.clone(), target: self.target.clone() }
    }

    /// The status, once the head is complete.
    fn parse_head(&mut self) -> Result<Option<u16>, Error> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = Response::new(&mut headers);
        let Status::Complete(length) = head.parse(&self.raw)? else {
            return if self.raw.len() > HEAD { Err(Error::TooManyHeaders) } else { Ok(None) };
        };
        self.body = Body::of(head.headers)?;
        let status = head.code;
        self.raw.drain(..length);
        Ok(status)
    }

    fn not_http(&self, why: Error) -> Fault {
        Fault::NotHttp { path: self.endpoint.path.clone(), target: self.target.clone(), why }
    }
}

/// What was asked for, without the query, which differs from time to time.
fn resource(target: &str) -> String {
    target.split('?').next().unwrap_or_default().to_owned()
}
