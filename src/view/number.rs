//! Numbers as people read them, in few characters. In: values that may not be known. Out: `1.25M`, `–` for what is not known.

use std::time::Duration;

/// What is not known.
pub const UNKNOWN: &str = "-";

/// With three digits and a thousand's letter.
pub fn si(value: Option<f64>) -> String {
    scaled(value, 1000.0, &["", "k", "M", "G", "T", "P", "E"])
}

/// A count: without a fraction while it is small.
pub fn count(value: Option<f64>) -> String {
    match value {
        Some(value) if value < 999.5 => format!("{:.0}", value.max(0.0)),
        other => si(other),
    }
}

/// Bytes, by powers of 1024.
pub fn binary(value: Option<f64>) -> String {
    scaled(value, 1024.0, &["B", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
}

fn scaled(value: Option<f64>, step: f64, units: &[&str]) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else { return UNKNOWN.to_owned() };
    let (mut left, mut unit) = (value.max(0.0), 0);
    // 999.5 would be printed with four digits.
    while left >= 999.5 && unit + 1 < units.len() {
        left /= step;
        unit += 1;
    }
    let unit = units.get(unit).copied().unwrap_or_default();
    let digits = if left == 0.0 || left >= 99.95 || unit == "B" {
        0
    } else if left >= 9.995 {
        1
    } else {
        2
    };
    format!("{left:.digits$}{unit}")
}

/// A part of a hundred.
pub fn percent(value: Option<f64>) -> String {
    match value.filter(|value| value.is_finite()) {
        Some(value) if value < 99.95 => format!("{:.1}", value.max(0.0)),
        Some(value) => format!("{:.0}", value.min(1e6)),
        None => UNKNOWN.to_owned(),
    }
}

/// A length of time by its two largest units.
pub fn time(time: Duration) -> String {
    let secs = time.as_secs();
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", secs % 60),
        (0, _, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}

/// Hours, minutes and seconds of a day, UTC.
pub fn of_day(unix: u64) -> String {
    format!("{:02}:{:02}:{:02}", unix / 3600 % 24, unix / 60 % 60, unix % 60)
}

/// Date and time, UTC, as RFC 3339 has them.
pub fn date(unix: u64) -> String {
    // Days of the years from March on (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let days = unix / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, more) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}T{}Z", era * 400 + year + more, of_day(unix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_what_is_unknown_is_a_dash() {
        let cases = [0.0, 0.5, 7.0, 42.0, 999.4, 999.6, 12_345.0, 1e9, 2.5e20];
        let text = cases.map(|value| si(Some(value)));
        assert_eq!(text, ["0", "0.50", "7.00", "42.0", "999", "1.00k", "12.3k", "1.00G", "250E"]);
        assert_eq!([si(None), si(Some(f64::NAN)), percent(None)], [UNKNOWN; 3]);
        assert_eq!([binary(Some(512.0)), binary(Some(3.0 * 1024.0 * 1024.0))], ["512B", "3.00Mi"]);
        assert_eq!([percent(Some(0.04)), percent(Some(99.96))], ["0.0", "100"]);
    }

    #[test]
    fn times_and_dates_are_those_of_date() {
        let times = [5, 65, 3720, 90_000].map(|secs| time(Duration::from_secs(secs)));
        assert_eq!(times, ["5s", "1m05s", "1h02m", "1d01h"]);
        // date -u -d @N +%FT%TZ
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_345_617, "2026-11-22T11:06:57Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(date(unix), text);
        }
    }
}
