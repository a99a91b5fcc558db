//! The program `hsflowd-policy`: its command line, and what each way of calling it does.
//!
//! In: arguments. Out: an exit status: 0 is done, 1 is that something is wrong (faults of files, a back end in
//! trouble), 2 is a wrong command line. Rule: only the service and `--clear` change what is wanted, and only one of
//! them at a time; `--expire` needs no service, and takes out nothing but what is over. Spec: hsflowd-policy(8).

use super::apply::Runner;
use super::book::{Book, Kept};
use super::desk;
use super::generator;
use super::lines::Dialect;
use super::privileges::grants;
use super::service::{Backends, Files, ReadFault, Service, Setup};
use super::store;
use super::wanted::Wanted;
use crate::host::Clock;
use crate::log::{self as output, Destination};
use crate::setup::page;
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

const CUMULUS: &str = "/usr/cumulus/bin/cl-acltool";
/// The text of `-h`.
pub const USAGE: &str = "\
usage: hsflowd-policy [-d] [-c DIR] [--state FILE] [--check | --dry-run | --expire | --clear | --privileges]
  -c DIR        folder of policy.toml and policy.d (default /etc/hsflowd)
  --state FILE  what outlives the program (default /var/lib/hsflowd-policy/state.toml)
  --check       say what is wrong in the files, and end
  --dry-run     say what would be done, and end
  --expire      take out what is over, without the service, and end
  --clear       take away everything that is ours, and end; not while the service runs
  --privileges  print what the units have to be given for the files, and end
  -d            say more
  -V, --version print the version
  -h, --help    print this
";

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Serve,
    Check,
    DryRun,
    Expire,
    Clear,
    Privileges,
    Version,
    Help,
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    mode: Mode,
    folder: PathBuf,
    state: PathBuf,
    verbosity: u32,
}

