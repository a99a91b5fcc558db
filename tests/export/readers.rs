//! The sub-agents in the field as readers of the settings file: what each takes from a text, and how each polls the path.
//!
//! Nginx stands for haproxy too. What they share: a text counts only if its two revisions are the same. What differs:
//! C readers split at blanks and `=`, cut at `#`, know keys in any case, want an address, take 10 collectors, refuse a
//! text as a whole and look again at the next poll; Java and Node want exact keys before the first `=`, and Java never
//! looks twice at one modification time.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a sub-agent has taken from the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Taken {
    pub(crate) agent: Option<IpAddr>,
    pub(crate) sampling: u32,
    pub(crate) polling: u32,
    /// Those that it can send to.
    pub(crate) collectors: Vec<(IpAddr, u16)>,
    pub(crate) parent: Option<u32>,
}

impl Taken {
    /// `None` if nothing would be sent.
    pub(crate) fn sending(self) -> Option<Self> {
        let silent = self.agent.is_none() || self.collectors.is_empty() || self.sampling + self.polling == 0;
        (!silent).then_some(self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Apache,
    Memcached,
    Tomcat,
    Jmx,
    Node,
}

pub(crate) const KINDS: [Kind; 6] =
    [Kind::Nginx, Kind::Apache, Kind::Memcached, Kind::Tomcat, Kind::Jmx, Kind::Node];

impl Kind {
    pub(crate) fn is_c(self) -> bool {
        matches!(self, Self::Nginx | Self::Apache | Self::Memcached)
    }

    /// `None` if the text is refused.
    pub(crate) fn take(self, text: &str) -> Option<Taken> {
        if self.is_c() { CReader::new(self).take(text) } else { ExactReader::new(text).take(self) }
    }
}

/// `strtol`: the number in front, 0 if there is none.
fn number(word: &str) -> u32 {
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    word[..digits].parse().unwrap_or(0)
}

struct CReader {
    kind: Kind,
    taken: Taken,
    revisions: [u32; 2],
    /// Rates for this application were seen: nginx and Apache then pass over the general ones.
    own: [bool; 2],
    collectors: usize,
}

impl CReader {
    fn new(kind: Kind) -> Self {
        Self { kind, taken: Taken::default(), revisions: [0; 2], own: [false; 2], collectors: 0 }
    }

    fn take(mut self, text: &str) -> Option<Taken> {
        for line in text.split_inclusive('\n') {
            // A line that does not fit their buffer goes on as another one.
            for piece in line.as_bytes().chunks(1023) {
                self.line(std::str::from_utf8(piece).ok()?)?;
            }
        }
        let whole = self.revisions[0] == self.revisions[1] && self.taken.agent.is_some();
        whole.then_some(self.taken)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let line = line.split('#').next()?;
        let words: Vec<&str> =
            line.split([' ', '\t', '\r', '\n', '=']).filter(|w| !w.is_empty()).take(5).collect();
        let Some((key, values)) = words.split_first() else { return Some(()) };
        let key = key.to_lowercase();
        let one = || values.first().filter(|_| values.len() == 1).copied();
        match key.as_str() {
            "rev_start" => self.revisions[0] = number(one()?),
            "rev_end" => self.revisions[1] = number(one()?),
            "agentip" => self.taken.agent = Some(one()?.parse().ok()?),
            "ds_index" if self.kind != Kind::Memcached => self.taken.parent = Some(number(one()?)),
            "collector" => self.collector(values)?,
            _ => self.rate(&key, one)?,
        }
        Some(())
    }

    fn collector(&mut self, values: &[&str]) -> Option<()> {
        self.collectors += 1;
        if values.is_empty() || values.len() > 3 || self.collectors > 10 {
            return None;
        }
        let port = values.get(1).map_or(6343, |port| number(port));
        match values[0].parse() {
            Ok(ip) => self.taken.collectors.push((ip, u16::try_from(port).ok()?)),
            Err(_) if self.kind == Kind::Memcached => return None,
            // It takes up one of the ten places.
            Err(_) => {}
        }
        Some(())
    }

    fn rate<'a>(&mut self, key: &str, one: impl Fn() -> Option<&'a str>) -> Option<()> {
        let (kind, application) = if self.kind == Kind::Memcached { (1, "memcache") } else { (0, "http") };
        let at = match key.split_once('.').unwrap_or((key, "")).0 {
            "sampling" => 0,
            "polling" => 1,
            _ => return Some(()),
        };
        let general = !key.contains('.');
        let own = key.split_once('.').is_some_and(|(_, name)| name == application);
        if !general && !own {
            return Some(());
        }
        // The last line wins with memcached.
        if own || kind == 1 || !self.own[at] {
            let value = number(one()?);
            *[&mut self.taken.sampling, &mut self.taken.polling][at] = value;
        }
        self.own[at] |= own;
        Some(())
    }
}

/// Java and Node: single keys, the later line wins; and the values of each collector.
struct ExactReader<'a> {
    keys: BTreeMap<&'a str, &'a str>,
    collectors: Vec<&'a str>,
}

