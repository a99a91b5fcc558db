//! The server of the page: HTTP/1.1, one request a connection.
//!
//! In: connections. Out: the page, as the agent's loop makes it. Rules: nothing of a request but its path and what it accepts
//! is looked at; so many connections at a time, of which the oldest makes way for a new one, so that those who say
//! nothing lock nobody out; 5 s to ask, 30 s for all; a place that cannot be had is tried again. Spec: RFC 9112.

use super::super::asked::Desk;
use super::super::board::Board;
use crate::host::{Clock, listen};
use crate::sample::backoff::Backoff;
use crate::status::metrics::Format;
use crate::status::registry::State;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

/// Connections at a time.
const MOST: usize = 32;
/// Connections that may wait to be accepted.
const WAITING: i32 = 128;
const TO_ASK: Duration = Duration::from_secs(5);
const FOR_ALL: Duration = Duration::from_secs(30);
/// Far more than any request has.
const MOST_HEADER_BYTES: usize = 16 << 10;
/// The path of the page.
const PATH: &str = "/metrics";

/// Where to listen.
#[derive(Clone)]
pub(super) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// What became of connections.
#[derive(Default)]
pub(super) struct Counts(Mutex<Served>);

/// Totals since the server began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Served {
    /// Pages given.
    pub(super) served: u64,
    /// Requests for something else.
    pub(super) refused: u64,
    /// Connections that took too long, or made way for others.
    pub(super) given_up: u64,
    /// When the last page was given.
    pub(super) last: Option<Instant>,
}

impl Counts {
    pub(super) fn read(&self) -> Served {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, what: impl FnOnce(&mut Served)) {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A place that was had; that of a socket is free again when this is dropped.
enum Door {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Place {
    fn open(&self) -> io::Result<Door> {
        match self {
            Self::Tcp(at) => listen::tcp(*at, WAITING).map(Door::Tcp),
            // As with the status, whoever has a login may read what `/proc` shows anyway.
            Self::Unix(path) => listen::unix(path, 0o666).map(|socket| Door::Unix(socket, path.clone())),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Tcp(at) => at.to_string(),
            Self::Unix(path) => path.display().to_string(),
        }
    }
}

/// What a connection needs.
#[derive(Clone)]
struct Clerk {
    desk: Desk,
    counts: Arc<Counts>,
    clock: Clock,
}

/// Serves until it is dropped.
pub(super) async fn run(place: Place, desk: Desk, board: Board, counts: Arc<Counts>, clock: Clock) {
    let (clerk, mut backoff) = (Clerk { desk, counts, clock }, Backoff::default());
    loop {
        match place.open() {
            Ok(door) => {
                board.tell(State::Running);
                clerk.serve(&door).await;
            }
            Err(why) => board.tell(State::degraded(&format!("nothing listens at {}: {why}", place.name()))),
        }
        tokio::time::sleep(backoff.advance()).await;
    }
}

/// Connections, the oldest first; they end with the server.
#[derive(Default)]
struct Callers(VecDeque<JoinHandle<()>>);

impl Drop for Callers {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Clerk {
    /// Until connections cannot be accepted any more.
    async fn serve(&self, door: &Door) {
        let mut callers = Callers::default();
        loop {
            let caller = match door {
                Door::Tcp(listener) => {
                    listener.accept().await.map(|(stream, _)| tokio::spawn(self.clone().meet(stream)))
                }
                Door::Unix(listener, _) => {
                    listener.accept().await.map(|(stream, _)| tokio::spawn(self.clone().meet(stream)))
                }
            };
            let caller = match caller {
                Ok(caller) => caller,
                Err(why) => {
                    // Out of descriptors, usually: those who wait can wait longer.
                    log::debug!(target: "metrics", "accept: {why}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            callers.0.retain(|caller| !caller.is_finished());
            callers.0.push_back(caller);
            if callers.0.len() > MOST
                && let Some(oldest) = callers.0.pop_front()
            {
                oldest.abort();
                self.counts.note(|served| served.given_up += 1);
            }
        }
    }

    async fn meet<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S) {
        let clerk = &self;
        let service =
            service_fn(move |request| async move { Ok::<_, Infallible>(clerk.answer(&request).await) });
        let mut server = hyper::server::conn::http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(TO_ASK)
            .max_buf_size(MOST_HEADER_BYTES)
            .keep_alive(false);
        let connection = server.serve_connection(TokioIo::new(stream), service);
        // One that breaks off or speaks no HTTP has had its answer, or wants none.
        if tokio::time::timeout(FOR_ALL, connection).await.is_err() {
            self.counts.note(|served| served.given_up += 1);
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != PATH {
            return self.refuse(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut reply = self.refuse(StatusCode::METHOD_NOT_ALLOWED, "metrics can only be read\n");
            reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return reply;
        }
        let accepted = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let format = Format::wanted(&accepted.collect::<Vec<_>>().join(","));
        let Some(Some(page)) = self.desk.ask(move |agent| agent.page(format)).await else {
            return self.refuse(StatusCode::SERVICE_UNAVAILABLE, "the agent has no answer: see its log\n");
        };
        let now = self.clock.now();
        self.counts.note(|counts| (counts.served, counts.last) = (counts.served + 1, Some(now)));
        let mut reply = Response::new(Full::new(page));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply
    }

    fn refuse(&self, status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
        self.counts.note(|served| served.refused += 1);
        let mut reply = Response::new(Full::new(Bytes::from_static(why.as_bytes())));
        *reply.status_mut() = status;
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        reply
    }
}
