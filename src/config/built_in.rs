//! What holds where there is no configuration file: collectors and rates from DNS, and packet samples of every physical
//! interface; on a switch of every port, by what `preset` adds. In: what the machine's files say of its distribution. Out:
//! the kind of machine, and the text of a configuration, read like a file.
//!
//! Rule: it is ordinary text, so that `check`, `config show` and the manual tell of it as of any other.

/// The kind of machine, by the name of its distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A host.
    Host,
    /// A switch with Cumulus Linux.
    Cumulus,
    /// A switch with DENT.
    Dent,
}

impl Platform {
    /// From the text of os-release(5), and what Open Network Linux says of itself (empty elsewhere): DENT is built on
    /// that, and its os-release is Debian's. Anything else is a host.
    pub fn of(os_release: &str, onl: &str) -> Self {
        let value = |key: &str| os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let names = ["ID", "NAME"].map(|key| value(key).unwrap_or_default().trim_matches(['"', '\'']));
        let has = |text: &str, name: &str| {
            text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.eq_ignore_ascii_case(name))
        };
        let is = |name: &str| names.iter().any(|text| has(text, name));
        if is("cumulus") {
            Self::Cumulus
        } else if ["dent", "dentos"].iter().any(|name| is(name) || has(onl, name)) {
            Self::Dent
        } else {
            Self::Host
        }
    }

    /// Its name; none for a host.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Host => None,
            Self::Cumulus => Some("Cumulus Linux"),
            Self::Dent => Some("DENT"),
        }
    }

    /// The configuration that holds without a file, before the presets of the platform.
    pub fn built_in(self) -> &'static str {
        match self {
            Self::Host => "sflow {\n  dns-sd { }\n  pcap { physical = on }\n}\n",
            // What the chip forwards never comes to a tap.
            Self::Cumulus => "sflow {\n  dns-sd { }\n}\n",
            Self::Dent => "sflow {\n  dns-sd { }\n  dent { }\n  pcap { dev.pattern = ^swp[0-9s]+$ }\n}\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Severity, model::Candidate, parse};

    #[test]
    fn switches_are_known_by_their_distribution() {
        let table = [
            ("NAME=\"Cumulus Linux\"\nID=cumulus-linux\nID_LIKE=debian\n", "", Platform::Cumulus),
            ("NAME=\"DENTOS\"\nID=debian\n", "", Platform::Dent),
            ("ID=dent", "", Platform::Dent),
            ("ID=debian", "DENT OS DENTOS-main, 2023-01-05.10:12-3b9d1ac\n\n", Platform::Dent),
            ("ID=debian", "{\"version\": {\"OS_NAME\": \"Open Network Linux OS\"}}", Platform::Host),
            ("NAME=\"Debian GNU/Linux\"\nID=debian\nHOME_URL=\"https://dent.example\"\n", "", Platform::Host),
            ("NAME=\"student dentist\"", "", Platform::Host),
            ("", "", Platform::Host),
        ];
        for (text, onl, platform) in table {
            assert_eq!(Platform::of(text, onl), platform, "{text}");
        }
    }

    #[test]
    fn every_built_in_configuration_is_valid_and_asks_dns() {
        for platform in [Platform::Host, Platform::Cumulus, Platform::Dent] {
            let parsed = parse("built-in", platform.built_in());
            assert!(parsed.problems.iter().all(|p| p.severity == Severity::Note), "{:?}", parsed.problems);
            assert!(parsed.settings.is_some_and(|s| s.modules.dns_sd.is_some()));
        }
    }

    #[test]
    fn a_host_taps_physical_interfaces_and_a_switch_samples_its_ports() {
        let of = |platform: Platform| {
            let settings = parse("built-in", platform.built_in()).settings.expect("valid");
            settings.with_presets(platform).0.modules
        };
        let taps = |platform: Platform, name: &str, physical: bool| {
            of(platform).tap(Candidate { name, is_physical: physical, ..Candidate::default() }).is_some()
        };
        assert!(taps(Platform::Host, "eth0", true) && !taps(Platform::Host, "docker0", false));
        for (switch, object) in [(Platform::Cumulus, "cumulus"), (Platform::Dent, "dent")] {
            assert!(!taps(switch, "eth0", true));
            assert_eq!(
                (of(switch).switchport("swp1s0"), of(switch).switchport("eth0")),
                (Some(object), None)
            );
        }
    }
}
