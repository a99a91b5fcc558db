//! The table of routes: what may be asked for where, in one place for the server and for `etc/openapi.json`.
//!
//! In: method and path. Out: the [`Call`] that answers and the name in the path, or why there is none; and the OpenAPI
//! description. Pure. Rule: `/v1` answers what stands here and nothing else; the compatible paths keep the ways of their
//! models, and stand here for those who read.

mod openapi;

pub use openapi::openapi;

use hyper::Method;

/// What answers a path of `/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    List,
    PutMany,
    Show,
    Put,
    Remove,
    Confirm,
    Members,
    SetGroup,
    RemoveGroup,
    Plan,
    Status,
    Counters,
    Events,
}

/// Why nothing answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Miss {
    Path,
    /// It takes these.
    Method(String),
}

/// Where a route is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// The socket and `rest.listen`.
    Own(Call),
    /// `rest.acl`.
    Acl,
    /// `rest.tc`.
    Tc,
}

struct Route {
    heard: Heard,
    method: &'static str,
    path: &'static str,
    says: &'static str,
    queries: &'static [&'static str],
    headers: &'static [&'static str],
    /// The schema of what is sent, empty for nothing.
    takes: &'static str,
    /// The schema of what comes back with 200, empty for nothing.
    gives: &'static str,
    codes: &'static [u16],
}

const READ: &[u16] = &[200];
const NAMED: &[u16] = &[200, 400, 404];
const WRITE: &[u16] = &[200, 400, 409, 422, 429, 503, 507];
const WRITE_ONE: &[u16] = &[200, 202, 400, 409, 412, 422, 429, 503, 507];
const WRITE_LATER: &[u16] = &[200, 202, 400, 409, 422, 429, 503, 507];
const CHANGE: &[u16] = &[200, 400, 404, 409, 422, 429, 503, 507];

const fn own(call: Call, method: &'static str, path: &'static str, says: &'static str) -> Route {
    let (queries, headers) = (&[], &[]);
    Route { heard: Heard::Own(call), method, path, says, queries, headers, takes: "", gives: "", codes: READ }
}

const fn acl(method: &'static str, path: &'static str, says: &'static str) -> Route {
    Route { heard: Heard::Acl, ..own(Call::List, method, path, says) }
}

const fn tc(method: &'static str, path: &'static str, says: &'static str) -> Route {
    Route { heard: Heard::Tc, ..own(Call::List, method, path, says) }
}

const P: &str = "/v1/policies/{name}";
const G: &str = "/v1/groups/{name}";