impl<'a> ExactReader<'a> {
    fn new(text: &'a str) -> Self {
        let lines = || text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split_once('='));
        let collectors = lines().filter(|(key, _)| *key == "collector").map(|(_, value)| value).collect();
        Self { keys: lines().collect(), collectors }
    }

    fn take(&self, kind: Kind) -> Option<Taken> {
        let start = self.keys.get("rev_start").filter(|start| !start.is_empty())?;
        (self.keys.get("rev_end") == Some(start)).then(|| self.values(kind))
    }

    fn values(&self, kind: Kind) -> Taken {
        let number = |key| self.keys.get(key).and_then(|value| value.parse().ok());
        let agent = self.keys.get("agentIP").and_then(|agent| agent.parse().ok());
        Taken {
            agent: if kind == Kind::Node { agent.map(four_numbers) } else { agent },
            // No counters of requests in a JVM, so nothing to sample.
            sampling: number("sampling.http")
                .or_else(|| number("sampling"))
                .filter(|_| kind != Kind::Jmx)
                .unwrap_or(0),
            polling: number("polling").unwrap_or(0),
            collectors: self.collectors.iter().filter_map(|value| collector(value, kind)).collect(),
            parent: number("ds_index").filter(|_| kind != Kind::Node),
        }
    }
}

/// Node knows IPv4 only.
fn four_numbers(agent: IpAddr) -> IpAddr {
    if agent.is_ipv4() { agent } else { Ipv4Addr::UNSPECIFIED.into() }
}

/// Split at single blanks; Java takes the port only from exactly two words.
fn collector(value: &str, kind: Kind) -> Option<(IpAddr, u16)> {
    let words: Vec<&str> = value.split(' ').collect();
    let has_port = if kind == Kind::Node { words.len() > 1 } else { words.len() == 2 };
    let port = if has_port { words[1].parse().ok()? } else { 6343 };
    Some((words[0].parse().ok()?, port))
}

/// A sub-agent that runs.
#[derive(Debug)]
pub(crate) struct SubAgent {
    pub(crate) kind: Kind,
    /// The modification time that it remembers, as exact as it looks at it.
    seen: i64,
    taken: Taken,
}

impl SubAgent {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, seen: 0, taken: Taken::default() }
    }

    /// What it sends now; `None` if nothing.
    pub(crate) fn sending(&self) -> Option<Taken> {
        self.taken.clone().sending()
    }

    /// Looks at the file: C readers every 10 s, Node every second, Tomcat and JMX at each turn of their own.
    pub(crate) fn poll(&mut self, path: &Path) {
        let Ok(meta) = fs::metadata(path) else { return self.miss() };
        let now = self.stamp(&meta);
        let changed = if self.kind == Kind::Node { now > self.seen } else { now != self.seen };
        if !changed {
            return;
        }
        let Ok(text) = fs::read_to_string(path) else { return };
        let taken = self.kind.take(&text);
        if taken.is_some() || matches!(self.kind, Kind::Tomcat | Kind::Jmx) {
            self.seen = now;
        }
        match taken {
            Some(taken) => self.taken = taken,
            // Collectors of a torn file, and the rest as it was.
            None if self.kind == Kind::Tomcat => {
                self.taken.collectors = ExactReader::new(&text).values(self.kind).collectors;
            }
            None => {}
        }
    }

    fn stamp(&self, meta: &Metadata) -> i64 {
        match self.kind {
            Kind::Nginx | Kind::Memcached | Kind::Tomcat => meta.mtime(),
            Kind::Apache => meta.mtime() * 1_000_000 + meta.mtime_nsec() / 1_000,
            Kind::Jmx | Kind::Node => meta.mtime() * 1_000 + meta.mtime_nsec() / 1_000_000,
        }
    }

    fn miss(&mut self) {
        match self.kind {
            Kind::Nginx => (self.taken, self.seen) = (Taken::default(), 0),
            Kind::Apache | Kind::Memcached => self.taken = Taken::default(),
            Kind::Jmx => self.taken.polling = 0,
            Kind::Tomcat | Kind::Node => {}
        }
    }
}
