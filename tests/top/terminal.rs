//! A terminal: a tmux server of the test's own, in which a program runs. Its screen is read when it stands still.

use crate::support::TempDir;
use std::process::{Command, Output};
use std::time::Duration;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Terminal {
    dir: TempDir,
}

impl Terminal {
    /// `hsflowctl top` with these arguments in a terminal of this size.
    pub(crate) fn top(size: (u16, u16), arguments: &[&str]) -> Self {
        Self::with(size, arguments, "NO_COLOR=")
    }

    /// The same with a variable in its environment.
    pub(crate) fn with((width, height): (u16, u16), arguments: &[&str], variable: &str) -> Self {
        let this = Self { dir: TempDir::new() };
        let configuration = this.dir.write("tmux.conf", "set -g status off\n");
        let mut command = this.command();
        command.args(["-f", configuration.to_str().unwrap(), "new-session", "-d"]);
        command.args(["-x", &width.to_string(), "-y", &height.to_string()]);
        // The terminal outlives the program, as a shell's does.
        command.args(["sh", "-c", "env \"$@\"; echo \"ended with $?\"; exec cat", "sh", variable]);
        command.arg(env!("CARGO_BIN_EXE_hsflowctl")).arg("top").args(arguments);
        let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        this
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(self.dir.path().join("socket"));
        command
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let output = self.command().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Keys by tmux's names, or letters.
    pub(crate) fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    pub(crate) fn resize(&self, width: u16, height: u16) {
        self.tmux(&["set-option", "-g", "window-size", "manual"]);
        self.tmux(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// The screen as it is at this moment.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// The same with the sequences that its styles need.
    pub(crate) fn styled(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p", "-e"]).stdout).unwrap()
    }

    /// The screen, when this is true of it and it no longer changes.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, mut is: impl FnMut(&str) -> bool) -> String {
        let mut before = String::new();
        let clock = hsflow::host::Clock::system();
        let end = clock.now() + LIMIT;
        loop {
            let screen = self.screen();
            if is(&screen) && screen == before {
                return screen;
            }
            assert!(clock.now() < end, "not within {LIMIT:?}: {what}; the screen is\n{screen}");
            before = screen;
            std::thread::park_timeout(Duration::from_millis(60));
        }
    }

    /// The screen, as soon as it has this text.
    #[track_caller]
    pub(crate) fn wait_text(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// What tmux says of the pane.
    pub(crate) fn pane(&self, format: &str) -> String {
        String::from_utf8(self.tmux(&["display-message", "-p", format]).stdout).unwrap().trim().to_owned()
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> String {
        let shell = self.pane("#{pane_pid}");
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.split_whitespace().next().unwrap().to_owned()
    }

    /// Waits for the program's end: its exit status.
    #[track_caller]
    pub(crate) fn wait_end(&self) -> String {
        let screen = self.wait_text("ended with ");
        screen.split("ended with ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").output();
    }
}

/// Without tmux there is no terminal.
pub(crate) fn skips(test: &str) -> bool {
    let is_there = Command::new("tmux").arg("-V").output().is_ok();
    if !is_there {
        println!("SKIP {test}: tmux is not installed");
    }
    !is_there
}
