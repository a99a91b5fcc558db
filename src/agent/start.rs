//! From the command line to a running agent. In: options. Out: an exit status. Order: log, configuration, process
//! id file, daemon, parts, privileges, loop; so that what can be wrong is said while somebody still looks.

use super::args::{self, Action, Options, USAGE};
use super::commands::Commands;
use super::configuration::{self, LoadError, Loaded};
use super::control::Control;
use super::daemon::Agent;
use super::exit::Exit;
use super::guests::events;
use super::pid_file::PidFile;
use super::privileges::{self, PrivilegeError};
use super::run::{self, Signals, Sockets};
use super::sockets::Door;
use super::stream::Stream;
use crate::log::{self as logging, Destination};
use crate::status::registry::State;
use crate::sys::daemon::daemon;
use crate::sys::resident;
use caps::Capability;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// The program: arguments without its name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    match args::parse(arguments) {
        Ok(Action::Run(options)) => start(*options),
        Ok(Action::Version) => {
            println!("hsflowd version {}", env!("CARGO_PKG_VERSION"));
            Exit::Ok
        }
        Ok(Action::Help) => {
            print!("{USAGE}");
            Exit::Ok
        }
        Err(e) => {
            eprintln!("hsflowd: {e}\n{USAGE}");
            Exit::Usage
        }
    }
}

fn start(mut options: Options) -> Exit {
    if !options.foreground {
        options.make_absolute();
    }
    let verbosity = options.verbosity;
    let destination = destination(&options);
    if let Err(e) = logging::start(&destination, verbosity) {
        eprintln!("hsflowd: log {destination:?}: {e}");
        return Exit::NoPermission;
    }
    for why in &options.ignored {
        log::info!(target: "options", "ignored {why}");
    }
    let loaded = match configuration::load_or_built_in(&options) {
        Ok(loaded) => loaded,
        Err(e) => return refuse(&e),
    };
    for remark in &loaded.remarks {
        log::info!(target: "configuration", "{remark}");
    }
    let pid_file = match become_daemon(&options) {
        Ok(pid_file) => pid_file,
        Err(exit) => return exit,
    };
    resident::keep_little();
    let exit = serve(options, loaded);
    drop(pid_file);
    exit
}

/// Before the configuration was read, problems go where the operator is: stderr, even for a daemon.
fn destination(options: &Options) -> Destination {
    match &options.log_file {
        Some(path) => Destination::File(path.clone(), options.log_limit),
        None => Destination::stderr(),
    }
}

fn refuse(error: &LoadError) -> Exit {
    for line in error.to_string().lines() {
        log::error!(target: "configuration", "{line}");
    }
    Exit::Config
}

/// Without `-d`: locks the process id file, goes on in the background, and logs to syslog from then on. The command returns
/// when the file has the number of the process.
fn become_daemon(options: &Options) -> Result<Option<PidFile>, Exit> {
    if options.foreground {
        return Ok(None);
    }
    let fail = |e: &dyn std::fmt::Display| {
        log::error!(target: "daemon", "{e}");
        Exit::NoPermission
    };
    let mut pid_file = PidFile::lock(&options.pid_file).map_err(|e| fail(&e))?;
    let waiting = daemon(Exit::NoPermission as i32).map_err(|e| fail(&e))?;
    if options.log_file.is_none() {
        // Without syslog there is nowhere left to say so.
        let _ = logging::start(&Destination::Syslog, options.verbosity);
    }
    pid_file.write().map_err(|e| fail(&e))?;
    waiting.release();
    Ok(Some(pid_file))
}

