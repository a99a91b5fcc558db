//! Which interfaces the file speaks of: taps by device, name pattern, speed and kind, switch ports by name pattern.
//!
//! Rules that need more than name and speed (skip bond members, VLANs, veth unless `dev` names them) are the caller's.

use super::model::Settings;
use super::modules::{Modules, Tap, TapId, TapKind};
use super::value::Pattern;

/// What of an interface decides which tap it has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its speed; unknown counts as 0.
    pub speed_bps: Option<u64>,
    /// A device of its own, not one that the kernel makes of others.
    pub is_physical: bool,
    /// The other end of it is a container's.
    pub leads_to_container: bool,
}

impl Tap {
    /// Whether an interface fits everything that is given.
    pub fn matches(&self, interface: Candidate<'_>) -> bool {
        let device = self.device.as_deref().is_none_or(|device| device == interface.name);
        let pattern = self.device_pattern.as_ref().is_none_or(|pattern| pattern.is_match(interface.name));
        let speed = self.speed.is_none_or(|range| range.contains(interface.speed_bps.unwrap_or(0)));
        let kind =
            (interface.is_physical || !self.physical) && (interface.leads_to_container || !self.dynamic);
        device && pattern && speed && kind
    }
}

impl Settings {
    /// Whether transceivers are read.
    pub fn wants_optics(&self) -> bool {
        self.optics.unwrap_or_else(|| self.modules.is_switch())
    }

    /// Whether priority flow control is read.
    pub fn wants_pfc(&self) -> bool {
        self.pfc.unwrap_or_else(|| self.modules.is_switch())
    }
}

impl Modules {
    /// An object for a switch is there, whatever ports it has.
    fn is_switch(&self) -> bool {
        self.cumulus.is_some() || self.dent.is_some() || self.opx.is_some() || self.sonic.is_some()
    }

    /// An engine of containers is asked.
    pub fn has_containers(&self) -> bool {
        self.docker.is_some() || self.containerd.is_some() || self.k8s.is_some()
    }

    /// The tap of an interface: the last one in the file that fits, as in the C agent; `pcap` before `epcap`.
    pub fn tap(&self, interface: Candidate<'_>) -> Option<(TapId, &Tap)> {
        self.taps().rev().find(|(_, tap)| tap.matches(interface))
    }

    /// All taps, those that win over others last.
    pub fn taps(&self) -> impl DoubleEndedIterator<Item = (TapId, &Tap)> {
        let epcap =
            self.epcap.iter().enumerate().map(|(place, tap)| (TapId { kind: TapKind::Epcap, place }, tap));
        let pcap =
            self.pcap.iter().enumerate().map(|(place, tap)| (TapId { kind: TapKind::Pcap, place }, tap));
        epcap.chain(pcap)
    }

    /// Whether counter samples name an interface by its alias, where it has one.
    pub fn names_by_alias(&self) -> bool {
        let names = self.k8s.as_ref().is_some_and(|k8s| k8s.set_if_name)
            || self.sonic.as_ref().is_some_and(|sonic| sonic.set_if_name);
        names && self.nlroute.as_ref().is_some_and(|nlroute| nlroute.set_if_alias)
    }

    /// The module that takes an interface for a switch port, if one does.
    pub fn switchport(&self, name: &str) -> Option<&'static str> {
        let patterns: [(_, Option<&Pattern>); 4] = [
            ("cumulus", self.cumulus.as_ref().and_then(|cumulus| cumulus.switchport.as_ref())),
            ("dent", self.dent.as_ref().and_then(|dent| dent.switchport.as_ref())),
            ("opx", self.opx.as_ref().and_then(|opx| opx.switchport.as_ref())),
            ("sonic", self.sonic.as_ref().and_then(|sonic| sonic.switchport.as_ref())),
        ];
        let mut fitting = patterns.iter().filter(|(_, pattern)| pattern.is_some_and(|p| p.is_match(name)));
        fitting.next().map(|(module, _)| *module)
    }
}