const ROUTES: &[Route] = &[
    Route { gives: "Policies", ..own(Call::List, "get", "/v1/policies", "Every policy.") },
    Route {
        queries: &["wait"],
        takes: "Many",
        gives: "Receipt",
        codes: WRITE_LATER,
        ..own(Call::PutMany, "post", "/v1/policies", "Puts many policies in force, all or none.")
    },
    Route { gives: "Shown", codes: NAMED, ..own(Call::Show, "get", P, "One policy, and how it is.") },
    Route {
        queries: &["wait"],
        takes: "Policy",
        gives: "Receipt",
        codes: WRITE_ONE,
        headers: &["If-Match", "If-None-Match"],
        ..own(Call::Put, "put", P, "Puts a policy in force, in place of one of its name.")
    },
    Route {
        gives: "Receipt",
        codes: WRITE_ONE,
        headers: &["If-Match"],
        ..own(Call::Remove, "delete", P, "Takes a policy back.")
    },
    Route {
        gives: "Receipt",
        codes: CHANGE,
        ..own(
            Call::Confirm,
            "post",
            "/v1/policies/{name}/confirm",
            "Keeps a policy that was put for a trial.",
        )
    },
    Route { gives: "Group", codes: NAMED, ..own(Call::Members, "get", G, "The addresses of a group.") },
    Route {
        takes: "Group",
        gives: "Receipt",
        codes: WRITE,
        ..own(Call::SetGroup, "put", G, "Sets the addresses of a group.")
    },
    Route { gives: "Receipt", codes: CHANGE, ..own(Call::RemoveGroup, "delete", G, "Removes a group.") },
    Route {
        takes: "Many",
        gives: "Receipt",
        codes: WRITE,
        ..own(Call::Plan, "post", "/v1/plan", "What would be done for these policies; nothing is.")
    },
    Route { gives: "Status", ..own(Call::Status, "get", "/v1/status", "What does not work.") },
    Route { gives: "Counters", ..own(Call::Counters, "get", "/v1/counters", "What policies met.") },
    Route { gives: "Events", ..own(Call::Events, "get", "/v1/events", "What happens, a line of JSON each.") },
    Route { gives: "Names", ..acl("get", "/acl/", "The names of rule sets.") },
    Route { codes: &[204, 429, 503], ..acl("delete", "/acl/", "Removes every rule set.") },
    Route {
        queries: &["status"],
        gives: "Lines",
        codes: &[200, 404],
        ..acl("get", "/acl/{name}", "The lines of a rule set; with status how it is.")
    },
    Route {
        queries: &["wait", "ttl", "dry_run"],
        takes: "Lines",
        codes: &[200, 202, 400, 404, 406, 409, 422, 429, 503, 507],
        ..acl("put", "/acl/{name}", "Takes a rule set up; with wait=1 the answer is the outcome.")
    },
    Route { codes: &[204, 404, 429, 503], ..acl("delete", "/acl/{name}", "Removes a rule set.") },
    Route { codes: &[200, 204], ..acl("get", "/acl/lasterror", "Why the last change did not work.") },
    Route { codes: &[200, 404], gives: "Filters", ..tc("get", "/{device}", "The filters of a device.") },
    Route {
        queries: &["ttl"],
        takes: "Flower",
        codes: &[204, 400, 404, 406, 409, 429, 503, 507],
        ..tc("put", "/{device}/{preference}", "Drops what comes in at a device and matches.")
    },
    Route {
        queries: &["ttl"],
        takes: "Flower",
        codes: &[204, 400, 404, 406, 409, 429, 503, 507],
        ..tc("post", "/{device}/{preference}", "As PUT.")
    },
    Route {
        codes: &[204, 400, 404, 409, 429, 503, 507],
        ..tc("delete", "/{device}/{preference}", "Removes a filter.")
    },
];

/// What answers, and the name in the path (empty where there is none).
pub(super) fn find<'p>(method: &Method, path: &'p str) -> Result<(Call, &'p str), Miss> {
    let mut known = Vec::new();
    for route in ROUTES {
        let Heard::Own(call) = route.heard else { continue };
        let Some(name) = fits(route.path, path) else { continue };
        if route.method.eq_ignore_ascii_case(method.as_str()) {
            return Ok((call, name));
        }
        known.push(route.method.to_ascii_uppercase());
    }
    Err(if known.is_empty() { Miss::Path } else { Miss::Method(known.join(", ")) })
}

fn fits<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let Some((before, after)) = pattern.split_once("{name}") else { return (pattern == path).then_some("") };
    let name = path.strip_prefix(before)?.strip_suffix(after)?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_answer_by_its_method() {
        assert_eq!(find(&Method::GET, "/v1/policies/web"), Ok((Call::Show, "web")));
        assert_eq!(find(&Method::POST, "/v1/policies/web/confirm"), Ok((Call::Confirm, "web")));
        assert_eq!(find(&Method::GET, "/v1/policies/"), Ok((Call::List, "")));
        assert_eq!(find(&Method::PATCH, "/v1/groups/g"), Err(Miss::Method("GET, PUT, DELETE".into())));
        for nowhere in ["/", "/v1", "/v1/policies//", "/v1/policies/a/b", "/v1/statusx", "/acl/x"] {
            assert_eq!(find(&Method::GET, nowhere), Err(Miss::Path), "{nowhere}");
        }
    }
}
