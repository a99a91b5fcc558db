//! What the agent knows in the test of changes: its settings and address, the text that the file must hold then, and
//! what that means to each reader, computed from the settings and not from the text.

use crate::readers::{Kind, Taken};
use hsflow::config::model::{CollectorSettings, KeyedRate};
use hsflow::export::auto::{AutoCollector, AutoInfo, AutoSettings, body};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// What the agent knows.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// DNS-SD has turned monitoring off.
    off: bool,
    sampling: u32,
    polling: u32,
    keyed: Vec<KeyedRate>,
    /// By number; how it is reached.
    collectors: BTreeMap<u8, Way>,
    own_ip: Option<IpAddr>,
    elected: Option<IpAddr>,
    json_port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    Plain,
    Device,
    Namespace,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Collector(u8, Option<Way>),
    General(u32, u32),
    Keyed(&'static str, Option<u32>, Option<u32>),
    Elected(Option<IpAddr>),
    OwnIp(Option<IpAddr>),
    Off(bool),
    JsonPort(Option<u16>),
}

pub(crate) fn address(n: u8) -> IpAddr {
    if n.is_multiple_of(3) {
        IpAddr::V6([0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()].into())
    } else {
        [10, 0, 0, n].into()
    }
}

fn port(n: u8) -> u16 {
    if n.is_multiple_of(2) { 6343 } else { 16_000 + u16::from(n) }
}

impl Host {
    pub(crate) fn new() -> Self {
        let elected = Some([192, 0, 2, 2].into());
        Self {
            off: false,
            sampling: 400,
            polling: 30,
            keyed: Vec::new(),
            collectors: BTreeMap::new(),
            own_ip: None,
            elected,
            json_port: None,
        }
    }

    pub(crate) fn change(&mut self, change: Change) {
        match change {
            Change::Collector(n, Some(way)) => _ = self.collectors.insert(n, way),
            Change::Collector(n, None) => _ = self.collectors.remove(&n),
            Change::General(sampling, polling) => (self.sampling, self.polling) = (sampling, polling),
            Change::Keyed(key, sampling, polling) => {
                self.keyed.retain(|rate| rate.key != key);
                self.keyed.insert(0, KeyedRate { key: key.into(), sampling, polling });
            }
            Change::Elected(ip) => self.elected = ip,
            Change::OwnIp(ip) => self.own_ip = ip,
            Change::Off(off) => self.off = off,
            Change::JsonPort(port) => self.json_port = port,
        }
    }

    pub(crate) fn text(&self) -> String {
        let collectors = self.collectors.iter().filter_map(|(n, way)| {
            let settings = CollectorSettings {
                port: port(*n),
                device: (*way == Way::Device).then(|| "eth1".to_owned()),
                namespace: (*way == Way::Namespace).then(|| "blue".to_owned()),
                ..CollectorSettings::default()
            };
            AutoCollector::of(address(*n), &settings)
        });
        let settings = AutoSettings {
            hostname: "vm",
            sampling: self.sampling,
            header_bytes: 128,
            datagram_bytes: 1400,
            polling_secs: self.polling,
            keyed: &self.keyed,
            agent_ip: self.own_ip,
            agent_device: None,
            collectors: collectors.collect(),
        };
        body(&AutoInfo {
            settings: (!self.off).then_some(settings),
            elected_ip: self.elected,
            elected_device: Some("eth0"),
            json_port: self.json_port,
        })
        .text
    }

    /// Ten at most, as the file sorts them: by their text; none that sub-agents cannot send to.
    fn listed(&self) -> Vec<u8> {
        let plain = self.collectors.iter().filter(|(_, way)| **way == Way::Plain);
        let mut all: Vec<_> = plain.map(|(n, _)| *n).collect();
        all.sort_by_key(|n| format!("{} {}", address(*n), port(*n)));
        all.truncate(10);
        all
    }

    fn rates(&self, application: &str) -> (u32, u32) {
        let own = self.keyed.iter().find(|rate| rate.key == application);
        let or = |own: Option<u32>, general| own.unwrap_or(general);
        (or(own.and_then(|r| r.sampling), self.sampling), or(own.and_then(|r| r.polling), self.polling))
    }

    /// What this reader must send once it has read; `before` is what it sent until then.
    pub(crate) fn meaning(&self, kind: Kind, before: Option<Taken>) -> Option<Taken> {
        let ip = if self.off { self.elected } else { self.own_ip.or(self.elected) };
        let Some(agent) = ip else {
            // Without an address C readers refuse the file and go on; the others stop.
            return before.filter(|_| kind.is_c());
        };
        if self.off {
            return None;
        }
        let (http, memcache) = (self.rates("http"), self.rates("memcache"));
        let (sampling, polling) = match kind {
            Kind::Nginx | Kind::Apache => http,
            Kind::Memcached => memcache,
            Kind::Tomcat | Kind::Node => (http.0, self.polling),
            Kind::Jmx => (0, self.polling),
        };
        let agent = if kind == Kind::Node && agent.is_ipv6() { Ipv4Addr::UNSPECIFIED.into() } else { agent };
        Taken {
            agent: Some(agent),
            sampling,
            polling,
            collectors: self.listed().into_iter().map(|n| (address(n), port(n))).collect(),
            parent: Some(1).filter(|_| !matches!(kind, Kind::Memcached | Kind::Node)),
        }
        .sending()
    }
}
