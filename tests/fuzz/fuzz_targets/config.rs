//! No bytes make the configuration parser panic or point outside the text.
#![no_main]

use hsflow::config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (parsed, text) = config::parse_bytes("file", bytes);
    for problem in &parsed.problems {
        assert!(text.get(problem.span.clone()).is_some());
        let _ = problem.line("file");
        let _ = problem.render("file", &text, false);
    }
    let refused = parsed.problems.iter().any(|problem| problem.severity == config::Severity::Error);
    assert_eq!(parsed.settings.is_none(), refused);
});
