//! The paths of acl_server: rule sets by name, each a JSON array of iptables lines.
//!
//! In: its requests, with `/acl/` or without. Out: its codes and headers, and policies of the owner `acl`. Rule: answers
//! come at once and the outcome of the last change stands under `lasterror`, as there; but lines are vetted before they
//! are accepted, and a set that does not work costs only itself. Spec: github.com/pphaal/acl_server.

use super::access::Caller;
use super::reply::{self, Refused, Reply};
use super::{Asked, Shared, asker, body};
use crate::policy::desk::{Page, Rejection, Wish};
use crate::policy::lines::{self, Dialect};
use crate::policy::model::{Body, Expiry, Owner, Policy, PolicyName, RawRule};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, WARNING};
use hyper::{Method, StatusCode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const OWNER: &str = "acl";
const PRIORITY: u16 = 1000;
/// What acl_server's tool gave back when rules did not work.
const FAILED: i32 = 1;
/// Sets beyond those on the page that are not worth a look.
const FEW: usize = 64;
const RESERVED: &str = "lasterror";

/// What is known beside the desk's page.
#[derive(Clone)]
pub(super) struct Acl {
    dialect: Dialect,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// As they were sent; those that are not on the page are dropped when their order is answered.
    sets: BTreeMap<PolicyName, Set>,
    last_error: Option<String>,
    orders: u64,
}

struct Set {
    lines: Vec<String>,
    /// The order that brings it, while it is not answered.
    pending: Option<u64>,
}

impl Acl {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, known: Arc::default() }
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn with<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The lines of a set as they were sent; of one from before a restart as they are in force.
    fn lines(&self, page: &Page, name: &PolicyName) -> Option<Vec<String>> {
        let shown = page.policies.get(name).filter(|shown| shown.policy.owner.as_str() == OWNER);
        let sent = self.with(|known| {
            let set = known.sets.get(name).filter(|set| set.pending.is_some() || shown.is_some());
            set.map(|set| set.lines.clone())
        });
        sent.or_else(|| match &shown?.policy.body {
            Body::Lines(rules) => Some(lines::emit(rules).lines().map(str::to_owned).collect()),
            Body::Rule(_) => None,
        })
    }

    fn names(&self, page: &Page) -> Vec<String> {
        let live = page.policies.iter().filter(|(_, shown)| shown.policy.owner.as_str() == OWNER);
        let mut names: Vec<_> = live.map(|(name, _)| name.to_string()).collect();
        self.with(|known| {
            let pending = known.sets.iter().filter(|(_, set)| set.pending.is_some());
            names.extend(pending.map(|(name, _)| name.to_string()));
        });
        names.sort();
        names.dedup();
        names
    }
}

pub(super) async fn answer(shared: &Shared, asked: &Asked<'_>, caller: &Caller) -> Reply {
    let path = asked.path.strip_prefix("/acl/").unwrap_or_else(|| asked.path.trim_start_matches('/'));
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    let name = path.chars().all(is_name).then(|| path.parse::<PolicyName>().ok()).flatten();
    let (mut reply, warns) = match (asked.method, path, name) {
        (&Method::GET, "", _) => (json(&shared.acl.names(&shared.desk.page())), true),
        (&Method::GET, RESERVED, _) => (last_error(shared), false),
        (&Method::PUT | &Method::DELETE, RESERVED, _) => (reply::empty(StatusCode::FORBIDDEN), false),
        (&Method::GET, _, Some(name)) if asked.has("status") => {
            let page = shared.desk.page();
            let shown = page.policies.get(&name).filter(|shown| shown.policy.owner.as_str() == OWNER);
            let is_pending =
                shared.acl.with(|known| known.sets.get(&name).is_some_and(|set| set.pending.is_some()));
            match shown {
                Some(shown) => (json(&super::v1::one(shown, shared.clock.wall())), true),
                None if is_pending => {
                    (json(&serde_json::json!({"name": name.as_str(), "state": "waiting"})), true)
                }
                None => (reply::empty(StatusCode::NOT_FOUND), true),
            }
        }
        (&Method::GET, _, Some(name)) => match shared.acl.lines(&shared.desk.page(), &name) {
            Some(lines) => (json(&lines), true),
            None => (reply::empty(StatusCode::NOT_FOUND), true),
        },
        (&Method::PUT, _, Some(name)) if reply::is_json(asked.headers) => {
            (put(shared, asked, name, caller).await, true)
        }
        (&Method::PUT, _, Some(_)) => (reply::empty(StatusCode::NOT_ACCEPTABLE), false),
        (&Method::DELETE, "", _) => (remove(shared, None, caller), true),
        (&Method::DELETE, _, Some(name)) => (remove(shared, Some(name), caller), true),
        (&Method::DELETE, ..) => (reply::empty(StatusCode::NOT_FOUND), true),
        (&Method::GET | &Method::PUT, ..) => (reply::empty(StatusCode::NOT_FOUND), false),
        _ => (reply::empty(StatusCode::NOT_IMPLEMENTED), false),
    };
    for name in [ACCEPT, CONTENT_TYPE] {
        reply.headers_mut().insert(name, HeaderValue::from_static("application/json"));
    }
    if warns && shared.acl.with(|known| known.last_error.is_some()) {
        reply.headers_mut().insert(WARNING, HeaderValue::from_static("199 - \"check lasterror\""));
    }
    reply
}

