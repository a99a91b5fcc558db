//! `hsflowctl`: check, ask and watch. In: the command line. Out: text or JSON on stdout, messages on stderr and an
//! exit status: 0 yes, 1 the answer is no, 2 usage or an unreadable file, 3 no agent answers. Spec: hsflowctl(1).

mod capture;
mod check;
mod client;
mod cost;
pub mod decode;
mod demo;
pub mod doctor;
mod ends;
mod explain;
mod feed;
mod guests;
mod listen;
mod once;
mod policy;
mod printable;
mod reload;
mod service;
mod settings;
mod status;
mod top;
mod watched;
mod web;

use crate::host::Clock;
use crate::status::snapshot::{Snapshot, Value};
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit status of `hsflowctl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Yes, or done.
    Yes = 0,
    /// Asked, and the answer is no.
    No = 1,
    /// The command line or a file is wrong.
    Usage = 2,
    /// No agent answers.
    Unreachable = 3,
}

impl From<Result<(), Self>> for Exit {
    fn from(outcome: Result<(), Self>) -> Self {
        outcome.err().unwrap_or(Self::Yes)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Check, ask and watch the host sFlow agent.
#[derive(Parser)]
#[command(name = "hsflowctl", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Report every problem of a configuration file.
    Check {
        /// The file.
        #[arg(default_value = "/etc/hsflowd.conf")]
        file: PathBuf,
    },
    /// Print configurations.
    Config {
        #[command(subcommand)]
        which: ConfigText,
    },
    /// Print sFlow datagrams.
    Decode(decode::Asked),
    /// Run an agent of this user and print what it sends.
    Demo {
        /// End after this many datagrams.
        #[arg(long)]
        count: Option<u64>,
    },
    /// Does this host have what the agent needs?
    Doctor(doctor::Asked),
    /// Say why something is as it is.
    Explain {
        #[command(subcommand)]
        what: Explanation,
        #[command(flatten)]
        agent: AgentSocket,
    },
    /// Say what will be otherwise than with the C agent that was here.
    Migrate(service::migrate::Asked),
    /// Print what would be sent now.
    Once {
        /// Configuration.
        #[arg(short = 'f', long = "config", default_value = "/etc/hsflowd.conf")]
        config: PathBuf,
        /// One JSON object a datagram.
        #[arg(long)]
        json: bool,
        /// Where the host's /proc, /sys and /etc are mounted.
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
    /// Ask hsflowd-policy, or have it do something.
    Policy(policy::Asked),
    /// Say what systemd has to give the agent for its configuration, and why.
    Privileges(service::privileges::Asked),
    /// Have the running agent read its configuration again.
    Reload {
        #[command(flatten)]
        agent: AgentSocket,
    },
    /// What the running agent does, and what is wrong.
    Status {
        /// The snapshot as it is.
        #[arg(long)]
        json: bool,
        /// Again every two seconds, until interrupted.
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        agent: AgentSocket,
    },
    /// What this host is doing, or all hosts whose sFlow comes to a port.
    Top(top::Options),
    /// The same as a page for a browser.
    Web(web::Options),
}

#[derive(clap::Args)]
struct AgentSocket {
    /// The agent's control socket.
    #[arg(long, global = true, default_value = "/run/hsflowd/control.sock")]
    socket: PathBuf,
}

#[derive(Subcommand)]
enum ConfigText {
    /// The commented default configuration.
    Default,
    /// Every effective value, and where it came from.
    Show {
        /// Of this file, instead of the running agent.
        #[arg(long)]
        file: Option<PathBuf>,
        /// One JSON array.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        agent: AgentSocket,
    },
}

#[derive(Subcommand)]
enum Explanation {
    /// Why collectors know this host by the address they do.
    AgentAddress,
    /// What a guest is to collectors, where its counters come from, and what is wrong.
    Guest {
        /// Its name, data source, UUID or id.
        name: String,
    },
    /// How an interface is sampled, at which rate and why, and what was lost.
    Interface {
        /// Its name.
        name: String,
    },
    /// Whether a collector gets its datagrams, and what keeps them.
    Collector {
        /// Its address or name, as configured.
        address: String,
    },
    /// One packet in how many is sampled, and which line of the configuration decides it.
    SampleRate {
        /// An interface, or an application.
        name: String,
    },
    /// What a setting is, where its value came from, and what it means.
    Setting {
        /// Its key, as config show prints it.
        key: String,
    },
}

/// Every subcommand and option, for what is made from them: the shells' completions.
pub fn command_line() -> clap::Command {
    Cli::command()
}

/// The program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.peek().is_some_and(|program| service::generator::is_called(program)) {
        return service::generator::main(arguments.skip(1));
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(e) => {
            // clap itself sends help to stdout and errors to stderr.
            let _ = e.print();
            return if e.use_stderr() { Exit::Usage } else { Exit::Yes }.into();
        }
    };
    run(cli.command).into()
}

fn run(command: Command) -> Exit {
    match command {
        Command::Check { file } => check::check(&file).into(),
        Command::Config { which: ConfigText::Default } => print(&crate::config::default_file()).into(),
        Command::Config { which: ConfigText::Show { file: Some(file), json, .. } } => {
            settings::of_file(&file).and_then(|values| print(&settings_page(&values, json))).into()
        }
        Command::Config { which: ConfigText::Show { file: None, json, agent } } => {
            ask(&agent, json, |snapshot| (settings_page(&snapshot.settings.values, json), Exit::Yes))
        }
        Command::Decode(asked) => decode::decode(&asked).into(),
        Command::Demo { count } => demo::demo(count),
        Command::Doctor(asked) => doctor::doctor(&asked),
        Command::Explain { what, agent } => ask(&agent, false, |snapshot| explained(snapshot, &what)),
        Command::Migrate(asked) => service::migrate::migrate(&asked).into(),
        Command::Once { config, json, root } => once::once(&root, &config, json).into(),
        Command::Policy(asked) => policy::policy(&asked),
        Command::Privileges(asked) => service::privileges::privileges(&asked).into(),
        Command::Reload { agent } => reload::reload(&agent.socket),
        Command::Status { json, watch: true, agent } => {
            status::watch::watch(json, || match read(&agent, json) {
                Ok(snapshot) => status_page(&snapshot, json),
                Err(e) => (format!("hsflowctl: {e}\n"), Exit::Unreachable),
            })
        }
        Command::Status { json, watch: false, agent } => {
            ask(&agent, json, |snapshot| status_page(snapshot, json))
        }
        Command::Top(options) => top::top(&options),
        Command::Web(options) => web::web(&options),
    }
}

/// The paragraph; a no where there is no such thing, with those that there are.
fn explained(snapshot: &Snapshot, what: &Explanation) -> (String, Exit) {
    let found = match what {
        Explanation::AgentAddress => Ok(explain::agent_address(snapshot)),
        Explanation::Guest { name } => {
            guests::explain(snapshot, name).ok_or_else(|| guests::none(snapshot, name))
        }
        Explanation::Interface { name } => {
            explain::interface(snapshot, name).ok_or_else(|| explain::no_interface(snapshot, name))
        }
        Explanation::Collector { address } => explain::collector::explain(snapshot, address),
        Explanation::SampleRate { name } => explain::rate::explain(snapshot, name),
        Explanation::Setting { key } => explain::setting::explain(snapshot, key),
    };
    found.map_or_else(|none| (none, Exit::No), |text| (text, Exit::Yes))
}

fn status_page(snapshot: &Snapshot, json: bool) -> (String, Exit) {
    let exit = if snapshot.healthy { Exit::Yes } else { Exit::No };
    if json {
        return (serde_json::to_string(snapshot).unwrap_or_default() + "\n", exit);
    }
    (status::render(snapshot, Clock::system().unix_secs()), exit)
}

fn settings_page(values: &[Value], json: bool) -> String {
    if json { serde_json::to_string(values).unwrap_or_default() + "\n" } else { settings::render(values) }
}

/// JSON has all texts as they are, and escapes of its own.
fn read(agent: &AgentSocket, json: bool) -> Result<Snapshot, client::ClientError> {
    if json { client::read_snapshot(&agent.socket) } else { client::read_printable(&agent.socket) }
}

fn ask(agent: &AgentSocket, json: bool, page: impl Fn(&Snapshot) -> (String, Exit)) -> Exit {
    match read(agent, json) {
        Ok(snapshot) => {
            let (text, exit) = page(&snapshot);
            print(&text).err().unwrap_or(exit)
        }
        Err(e) => fail(&e, Exit::Unreachable),
    }
}

/// Prints to stdout. The error is the status to end with: a reader that has gone (`| head`) wants no more, which is
/// no failure.
fn print(text: &str) -> Result<(), Exit> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Exit::Yes),
        Err(e) => Err(fail(&e, Exit::Usage)),
    }
}

/// What is written into it.
fn written(write: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text);
    text
}

/// Says on stderr what does not end the program.
fn say(message: &dyn std::fmt::Display) {
    eprintln!("hsflowctl: {message}");
}

/// Says on stderr what went wrong.
fn fail(error: &dyn std::fmt::Display, exit: Exit) -> Exit {
    say(error);
    exit
}
