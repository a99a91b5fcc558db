//! The paths of tc_server: `/DEVICE/PREFERENCE`, each a filter whose packets are dropped where they come in.
//!
//! In: its requests, with keys of tc's flower. Out: its codes, and policies of the owner `tc` by the name
//! `tc.DEVICE.PREFERENCE`. Rule: keys are read as matches and never become words of a command; a PUT again is the same
//! PUT. Spec: github.com/sflow-rt/tc_server.

use super::access::Caller;
use super::reply::{self, Reply};
use super::{Asked, Shared, asker, body};
use crate::policy::desk::{Shown, Wish};
use crate::policy::file::write;
use crate::policy::model::{Device, Expiry, Policy, PolicyName};
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

const OWNER: &str = "tc";

pub(super) async fn answer(shared: &Shared, asked: &Asked<'_>, caller: &Caller) -> Reply {
    let nowhere = || reply::fault(StatusCode::NOT_FOUND, "path", "a path is /DEVICE or /DEVICE/PREFERENCE");
    let mut parts = asked.path.trim_start_matches('/').split('/');
    let device = parts.next().and_then(|text| text.parse::<Device>().ok());
    let (Some(device), preference, None) = (device, parts.next(), parts.next()) else { return nowhere() };
    let preference = match preference.map(str::parse::<u16>) {
        None => None,
        Some(Ok(number)) if number > 0 => Some(number),
        Some(_) => return nowhere(),
    };
    let named = preference.map(|number| (number, format!("tc.{device}.{number}").parse::<PolicyName>()));
    match (asked.method, named) {
        (&Method::GET, None) => list(shared, &device),
        (&Method::PUT | &Method::POST, Some((_, Ok(_)))) if !reply::is_json(asked.headers) => {
            reply::empty(StatusCode::NOT_ACCEPTABLE)
        }
        (&Method::PUT | &Method::POST, Some((number, Ok(name)))) => {
            put(shared, asked, (&name, &device, number), caller).await
        }
        (&Method::DELETE, Some((_, Ok(name)))) => remove(shared, name, caller).await,
        (&Method::GET | &Method::PUT | &Method::POST | &Method::DELETE, _) => nowhere(),
        _ => reply::empty(StatusCode::NOT_IMPLEMENTED),
    }
}

/// As `tc -j filter show dev DEVICE ingress` has filters, in the order in which they count.
fn list(shared: &Shared, device: &Device) -> Reply {
    let (page, now) = (shared.desk.page(), shared.clock.wall());
    let start = format!("tc.{device}.");
    let is_ours = |shown: &&Shown| {
        // A device may have a dot in its name, and then begins as another does.
        let number = shown.policy.name.as_str().strip_prefix(&start).map(str::parse::<u16>);
        shown.policy.owner.as_str() == OWNER && matches!(number, Some(Ok(_)))
    };
    let mut shown: Vec<_> = page.policies.values().filter(is_ours).collect();
    shown.sort_by_key(|shown| shown.policy.priority);
    let one = |shown: &&Shown| {
        let written = write::json(&shown.policy, now);
        let first = |key: &str| match &written[key] {
            Value::Array(values) => values.first().cloned(),
            Value::Null => None,
            other => Some(other.clone()),
        };
        let keys = body::FLOWER.iter().filter_map(|(flower, ours)| Some(((*flower).into(), first(ours)?)));
        let stats = json!({"bytes": shown.hits.bytes, "packets": shown.hits.packets});
        let action = json!({"order": 1, "kind": "gact", "control_action": {"type": "drop"}, "stats": stats});
        let options = json!({"keys": Value::Object(keys.collect::<Map<_, _>>()), "actions": [action]});
        json!({"protocol": "ip", "pref": shown.policy.priority, "kind": "flower", "chain": 0,
            "options": options})
    };
    reply::value(StatusCode::OK, &shown.iter().map(one).collect())
}

async fn put(
    shared: &Shared,
    asked: &Asked<'_>,
    (name, device, number): (&PolicyName, &Device, u16),
    caller: &Caller,
) -> Reply {
    let policy = match body::filter(name, device, number, &asked.body) {
        Ok(policy) => policy,
        Err(fault) => return reply::refused(&fault),
    };
    if let Some(conflict) = reply::of_another(&shared.desk.page(), name, OWNER) {
        return conflict;
    }
    let policy = match asked.life() {
        Ok(life) => Policy { expiry: life.map_or(Expiry::Never, Expiry::After), ..policy },
        Err(refusal) => return *refusal,
    };
    let wish = Wish::Put { policies: vec![policy], confirm: None };
    done(shared, wish, caller).await
}

async fn remove(shared: &Shared, name: PolicyName, caller: &Caller) -> Reply {
    let page = shared.desk.page();
    if let Some(conflict) = reply::of_another(&page, &name, OWNER) {
        return conflict;
    }
    if !page.policies.contains_key(&name) {
        return reply::fault(StatusCode::BAD_REQUEST, "unknown", "there is no such filter");
    }
    done(shared, Wish::Remove(vec![name]), caller).await
}

/// Its clients know 204 and 400.
async fn done(shared: &Shared, wish: Wish, caller: &Caller) -> Reply {
    match asker::ask(shared, caller, wish).await {
        Ok(_) => reply::empty(StatusCode::NO_CONTENT),
        Err(why) => {
            let mut reply = reply::rejection(&why);
            if reply.status() == StatusCode::UNPROCESSABLE_ENTITY {
                *reply.status_mut() = StatusCode::BAD_REQUEST;
            }
            reply
        }
    }
}
