//! `hsflowctl policy`: what hsflowd-policy does, and what it is to do.
//!
//! In: the command line, files of policies. Out: pages for people, or the service's own JSON, and an exit status: 1 where
//! the service says no, 2 of a file that cannot be sent, 3 where no service answers. Rule: a file is sent as a whole, and
//! is done whole or not at all.

mod body;
mod call;
mod page;

use super::{Exit, fail, print};
use crate::host::Clock;
use call::{Answer, CallError};
use serde_json::{Value, json};
use std::io::BufRead;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Asked {
    /// What the service says, as it is.
    #[arg(long, global = true)]
    json: bool,
    /// The service's socket.
    #[arg(long, global = true, default_value = "/run/hsflowd-policy/api.sock")]
    socket: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Keep a policy that was put for a trial.
    Confirm {
        /// Its name.
        name: String,
    },
    /// What happens, a line each, until interrupted.
    Events,
    /// Every policy in a line.
    List,
    /// What would be done for the policies of a file; nothing is.
    Plan {
        /// Policies as policy.toml or as JSON has them; - is standard input.
        file: PathBuf,
    },
    /// Put the policies of a file in force, all or none.
    Put {
        /// Policies as policy.toml or as JSON has them; - is standard input.
        file: PathBuf,
        /// Take them back after so many seconds, unless confirmed.
        #[arg(long)]
        confirm: Option<u32>,
    },
    /// Take a policy back that was asked for.
    Remove {
        /// Its name.
        name: String,
    },
    /// One policy, what it says and how it is.
    Show {
        /// Its name.
        name: String,
    },
    /// What does not work, and how many policies there are.
    Status,
}

pub(super) fn policy(asked: &Asked) -> Exit {
    let socket = asked.socket.as_path();
    let get = |path: &str| call::call(socket, "GET", path, None);
    type Page = fn(&Value, u64) -> String;
    let (answer, render): (_, Page) = match &asked.command {
        Command::Events => return events(socket, asked.json),
        Command::List => (get("/v1/policies"), page::list),
        Command::Status => (get("/v1/status"), page::status),
        Command::Show { name } => (named(name, get), page::show),
        Command::Remove { name } => {
            (named(name, |path| call::call(socket, "DELETE", path, None)), page::done)
        }
        Command::Confirm { name } => {
            let confirm = |path: &str| call::call(socket, "POST", &format!("{path}/confirm"), None);
            (named(name, confirm), page::done)
        }
        Command::Plan { file } => (send(socket, "/v1/plan", file, None), page::plan),
        Command::Put { file, confirm } => (send(socket, "/v1/policies", file, *confirm), page::done),
    };
    match answer {
        Ok(answer) => tell(&answer, asked.json, render),
        Err(why @ CallError::File(_)) => fail(&why, Exit::Usage),
        Err(why) => fail(&why, Exit::Unreachable),
    }
}

/// A name goes into a path: what is no letter of a name is nobody's name.
fn named(name: &str, ask: impl Fn(&str) -> Result<Answer, CallError>) -> Result<Answer, CallError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
        let message = format!("there is no policy {}", name.escape_debug());
        return Ok(Answer {
            status: 404,
            body: json!({"code": "unknown", "message": message, "where": []}).to_string().into(),
        });
    }
    ask(&format!("/v1/policies/{name}"))
}

fn send(socket: &Path, path: &str, file: &Path, confirm: Option<u32>) -> Result<Answer, CallError> {
    let mut body = body::read(file)?;
    if let (Some(confirm), Some(keys)) = (confirm, body.as_object_mut()) {
        keys.insert("confirm".into(), confirm.into());
    }
    call::call(socket, "POST", path, Some(&body.to_string()))
}

fn tell(answer: &Answer, is_json: bool, render: fn(&Value, u64) -> String) -> Exit {
    let is_good = (200..300).contains(&answer.status);
    let exit = if is_good { Exit::Yes } else { Exit::No };
    if is_json {
        let text = String::from_utf8_lossy(&answer.body);
        return print(&text).err().unwrap_or(exit);
    }
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value) if is_good => {
            let sick = value.get("healthy").and_then(Value::as_bool) == Some(false);
            let exit = if sick { Exit::No } else { exit };
            print(&render(&value, Clock::system().unix_secs())).err().unwrap_or(exit)
        }
        Ok(value) => fail(&page::refusal(&value), Exit::No),
        Err(why) => fail(&format!("the service's answer is not understood: {why}"), Exit::Unreachable),
    }
}

fn events(socket: &Path, is_json: bool) -> Exit {
    let mut lines = match call::stream(socket, "/v1/events") {
        Ok(lines) => lines,
        Err(CallError::Refused(answer)) => return tell(&answer, is_json, page::done),
        Err(why) => return fail(&why, Exit::Unreachable),
    };
    let mut line = String::new();
    loop {
        line.clear();
        match lines.read_line(&mut line) {
            Ok(0) => return Exit::Yes,
            Ok(_) if is_json => {}
            Ok(_) => line = page::event(&serde_json::from_str(&line).unwrap_or_default()),
            Err(why) => return fail(&why, Exit::Unreachable),
        }
        if let Err(exit) = print(&line) {
            return exit;
        }
    }
}
