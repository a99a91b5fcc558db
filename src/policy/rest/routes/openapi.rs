//! The table of routes as OpenAPI 3.1.
//!
//! Out: the document that is `etc/openapi.json`. Pure. Rule: routes, queries and codes come from the table; of a
//! policy's keys it says where they are described. Spec: spec.openapis.org/oas/v3.1.0.

use super::{Heard, ROUTES, Route};
use serde_json::{Map, Value, json};

const JSON: &str = "application/json";

/// The description of everything that may be asked for.
pub fn openapi() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route);
    }
    let bearer = json!({"type": "http", "scheme": "bearer",
        "description": "A token of rest.tokens. Over the socket the user of the process counts."});
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "hsflowd-policy",
            "version": "1",
            "summary": "Drop, limit, mark, shape and redirect traffic of this host on request",
        },
        "security": [{"token": []}, {"certificate": []}],
        "tags": [
            {"name": "v1", "description": "The socket and rest.listen"},
            {"name": "acl", "description": "rest.acl, as acl_server; paths are also heard without /acl"},
            {"name": "tc", "description": "rest.tc, as tc_server"},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": bearer, "certificate": {"type": "mutualTLS"}},
            "schemas": schemas(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let tag = match route.heard {
        Heard::Own(_) => "v1",
        Heard::Acl => "acl",
        Heard::Tc => "tc",
    };
    let schema = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let content = |kind: &str, name: &str| json!({kind: {"schema": schema(name)}});
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<_> = in_path
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .chain(route.queries.iter().map(|name| query(name)))
        .chain(route.headers.iter().map(|name| header(name)))
        .collect();
    let mut responses = Map::new();
    for code in route.codes.iter().chain(&[401, 403, 408, 413]) {
        let says = hyper::StatusCode::from_u16(*code).ok().and_then(|code| code.canonical_reason());
        let mut response = json!({"description": says.unwrap_or_default()});
        match (code, route.gives) {
            (200, "") | (202 | 204 | 404 | 406, _) if tag != "v1" => {}
            (200, "") | (202, _) => {}
            (200, "Events") => response["content"] = content("application/jsonl", "Event"),
            (200, gives) => response["content"] = content(JSON, gives),
            _ => response["content"] = content(JSON, "Fault"),
        }
        responses.insert(code.to_string(), response);
    }
    let mut operation =
        json!({"tags": [tag], "summary": route.says, "parameters": parameters, "responses": responses});
    if !route.takes.is_empty() {
        operation["requestBody"] = json!({"required": true, "content": content(JSON, route.takes)});
    }
    operation
}

fn query(name: &str) -> Value {
    let says = match name {
        "wait" => "0: the answer comes at once. 1: it comes when the outcome is known.",
        "ttl" => "Seconds after which it ends by itself; the header X-TTL says the same.",
        "dry_run" => "1: what would be done; nothing is.",
        _ => "How it is, instead of what it says.",
    };
    json!({"name": name, "in": "query", "required": false, "description": says, "schema": {"type": "string"}})
}

fn header(name: &str) -> Value {
    let says = match name {
        "If-Match" => "The ETag of the policy, or * for any: 412 where it is another by now.",
        _ => "*: 412 where there is one of this name.",
    };
    json!({"name": name, "in": "header", "required": false, "description": says, "schema": {"type": "string"}})
}

fn schemas() -> Value {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer", "minimum": 0});
    let texts = json!({"type": "array", "items": text});
    let policy = json!({"$ref": "#/components/schemas/Policy"});
    let place = json!({"type": "object", "properties":
        {"policy": text, "key": text, "line": number, "column": number, "message": text}});
    json!({
        "Policy": {"type": "object", "description": "The keys of [policy.NAME] in policy.toml(5), and confirm: seconds after which it is taken back unless confirmed."},
        "Many": {"type": "object", "required": ["policies"], "properties":
            {"policies": {"type": "object", "additionalProperties": policy}, "confirm": number}},
        "Shown": {"type": "object", "properties": {
            "name": text, "owner": text, "priority": number, "origin": {"enum": ["file", "asked", "reaction"]},
            "by": text, "carrier": {"enum": ["tables", "traffic", "bridge", "cumulus"]},
            "state": {"enum": ["waiting", "live", "quarantined"]}, "error": {"type": ["string", "null"]},
            "since": number, "ends": {"type": ["integer", "null"]},
            "confirm_by": {"type": ["integer", "null"]}, "packets": number, "bytes": number,
            "version": number, "policy": policy, "empty_groups": texts}},
        "Policies": {"type": "object", "properties": {"generation": number,
            "policies": {"type": "array", "items": {"$ref": "#/components/schemas/Shown"}}}},
        "Receipt": {"type": "object", "properties":
            {"changed": {"type": "boolean"}, "generation": number, "plan": texts}},
        "Group": {"type": "object", "properties": {"name": text, "addresses": texts}},
        "Status": {"type": "object", "properties": {"generation": number, "time": number,
            "healthy": {"type": "boolean"}, "live": number, "waiting": number, "quarantined": number,
            "troubles": {"type": "object", "additionalProperties": text}, "faults": texts, "warnings": texts,
            "sources": {"type": "object", "additionalProperties": {"type": "object", "properties": {
                "since": {"type": ["integer", "null"]}, "away": {"type": ["object", "null"]},
                "counts": {"type": "object", "additionalProperties": number}}}}}},
        "Counters": {"type": "object", "additionalProperties":
            {"type": "object", "properties": {"packets": number, "bytes": number}}},
        "Event": {"type": "object", "properties": {"at": number, "by": text, "text": text, "missed": number}},
        "Fault": {"type": "object", "required": ["code", "message", "where"], "properties":
            {"code": text, "message": text, "where": {"type": "array", "items": place}}},
        "Names": texts,
        "Lines": texts,
        "Filters": {"type": "array", "items": {"type": "object"}},
        "Flower": {"type": "object", "additionalProperties": false, "properties": {"dst_ip": text, "src_ip": text,
            "ip_proto": text, "src_port": {"type": ["string", "integer"]}, "dst_port": {"type": ["string", "integer"]}}},
    })
}
