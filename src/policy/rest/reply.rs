//! Replies: a status, a few headers, a text or lines that come one by one.
//!
//! Faults are JSON of one shape: `code` (a word that stays the same), `message`, and `where` with key, line and column.

use super::body::{BodyFault, Place};
use crate::policy::desk::{Page, Rejection};
use crate::policy::model::PolicyName;
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// What follows the headers.
pub(super) enum Payload {
    /// All of it.
    Text(Option<Bytes>),
    /// As it comes.
    Lines(mpsc::Receiver<Bytes>),
}

pub(super) type Reply = Response<Payload>;
/// A reply that ends the work early.
pub(super) type Refused = Box<Reply>;

impl From<BodyFault> for Refused {
    fn from(fault: BodyFault) -> Self {
        refused(&fault).into()
    }
}

impl From<Rejection> for Refused {
    fn from(why: Rejection) -> Self {
        rejection(&why).into()
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.get_mut() {
            Self::Text(text) => Poll::Ready(text.take()),
            Self::Lines(lines) => lines.poll_recv(context),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Text(None))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Text(text) => {
                hyper::body::SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Lines(_) => hyper::body::SizeHint::default(),
        }
    }
}

/// No body.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Payload::Text(None));
    *reply.status_mut() = status;
    reply
}

/// A body of JSON.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = empty(status);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *reply.body_mut() = Payload::Text(Some(text.into()));
    reply
}

pub(super) fn value(status: StatusCode, value: &Value) -> Reply {
    text(status, value.to_string() + "\n")
}

pub(super) fn fault(status: StatusCode, code: &str, message: &str) -> Reply {
    value(status, &json!({"code": code, "message": message, "where": []}))
}

/// A body that is not taken, with every place.
pub(super) fn refused(fault: &BodyFault) -> Reply {
    let place = |place: &Place| {
        let (key, line, column) = (&place.key, place.line, place.column);
        let mut said = json!({"key": key, "line": line, "column": column, "message": place.message});
        if !place.policy.is_empty() {
            said["policy"] = place.policy.as_str().into();
        }
        said
    };
    let places: Vec<_> = fault.places.iter().map(place).collect();
    let body = json!({"code": fault.code, "message": fault.message, "where": places});
    value(StatusCode::BAD_REQUEST, &body)
}

/// A name that somebody else gave; compatible paths change only their own.
pub(super) fn of_another(page: &Page, name: &PolicyName, owner: &str) -> Option<Reply> {
    let shown = page.policies.get(name).filter(|shown| shown.policy.owner.as_str() != owner)?;
    let message = format!("{name} is {}'s", shown.policy.owner);
    Some(fault(StatusCode::CONFLICT, "owner", &message))
}

pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("application/json"))
}

/// An order that is not done.
pub(super) fn rejection(why: &Rejection) -> Reply {
    let (status, code) = match why {
        Rejection::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
        Rejection::Unknown(_) => (StatusCode::NOT_FOUND, "unknown"),
        Rejection::Group(..) => (StatusCode::CONFLICT, "group"),
        Rejection::OfFile(_) => (StatusCode::CONFLICT, "of-file"),
        Rejection::Quarantined { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "quarantined"),
        Rejection::Trouble(_) => (StatusCode::SERVICE_UNAVAILABLE, "trouble"),
        Rejection::Changed(_) => (StatusCode::PRECONDITION_FAILED, "changed"),
        Rejection::Unkept(_) => (StatusCode::INSUFFICIENT_STORAGE, "unkept"),
        Rejection::Forgetful(_) => (StatusCode::INSUFFICIENT_STORAGE, "forgetful"),
        Rejection::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy"),
        Rejection::Ending => (StatusCode::SERVICE_UNAVAILABLE, "ending"),
    };
    fault(status, code, &why.to_string())
}
