//! The text of the settings file.
//!
//! In: [`AutoInfo`]. Out: its lines, in the fixed order that readers know. What the readers demand: `key=value`
//! without blanks around `=`; lines under 1,023 bytes, `#` nowhere but in comments; at most 10 collectors (an eleventh
//! makes C readers reject the whole file); a collector as exactly two words, `IP PORT` (Java drops the port
//! otherwise), and none by a device or from a namespace, which no reader can use and at which memcached rejects the
//! whole file; general rates before those of one application (memcached takes the last); `agentIP` always, else nothing but the revision, which stops Java and Node, while C readers go on with what
//! they had. A line that would break a reader is left out and counted.

use crate::config::model::{CollectorSettings, KeyedRate};
use std::net::IpAddr;

const MOST_COLLECTORS: usize = 10;
const LONGEST_LINE: usize = 1023;

/// Everything that the file tells.
#[derive(Clone, Debug, Default)]
pub struct AutoInfo<'a> {
    /// `None` if DNS-SD has turned monitoring off.
    pub settings: Option<AutoSettings<'a>>,
    /// The elected address; `None` stops the sub-agents, as the file then has no `agentIP`.
    pub elected_ip: Option<IpAddr>,
    /// Its device, where it is on one.
    pub elected_device: Option<&'a str>,
    /// Port of the JSON input, if there is one.
    pub json_port: Option<u16>,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct AutoSettings<'a> {
    /// Node name of this host (uname).
    pub hostname: &'a str,
    /// 1-in-N.
    pub sampling: u32,
    /// Bytes of packet header.
    pub header_bytes: u32,
    /// Bytes of UDP payload.
    pub datagram_bytes: u32,
    /// Seconds.
    pub polling_secs: u32,
    /// Rates of single speeds and applications, most recently defined first.
    pub keyed: &'a [KeyedRate],
    /// `agentIP` as configured and resolved.
    pub agent_ip: Option<IpAddr>,
    /// `agent` as configured.
    pub agent_device: Option<&'a str>,
    /// Collectors whose address is known, in any order.
    pub collectors: Vec<AutoCollector>,
}

/// One collector as the file shows it.
#[derive(Clone, Copy, Debug)]
pub struct AutoCollector {
    /// Its address.
    pub ip: IpAddr,
    /// UDP port.
    pub port: u16,
}

impl AutoCollector {
    /// The entry of a collector; none where sub-agents cannot go the way to it.
    pub fn of(ip: IpAddr, settings: &CollectorSettings) -> Option<Self> {
        let direct = settings.device.is_none() && settings.namespace.is_none();
        direct.then_some(Self { ip, port: settings.port })
    }
}

/// The lines between the revision marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The lines, each ended by a newline; empty if sub-agents are to stop.
    pub text: String,
    /// Collectors beyond the tenth: the agent serves them, sub-agents do not.
    pub collectors_left_out: usize,
    /// Lines that some reader could not have taken.
    pub lines_left_out: usize,
}

/// The lines for these facts.
pub fn body(info: &AutoInfo) -> Body {
    let mut body = Body::default();
    let configured = info.settings.as_ref();
    let (own_ip, own_device) = (configured.and_then(|s| s.agent_ip), configured.and_then(|s| s.agent_device));
    if own_ip.or(info.elected_ip).is_none() {
        return body;
    }
    if let Some(settings) = configured {
        body.rates(settings);
        body.line("agentIP", own_ip);
        body.line("agent", own_device);
        body.collectors(&settings.collectors);
    }
    body.line("agentIP", info.elected_ip.filter(|_| own_ip.is_none()));
    body.line("agent", info.elected_device.filter(|_| own_device.is_none()));
    body.line("jsonPort", info.json_port);
    body.line("ds_index", Some(1));
    body
}

/// The whole file: a comment, and the lines between two marks that let a reader notice a torn file.
pub fn frame(body: &str, revision: u64) -> String {
    format!(
        "# Written by hsflowd for its sub-agents. Changes made here are lost.\nrev_start={revision}\n{body}rev_end={revision}\n"
    )
}

impl Body {
    fn rates(&mut self, settings: &AutoSettings) {
        self.line("hostname", Some(settings.hostname));
        self.line("sampling", Some(settings.sampling));
        self.line("header", Some(settings.header_bytes));
        self.line("datagram", Some(settings.datagram_bytes));
        self.line("polling", Some(settings.polling_secs));
        for KeyedRate { key, sampling, polling } in settings.keyed {
            self.line(&format!("sampling.{key}"), *sampling);
            self.line(&format!("polling.{key}"), *polling);
        }
    }

    fn collectors(&mut self, collectors: &[AutoCollector]) {
        let mut values: Vec<_> = collectors.iter().map(|c| format!("{} {}", c.ip, c.port)).collect();
        values.sort_unstable();
        values.dedup();
        self.collectors_left_out = values.len().saturating_sub(MOST_COLLECTORS);
        for value in values.iter().take(MOST_COLLECTORS) {
            self.text += &format!("collector={value}\n");
        }
    }

    fn line(&mut self, key: &str, value: Option<impl ToString>) {
        let Some(value) = value.map(|v| v.to_string()) else { return };
        if is_readable(key, &value) {
            self.text += &format!("{key}={value}\n");
        } else {
            self.lines_left_out += 1;
        }
    }
}

/// No reader splits, cuts or overflows on it.
fn is_readable(key: &str, value: &str) -> bool {
    let breaks = |c: char| c == '#' || c == '=' || c.is_control();
    let blank = |text: &str| text.is_empty() || text.contains([' ', '\t']);
    key.len() + 1 + value.len() <= LONGEST_LINE
        && !blank(key)
        && !blank(value)
        && !key.contains(breaks)
        && !value.contains(breaks)
}
