//! Settings from outside the file laid over those of the file: one path for what DNS-SD says.
//!
//! In: the settings of the file, and a [`Dynamic`] set. Out: the settings in force. Rule, as in the C agent: with
//! `dns-sd { }` the file's `polling`, `sampling`, `headerBytes` and collectors do not count at all; where the records
//! do not say them, the built-in defaults hold. All else is the file's, and the records may replace `datagramBytes`,
//! the wishes for the agent address, and the limit of drop events.

use super::dynamic::Dynamic;
use super::model::{Settings, Suspension};

impl Settings {
    /// These settings with those of the records.
    pub fn overlaid(&self, records: &Dynamic) -> Self {
        let mut s = self.without_discovered();
        s.collectors.clone_from(&records.collectors);
        s.keyed.clone_from(&records.keyed);
        let numbers = [
            (&mut s.polling_secs, records.polling_secs),
            (&mut s.sampling, records.sampling),
            (&mut s.header_bytes, records.header_bytes),
            (&mut s.datagram_bytes, records.datagram_bytes),
        ];
        for (setting, said) in numbers {
            *setting = said.unwrap_or(*setting);
        }
        s.agent_ip = records.agent_ip.clone().or(s.agent_ip);
        s.agent_device = records.agent_device.clone().or(s.agent_device);
        if !records.agent_cidrs.is_empty() {
            s.agent_cidrs.clone_from(&records.agent_cidrs);
        }
        if let (Some(dropmon), Some(limit)) = (&mut s.modules.dropmon, records.drop_limit) {
            dropmon.limit = limit;
        }
        records.stated.iter().for_each(|(key, said)| s.origins.add_record(key, said));
        s
    }

    /// These settings while there is nobody to send to.
    pub fn suspended(&self, why: Suspension) -> Self {
        Self { suspended: Some(why), ..self.without_discovered() }
    }

    /// Without what only the records may say.
    fn without_discovered(&self) -> Self {
        let defaults = Self::defaults();
        let mut origins = self.origins.clone();
        let discovered = |key: &str| {
            ["polling", "sampling", "headerBytes", "collector"].iter().any(|name| belongs(key, name))
        };
        origins.stated.retain(|key, _| !discovered(key));
        Self {
            polling_secs: defaults.polling_secs,
            sampling: defaults.sampling,
            header_bytes: defaults.header_bytes,
            keyed: Vec::new(),
            collectors: Vec::new(),
            origins,
            ..self.clone()
        }
    }
}

/// The key of that name, or one of its family: `sampling`, `sampling.10G`.
fn belongs(key: &str, name: &str) -> bool {
    key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::super::dynamic::Stated;
    use super::super::model::CollectorSettings;
    use super::super::origin::Origin;
    use super::*;
    use crate::config::parse;

    const FILE: &str = "sflow {
        dns-sd { } polling = 5 sampling = 7 sampling.10G = 9 headerBytes = 64 datagramBytes = 900
        agent = eth0 agent.cidr = 10.0.0.0/8 subAgentId = 5 collector { ip = 192.0.2.1 } dropmon { limit = 3 }
        pcap { dev = eth0 sampling = 11 }
    }";

    fn file() -> Settings {
        parse("file", FILE).settings.expect("a valid file")
    }

    fn said(value: &str) -> Stated {
        Stated { value: value.to_owned(), record: "TXT".to_owned() }
    }

    #[test]
    fn an_empty_set_leaves_the_defaults_and_what_only_the_file_can_say() {
        let (file, defaults) = (file(), Settings::defaults());
        let s = file.overlaid(&Dynamic::default());
        assert_eq!((s.polling_secs, s.sampling, s.header_bytes), (30, 400, defaults.header_bytes));
        assert_eq!((s.keyed.len(), s.collectors.len()), (0, 0));
        assert_eq!((s.datagram_bytes, s.sub_agent_id, s.agent_device.as_deref()), (900, 5, Some("eth0")));
        assert_eq!((&s.agent_cidrs, &s.modules), (&file.agent_cidrs, &file.modules));
        assert_eq!(
            (s.origins.of("sampling.10G"), s.origins.of("collector.1.ip")),
            (Origin::Default, Origin::Default)
        );
        assert_eq!(
            (s.origins.of("pcap.1.sampling"), s.origins.of("agent")),
            (Origin::Line(4), Origin::Line(3))
        );
    }

    #[test]
    fn what_the_records_say_replaces_the_file_and_is_remembered_as_theirs() {
        let collector = CollectorSettings { host: "c.example".to_owned(), ..file().collectors.remove(0) };
        let records = Dynamic {
            collectors: vec![collector.clone()],
            polling_secs: Some(20),
            datagram_bytes: Some(1000),
            agent_device: Some("eth1".to_owned()),
            drop_limit: Some(50),
            stated: [("polling".to_owned(), said("20")), ("collector.1.ip".to_owned(), said("c.example"))]
                .into(),
            ..Dynamic::default()
        };
        let s = file().overlaid(&records);
        assert_eq!((s.polling_secs, s.sampling, s.datagram_bytes), (20, 400, 1000));
        assert_eq!((s.collectors, s.agent_device.as_deref()), (vec![collector], Some("eth1")));
        assert_eq!(s.modules.dropmon.map(|dropmon| dropmon.limit), Some(50));
        assert_eq!(s.origins.of("polling"), Origin::Record("TXT".to_owned()));
        assert_eq!(s.origins.of("collector.1"), Origin::Record("TXT".to_owned()));
    }

    #[test]
    fn without_an_answer_nobody_is_sent_to() {
        let s = file().suspended(Suspension::NoAnswer);
        assert_eq!((s.suspended, s.collectors.len()), (Some(Suspension::NoAnswer), 0));
        assert_eq!(s.sub_agent(), file().sub_agent(), "the stream is the same when the answer comes");
    }
}
