//! `/v1`: policies, groups, plans, confirmation, counters and events, as JSON.
//!
//! In: requests that were let in. Out: JSON, of faults with a stable code and the place. Rule: an order is answered when
//! it is in force or is not, and a request is done whole or not at all.

use super::access::Caller;
use super::reply::{self, Payload, Refused, Reply};
use super::routes::{self, Call, Miss};
use super::{Asked, Shared, asker, body};
use crate::policy::desk::{Shown, Source, State, Wish};
use crate::policy::file::write;
use crate::policy::model::{Expiry, GroupName, PolicyName, Prefix};
use hyper::header::{ALLOW, CONTENT_TYPE, ETAG, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::SystemTime;
use tokio::sync::{broadcast::error::RecvError, mpsc};

/// Lines of events that may wait for a slow reader.
const MOST_LINES: usize = 64;

pub(super) async fn answer(shared: &Shared, asked: &Asked<'_>, caller: &Caller) -> Reply {
    let (call, name) = match routes::find(asked.method, asked.path) {
        Ok(found) => found,
        Err(Miss::Path) => return reply::fault(StatusCode::NOT_FOUND, "path", "there is no such path"),
        Err(Miss::Method(known)) => {
            let message = format!("this path takes {known}");
            let mut reply = reply::fault(StatusCode::METHOD_NOT_ALLOWED, "method", &message);
            reply.headers_mut().extend(HeaderValue::from_str(&known).ok().map(|known| (ALLOW, known)));
            return reply;
        }
    };
    let answer = match call {
        Call::List => Ok(list(shared)),
        Call::PutMany => put_many(shared, asked, caller).await,
        Call::Show => show(shared, name),
        Call::Put => put_one(shared, asked, caller, name).await,
        Call::Remove => remove(shared, asked, caller, name).await,
        Call::Confirm => confirm(shared, caller, name).await,
        Call::Members => members(shared, name),
        Call::SetGroup => set_group(shared, asked, caller, name).await,
        Call::RemoveGroup => remove_group(shared, caller, name).await,
        Call::Plan => plan(shared, asked, caller).await,
        Call::Status => Ok(status(shared)),
        Call::Counters => Ok(counters(shared)),
        Call::Events => Ok(events(shared)),
    };
    answer.unwrap_or_else(|fault| *fault)
}

fn name<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Refused> {
    text.parse().map_err(|why: T::Err| reply::fault(StatusCode::BAD_REQUEST, "name", &why.to_string()).into())
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A policy, how it is and what it says: `policy` can be put again.
pub(super) fn one(shown: &Shown, now: SystemTime) -> Value {
    let (state, error) = match &shown.state {
        State::Waiting => ("waiting", None),
        State::Live => ("live", None),
        State::Quarantined(why) => ("quarantined", Some(why)),
    };
    let ends = match shown.policy.expiry {
        Expiry::At(end) => Some(seconds(end)),
        Expiry::Never | Expiry::After(_) => None,
    };
    json!({
        "name": shown.policy.name.as_str(),
        "owner": shown.policy.owner.as_str(),
        "priority": shown.policy.priority,
        "origin": format!("{:?}", shown.origin).to_ascii_lowercase(),
        "by": shown.by,
        "carrier": format!("{:?}", shown.carrier).to_ascii_lowercase(),
        "state": state,
        "error": error,
        "since": seconds(shown.since),
        "ends": ends,
        "confirm_by": shown.confirm_by.map(seconds),
        "packets": shown.hits.packets,
        "bytes": shown.hits.bytes,
        "version": shown.version,
        "policy": write::json(&shown.policy, now),
    })
}

fn list(shared: &Shared) -> Reply {
    let (page, now) = (shared.desk.page(), shared.clock.wall());
    let policies: Vec<_> = page.policies.values().map(|shown| one(shown, now)).collect();
    reply::value(StatusCode::OK, &json!({"generation": page.generation, "policies": policies}))
}

fn show(shared: &Shared, text: &str) -> Result<Reply, Refused> {
    let page = shared.desk.page();
    match page.policies.get(&name(text)?) {
        Some(shown) => {
            let mut value = one(shown, shared.clock.wall());
            let is_empty = |group: &&GroupName| page.members.get(*group).is_none_or(BTreeSet::is_empty);
            let empty = shown.policy.groups().filter(is_empty).map(ToString::to_string);
            value["empty_groups"] = empty.collect();
            let mut reply = reply::value(StatusCode::OK, &value);
            let tag = HeaderValue::from_str(&format!("\"{}\"", shown.version)).ok();
            reply.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
            Ok(reply)
        }
        None => {
            Err(reply::fault(StatusCode::NOT_FOUND, "unknown", &format!("there is no policy {text}")).into())
        }
    }
}

async fn order(shared: &Shared, wish: Wish, caller: &Caller) -> Result<Reply, Refused> {
    let receipt = asker::ask(shared, caller, wish).await?;
    let body = json!({"changed": receipt.changed, "generation": receipt.generation, "plan": receipt.plan});
    Ok(reply::value(StatusCode::OK, &body))
}

async fn put_one(shared: &Shared, asked: &Asked<'_>, caller: &Caller, text: &str) -> Result<Reply, Refused> {
    let name = name(text)?;
    let (policies, confirm) = body::policy(&name, &asked.body, shared.acl.dialect())?;
    put(shared, asked, caller, on_condition(asked, name, Wish::Put { policies, confirm })?).await
}

/// If it is still what the one who asks has seen.
fn on_condition(asked: &Asked<'_>, name: PolicyName, wish: Wish) -> Result<Wish, Refused> {
    Ok(match asked.version()? {
        Some(version) => Wish::If(name, version, Box::new(wish)),
        None => wish,
    })
}

async fn put_many(shared: &Shared, asked: &Asked<'_>, caller: &Caller) -> Result<Reply, Refused> {
    if asked.version()?.is_some() {
        let why = "If-Match is for one policy by its path";
        return Err(reply::fault(StatusCode::BAD_REQUEST, "match", why).into());
    }
    let (policies, confirm) = body::policies(&asked.body, shared.acl.dialect())?;
    put(shared, asked, caller, Wish::Put { policies, confirm }).await
}

async fn put(shared: &Shared, asked: &Asked<'_>, caller: &Caller, wish: Wish) -> Result<Reply, Refused> {
    if asked.word("wait") == Some("0") {
        // Who does not wait finds what became of it among events.
        asker::order(shared, caller, wish)?;
        return Ok(reply::empty(StatusCode::ACCEPTED));
    }
    order(shared, wish, caller).await
}

async fn remove(shared: &Shared, asked: &Asked<'_>, caller: &Caller, text: &str) -> Result<Reply, Refused> {
    let name: PolicyName = name(text)?;
    order(shared, on_condition(asked, name.clone(), Wish::Remove(vec![name]))?, caller).await
}

async fn confirm(shared: &Shared, caller: &Caller, text: &str) -> Result<Reply, Refused> {
    order(shared, Wish::Confirm(name(text)?), caller).await
}

async fn plan(shared: &Shared, asked: &Asked<'_>, caller: &Caller) -> Result<Reply, Refused> {
    let (policies, _) = body::policies(&asked.body, shared.acl.dialect())?;
    order(shared, Wish::Plan(policies), caller).await
}

async fn remove_group(shared: &Shared, caller: &Caller, text: &str) -> Result<Reply, Refused> {
    order(shared, Wish::Group(name(text)?, None), caller).await
}

async fn set_group(
    shared: &Shared,
    asked: &Asked<'_>,
    caller: &Caller,
    text: &str,
) -> Result<Reply, Refused> {
    let group = name(text)?;
    let (mut keys, confirm) = body::object(&asked.body)?;
    if confirm.is_some() {
        let why = "a group is not taken back: let a policy that names it be confirmed";
        return Err(Box::new(reply::fault(StatusCode::BAD_REQUEST, "confirm", why)));
    }
    let wrong = |message: &str| Box::new(reply::fault(StatusCode::BAD_REQUEST, "addresses", message));
    let addresses = match keys.remove("addresses") {
        Some(Value::Array(addresses)) if keys.is_empty() => addresses,
        _ => return Err(wrong("the body is {\"addresses\": [\"192.0.2.0/24\", …]}")),
    };
    let read =
        |value: &Value| value.as_str().and_then(|text| text.parse::<Prefix>().ok()).ok_or(value.to_string());
    let addresses: Result<BTreeSet<_>, _> = addresses.iter().map(read).collect();
    let addresses = addresses.map_err(|bad| wrong(&format!("{bad} is no address and no prefix")))?;
    order(shared, Wish::Group(group, Some(addresses)), caller).await
}

fn members(shared: &Shared, text: &str) -> Result<Reply, Refused> {
    let (page, group) = (shared.desk.page(), name(text)?);
    let Some(said) = page.groups.get(&group) else {
        return Err(
            reply::fault(StatusCode::NOT_FOUND, "unknown", &format!("there is no group {text}")).into()
        );
    };
    let said: Vec<_> = said.addresses.iter().map(ToString::to_string).collect();
    Ok(reply::value(StatusCode::OK, &json!({"name": text, "addresses": said})))
}

fn status(shared: &Shared) -> Reply {
    let page = shared.desk.page();
    let count =
        |wanted: fn(&State) -> bool| page.policies.values().filter(|shown| wanted(&shown.state)).count();
    let name = |carrier| format!("{carrier:?}").to_ascii_lowercase();
    let troubles: Map<_, _> =
        page.troubles.iter().map(|(carrier, why)| (name(carrier), why.as_str().into())).collect();
    let source = |source: &Source| {
        let away = source.away.as_ref().map(|(since, why)| json!({"since": seconds(*since), "why": why}));
        json!({"since": source.since.map(seconds), "away": away, "counts": source.counts})
    };
    let sources: Map<_, _> = page.sources.iter().map(|(name, of)| ((*name).to_owned(), source(of))).collect();
    let warnings: Vec<_> = shared.settings.open().map(super::openness).collect();
    let quarantined = count(|state| matches!(state, State::Quarantined(_)));
    reply::value(
        StatusCode::OK,
        &json!({
            "generation": page.generation,
            "time": seconds(shared.clock.wall()),
            "live": count(|state| *state == State::Live),
            "waiting": count(|state| *state == State::Waiting),
            "quarantined": quarantined,
            "healthy": quarantined == 0 && page.troubles.is_empty() && page.faults.is_empty(),
            "troubles": troubles,
            "faults": page.faults,
            "warnings": warnings,
            "sources": sources,
        }),
    )
}

fn counters(shared: &Shared) -> Reply {
    let page = shared.desk.page();
    let one = |shown: &Shown| json!({"packets": shown.hits.packets, "bytes": shown.hits.bytes});
    let all: Map<_, _> = page.policies.iter().map(|(name, shown)| (name.to_string(), one(shown))).collect();
    reply::value(StatusCode::OK, &Value::Object(all))
}

/// Lines as things happen; a reader too slow for them is told how many it missed.
fn events(shared: &Shared) -> Reply {
    let (mut notes, (sender, lines)) = (shared.desk.notes(), mpsc::channel(MOST_LINES));
    let mut is_over = shared.is_over.subscribe();
    tokio::spawn(async move {
        loop {
            let line = tokio::select! {
                () = sender.closed() => return,
                _ = is_over.wait_for(|is_over| *is_over) => return,
                note = notes.recv() => match note {
                    Ok(note) => json!({"at": seconds(note.at), "by": note.by, "text": note.text}),
                    Err(RecvError::Lagged(missed)) => json!({"missed": missed}),
                    Err(RecvError::Closed) => return,
                },
            };
            if sender.send((line.to_string() + "\n").into()).await.is_err() {
                return;
            }
        }
    });
    let mut reply = Response::new(Payload::Lines(lines));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    reply
}
