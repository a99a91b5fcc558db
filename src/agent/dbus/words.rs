//! What there is to ask on the bus: two interfaces and their methods, as the C agent's scripts know them. In: the name of a
//! method, its argument, and what is so. Out: the answer's values. Pure.

use serde::{Serialize, Serializer};
use std::collections::HashMap;
use zbus::{Signature, Type};

/// The agent's name on the bus.
pub(super) const NAME: &str = "net.sflow.hsflowd";
const TELEMETRY: &str = "net.sflow.hsflowd.telemetry";
const SWITCHPORT: &str = "net.sflow.hsflowd.switchport";
const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
const PEER: &str = "org.freedesktop.DBus.Peer";

/// What `Introspect` answers.
const DESCRIPTION: &str = r#"<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node>
 <interface name="org.freedesktop.DBus.Introspectable">
  <method name="Introspect"><arg name="data" type="s" direction="out"/></method>
 </interface>
 <interface name="org.freedesktop.DBus.Peer">
  <method name="Ping"/>
 </interface>
 <interface name="net.sflow.hsflowd.telemetry">
  <method name="GetVersion"><arg name="version" type="s" direction="out"/></method>
  <method name="GetAgent"><arg name="address" type="s" direction="out"/></method>
  <method name="GetAll"><arg name="counters" type="a{st}" direction="out"/></method>
  <method name="Get"><arg name="field" type="s" direction="in"/><arg name="count" type="x" direction="out"/></method>
 </interface>
 <interface name="net.sflow.hsflowd.switchport">
  <method name="GetAll"><arg name="ports" type="a(stuu)" direction="out"/></method>
  <method name="Get"><arg name="port" type="s" direction="in"/><arg name="port" type="(stuu)" direction="out"/></method>
 </interface>
</node>
"#;

/// What is so.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The agent address; empty while there is none.
    pub(super) agent: String,
    pub(super) telemetry: [(&'static str, u64); 11],
    pub(super) ports: Vec<Port>,
}

/// A switch port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) speed_bps: u64,
    /// One packet in so many; 0: none.
    pub(super) sampling: u32,
    /// Seconds between its counters; 0: it sends none.
    pub(super) polling_secs: u32,
}

/// Names and counts in the C agent's order, which a map would not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counters([(&'static str, u64); 11]);

impl Type for Counters {
    const SIGNATURE: &'static Signature = <HashMap<&str, u64>>::SIGNATURE;
}

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0)
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Nothing,
    Text(String),
    Count(i64),
    Counters(Box<Counters>),
    Ports(Vec<Port>),
    Port(Port),
    /// The bus's own name of an error, and our words.
    Error(&'static str, &'static str),
}

/// What is asked, on any path.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Callers may leave it out.
    pub(super) interface: Option<String>,
    pub(super) member: String,
    /// The one argument, where it is a string and alone.
    pub(super) argument: Option<String>,
}

const FAILED: &str = "org.freedesktop.DBus.Error.Failed";
const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";

impl Call {
    /// Whether the agent has to be asked for the answer.
    pub(super) fn needs_facts(&self) -> bool {
        let own = matches!(self.interface.as_deref(), None | Some(TELEMETRY | SWITCHPORT));
        own && self.member.starts_with("Get")
    }

    /// The answer, by what is so.
    pub(super) fn answer(&self, facts: Option<&Facts>) -> Answer {
        match (self.interface.as_deref(), self.member.as_str(), facts) {
            (Some(INTROSPECTABLE) | None, "Introspect", _) => Answer::Text(DESCRIPTION.to_owned()),
            (Some(PEER) | None, "Ping", _) => Answer::Nothing,
            (Some(TELEMETRY) | None, "GetVersion", _) => Answer::Text(env!("CARGO_PKG_VERSION").to_owned()),
            (Some(TELEMETRY) | None, "GetAgent", Some(facts)) => Answer::Text(facts.agent.clone()),
            (Some(TELEMETRY) | None, "GetAll", Some(facts)) => {
                Answer::Counters(Box::new(Counters(facts.telemetry)))
            }
            (Some(TELEMETRY) | None, "Get", Some(facts)) => self.counter(facts),
            (Some(SWITCHPORT), "GetAll", Some(facts)) => Answer::Ports(facts.ports.clone()),
            (Some(SWITCHPORT), "Get", Some(facts)) => self.port(facts),
            (_, _, None) if self.needs_facts() => Answer::Error(FAILED, "the agent does not answer"),
            _ => Answer::Error(UNKNOWN_METHOD, "there is no such method"),
        }
    }

    fn counter(&self, facts: &Facts) -> Answer {
        let Some(name) = &self.argument else { return Answer::Error(FAILED, "expected string arg") };
        match facts.telemetry.iter().find(|(known, _)| known == name) {
            Some((_, count)) => Answer::Count(i64::try_from(*count).unwrap_or(i64::MAX)),
            None => Answer::Error(FAILED, "unknown field"),
        }
    }

    fn port(&self, facts: &Facts) -> Answer {
        let Some(name) = &self.argument else { return Answer::Error(FAILED, "expected string arg") };
        match facts.ports.iter().find(|port| port.name == *name) {
            Some(port) => Answer::Port(port.clone()),
            None => Answer::Error(FAILED, "not a switch port"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::telemetry::Telemetry;

    fn facts() -> Facts {
        let port = Port { name: "swp1".into(), speed_bps: 10, sampling: 20, polling_secs: 30 };
        let telemetry = Telemetry { datagrams: 7, ..Telemetry::default() }.fields();
        Facts { agent: "192.0.2.1".into(), telemetry, ports: vec![port] }
    }

    fn ask(interface: &str, member: &str, argument: Option<&str>) -> Answer {
        let interface = Some(interface.to_owned()).filter(|name| !name.is_empty());
        let call = Call { interface, member: member.to_owned(), argument: argument.map(str::to_owned) };
        call.answer(Some(&facts()))
    }

    #[test]
    fn each_interface_answers_for_itself_and_telemetry_for_callers_that_name_none() {
        assert_eq!(ask(TELEMETRY, "Get", Some("datagrams")), Answer::Count(7));
        assert_eq!(ask("", "Get", Some("datagrams")), Answer::Count(7));
        assert_eq!(ask(SWITCHPORT, "Get", Some("swp1")), Answer::Port(facts().ports[0].clone()));
        assert_eq!(ask(TELEMETRY, "GetAll", None), Answer::Counters(Box::new(Counters(facts().telemetry))));
        assert_eq!(ask(PEER, "Ping", None), Answer::Nothing);
    }

    #[test]
    fn what_cannot_be_answered_is_an_error_and_nothing_worse() {
        for (interface, member, argument, why) in [
            (TELEMETRY, "Get", None, "expected string arg"),
            (TELEMETRY, "Get", Some("x"), "unknown field"),
            (SWITCHPORT, "Get", Some("eth0"), "not a switch port"),
            (SWITCHPORT, "GetVersion", None, "there is no such method"),
            ("org.freedesktop.DBus.Properties", "GetAll", None, "there is no such method"),
            ("", "", None, "there is no such method"),
        ] {
            let Answer::Error(_, said) = ask(interface, member, argument) else { panic!("{member}") };
            assert_eq!(said, why, "{interface} {member}");
        }
        let call = Call { interface: None, member: "GetAll".to_owned(), argument: None };
        assert!(matches!(call.answer(None), Answer::Error(FAILED, _)));
    }
}
