//! Replies. In: a request's method, path and headers. Out: the page, JSON, or a refusal. Rules: GET and HEAD only; a Host header
//! that is not ours is refused (DNS rebinding); the page may load nothing but itself and talk to nobody but us.

use super::Shared;
use crate::view::picture::Picture;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use std::net::IpAddr;

/// Made of `web/src` by `make web`.
const PAGE: &[u8] = include_bytes!("../../../web/page.html");
/// The page's own script and style are in it, named by their sums.
const POLICY: &str = include_str!("../../../web/policy.txt");

type Reply = Response<Full<Bytes>>;

/// The model as the page reads it.
#[derive(Serialize)]
struct Snapshot<'a> {
    is_many: bool,
    away: Option<&'a str>,
    #[serde(flatten)]
    picture: &'a Picture,
    limits: Vec<(String, f64, f64)>,
}

/// Answers.
pub(super) fn answer(shared: &Shared, request: &Request<Incoming>) -> Reply {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let mut reply = if !host.is_some_and(|host| is_ours(host, &shared.names)) {
        refuse(StatusCode::MISDIRECTED_REQUEST, "not a name of this page: use an address, or --name")
    } else if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut reply = refuse(StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here");
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        reply
    } else {
        match request.uri().path() {
            "/" => text("text/html; charset=utf-8", Bytes::from_static(PAGE)),
            "/api/picture" => picture(shared, request.uri().query()),
            _ => refuse(StatusCode::NOT_FOUND, "there is / and /api/picture"),
        }
    };
    for (name, value) in [
        ("content-security-policy", POLICY.trim_end()),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        reply.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// An address, localhost, or a name that we were told: with any port, since others may pass requests on.
fn is_ours(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.parse::<IpAddr>().is_ok() || names.contains(&name)
}

/// `host=ADDRESS` chooses one.
fn picture(shared: &Shared, query: Option<&str>) -> Reply {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let mut wanted =
        pairs.filter(|(key, _)| *key == "host").map(|(_, value)| value.replace("%3A", ":").parse());
    let shown = wanted.next_back().and_then(Result::ok);
    let watched = shared.watched.borrow();
    let picture = watched.picture(shown);
    let limit = |row: &crate::view::limits::Row| {
        let limit = watched.view.limits().of(row.metric);
        (row.name(), limit.warn, limit.high)
    };
    let snapshot = Snapshot {
        is_many: watched.is_many,
        away: watched.away.as_deref(),
        picture: &picture,
        limits: crate::view::limits::METRICS.iter().map(limit).collect(),
    };
    match serde_json::to_vec(&snapshot) {
        Ok(bytes) => text("application/json", bytes.into()),
        Err(e) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
    }
}

fn text(kind: &'static str, bytes: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(bytes));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

fn refuse(status: StatusCode, why: &str) -> Reply {
    let mut reply = text("text/plain; charset=utf-8", format!("{why}\n").into());
    *reply.status_mut() = status;
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_refused() {
        let names = ["monitor.example".to_owned()];
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "192.0.2.1", "Monitor.example:80"] {
            assert!(is_ours(host, &names), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:8080",
            "",
            "127.0.0.1.evil.example",
            "evil.example:127.0.0.1",
        ] {
            assert!(!is_ours(host, &names), "{host}");
        }
    }

    #[test]
    fn the_page_may_load_nothing_from_elsewhere() {
        assert!(
            POLICY.starts_with("default-src 'none'; ") && !POLICY.contains("unsafe") && !POLICY.contains('*')
        );
        assert_eq!(POLICY.lines().count(), 1);
    }
}
