//! What is on the screen, of a recording: its time stands still, so the screen is always the same.

use crate::golden::compare;
use crate::recorded::{Recorded, words};
use crate::terminal::{Terminal, skips};

const TABS: [(&str, &str); 7] = [
    ("1", "overview"),
    ("2", "interfaces"),
    ("3", "guests"),
    ("4", "services"),
    ("5", "flows"),
    ("6", "drops"),
    ("7", "alerts"),
];

fn all_tabs(width: u16, height: u16) {
    let recorded = Recorded::new();
    let terminal = Terminal::top((width, height), &words(&recorded.arguments()));
    terminal.wait_text("? help");
    let mut before = String::new();
    for (key, name) in TABS {
        terminal.press(&[key]);
        let screen = terminal.wait(name, |screen| screen != before && screen.contains("? help"));
        compare(&format!("{width}x{height}-{name}"), &screen);
        before = screen;
    }
    terminal.press(&["q"]);
    assert_eq!(terminal.wait_end(), "0");
}

#[test]
fn every_table_is_as_it_is_kept_on_a_small_screen() {
    if !skips("every_table_is_as_it_is_kept_on_a_small_screen") {
        all_tabs(80, 24);
    }
}

#[test]
fn every_table_is_as_it_is_kept_on_a_large_screen() {
    if !skips("every_table_is_as_it_is_kept_on_a_large_screen") {
        all_tabs(200, 50);
    }
}