/// Runs the program with these arguments, of which the first is its name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    if arguments.next().is_some_and(|program| generator::is_called(&program)) {
        return generator::main(arguments, dialect());
    }
    let options = match parse(arguments) {
        Ok(options) => options,
        Err(why) => {
            eprint!("hsflowd-policy: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // These two cannot fail.
    let _ = output::start(&Destination::stderr(), options.verbosity);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return wrong(&error),
    };
    let dialect = dialect();
    runtime.block_on(async {
        match options.mode {
            Mode::Serve => serve(options, dialect).await,
            Mode::Check => check(&options, dialect),
            Mode::DryRun => dry_run(&options, dialect).await,
            Mode::Expire => expire(&options, dialect).await,
            Mode::Clear => clear(&options, dialect).await,
            Mode::Privileges => privileges(&options, dialect),
            Mode::Version => {
                println!("hsflowd-policy {}", env!("CARGO_PKG_VERSION"));
                ExitCode::SUCCESS
            }
            Mode::Help => {
                print!("{USAGE}");
                ExitCode::SUCCESS
            }
        }
    })
}

fn dialect() -> Dialect {
    if Path::new(CUMULUS).is_file() { Dialect::Cumulus } else { Dialect::Linux }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, lexopt::Error> {
    let mut parser = Parser::from_args(arguments);
    let mut options = Options {
        mode: Mode::Serve,
        folder: "/etc/hsflowd".into(),
        state: "/var/lib/hsflowd-policy/state.toml".into(),
        verbosity: 0,
    };
    while let Some(argument) = parser.next()? {
        let mode = match argument {
            Arg::Short('c') | Arg::Long("config") => {
                options.folder = parser.value()?.into();
                continue;
            }
            Arg::Long("state") => {
                options.state = parser.value()?.into();
                continue;
            }
            Arg::Short('d') => {
                options.verbosity += 1;
                continue;
            }
            Arg::Long("check") => Mode::Check,
            Arg::Long("dry-run") => Mode::DryRun,
            Arg::Long("expire") => Mode::Expire,
            Arg::Long("clear") => Mode::Clear,
            Arg::Long("privileges") => Mode::Privileges,
            Arg::Short('V') | Arg::Long("version") => Mode::Version,
            Arg::Short('h') | Arg::Long("help") => Mode::Help,
            other => return Err(other.unexpected()),
        };
        if options.mode != Mode::Serve && options.mode != mode {
            return Err("one of --check, --dry-run, --expire, --clear and --privileges at a time".into());
        }
        options.mode = mode;
    }
    Ok(options)
}

fn wrong(why: &dyn std::fmt::Display) -> ExitCode {
    ::log::error!("{why}");
    ExitCode::FAILURE
}

/// 0 if there are no faults, which are said.
fn verdict(faults: &[String]) -> ExitCode {
    faults.iter().for_each(|fault| ::log::error!("{fault}"));
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn serve(options: Options, dialect: Dialect) -> ExitCode {
    let Options { folder, state, .. } = options;
    let setup = Setup { folder, state, runner: Runner::new(), clock: Clock::system(), dialect };
    let (desk, clerk) = desk::open();
    let ended = match Service::open(setup, clerk) {
        Ok(service) => service.run(desk).await,
        Err(why) => Err(why),
    };
    ended.map_or_else(|why| wrong(&why), |()| ExitCode::SUCCESS)
}

fn check(options: &Options, dialect: Dialect) -> ExitCode {
    match Files::new(&options.folder, dialect).read() {
        Ok(wishes) => {
            wishes.faults.iter().for_each(|fault| println!("{fault}"));
            println!("{} policies, {} faults", wishes.policies.len(), wishes.faults.len());
            if wishes.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => wrong(&why),
    }
}

fn privileges(options: &Options, dialect: Dialect) -> ExitCode {
    match generator::read(&options.folder, dialect) {
        Ok(wishes) => {
            let grants = grants(&wishes, dialect == Dialect::Cumulus);
            print!("{}", page(&grants));
            if grants.is_empty() {
                println!("The units need nothing beyond what they are shipped with.");
            }
            ExitCode::SUCCESS
        }
        Err(why) => wrong(&why),
    }
}

async fn dry_run(options: &Options, dialect: Dialect) -> ExitCode {
    let now = Clock::system().wall();
    let (kept, mut faults) = match store::read(&options.state, dialect) {
        Ok(read) => read,
        Err(why) => (Default::default(), vec![why.to_string()]),
    };
    let book = match left(options, dialect, kept, now) {
        Ok((book, found)) => {
            faults.extend(found);
            book
        }
        Err(why) => return wrong(&why),
    };
    match Backends::new(&Runner::new(), dialect).plan(&book.wanted(now), now).await {
        Ok(texts) => texts.iter().for_each(|text| println!("{text}")),
        Err(why) => faults.push(why),
    }
    verdict(&faults)
}

/// What the service, if it runs, has done already is found done.
async fn expire(options: &Options, dialect: Dialect) -> ExitCode {
    let (kept, mut faults) = match store::read(&options.state, dialect) {
        Ok(read) => read,
        Err(why) => return wrong(&why),
    };
    let now = Clock::system().wall();
    let (policies, others) = kept.sweep(now);
    if policies.is_empty() {
        return verdict(&faults);
    }
    // Groups of files, for those whose flows bear no names.
    let members = match left(options, dialect, kept, now) {
        Ok((book, _)) => book.wanted(now).members,
        Err(why) => {
            faults.push(why.to_string());
            Default::default()
        }
    };
    let over = Wanted { policies, members, is_cumulus: dialect == Dialect::Cumulus };
    let (steps, failed) = Backends::new(&Runner::new(), dialect).take_out(&over, &others, now).await;
    faults.extend(failed);
    if steps > 0 {
        ::log::info!("took out what is over, in {steps} steps");
    }
    verdict(&faults)
}

/// What is wanted without the service: of the files and of what was kept, with what is wrong in them.
fn left(
    options: &Options,
    dialect: Dialect,
    kept: Kept,
    now: SystemTime,
) -> Result<(Book, Vec<String>), ReadFault> {
    let wishes = Files::new(&options.folder, dialect).read()?;
    let mut faults: Vec<_> = wishes.faults.iter().map(ToString::to_string).collect();
    let mut book = Book::new(dialect == Dialect::Cumulus);
    book.restore(kept, now);
    faults.extend(book.replace_files(wishes, now));
    book.expire(now);
    Ok((book, faults))
}

async fn clear(options: &Options, dialect: Dialect) -> ExitCode {
    let _lock = match store::lock(&options.state) {
        Ok(lock) => lock,
        Err(why) => return wrong(&why),
    };
    let mut backends = Backends::new(&Runner::new(), dialect);
    match store::read(&options.state, dialect) {
        Ok((kept, _)) => backends.remember(kept.everywhere()),
        Err(why) => ::log::warn!("{why}; namespaces that it names are not looked into"),
    }
    let outcomes = backends.clear().await;
    verdict(&outcomes.into_iter().filter_map(|(_, outcome)| outcome.trouble).collect::<Vec<_>>())
}
