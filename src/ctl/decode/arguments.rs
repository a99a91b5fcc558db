//! The command line of `hsflowctl decode`. In: what clap read. Out: an open source, and a sink with everything in it
//! that must be there before the first datagram: files, sockets, names that are looked up, the key. Spec: hsflowctl(1).

use super::anonymise::{Anonymiser, Key};
use super::formats::Format;
use super::forward::Target;
use super::live::Live;
use super::sink::{Capture, Sink};
use crate::agent::sockets::path_beside;
use crate::agent::stream::SOCKET;
use crate::ctl::{Exit, fail, listen};
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where datagrams come from, and what is made of them.
#[derive(clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a word of the command line
pub(crate) struct Asked {
    /// Capture file (pcap or pcapng), or - for standard input.
    #[arg(group = "from")]
    file: Option<PathBuf>,
    /// The same.
    #[arg(short, long, group = "from", value_name = "FILE")]
    read: Option<PathBuf>,
    /// Receive here: ADDRESS:PORT, or a port on every address.
    #[arg(long, group = "from", value_parser = listen::parse_address, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// What the running agent sends.
    #[arg(long, group = "from")]
    stream: bool,
    /// The agent's control socket, beside which its stream is.
    #[arg(long, default_value = "/run/hsflowd/control.sock")]
    socket: PathBuf,
    /// One JSON object a datagram, one a line.
    #[arg(long, group = "format")]
    json: bool,
    /// One line a packet sample (FLOW) and interface (CNTR), with the columns of sflowtool -l.
    #[arg(long, group = "format")]
    csv: bool,
    /// One line a value, with where it comes from in front.
    #[arg(long, group = "format")]
    grep: bool,
    /// Line protocol of InfluxDB.
    #[arg(long, group = "format")]
    influx: bool,
    /// Sampled packets into this capture file, - for standard output.
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Send every datagram on to HOST or HOST:PORT; may be repeated.
    #[arg(long, value_name = "HOST:PORT")]
    forward: Vec<String>,
    /// Replace all addresses by others, with a key that is forgotten at the end.
    #[arg(long)]
    anonymise: bool,
    /// Replace all addresses by others, the same ones whenever this file's key is used.
    #[arg(long, value_name = "FILE")]
    anonymise_key: Option<PathBuf>,
    /// End after this many datagrams.
    #[arg(long)]
    pub(super) count: Option<u64>,
    /// End after this many seconds; exit status 1 if the count was not reached.
    #[arg(long)]
    pub(super) timeout: Option<u64>,
}

/// What datagrams are read from.
pub(super) enum Source {
    Capture(PathBuf),
    Live(Live),
}

impl Asked {
    /// Opens what is read.
    pub(super) fn source(&self) -> Result<Source, Exit> {
        if let Some(file) = self.file.as_ref().or(self.read.as_ref()) {
            return Ok(Source::Capture(file.clone()));
        }
        if self.stream {
            let path = path_beside(&self.socket, SOCKET);
            let stream = Live::of_agent(&path);
            let unreachable = |e| fail(&format!("no agent on {}: {e}", path.display()), Exit::Unreachable);
            return stream.map(Source::Live).map_err(unreachable);
        }
        let address = self.listen.unwrap_or((Ipv4Addr::UNSPECIFIED, listen::SFLOW_PORT).into());
        let socket = listen::socket(address).map_err(|e| fail(&e, Exit::Usage))?;
        Ok(Source::Live(Live::Udp(socket)))
    }

    /// Opens what is written.
    pub(super) fn sink(&self, source: &Source) -> Result<Sink, Exit> {
        let format = match (self.json, self.csv, self.grep, self.influx) {
            (true, ..) => Some(Format::Json),
            (_, true, ..) => Some(Format::Csv),
            (_, _, true, _) => Some(Format::Grep),
            (.., true) => Some(Format::Influx),
            _ if self.pcap.is_some() || !self.forward.is_empty() => None,
            _ => Some(Format::Text),
        };
        let to_stdout = self.pcap.as_ref().is_some_and(|file| file.as_os_str() == "-");
        if to_stdout && format.is_some() {
            return Err(fail(&"a capture and text cannot both go to standard output", Exit::Usage));
        }
        let anonymiser = self.key()?.map(|key| Anonymiser::new(&key));
        let targets = self.targets(source)?;
        let capture = self.pcap.as_deref().map(Capture::create).transpose()?;
        Ok(Sink::new(format, capture, targets, anonymiser))
    }

    fn targets(&self, source: &Source) -> Result<Vec<Target>, Exit> {
        let listening = match source {
            Source::Live(live) => live.address(),
            Source::Capture(_) => None,
        };
        let target = |name: &String| {
            let target =
                Target::new(name).map_err(|e| fail(&format!("--forward {name}: {e}"), Exit::Usage))?;
            if listening.is_some_and(|ours| target.reaches(ours)) {
                return Err(fail(
                    &format!("--forward {name}: that is where this program listens"),
                    Exit::Usage,
                ));
            }
            Ok(target)
        };
        self.forward.iter().map(target).collect()
    }

    fn key(&self) -> Result<Option<Key>, Exit> {
        let (path, text) = match &self.anonymise_key {
            Some(path) => (path.as_path(), std::fs::read(path)),
            None if self.anonymise => {
                let path = Path::new("/dev/urandom");
                let mut bytes = Key::default();
                let read = File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
                (path, read.map(|()| bytes.to_vec()))
            }
            None => return Ok(None),
        };
        let wrong = |e: &dyn std::fmt::Display| fail(&format!("{}: {e}", path.display()), Exit::Usage);
        let text = text.map_err(|e| wrong(&e))?;
        let key = super::anonymise::parse_key(&text);
        key.map(Some).ok_or_else(|| wrong(&"expected a key of 32 characters, or of 64 hexadecimal digits"))
    }
}
