//! `hsflowd-libvirt`: asks libvirt on behalf of the agent, so that the agent need not load its libraries.
//!
//! In: a URI as argument (else `LIBVIRT_DEFAULT_URI`, else root's default and everybody's `qemu:///system`), words of the
//! agent on standard input. Out: the lines of [`sample::guest::domain::line`](crate::sample::guest::domain::line) on standard output. Rules: one connection, and when
//! it is lost the program ends with the reason; a poll is one call, a description is asked for once until its domain
//! changes; it has no capabilities, and ends with its input or its parent.

use crate::sample::guest::domain::Domain;
use crate::sample::guest::domain::description::{Description, DescriptionError};
use crate::sample::guest::domain::line::{LIMIT, Line};
use crate::sample::guest::domain::stats::{self, Sums};
use crate::sys::libvirt::{Connection, LibvirtError, Record, Value};
use caps::CapSet;
use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{geteuid, read};
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io::{self, BufWriter, Write, stdin, stdout};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;

/// Seconds of silence after which libvirt is asked whether it lives, and how often in vain.
const KEEP_ALIVE: (i32, u32) = (3, 2);

/// Why it ends before its input does.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Libvirt(#[from] LibvirtError),
    #[error("libvirt closed the connection ({})", match .0 { 1 => "end of file", 2 => "it does not answer", _ => "error" })]
    Closed(i32),
    #[error("give up capabilities: {0}")]
    Rights(#[from] caps::errors::CapsError),
    #[error("standard input: {0}")]
    Input(#[from] Errno),
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// The program.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let uri = match arguments.as_slice() {
        [] => None,
        [uri] if !uri.starts_with('-') => Some(uri.as_str()),
        _ => {
            eprintln!("usage: hsflowd-libvirt [URI]   (started by hsflowd)");
            return ExitCode::from(2);
        }
    };
    let system = std::env::var_os("LIBVIRT_DEFAULT_URI").is_none() && !geteuid().is_root();
    let mut output = BufWriter::with_capacity(LIMIT, stdout());
    let Err(failure) = serve(uri.or(system.then_some("qemu:///system")), &mut output) else {
        return ExitCode::SUCCESS;
    };
    let told = output.write_all(&Line::Failed(failure.to_string()).encode()).and_then(|()| output.flush());
    // With nobody to tell there is nothing to do about it.
    drop(told);
    ExitCode::FAILURE
}

fn serve(uri: Option<&str>, output: &mut impl Write) -> Result<(), Failure> {
    set_pdeathsig(Signal::SIGKILL)?;
    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set)?;
    }
    let connection = Connection::open(uri)?;
    connection.keep_alive(KEEP_ALIVE.0, KEEP_ALIVE.1);
    connection.watch(stdin().as_raw_fd())?;
    output.write_all(&Line::Connected(connection.uri().to_owned()).encode())?;
    let mut teller = Teller { output, known: HashMap::new() };
    loop {
        teller.output.flush()?;
        let events = connection.wait()?;
        if let Some(reason) = events.closed {
            return Err(Failure::Closed(reason));
        }
        for uuid in &events.changed {
            teller.tell_one(&connection, uuid)?;
        }
        match if events.readable { read_words()? } else { Some(0) } {
            None => return Ok(()),
            Some(0) => {}
            Some(_) => teller.tell_all(&connection)?,
        }
    }
}

/// Words that the agent has written; `None` at the end of them.
fn read_words() -> Result<Option<usize>, Errno> {
    let mut buffer = [0; 512];
    match read(stdin().as_fd(), &mut buffer) {
        Ok(0) => Ok(None),
        Ok(length) => Ok(Some(buffer.iter().take(length).filter(|byte| **byte == b'\n').count())),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(Some(0)),
        Err(errno) => Err(errno),
    }
}

/// What is told, and what need not be asked for again.
struct Teller<'o, W> {
    output: &'o mut W,
    known: HashMap<String, Known>,
}

struct Known {
    description: Description,
    /// It was read again because it had not all interfaces; if it still has not, it never will.
    again: bool,
}

impl<W: Write> Teller<'_, W> {
    fn tell_all(&mut self, connection: &Connection) -> Result<(), Failure> {
        let records = connection.all()?;
        let mut seen = HashSet::new();
        for record in records.iter() {
            let domain = self.domain(record)?;
            seen.insert(domain.uuid.clone());
            self.tell(&Line::Domain(Box::new(domain)))?;
        }
        self.known.retain(|uuid, _| seen.contains(uuid));
        self.tell(&Line::End(seen.len()))
    }

    fn tell_one(&mut self, connection: &Connection, uuid: &str) -> Result<(), Failure> {
        self.known.remove(uuid);
        let records = match connection.one(uuid) {
            Err(error) if error.is_no_domain() => return self.tell(&Line::Gone(uuid.to_owned())),
            answer => answer?,
        };
        match records.iter().next() {
            None => self.tell(&Line::Gone(uuid.to_owned())),
            Some(record) => {
                let domain = self.domain(record)?;
                self.tell(&Line::Changed(Box::new(domain)))
            }
        }
    }

    fn domain(&mut self, record: Record) -> Result<Domain, Failure> {
        let (uuid, name) = (record.uuid(), record.name());
        loop {
            let Some(known) = self.known.get(&uuid) else {
                self.describe(record, false)?;
                continue;
            };
            let mut sums = Sums::new(&known.description);
            for (name, value) in record.values() {
                sums.take(
                    name,
                    match value {
                        Value::Number(number) => stats::Value::Number(number),
                        Value::Text(text) => stats::Value::Text(text),
                    },
                );
            }
            let (domain, complete) = sums.finish(uuid.clone(), name.clone());
            if complete || known.again {
                return Ok(domain);
            }
            self.describe(record, true)?;
        }
    }

    /// Reads the description of a domain. One that cannot be had costs the domain its MACs, not its counters.
    fn describe(&mut self, record: Record, again: bool) -> Result<(), Failure> {
        #[derive(Debug, thiserror::Error)]
        enum Problem {
            #[error(transparent)]
            Libvirt(#[from] LibvirtError),
            #[error(transparent)]
            Xml(#[from] DescriptionError),
        }
        let read = || -> Result<Description, Problem> { Ok(Description::parse(&record.xml()?)?) };
        let description = match read() {
            Ok(description) => description,
            Err(problem) => {
                self.tell(&Line::Problem(format!("domain {:?}: {problem}", record.name())))?;
                Description::default()
            }
        };
        self.known.insert(record.uuid(), Known { description, again });
        Ok(())
    }

    fn tell(&mut self, line: &Line) -> Result<(), Failure> {
        Ok(self.output.write_all(&line.encode())?)
    }
}
