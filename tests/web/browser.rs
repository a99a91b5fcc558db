//! A browser: chromium by chromedriver. Spec: W3C WebDriver.

use crate::LIMIT;
use crate::client::{Answer, get, post, raw};
use crate::support::TempDir;
use crate::support::process::Process;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;

pub(crate) struct Browser {
    at: SocketAddr,
    session: String,
    _driver: Process,
    _folder: TempDir,
}

/// Why there is none here.
pub(crate) fn skips(test: &str) -> bool {
    let absent = ["chromium", "chromedriver"].into_iter().find(|name| {
        !std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|dir| dir.join(name).exists())
    });
    if let Some(name) = absent {
        println!("SKIP {test}: {name} is not installed");
    }
    absent.is_some()
}

impl Browser {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new();
        // Its processes end with it, in a space of their own; what it keeps for itself goes with the folder.
        let mut command = Command::new("unshare");
        command
            .args(["-pf", "--kill-child", "--mount-proc", "chromedriver", "--port=0"])
            .env("HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path());
        let driver = Process::start(&mut command);
        let line = driver.wait_line("started successfully on port", LIMIT);
        let port = line.split_whitespace().last().unwrap().trim_end_matches('.').parse().unwrap();
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        let options = [
            "--headless=new",
            "--no-sandbox", // as root there is none
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--window-size=1400,1500",
            &profile,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": options},
        }}});
        let answer = value(&post(at, "/session", &wanted));
        let session = answer["sessionId"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Self { at, session, _driver: driver, _folder: folder }
    }

    fn ask(&self, what: &str, body: &Value) -> Value {
        value(&post(self.at, &format!("/session/{}/{what}", self.session), body))
    }

    pub(crate) fn open(&self, url: &str) {
        self.ask("url", &json!({"url": url}));
    }

    /// What a script returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until a script returns something true, and returns it.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, script: &str) -> Value {
        crate::support::wait_until(what, LIMIT, || {
            let answer = self.run(script);
            let is = !(answer.is_null() || answer == false || answer == "" || answer == 0);
            is.then_some(answer)
        })
    }

    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.ask("window/rect", &json!({"width": width, "height": height}));
    }

    /// A picture, as PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let text = value(&get(self.at, &format!("/session/{}/screenshot", self.session)));
        from_base64(text.as_str().unwrap())
    }

    /// What the browser complained of.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.ask("se/log", &json!({"type": "browser"}));
        let lines = log
            .as_array()
            .unwrap()
            .iter()
            .filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends the browser, which is not its driver's child for long.
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.session, self.at
        );
        if !std::thread::panicking() {
            raw(self.at, &request);
        } else if let Ok(mut stream) = std::net::TcpStream::connect(self.at) {
            let _ = std::io::Write::write_all(&mut stream, request.as_bytes());
            let _ = std::io::Read::read(&mut stream, &mut [0; 64]);
        }
    }
}

#[track_caller]
fn value(answer: &Answer) -> Value {
    let mut body = answer.json();
    assert_eq!(answer.status, 200, "{body}");
    body["value"].take()
}

fn from_base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u8> = text.bytes().filter_map(digit).collect();
    let word = |four: &[u8]| {
        let bits =
            four.iter().fold(0_u32, |bits, digit| bits << 6 | u32::from(*digit)) << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(word).collect()
}
