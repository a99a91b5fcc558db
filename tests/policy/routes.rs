//! `etc/openapi.json` says what the server does: it is made from the server's table, and each route of it answers.

use crate::rest::{JSON, TOKEN, request, served, within};
use hsflow::policy::lines::Dialect;
use hsflow::policy::rest::openapi;
use std::path::Path;

#[test]
fn the_description_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/openapi.json");
    let text = serde_json::to_string_pretty(&openapi()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "etc/openapi.json is not up to date: run this test with UPDATE_GOLDEN=1");
}

#[test]
fn every_reference_of_the_description_leads_somewhere() {
    let document = openapi();
    let text = document.to_string();
    let names: Vec<_> =
        text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.len() > 20);
    for name in names {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

#[test]
fn every_route_answers_with_a_code_that_is_described() {
    within(async {
        let served = served("routes", Dialect::Linux, false).await;
        let headers = format!("{JSON}Authorization: Bearer {TOKEN}\r\n");
        let document = openapi();
        let mut count = 0;
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let of = |tag| operation["tags"][0] == tag;
                let at = served.addresses[if of("v1") {
                    0
                } else if of("acl") {
                    1
                } else {
                    2
                }];
                let path =
                    path.replace("{name}", "web").replace("{device}", "swp1").replace("{preference}", "7");
                if path == "/v1/events" {
                    continue; // it has no end
                }
                for body in ["", "{}", "[]", "{\"policies\": {}}", "{\"action\": \"drop\"}"] {
                    let line = format!("{} {path}", method.to_uppercase());
                    let answer = request(at, &line, &headers, body).await;
                    let code = answer.split(' ').nth(1).unwrap();
                    assert!(operation["responses"][code].is_object(), "{line} {body}: {answer}");
                    assert!(!answer.contains("\"code\":\"path\"") && code != "405", "{line}: {answer}");
                    count += 1;
                }
            }
        }
        assert!(count > 100, "{count}");
    });
}
