//! `hsflowctl explain sample-rate NAME`, of an interface or an application. In: a [`Snapshot`]. Out: a paragraph: one packet in
//! how many, what decided it, what would have gone before it, and the line that changes it. Pure.

use crate::config::printed_speed;
use crate::ctl::status::speed;
use crate::ctl::written;
use crate::status::applications::Application;
use crate::status::snapshot::{Interface, Snapshot, Value};
use std::fmt::Write;

/// # Errors
/// Nothing has this name; which interfaces there are.
pub(in crate::ctl) fn explain(snapshot: &Snapshot, name: &str) -> Result<String, String> {
    if let Some(interface) = snapshot.interfaces.iter().find(|i| i.name == name) {
        return Ok(written(|text| write_interface(text, snapshot, interface)));
    }
    if let Some(application) = snapshot.applications.known.iter().find(|a| a.name == name) {
        return Ok(written(|text| write_application(text, snapshot, application)));
    }
    let applications = snapshot.applications.known.iter().map(|a| a.name.as_str());
    let names = snapshot.interfaces.iter().map(|i| i.name.as_str()).chain(applications);
    let names: Vec<_> = names.collect();
    Err(format!(
        "There is no interface and no application {}. There are: {}\n",
        name.escape_debug(),
        names.join(" ")
    ))
}

fn write_interface(text: &mut String, snapshot: &Snapshot, i: &Interface) -> std::fmt::Result {
    let (s, file) = (&i.sampling, &snapshot.settings.file);
    let Some((source, one_in)) = s.source.as_ref().zip(s.one_in) else {
        let why = s.warning.as_ref().or(s.reason.as_ref()).map_or("nothing asks for it", |why| why);
        writeln!(text, "No packet of {} is sampled: {why}.", i.name)?;
        return writeln!(
            text,
            "To have it sampled, write this in {file} and reload:\n  pcap {{ dev = {} }}",
            i.name
        );
    };
    writeln!(
        text,
        "Of the packets of {} one in {one_in} is sampled, by {source}. That is the rate of {}.",
        i.name, s.rate_origin
    )?;
    let key = i.speed_bps.map(|bps| format!("sampling.{}", printed_speed(bps)));
    writeln!(text, "The first of these that is set decides:")?;
    let is_own = s.rate_origin.starts_with("sampling in ");
    let own = if is_own { format!("{one_in} (this one decides)") } else { "not set for it".to_owned() };
    writeln!(text, "  sampling in its own pcap or epcap: {own}")?;
    match (&key, i.speed_bps) {
        (Some(key), Some(bps)) => {
            writeln!(text, "  {key}, its speed being {}: {}", speed(bps), stated(snapshot, key))?;
            writeln!(text, "  sampling.bps_ratio: {}", stated(snapshot, "sampling.bps_ratio"))?;
            writeln!(text, "  else its speed / 1,000,000, at least 100: {}", (bps / 1_000_000).max(100))?;
        }
        _ => {
            writeln!(text, "  else sampling, its speed being unknown: {}", snapshot.settings.sampling)?;
        }
    }
    if let Some(pool) = super::whole_pool(s).filter(|_| s.samples > 0) {
        let (pool, samples) = (u64::from(pool), s.samples);
        writeln!(
            text,
            "So far {samples} samples were made of {pool} packets, one in {} in fact.",
            pool / samples
        )?;
    }
    let line = key.filter(|_| i.switch_port || !is_own);
    let line =
        line.map_or_else(|| format!("pcap {{ dev = {} sampling = N }}", i.name), |key| format!("{key} = N"));
    writeln!(text, "To change it, write this in {file} and reload:\n  {line}")
}

/// The value, and who says it.
fn stated(snapshot: &Snapshot, key: &str) -> String {
    let is_it = |value: &&Value| value.key.eq_ignore_ascii_case(key);
    let found = snapshot.settings.values.iter().find(is_it);
    let said = found.and_then(|value| Some(format!("{} ({})", value.value.as_ref()?, value.origin)));
    said.unwrap_or_else(|| "not set".to_owned())
}

fn write_application(text: &mut String, snapshot: &Snapshot, a: &Application) -> std::fmt::Result {
    let name = &a.name;
    match a.sampling {
        0 => writeln!(text, "No transaction of the application {name} is sampled.")?,
        one_in => {
            writeln!(text, "Of the transactions of the application {name} one in {one_in} is sampled.")?
        }
    }
    let key = format!("sampling.app.{}", a.name);
    writeln!(
        text,
        "{key} is {}; without it sampling.{name} and then sampling decide: {}, {}.",
        stated(snapshot, &key),
        stated(snapshot, &format!("sampling.{}", a.name)),
        stated(snapshot, "sampling")
    )?;
    writeln!(text, "To change it, write this in {} and reload:\n  {} = N", snapshot.settings.file, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::snapshot::Sampling;

    fn snapshot(sampling: Sampling, speed_bps: Option<u64>) -> Snapshot {
        let interface = Interface { name: "eth0".into(), speed_bps, sampling, ..Interface::default() };
        let application = Application { name: "web".into(), sampling: 7, ..Application::default() };
        let mut snapshot = Snapshot { interfaces: vec![interface], ..Snapshot::default() };
        snapshot.applications.known.push(application);
        snapshot.settings.sampling = 400;
        snapshot.settings.values =
            vec![Value { key: "sampling.10G".into(), value: Some("5000".into()), origin: "f:4".into() }];
        snapshot
    }

    fn pcap(origin: &str) -> Sampling {
        Sampling {
            source: Some("pcap".into()),
            one_in: Some(5000),
            rate_origin: origin.into(),
            samples: 4,
            pool: 20_000,
            ..Sampling::default()
        }
    }

    #[test]
    fn of_an_interface_the_whole_order_is_told_and_the_line_that_changes_it() {
        let text = explain(&snapshot(pcap("sampling.10G"), Some(10_000_000_000)), "eth0").unwrap();
        for words in [
            "one in 5000 is sampled, by pcap. That is the rate of sampling.10G.",
            "sampling.10G, its speed being 10 Gb/s: 5000 (f:4)",
            "sampling.bps_ratio: not set",
            "at least 100: 10000",
            "4 samples were made of 20000 packets, one in 5000 in fact",
            "reload:\n  sampling.10G = N\n",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let text = explain(&snapshot(pcap("sampling in pcap"), Some(10_000_000_000)), "eth0").unwrap();
        assert!(
            text.contains("5000 (this one decides)") && text.ends_with("pcap { dev = eth0 sampling = N }\n"),
            "{text}"
        );
        let text = explain(&snapshot(pcap("sampling, its speed being unknown"), None), "eth0").unwrap();
        assert!(text.contains("else sampling, its speed being unknown: 400"), "{text}");
    }

    #[test]
    fn what_is_not_sampled_and_what_is_not_there_is_said() {
        let reason = Some("no pcap fits it".into());
        let snapshot = snapshot(Sampling { reason, ..Sampling::default() }, None);
        let text = explain(&snapshot, "eth0").unwrap();
        assert!(
            text.contains("No packet of eth0 is sampled: no pcap fits it.")
                && text.ends_with("pcap { dev = eth0 }\n"),
            "{text}"
        );
        assert_eq!(
            explain(&snapshot, "eth1").unwrap_err(),
            "There is no interface and no application eth1. There are: eth0 web\n"
        );
        let text = explain(&snapshot, "web").unwrap();
        assert!(text.contains("one in 7 is sampled") && text.ends_with("  sampling.app.web = N\n"), "{text}");
    }
}