/// As Python wrote it: one space for each level.
fn json(value: &impl serde::Serialize) -> Reply {
    let mut text = Vec::new();
    let layout = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, layout);
    match value.serialize(&mut writer) {
        Ok(()) => reply::text(StatusCode::OK, text),
        Err(_) => reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn last_error(shared: &Shared) -> Reply {
    match shared.acl.with(|known| known.last_error.clone()) {
        Some(error) => {
            let lines: Vec<_> = error.lines().collect();
            json(&BTreeMap::from([("lines", serde_json::json!(lines)), ("returncode", FAILED.into())]))
        }
        None => reply::empty(StatusCode::NO_CONTENT),
    }
}

async fn put(shared: &Shared, asked: &Asked<'_>, name: PolicyName, caller: &Caller) -> Reply {
    let (sent, rules) = match body::rule_set(&asked.body, shared.acl.dialect) {
        Ok(set) => set,
        Err(fault) => return reply::refused(&fault),
    };
    let page = shared.desk.page();
    if let Some(conflict) = reply::of_another(&page, &name, OWNER) {
        return conflict;
    }
    let life = match asked.life() {
        Ok(life) => life,
        Err(refusal) => return *refusal,
    };
    let policy = match policy(name.clone(), rules, life) {
        Some(policy) => policy,
        None => return reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
    };
    if asked.word("dry_run") == Some("1") {
        return match asker::ask(shared, caller, Wish::Plan(vec![policy])).await {
            Ok(receipt) => json(&serde_json::json!({"plan": receipt.plan})),
            Err(why) => reply::rejection(&why),
        };
    }
    // The same again is nothing to do, unless it would make a life longer that ends.
    let ends = page.policies.get(&name).is_some_and(|shown| shown.policy.expiry != Expiry::Never);
    if !ends && life.is_none() && shared.acl.lines(&page, &name).as_ref() == Some(&sent) {
        return reply::empty(StatusCode::ACCEPTED);
    }
    let order = shared.acl.with(|known| {
        known.orders += 1;
        known.sets.insert(name.clone(), Set { lines: sent, pending: Some(known.orders) });
        known.orders
    });
    let wish = Wish::Put { policies: vec![policy], confirm: None };
    let task = match ask(shared, wish, caller, Some((name, order))) {
        Ok(task) => task,
        Err(refusal) => return *refusal,
    };
    if asked.word("wait") != Some("1") {
        tokio::spawn(task);
        return reply::empty(StatusCode::ACCEPTED);
    }
    match tokio::spawn(task).await {
        Ok(Err(why)) => reply::rejection(&why),
        Ok(Ok(())) => reply::text(StatusCode::OK, "{}"),
        Err(_) => reply::rejection(&Rejection::Ending),
    }
}

/// Without a life of its own it gets the one that `[limits]` has for all.
fn policy(name: PolicyName, rules: Vec<RawRule>, life: Option<Duration>) -> Option<Policy> {
    Some(Policy {
        name,
        owner: OWNER.parse::<Owner>().ok()?,
        priority: PRIORITY,
        expiry: life.map_or(Expiry::Never, Expiry::After),
        netns: None,
        forced: false,
        body: Body::Lines(rules),
    })
}

fn remove(shared: &Shared, name: Option<PolicyName>, caller: &Caller) -> Reply {
    shared.acl.with(|known| match &name {
        Some(name) => drop(known.sets.remove(name)),
        None => known.sets.clear(),
    });
    let page = shared.desk.page();
    let wish = match (name, OWNER.parse()) {
        (Some(name), _) => {
            // Other owners' policies are not this interface's to remove.
            let shown = page.policies.get(&name);
            if shown.is_some_and(|shown| shown.policy.owner.as_str() != OWNER) {
                return reply::empty(StatusCode::NO_CONTENT);
            }
            Wish::Remove(vec![name])
        }
        (None, Ok(owner)) => Wish::RemoveOf(owner),
        (None, Err(_)) => return reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
    };
    match ask(shared, wish, caller, None) {
        Ok(task) => drop(tokio::spawn(task)),
        Err(refusal) => return *refusal,
    }
    reply::empty(StatusCode::NO_CONTENT)
}

/// Asks, and notes the outcome when there is one. What is not even taken is told at once.
fn ask(
    shared: &Shared,
    wish: Wish,
    caller: &Caller,
    order: Option<(PolicyName, u64)>,
) -> Result<impl Future<Output = Result<(), Rejection>> + Send + use<>, Refused> {
    let (desk, known) = (shared.desk.clone(), Arc::clone(&shared.acl.known));
    let answer = asker::order(shared, caller, wish).inspect_err(|_| {
        shared.acl.with(|known| order.as_ref().map(|(name, _)| known.sets.remove(name)));
    })?;
    Ok(async move {
        let outcome = answer.await.unwrap_or(Err(Rejection::Ending)).map(drop);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.last_error = outcome.as_ref().err().map(ToString::to_string);
        if let Some((name, order)) = order
            && let Some(set) = known.sets.get_mut(&name)
            && set.pending == Some(order)
        {
            set.pending = None;
            if outcome.is_err() {
                known.sets.remove(&name);
            }
        }
        // Sets that ended by themselves are forgotten now and then.
        let page = desk.page();
        if known.sets.len() > 2 * page.policies.len() + FEW {
            known.sets.retain(|name, set| set.pending.is_some() || page.policies.contains_key(name));
        }
        outcome
    })
}
