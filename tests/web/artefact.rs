//! The page that is part of the program is that of its sources.

use crate::repository;
use std::fs;

#[test]
fn the_page_is_made_of_the_sources_that_are_here() {
    let mut names = vec!["build.mjs".to_owned(), "package.json".to_owned(), "package-lock.json".to_owned()];
    for entry in fs::read_dir(repository("web/src")).unwrap() {
        names.push(format!("src/{}", entry.unwrap().file_name().to_str().unwrap()));
    }
    names.sort();
    let mut sum = sha1_smol::Sha1::new();
    for name in &names {
        sum.update(format!("{name}\n").as_bytes());
        sum.update(&fs::read(repository(&format!("web/{name}"))).unwrap());
    }
    let page = fs::read_to_string(repository("web/page.html")).unwrap();
    let wanted = format!("sources: {} -->", sum.digest());
    assert!(page.contains(&wanted), "web/page.html is older than web/src: make web");
}

#[test]
fn the_page_loads_nothing_from_elsewhere_and_names_its_licences() {
    let page = fs::read_to_string(repository("web/page.html")).unwrap();
    for word in ["<script src", "<link rel=\"stylesheet", "@import", "https://", "//cdn", "url(http"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(
        page.contains("The MIT License") && page.contains("Leon Sorokin"),
        "uPlot's licence is in the page"
    );
    let lock: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(repository("web/package-lock.json")).unwrap()).unwrap();
    let packages = lock["packages"].as_object().unwrap();
    for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
        assert_eq!(package["license"], "MIT", "{name}");
        let is_held = package["integrity"].as_str().is_some_and(|sum| sum.starts_with("sha512-"));
        assert!(is_held, "{name} has no sum");
    }
}
