//! Interface speed and settings → sampling rate (1 in N), with the rule that decided.
//!
//! The order is the C agent's, and a surprise in it is kept: a plain `sampling = N` counts only where the speed is
//! unknown. An interface that is down is not sampled; that is the caller's to know, as is a tap's own `sampling`.

use crate::config::model::{KeyedRate, Settings};
use crate::config::printed_speed;

/// Lowest rate that is chosen by speed alone.
const SLOWEST: u64 = 100;
/// Bits per second for each 1 of N, so that 10 Gb/s is sampled 1 in 10,000.
const BPS_PER_N: u64 = 1_000_000;

/// Which rule decided on a rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateOrigin {
    /// `sampling`.
    Global,
    /// `sampling.KEY` with this speed or prefix as KEY.
    Speed(String),
    /// `sampling.bps_ratio`.
    BpsRatio,
    /// The speed in millions, at least 100.
    SpeedDefault,
}

impl RateOrigin {
    /// The C agent's word for it.
    pub fn label(&self) -> &str {
        match self {
            Self::Global => "global_default",
            Self::Speed(key) => key,
            Self::BpsRatio => "bps_ratio",
            Self::SpeedDefault => "speed_default",
        }
    }
}

impl Settings {
    /// The rate for an interface that is up, 0 for "do not sample"; an unknown speed is `None` or 0.
    pub fn sampling_rate(&self, speed_bps: Option<u64>) -> (u32, RateOrigin) {
        let Some(speed) = speed_bps.filter(|&speed| speed > 0) else {
            return (self.sampling, RateOrigin::Global);
        };
        if let Some(rate) = self.keyed_rate(&printed_speed(speed)) {
            // A KEY that only has a polling interval takes the global rate, not that of the speed.
            return (rate.sampling.unwrap_or(self.sampling), RateOrigin::Speed(rate.key.clone()));
        }
        match self.keyed_rate("bps_ratio").map(|rate| rate.sampling.unwrap_or(self.sampling)) {
            Some(0) => (self.sampling, RateOrigin::Global),
            Some(ratio) => (saturated((speed / u64::from(ratio)).max(1)), RateOrigin::BpsRatio),
            None => (saturated((speed / BPS_PER_N).max(SLOWEST)), RateOrigin::SpeedDefault),
        }
    }

    /// The setting with the longest KEY that is `name`, or the part of it before a dot: `app` covers `app.web`.
    pub fn keyed_rate(&self, name: &str) -> Option<&KeyedRate> {
        longest(&self.keyed, name)
    }
}

fn longest<'k>(keyed: &'k [KeyedRate], name: &str) -> Option<&'k KeyedRate> {
    let covers = |rate: &&KeyedRate| {
        let rest = name.strip_prefix(rate.key.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    keyed.iter().filter(covers).max_by_key(|rate| rate.key.len())
}

/// What the settings say of applications that tell of themselves by JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationRates {
    sampling: u32,
    polling_secs: u32,
    keyed: Vec<KeyedRate>,
}

impl ApplicationRates {
    /// Of these settings.
    pub fn of(settings: &Settings) -> Self {
        let ours = |rate: &&KeyedRate| rate.key == "app" || rate.key.starts_with("app.");
        Self {
            sampling: settings.sampling,
            polling_secs: settings.polling_secs,
            keyed: settings.keyed.iter().filter(ours).cloned().collect(),
        }
    }

    /// 1-in-N (0: no samples) and seconds between counters (0: none) of the application of this name. One setting is asked:
    /// that with the longest KEY; what it does not say is not looked for in a shorter one but globally.
    pub fn get(&self, application: &str) -> (u32, u32) {
        let found = longest(&self.keyed, &format!("app.{application}"));
        let sampling = found.and_then(|rate| rate.sampling).unwrap_or(self.sampling);
        (sampling, found.and_then(|rate| rate.polling).unwrap_or(self.polling_secs))
    }
}

