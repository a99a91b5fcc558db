//! Comparing with what is kept. `UPDATE_GOLDEN=1` writes it.

use crate::repository;

/// Fails where a text is not what is kept under this name.
#[track_caller]
pub(crate) fn compare(name: &str, text: &str) {
    let path = repository(&format!("tests/top/golden/{name}.txt"));
    let text: String = text.trim_end().lines().map(|line| format!("{}\n", line.trim_end())).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let kept =
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}; UPDATE_GOLDEN=1 writes it"));
    assert!(kept == text, "{name} is\n{text}\nnot\n{kept}\nUPDATE_GOLDEN=1 writes it anew");
}