#[cfg(test)]
mod tests {
    use super::Candidate;
    use crate::config::{model::Settings, parse};

    const G: u64 = 1_000_000_000;

    fn physical(name: &str, speed_bps: impl Into<Option<u64>>) -> Candidate<'_> {
        Candidate { name, speed_bps: speed_bps.into(), is_physical: true, leads_to_container: false }
    }

    fn settings(body: &str) -> Settings {
        let text = format!("sflow {{ collector {{ ip=::1 }} {body} }}");
        parse("test", &text).settings.unwrap_or_else(|| panic!("{body}"))
    }

    #[test]
    fn a_tap_needs_all_that_its_block_gives() {
        let modules = settings("pcap { dev=eth0 speed=1G- } pcap { dev.pattern=^veth speed=1G-10G }").modules;
        assert!(modules.tap(physical("eth0", G)).is_some());
        assert!(modules.tap(physical("eth0", G - 1)).is_none());
        assert!(modules.tap(physical("eth0", None)).is_none());
        assert!(modules.tap(physical("eth1", G)).is_none());
        assert!(modules.tap(physical("veth7", 10 * G)).is_some());
        assert!(modules.tap(physical("veth7", 10 * G + 1)).is_none());
    }

    #[test]
    fn an_empty_tap_fits_everything_and_a_dynamic_one_what_leads_to_containers() {
        assert!(settings("epcap { }").modules.tap(physical("lo", None)).is_some());
        let dynamic = settings("pcap { dynamic=on dev.pattern=^cali }").modules;
        let tapped = |name, leads_to_container| {
            dynamic.tap(Candidate { name, leads_to_container, ..Candidate::default() }).is_some()
        };
        assert_eq!(
            (tapped("cali7", true), tapped("cali7", false), tapped("veth7", true)),
            (true, false, false)
        );
    }

    #[test]
    fn a_tap_for_physical_interfaces_fits_no_other() {
        let modules = settings("pcap { physical=on }").modules;
        assert!(modules.tap(physical("eth0", None)).is_some());
        assert!(modules.tap(Candidate { name: "docker0", ..Candidate::default() }).is_none());
    }

    #[test]
    fn the_last_tap_that_fits_is_taken() {
        let modules = settings("pcap { sampling=1 } pcap { sampling=2 } epcap { sampling=3 }").modules;
        assert_eq!(modules.tap(physical("eth0", None)).and_then(|(_, tap)| tap.sampling), Some(2));
    }

    #[test]
    fn switch_ports_are_known_by_the_pattern_of_each_module() {
        let port = |body: &str, name: &str| settings(body).modules.switchport(name);
        assert_eq!(port("cumulus { }", "swp1s0"), Some("cumulus"));
        assert_eq!(port("cumulus { }", "eth0"), None);
        assert_eq!(port("cumulus { switchport=^eth }", "eth0"), Some("cumulus"));
        assert_eq!(port("os10 { }", "e101-001-0"), Some("opx"));
        assert_eq!(port("dent { }", "swp1"), Some("dent"));
        assert_eq!(port("sonic { }", "Ethernet0"), None);
        assert_eq!(port("sonic { switchport=^Ethernet }", "Ethernet0"), Some("sonic"));
        assert_eq!(port("", "swp1"), None);
    }

    #[test]
    fn an_alias_is_a_name_only_where_it_is_read_and_asked_for() {
        let table = [
            ("nlroute { }", false),
            ("k8s { }", false),
            ("nlroute { } k8s { }", true),
            ("nlroute { } k8s { setIfName = off }", false),
            ("nlroute { setIfAlias = off } k8s { }", false),
            ("nlroute { } sonic { }", false),
            ("nlroute { } sonic { setIfName = on }", true),
        ];
        for (body, expected) in table {
            assert_eq!(settings(body).modules.names_by_alias(), expected, "{body}");
        }
    }
}