fn saturated(rate: u64) -> u32 {
    u32::try_from(rate).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const G: u64 = 1_000_000_000;

    fn settings(body: &str) -> Settings {
        let text = format!("sflow {{ collector {{ ip=::1 }} {body} }}");
        parse("test", &text).settings.unwrap_or_else(|| panic!("{body}"))
    }

    #[track_caller]
    fn check(body: &str, speed: Option<u64>, want: u32, label: &str) {
        let (rate, origin) = settings(body).sampling_rate(speed);
        assert_eq!((rate, origin.label()), (want, label), "{body} at {speed:?}");
    }

    #[test]
    fn a_ten_gigabit_port_gets_the_rates_measured_on_the_c_agent() {
        let port = Some(10 * G);
        check("", port, 10_000, "speed_default");
        check("sampling=77", port, 10_000, "speed_default");
        check("sampling.10G=123", port, 123, "10G");
        check("polling.10G=9", port, 400, "10G");
        check("sampling.bps_ratio=0", port, 400, "global_default");
        check("sampling.bps_ratio=2M", port, 5000, "bps_ratio");
        check("sampling.bps_ratio=10000000", port, 1000, "bps_ratio");
        check("sampling.10G=0", port, 0, "10G");
        check("sampling.bps_ratio=5 sampling.10G=6", port, 6, "10G");
    }

    #[test]
    fn a_lower_case_or_spelled_out_speed_is_found() {
        check("sampling.10g=123", Some(10 * G), 123, "10G");
        check("sampling.10000M=123", Some(10 * G), 123, "10G");
    }

    #[test]
    fn an_unknown_speed_gets_the_global_rate() {
        check("", None, 400, "global_default");
        check("sampling=77", Some(0), 77, "global_default");
        check("sampling=77 sampling.bps_ratio=1K", None, 77, "global_default");
    }

    #[test]
    fn without_settings_the_speed_decides_with_a_floor() {
        for (speed, want) in [(10_000_000, 100), (100_000_000, 100), (G, 1000), (400 * G, 400_000), (1, 100)]
        {
            check("", Some(speed), want, "speed_default");
        }
        check("", Some(u64::MAX), u32::MAX, "speed_default");
    }

    #[test]
    fn a_ratio_above_the_speed_samples_every_packet() {
        check("sampling.bps_ratio=10M", Some(1_000_000), 1, "bps_ratio");
    }

    #[test]
    fn a_speed_that_prints_truncated_is_found_by_what_it_prints() {
        check("sampling.2G=9", Some(2_500_000_000), 9, "2G");
    }

    #[test]
    fn the_longest_key_that_covers_a_name_wins() {
        let settings = settings("sampling.app=50 sampling.app.web=5 polling.http=9");
        let rate = |name: &str| settings.keyed_rate(name).map(|rate| rate.sampling);
        assert_eq!(rate("app.web"), Some(Some(5)));
        assert_eq!(rate("app.web.x"), Some(Some(5)));
        assert_eq!(rate("app.webx"), Some(Some(50)));
        assert_eq!(rate("application"), None);
        assert_eq!(rate("http"), Some(None));
    }

    #[test]
    fn what_the_longest_key_of_an_application_lacks_is_the_global_value() {
        let rates = ApplicationRates::of(&settings(
            "sampling=7 polling=21 sampling.app=50 polling.app=5 polling.app.web=9 sampling.app.db=0 sampling.apple=3",
        ));
        assert_eq!(rates.get("other"), (50, 5));
        assert_eq!(rates.get("web"), (7, 9));
        assert_eq!(rates.get("web.x"), (7, 9));
        assert_eq!(rates.get("db"), (0, 21));
        assert_eq!(rates.get("WEB"), (50, 5), "the case matters");
        assert_eq!(ApplicationRates::of(&settings("sampling.10G=5")).get("web"), (400, 30));
    }
}
