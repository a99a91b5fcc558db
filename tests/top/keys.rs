//! Keys through a pseudo-terminal, sizes of it, and how it is given back.

use crate::golden::compare;
use crate::recorded::{Recorded, words};
use crate::recording;
use crate::terminal::{Terminal, skips};

#[test]
fn rows_are_ordered_filtered_looked_into_and_left() {
    if skips("rows_are_ordered_filtered_looked_into_and_left") {
        return;
    }
    let recorded = Recorded::new();
    let terminal = Terminal::top((100, 30), &words(&recorded.arguments()));
    terminal.wait_text("? help");
    terminal.press(&["?"]);
    compare("help", &terminal.wait_text("Any key goes back."));
    terminal.press(&["x"]);
    terminal.wait("help is gone", |screen| !screen.contains("Any key goes back."));
    // The order of a column, and the other way round.
    terminal.press(&["5"]);
    terminal.wait_text("vb/s");
    terminal.press(&[">", ">"]);
    compare("flows-by-packets", &terminal.wait_text("vp/s"));
    terminal.press(&["r"]);
    terminal.wait_text("^p/s");
    // A filter, as it is typed and when it holds; two escapes end it.
    terminal.press(&["/", "t", "c", "p"]);
    terminal.wait_text("/tcp_");
    terminal.press(&["Enter"]);
    terminal.wait_text("rows with \"tcp\"");
    terminal.press(&["Escape"]);
    terminal.wait("all rows", |screen| !screen.contains("rows with") && screen.contains("? help"));
    // Into a guest, and back.
    terminal.press(&["3"]);
    terminal.wait_text("vCPU%");
    terminal.press(&["Down", "Enter"]);
    compare("guest", &terminal.wait_text("data source 3:"));
    terminal.press(&["Escape"]);
    terminal.wait_text("vCPU%");
    // A pause is said.
    terminal.press(&["p"]);
    terminal.wait_text("PAUSED");
    terminal.press(&["p"]);
    terminal.wait("no pause", |screen| !screen.contains("PAUSED"));
    terminal.press(&["C-c"]);
    assert_eq!(terminal.wait_end(), "0");
}

#[test]
fn any_size_of_the_terminal_is_borne_and_the_screen_comes_back() {
    if skips("any_size_of_the_terminal_is_borne_and_the_screen_comes_back") {
        return;
    }
    let terminal = Terminal::top((80, 24), &[&recording()]);
    let whole = terminal.wait_text("? help");
    for (width, height) in [(1, 1), (200, 1), (1, 50), (20, 4), (19, 3), (40, 7), (300, 90), (2, 2)] {
        terminal.resize(width, height);
        for key in ["1", "2", "3", "5", "Down", "Enter", "Escape", "?", "?"] {
            terminal.press(&[key]);
        }
        assert_eq!(terminal.pane("#{alternate_on}"), "1", "{width}x{height}");
    }
    terminal.resize(80, 24);
    terminal.press(&["1"]);
    terminal.wait("the screen of the beginning", |screen| screen == whole);
    terminal.press(&["q"]);
    assert_eq!(terminal.wait_end(), "0");
}

#[test]
fn colours_are_there_unless_they_are_not_wanted_and_the_terminal_is_given_back() {
    if skips("colours_are_there_unless_they_are_not_wanted_and_the_terminal_is_given_back") {
        return;
    }
    let dir = crate::support::TempDir::new();
    // Everything is high.
    let limits = dir.write("top.toml", "[host]\nmemory = { warn = 0, high = 0 }\n");
    let arguments = [recording(), "--limits".to_owned(), limits.to_str().unwrap().to_owned()];
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    for (variable, has_colours) in [("NO_COLOR=", true), ("NO_COLOR=1", false), ("TERM=vt100", false)] {
        let terminal = Terminal::with((80, 24), &arguments, variable);
        terminal.wait_text("? help");
        let styled = terminal.styled();
        let is_coloured =
            ["31m", "33m", "31;", "33;", "38;5", ";31", ";33"].iter().any(|code| styled.contains(code));
        assert_eq!(is_coloured, has_colours, "{variable}: {styled:?}");
        assert!(styled.contains('\u{1b}'), "styles there are");
        assert_eq!(terminal.pane("#{alternate_on} #{cursor_flag}"), "1 0");
        terminal.press(&["q"]);
        assert_eq!(terminal.wait_end(), "0");
        assert_eq!(terminal.pane("#{alternate_on} #{cursor_flag}"), "0 1", "{variable}");
    }
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let mut tool = crate::support::process::Process::hsflowctl(&["top", &recording()]);
    assert_eq!(tool.wait_exit(crate::terminal::LIMIT).code(), Some(2));
    assert!(tool.stderr().contains("--batch"), "{}", tool.stderr());
}
