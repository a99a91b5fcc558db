//! The fuzzer: libFuzzer calls the target that the variable FUZZ_TARGET names. `tests/fuzz.sh` builds and runs it.

#![no_main]

#[path = "../targets.rs"]
mod targets;

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let target = targets::TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("FUZZ_TARGET={name} is none of targets.rs")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
