//! What holds where there is no configuration file: collectors and rates from DNS, and packet samples of every physical
//! interface; on a switch of every port. In: `/etc/os-release`. Out: the text of a configuration, read like a file.
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
    /// From the text of os-release(5); anything else is a host.
    pub fn of(os_release: &str) -> Self {
        let value = |key: &str| os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let names = ["ID", "NAME"].map(|key| value(key).unwrap_or_default().trim_matches(['"', '\'']));
        let is = |name: &str| {
            names.iter().any(|n| n.to_ascii_lowercase().split(['-', ' ']).any(|word| word == name))
        };
        if is("cumulus") {
            Self::Cumulus
        } else if is("dent") || is("dentos") {
            Self::Dent
        } else {
            Self::Host
        }
    }

    /// The configuration that holds without a file.
    pub fn built_in(self) -> &'static str {
        match self {
            Self::Host => "sflow {\n  dns-sd { }\n  pcap { physical = on }\n}\n",
            Self::Cumulus => {
                "sflow {\n  dns-sd { }\n  cumulus { }\n  pcap { dev.pattern = ^swp[0-9s]+$ }\n}\n"
            }
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
            ("NAME=\"Cumulus Linux\"\nID=cumulus-linux\nID_LIKE=debian\n", Platform::Cumulus),
            ("NAME=\"DENTOS\"\nID=debian\n", Platform::Dent),
            ("ID=dent", Platform::Dent),
            ("NAME=\"Debian GNU/Linux\"\nID=debian\nHOME_URL=\"https://student.example\"\n", Platform::Host),
            ("", Platform::Host),
        ];
        for (text, platform) in table {
            assert_eq!(Platform::of(text), platform, "{text}");
        }
    }

    #[test]
    fn every_built_in_configuration_is_valid_and_asks_dns() {
        for platform in [Platform::Host, Platform::Cumulus, Platform::Dent] {
            let parsed = parse("built-in", platform.built_in());
            assert!(parsed.problems.iter().all(|p| p.severity == Severity::Note), "{:?}", parsed.problems);
            assert!(parsed.settings.is_some_and(|s| s.modules.dns_sd.is_some() && s.modules.pcap.len() == 1));
        }
    }

    #[test]
    fn a_host_taps_physical_interfaces_and_a_switch_its_ports() {
        let taps = |platform: Platform, name: &str, physical: bool| {
            let settings = parse("built-in", platform.built_in()).settings.expect("valid");
            settings.modules.tap(Candidate { name, is_physical: physical, ..Candidate::default() }).is_some()
        };
        assert!(taps(Platform::Host, "eth0", true) && !taps(Platform::Host, "docker0", false));
        for switch in [Platform::Cumulus, Platform::Dent] {
            assert!(taps(switch, "swp1s0", false) && !taps(switch, "eth0", true));
        }
    }
}
