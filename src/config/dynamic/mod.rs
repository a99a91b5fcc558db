//! Settings that come from outside the file, as lines `key=value`: the strings of DNS TXT records.
//!
//! In: the lines as bytes (they need not be UTF-8), the collectors that SRV records named, and the settings of the last
//! good answer. Out: [`Dynamic`], and remarks for the log. Rule: keys, ranges and spellings are those of the key table,
//! so file and TXT agree; a value that is wrong never takes effect: its key keeps what the last good answer said. What
//! is not named is absent. Keys: those of [`KEYS`], besides `collector` and `txtvers`; RFC 6763 section 6 for the form.

mod collector;
mod line;
mod read;
#[cfg(test)]
mod tests;

use super::model::{CidrRule, CollectorSettings, KeyedRate};
use std::collections::BTreeMap;

pub use line::KEYS;
pub use read::shown;

/// Collectors beyond this many are not used.
const MOST_COLLECTORS: usize = 32;

/// Settings from outside the file; what they do not say is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dynamic {
    /// SRV targets first, then those of TXT `collector`.
    pub collectors: Vec<CollectorSettings>,
    /// Seconds.
    pub polling_secs: Option<u32>,
    /// 1-in-N for interfaces of unknown speed.
    pub sampling: Option<u32>,
    /// `sampling.KEY` and `polling.KEY`, most recently defined first, keys normalised as the file's are.
    pub keyed: Vec<KeyedRate>,
    /// Bytes of packet header in a sample.
    pub header_bytes: Option<u32>,
    /// Most bytes of UDP payload in one datagram.
    pub datagram_bytes: Option<u32>,
    /// An address or a host name.
    pub agent_ip: Option<String>,
    /// A device whose addresses are preferred.
    pub agent_device: Option<String>,
    /// `agent.cidr` in the order of the lines.
    pub agent_cidrs: Vec<CidrRule>,
    /// Discard events per second, as `dropmon.limit`.
    pub drop_limit: Option<u32>,
    /// Who said it, by key as the key table names it (`polling`, `sampling.10G`, `collector.1.ip`).
    pub stated: BTreeMap<String, Stated>,
}

/// A value as written, and the record that said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// As written.
    pub value: String,
    /// `TXT _sflow._udp.example.org "sampling.10G=500"`.
    pub record: String,
}

/// A collector that an SRV record named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where to send.
    pub settings: CollectorSettings,
    /// `SRV _sflow._udp.example.org 0 0 6343 c1.example.org`.
    pub record: String,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The settings.
    pub dynamic: Dynamic,
    /// What is wrong or odd, a line each; at most 17, of at most a kilobyte or two.
    pub remarks: Vec<String>,
}

impl Dynamic {
    /// Reads the lines of the TXT records at `name`; `previous` is the last good answer.
    pub fn read<L: AsRef<[u8]>>(
        name: &str,
        targets: &[Target],
        lines: &[L],
        previous: Option<&Self>,
    ) -> Read {
        let mut reader = read::Reader::new(name, previous);
        targets.iter().for_each(|target| reader.target(target));
        lines.iter().for_each(|line| reader.line(line.as_ref()));
        reader.finish()
    }
}
