//! Comparing with what is kept. `UPDATE_GOLDEN=1` writes it.

use crate::repository;
use crate::terminal::Terminal;

fn path(name: &str) -> String {
    repository(&format!("tests/top/golden/{name}.txt"))
}

fn plain(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// True where it was to be written anew, and was.
fn update(name: &str, text: &str) -> bool {
    let is_wanted = std::env::var_os("UPDATE_GOLDEN").is_some();
    if is_wanted {
        std::fs::write(path(name), plain(text)).unwrap();
    }
    is_wanted
}

fn kept(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("{name}: {e}; UPDATE_GOLDEN=1 writes it"))
}

/// Fails where a text is not what is kept under this name.
#[track_caller]
pub(crate) fn compare(name: &str, text: &str) {
    if update(name, text) {
        return;
    }
    let (kept, text) = (kept(name), plain(text));
    assert!(kept == text, "{name} is\n{text}\nnot\n{kept}\nUPDATE_GOLDEN=1 writes it anew");
}

/// Waits until the screen is what is kept under this name; `is` says when it is worth keeping.
#[track_caller]
pub(crate) fn wait(terminal: &Terminal, name: &str, is: impl FnMut(&str) -> bool) -> String {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let screen = terminal.wait(name, is);
        update(name, &screen);
        return screen;
    }
    let kept = kept(name);
    match terminal.try_wait(|screen| plain(screen) == kept) {
        Ok(screen) => screen,
        Err(last) => panic!("{name} is\n{}\nnot\n{kept}\nUPDATE_GOLDEN=1 writes it anew", plain(&last)),
    }
}
