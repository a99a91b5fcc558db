//! One connection: its requests, each read to its end and answered.
//!
//! In: a stream with who is at its other end. Out: replies of `v1`, `acl` or `tc`. Rule: every connection has its limits
//! (a mebibyte of body, 10 s for headers, for a body, and to take a reply), so that a hostile one costs itself; who is
//! refused is told why, and so is the log.

use super::access::Caller;
use super::listen::Client;
use super::patient::Patient;
use super::reply::{self, Refused, Reply};
use super::{Paths, Shared, acl, tc, v1};
use crate::policy::desk::Version;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    AUTHORIZATION, CONNECTION, HeaderValue, IF_MATCH, IF_NONE_MATCH, ORIGIN, WWW_AUTHENTICATE,
};
use hyper::{Request, StatusCode, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

const MOST_BODY: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_LIFE_SECS: u64 = 3_650 * 86_400;
/// Characters of a path that the log shows.
const SHOWN: usize = 100;

impl Shared {
    pub(super) async fn connection<S>(self: &Arc<Self>, stream: S, client: Client)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let client = &client;
        let service = service_fn(|request| async move {
            let caller = self.caller(&request, client).or_else(|| client.caller.clone());
            Ok::<_, Infallible>(self.answer(request, client, caller).await)
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(64 << 10)
            .title_case_headers(true);
        let stream = TokioIo::new(Patient::new(stream, PATIENCE));
        let mut connection = pin!(server.serve_connection(stream, service));
        // A client that breaks off or speaks no HTTP has had its answer, or wants none.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = self.over() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    /// By the token of a request.
    fn caller(&self, request: &Request<Incoming>, client: &Client) -> Option<Caller> {
        let given = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        self.tokens.caller(given, client.at?)
    }

    fn refuse(&self, request: &Request<Incoming>, by: &str, code: &str, message: &str) -> Reply {
        let path: String = request.uri().path().chars().take(SHOWN).flat_map(char::escape_debug).collect();
        self.desk.refusals.tell(
            self.clock.wall(),
            by,
            format!("{} {path}: refused: {message}", request.method()),
        );
        let status = if code == "credential" { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
        reply::fault(status, code, message)
    }

    async fn answer(&self, request: Request<Incoming>, client: &Client, caller: Option<Caller>) -> Reply {
        let Some(caller) = caller else {
            let mut reply = self.refuse(&request, &client.name, "credential", "who are you?");
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return reply;
        };
        if !request.method().is_safe() && !caller.may_write() {
            return self.refuse(&request, &caller.to_string(), "read-only", "this token may only read");
        }
        // A browser says so, and carries its owner's certificate wherever a page sends it.
        if !request.method().is_safe() && request.headers().contains_key(ORIGIN) {
            return self.refuse(&request, &caller.to_string(), "browser", "pages may not change policies");
        }
        let (head, body) = request.into_parts();
        // Said to be too much: not waited for.
        if hyper::body::Body::size_hint(&body).lower() > MOST_BODY as u64 {
            return closing(StatusCode::PAYLOAD_TOO_LARGE, "size", "a body has up to 1 MiB");
        }
        let body = match tokio::time::timeout(PATIENCE, Limited::new(body, MOST_BODY).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(why)) if why.is::<http_body_util::LengthLimitError>() => {
                return closing(StatusCode::PAYLOAD_TOO_LARGE, "size", "a body has up to 1 MiB");
            }
            Ok(Err(_)) => return closing(StatusCode::BAD_REQUEST, "body", "the body broke off"),
            Err(_) => return closing(StatusCode::REQUEST_TIMEOUT, "slow", "a body has 10 s to come"),
        };
        let (path, query) = (head.uri.path(), head.uri.query());
        let asked = Asked { method: &head.method, path, query, headers: &head.headers, body };
        match client.paths {
            Paths::Own => v1::answer(self, &asked, &caller).await,
            Paths::Acl => acl::answer(self, &asked, &caller).await,
            Paths::Tc => tc::answer(self, &asked, &caller).await,
        }
    }
}

fn closing(status: StatusCode, code: &str, message: &str) -> Reply {
    let mut reply = reply::fault(status, code, message);
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// A request that was let in.
pub(super) struct Asked<'r> {
    pub(super) method: &'r hyper::Method,
    pub(super) path: &'r str,
    pub(super) query: Option<&'r str>,
    pub(super) headers: &'r hyper::HeaderMap,
    pub(super) body: Bytes,
}

impl Asked<'_> {
    /// A word of the query: `?wait=1`.
    pub(super) fn word(&self, key: &str) -> Option<&str> {
        self.words().find_map(|(name, value)| (name == key).then_some(value))
    }

    /// Whether the query names it: `?status`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.words().any(|(name, _)| name == key)
    }

    fn words(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// How long what is put is to last, by `?ttl=60` or `X-TTL: 60`.
    pub(super) fn life(&self) -> Result<Option<Duration>, Refused> {
        let header = self.headers.get("x-ttl").map(|value| value.to_str().unwrap_or_default());
        let Some(text) = self.word("ttl").or(header) else { return Ok(None) };
        match text.parse().ok().filter(|secs| (1..=LONGEST_LIFE_SECS).contains(secs)) {
            Some(secs) => Ok(Some(Duration::from_secs(secs))),
            None => {
                let message = "ttl is a number of seconds, 1 to 315360000";
                Err(reply::fault(StatusCode::BAD_REQUEST, "ttl", message).into())
            }
        }
    }

    /// Which version has to be there, by `If-Match` or `If-None-Match`.
    pub(super) fn version(&self) -> Result<Option<Version>, Refused> {
        let text = |name| self.headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
        let wrong = || {
            let message = "If-Match is * or the ETag of a policy, If-None-Match is *";
            reply::fault(StatusCode::BAD_REQUEST, "match", message).into()
        };
        match (text(IF_MATCH), text(IF_NONE_MATCH)) {
            (None, None) => Ok(None),
            (Some("*"), None) => Ok(Some(Version::Present)),
            (None, Some("*")) => Ok(Some(Version::Absent)),
            (Some(tag), None) => {
                let number = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')?.parse().ok());
                number.map(|number| Some(Version::This(number))).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}
