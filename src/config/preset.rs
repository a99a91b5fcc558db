//! What holds on a switch though the file does not say it: the objects of its platform, and what `cumulus { }` and
//! `dent { }` need to be of use.
//!
//! In: the settings of a file, and the kind of machine. Out: the settings with what was missing, each key with its origin,
//! and words for the log. Rule: an object that the file names is wholly the file's; what it does not name is wholly the
//! preset's. A host has no preset.

use super::Platform;
use super::model::Settings;
use super::origin::{Origin, Stated};
use super::parse;

/// Why it holds, and objects as a file would have them.
type Preset = (&'static str, &'static str);

/// `nflog` is how the older switches hand over samples, `psample` how the newer ones do; drops are those of the chip, which
/// something else has to start.
const CUMULUS: &str = "cumulus { } nflog { group = 1 } psample { group = 1 ingress = on }
    dropmon { start = off sw = off rn = off hw = on limit = 1000 }";
const DENT: &str = "dent { } psample { group = 1 ingress = on }";

impl Settings {
    /// With what the platform and the objects of a switch imply. The words say which objects came from where; none where
    /// nothing was missing.
    #[must_use]
    pub fn with_presets(mut self, platform: Platform) -> (Self, Option<String>) {
        let mut words = Vec::new();
        for (why, objects) in self.presets(platform) {
            let added = self.add_missing(objects, why);
            if !added.is_empty() {
                words.push(format!("{} by {why}", added.join(", ")));
            }
        }
        let said = (!words.is_empty()).then(|| format!("in force though not named: {}", words.join("; ")));
        (self, said)
    }

    fn presets(&self, platform: Platform) -> Vec<Preset> {
        let of_platform: &[Preset] = match platform {
            Platform::Host => &[],
            Platform::Cumulus => {
                &[("platform Cumulus Linux", CUMULUS), ("platform Cumulus Linux", "systemd { }")]
            }
            Platform::Dent => &[("platform DENT", DENT)],
        };
        let cumulus = self.modules.cumulus.is_some().then_some(("cumulus", CUMULUS));
        let dent = self.modules.dent.is_some().then_some(("dent", DENT));
        of_platform.iter().copied().chain(cumulus).chain(dent).collect()
    }

    /// Takes each of these objects that is not there; returns their names.
    fn add_missing(&mut self, objects: &str, why: &str) -> Vec<&'static str> {
        let text = format!("sflow {{ collector {{ ip = ::1 }} {objects} }}");
        // Valid by a test.
        let Some(preset) = parse("", &text).settings else { return Vec::new() };
        let mut added = Vec::new();
        macro_rules! add {
            ($($object:ident)*) => {$(
                if self.modules.$object.is_none() && preset.modules.$object.is_some() {
                    self.modules.$object = preset.modules.$object.clone();
                    added.push(stringify!($object));
                }
            )*};
        }
        add!(cumulus dent systemd nflog psample dropmon);
        for (key, stated) in preset.origins.stated {
            let object = key.split('.').next().unwrap_or_default();
            if added.contains(&object) {
                self.origins.stated.insert(key, Stated { origin: Origin::Preset(why.to_owned()), ..stated });
            }
        }
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;

    fn settings(body: &str) -> Settings {
        parse("f", &format!("sflow {{ collector {{ ip=::1 }} {body} }}")).settings.expect("a valid file")
    }

    fn origin(settings: &Settings, key: &str) -> (Option<String>, String) {
        let found = settings.effective().into_iter().find(|e| e.key == key);
        found.map(|e| (e.value, e.origin)).unwrap_or_default()
    }

    #[test]
    fn every_preset_is_a_valid_file() {
        for objects in [CUMULUS, DENT] {
            let parsed = parse("f", &format!("sflow {{ collector {{ ip = ::1 }} {objects} }}"));
            assert!(parsed.settings.is_some());
            assert!(parsed.problems.iter().all(|p| p.severity == Severity::Note), "{:?}", parsed.problems);
        }
    }

    #[test]
    fn a_host_has_no_preset() {
        for body in ["", "psample { group = 3 } nflog { } pcap { }"] {
            assert_eq!(settings(body).with_presets(Platform::Host), (settings(body), None));
        }
    }

    #[test]
    fn a_switch_has_what_the_c_agent_built_for_it_has() {
        let (cumulus, said) = settings("").with_presets(Platform::Cumulus);
        let m = &cumulus.modules;
        assert!(m.cumulus.is_some() && m.systemd.is_some() && m.dent.is_none());
        assert_eq!(m.nflog.as_ref().and_then(|nflog| nflog.group), Some(1));
        assert!(m.psample.as_ref().is_some_and(|p| (p.group, p.ingress, p.egress) == (1, true, false)));
        let drops = m.dropmon.as_ref().map(|d| (d.start, d.sw, d.rn, d.hw, d.limit));
        assert_eq!(drops, Some((false, false, false, true, 1000)));
        assert_eq!(
            said.as_deref(),
            Some(
                "in force though not named: cumulus, nflog, psample, dropmon by platform Cumulus Linux; \
                 systemd by platform Cumulus Linux"
            )
        );
        let (dent, _) = settings("").with_presets(Platform::Dent);
        assert!(
            dent.modules.dent.is_some() && dent.modules.nflog.is_none() && dent.modules.psample.is_some()
        );
        assert_eq!(origin(&dent, "psample.group"), (Some("1".into()), "platform DENT".into()));
    }

    #[test]
    fn an_object_of_the_file_is_wholly_the_file_s() {
        let (s, _) = settings("dropmon { sw = on } psample { egress = on }").with_presets(Platform::Cumulus);
        let (as_written, m) = (settings("dropmon { sw = on } psample { egress = on }"), &s.modules);
        assert_eq!((&m.dropmon, &m.psample), (&as_written.modules.dropmon, &as_written.modules.psample));
        assert_eq!(origin(&s, "dropmon.sw").1, "f:1");
        assert_eq!(origin(&s, "dropmon.hw").1, "default");
        assert_eq!(origin(&s, "nflog.group"), (Some("1".into()), "platform Cumulus Linux".into()));
    }

    #[test]
    fn an_object_of_a_switch_brings_its_sources_anywhere() {
        let (s, said) = settings("cumulus { } nflog { group = 5 }").with_presets(Platform::Host);
        assert_eq!(s.modules.nflog.as_ref().and_then(|nflog| nflog.group), Some(5));
        assert!(s.modules.psample.is_some() && s.modules.systemd.is_none());
        assert_eq!(origin(&s, "psample.ingress").1, "cumulus");
        assert_eq!(said.as_deref(), Some("in force though not named: psample, dropmon by cumulus"));
        let (s, _) = settings("dent { }").with_presets(Platform::Host);
        assert!(s.modules.psample.is_some() && s.modules.nflog.is_none() && s.modules.dropmon.is_none());
    }

    #[test]
    fn a_second_time_changes_nothing() {
        for platform in [Platform::Cumulus, Platform::Dent] {
            let (once, _) = settings("pcap { }").with_presets(platform);
            assert_eq!(once.clone().with_presets(platform), (once, None));
        }
    }
}
