//! What Cumulus Linux itself has been told of the sampling of single ports, which the agent leaves alone.
//!
//! In: the text of `/etc/cumulus/switchd.conf`, as NVUE or an operator writes it. Out: by port, whether samples are
//! switched off and which rate is set. Rules: `interface.PORT.sflow.enable = TRUE|FALSE` and
//! `interface.PORT.sflow.sample_rate.ingress = N` count, the last of each; anything else is somebody else's. Spec: Cumulus
//! Linux User Guide, sFlow, Interface Configuration.

use std::collections::BTreeMap;

/// What is said of one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortSetting {
    /// Its packets are not to be sampled.
    pub off: bool,
    /// One in so many.
    pub one_in: Option<u32>,
}

/// The settings of each port that has some.
pub fn parse_switchd(text: &str) -> BTreeMap<String, PortSetting> {
    let mut ports: BTreeMap<String, PortSetting> = BTreeMap::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let Some((key, value)) = line.split_once('=') else { continue };
        let Some(key) = key.trim().strip_prefix("interface.") else { continue };
        let value = value.trim();
        if let Some(port) = key.strip_suffix(".sflow.enable") {
            let off = ["false", "no", "off", "0"].iter().any(|word| value.eq_ignore_ascii_case(word));
            ports.entry(port.to_owned()).or_default().off = off;
        } else if let Some(port) = key.strip_suffix(".sflow.sample_rate.ingress") {
            ports.entry(port.to_owned()).or_default().one_in = value.parse().ok();
        }
    }
    ports.retain(|_, setting| *setting != PortSetting::default());
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ports_with_settings_of_their_own_are_found() {
        let text = "# sflow\nstats.poll_interval = 2000\ninterface.swp1.sflow.enable = FALSE\n\
                    interface.swp2s1.sflow.sample_rate.ingress = 100000 # ours\n  interface.swp3.sflow.enable=TRUE\n\
                    #interface.swp4.sflow.enable = FALSE\ninterface.swp5.storm_control.broadcast = 400\n";
        let found: Vec<_> = parse_switchd(text).into_iter().collect();
        let off = PortSetting { off: true, one_in: None };
        let rate = PortSetting { off: false, one_in: Some(100_000) };
        assert_eq!(found, [("swp1".to_owned(), off), ("swp2s1".to_owned(), rate)]);
    }

    #[test]
    fn the_last_line_counts_and_nonsense_is_nothing() {
        let of = |text: &str| parse_switchd(text).remove("swp1");
        let key = "interface.swp1.sflow";
        assert_eq!(of(&format!("{key}.enable = FALSE\n{key}.enable = TRUE")), None);
        assert_eq!(of(&format!("{key}.sample_rate.ingress = many")), None);
        assert_eq!(of(&format!("{key}.sample_rate.ingress = 99999999999")), None);
        assert_eq!(of(&format!("{key}.sample_rate.egress = 5")), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_only_what_says_something_is_kept(text in "(interface\\.|swp1|\\.sflow\\.enable|=| |FALSE|\n|\\PC)*") {
            prop_assert!(parse_switchd(&text).values().all(|setting| *setting != PortSetting::default()));
        }
    }
}