fn serve(options: Options, loaded: Loaded) -> Exit {
    // A tap is a descriptor, and a guest is several. Where there may be no more of them, those that want one say so.
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            log::error!(target: "agent", "the event loop cannot be made: {e}");
            return Exit::Unavailable;
        }
    };
    runtime.block_on(async {
        let signals = match Signals::catch() {
            Ok(signals) => signals,
            Err(e) => {
                log::error!(target: "agent", "signals cannot be caught: {e}");
                return Exit::Unavailable;
            }
        };
        let mut agent = match Agent::new(options, loaded) {
            Ok(agent) => agent,
            Err(e) => {
                log::error!(target: "agent", "{e}");
                return Exit::Unavailable;
            }
        };
        let made_directory = make_run_directory(&agent.options);
        let control = open_control(&mut agent);
        let (mut commands, mut events, mut stream) = (None, None, None);
        if control.is_some() {
            commands = open_beside(&mut agent, "commands", "no hsflowctl reload", Commands::open);
            events = open_beside(&mut agent, "guest-events", "nobody is told of guests", events::open);
            stream = open_beside(&mut agent, "stream", "nobody can read along", Stream::open);
        }
        let made = [
            agent.options.socket.parent().filter(|_| made_directory),
            control.as_ref().map(|_| agent.options.socket.as_path()),
            commands.as_ref().map(Commands::path),
            events.as_ref().map(Door::path),
            stream.as_ref().map(Stream::path),
        ];
        if let Err(e) = give_up_privileges(&agent, &made) {
            log::error!(target: "privileges", "{e}");
            return Exit::NoPermission;
        }
        let mut sockets = Sockets { control, commands, events, stream };
        let ended = run::run(&mut agent, &mut sockets, signals).await;
        agent.end(matches!(ended, Ok(Exit::Ok))).await;
        match ended {
            Ok(exit) => exit,
            Err(e) => {
                log::error!(target: "agent", "the event loop failed: {e}");
                Exit::Software
            }
        }
    })
}

/// Makes the directory of the socket and the settings file where nobody has; true if it did.
fn make_run_directory(options: &Options) -> bool {
    let Some(directory) = options.socket.parent().filter(|directory| !directory.exists()) else {
        return false;
    };
    let made = std::fs::create_dir_all(directory);
    if let Err(e) = &made {
        log::debug!(target: "agent", "{}: {e}", directory.display());
    }
    made.is_ok()
}

fn open_control(agent: &mut Agent) -> Option<Control> {
    match Control::open(&agent.options.socket) {
        Ok(control) => {
            agent.set("control", State::Running);
            agent.follows_a_crash = control.follows_a_crash();
            if agent.follows_a_crash {
                log::warn!(target: "agent", "the agent before this one did not end by itself");
            }
            Some(control)
        }
        Err(e) => {
            agent.set("control", State::degraded(&e));
            None
        }
    }
}

/// Opens another socket beside the control socket; without that there is none, as another agent may have it. `without` says
/// what is not had then.
fn open_beside<T>(
    agent: &mut Agent,
    component: &str,
    without: &str,
    open: impl FnOnce(&Path) -> io::Result<T>,
) -> Option<T> {
    let opened = open(&agent.options.socket).map_err(|e| format!("{without}: {e}"));
    agent.set(component, State::from_result(opened.as_ref()));
    opened.ok()
}

/// Root is left behind once all that needs it is open. What the agent has made goes to the new user first, and
/// nothing else: the socket may be in a directory of everybody's.
fn give_up_privileges(agent: &Agent, made: &[Option<&Path>]) -> Result<(), PrivilegeError> {
    if agent.options.keep_privileges {
        return Ok(());
    }
    let mut needs = privileges::needed(&agent.file);
    let Some(user) = privileges::unprivileged_user()? else { return privileges::apply_reduction(&needs) };
    for path in made.iter().flatten() {
        if let Err(e) = std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())) {
            log::debug!(target: "privileges", "{}: {e}", path.display());
        }
    }
    // These only help with containers; who wants them gives them by a unit, to an ordinary user.
    let way_back = [Capability::CAP_SYS_ADMIN, Capability::CAP_SYS_PTRACE];
    needs.retain(|need| need.vital || !way_back.contains(&need.capability));
    privileges::apply_drop(&user, &needs)?;
    log::info!(target: "privileges", "running as {} with {} capabilities", user.name, needs.len());
    for need in needs {
        log::info!(target: "privileges", "kept {} for {}", need.capability, need.reason);
    }
    Ok(())
}
