//! What Debian's ethtool reads out of the same modules. Both ask for them by the same messages: a preloaded library
//! (`tests/optics/module.c`) answers ethtool in the kernel's place, as no virtual machine has a transceiver.
#![allow(clippy::unwrap_used)] // the helpers are part of the tests

use hsflow::wire::optics::{Block, Memory, NoOptics, Readings, Stop, parse};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn fixture(name: &str) -> PathBuf {
    folder("fixtures/optics").join(format!("{name}.txt"))
}

/// Ours.
fn readings(name: &str) -> Result<Readings, Stop> {
    let text = std::fs::read_to_string(fixture(name)).unwrap();
    let mut memory = Memory::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |word: &str| u8::from_str_radix(word, 16).unwrap();
        let block = Block {
            address: number(words[0]),
            bank: number(words[1]),
            page: number(words[2]),
            offset: number(words[3]),
        };
        memory.put(block, Some(std::array::from_fn(|at| number(&words[4][2 * at..2 * at + 2]))));
    }
    parse(&memory)
}

/// The library; `None` where nothing can compile it, or there is no ethtool.
fn library() -> Option<&'static PathBuf> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = LIBRARY.get_or_init(|| {
        let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("module.so");
        let mut cc = Command::new("cc");
        cc.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"]);
        let made = cc.arg(&out).arg(folder("optics/module.c")).status().ok()?;
        assert!(made.success());
        Command::new("ethtool").arg("--version").output().ok()?;
        Some(out)
    });
    if made.is_none() {
        eprintln!("SKIP: cc or ethtool is missing");
    }
    made.as_ref()
}

/// Theirs: the number of each line that has one, with those after a comma or colon.
fn ethtool(name: &str) -> Option<HashMap<String, f64>> {
    let output = Command::new("ethtool")
        .args(["-m", "lo"])
        .env("LD_PRELOAD", library()?)
        .env("MODULE", fixture(name))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("Identifier"), "{text}{output:?}");
    let line = |line: &str| {
        let (what, value) = line.split_once(" : ")?;
        let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(value.len());
        Some((what.trim().to_owned(), value[..digits].parse().ok()?))
    };
    Some(text.lines().filter_map(line).collect())
}

/// The value of the line that begins and ends so.
fn find(values: &HashMap<String, f64>, begin: &str, end: &str) -> f64 {
    let found = values.iter().find(|(what, _)| what.starts_with(begin) && what.ends_with(end));
    *found.unwrap_or_else(|| panic!("ethtool says no {begin} … {end}: {values:?}")).1
}

fn close(ours: Option<u32>, theirs: f64, unit: f64, what: &str) {
    let ours = f64::from(ours.unwrap_or_else(|| panic!("no {what}")));
    assert!((ours - theirs * unit).abs() <= 0.51, "{what}: {ours}, ethtool says {theirs}");
}

const MILLI: f64 = 1000.0;

/// What ethtool gets wrong, and is not compared.
#[derive(Clone, Copy, PartialEq)]
enum But {
    Nothing,
    /// It divides by the multiplier that CMIS says the raw number is to be multiplied by.
    Bias,
    /// It adds up the factors of a polynomial instead of using the powers of the raw number.
    Received,
}

fn compare(name: &str, lanes: usize, but: But) {
    let (Some(theirs), ours) = (ethtool(name), readings(name).unwrap()) else { return };
    assert_eq!((ours.lanes.len(), ours.flaw), (lanes, None), "{name}");
    close(ours.voltage_mv, find(&theirs, "Module voltage", "voltage"), MILLI, "voltage");
    let celsius = find(&theirs, "Module temperature", "temperature");
    let ours_celsius = f64::from(ours.temperature_mc.unwrap()) / MILLI;
    assert!((ours_celsius - celsius).abs() <= 0.0051, "{ours_celsius}, ethtool says {celsius}");
    for (number, lane) in (1..).zip(&ours.lanes) {
        let end = if lanes == 1 { String::new() } else { format!("(Channel {number})") };
        let [bias, tx, rx] = match lanes {
            1 => ["Laser bias current", "Laser output power", "Receiver signal average optical power"],
            _ => ["Laser tx bias current", "Transmit avg optical power", "R"],
        };
        let theirs_of = |what: &str| find(&theirs, what, if lanes == 1 { what } else { &end });
        if but != But::Bias {
            close(lane.bias_ua, theirs_of(bias), MILLI, bias);
        }
        close(lane.tx.now_uw, theirs_of(tx), MILLI, tx);
        let limit = |what: &str, which: &str| find(&theirs, what, &format!("{which} alarm threshold"));
        close(lane.tx.max_uw, limit("Laser output power", "high"), MILLI, "tx high");
        close(lane.tx.min_uw, limit("Laser output power", "low"), MILLI, "tx low");
        if but != But::Received {
            close(lane.rx.now_uw, theirs_of(rx), MILLI, rx);
            close(lane.rx.max_uw, limit("Laser rx power", "high"), MILLI, "rx high");
            close(lane.rx.min_uw, limit("Laser rx power", "low"), MILLI, "rx low");
        }
        close(lane.wavelength_nm, find(&theirs, "Laser wavelength", "wavelength"), 1.0, "wavelength");
    }
}

#[test]
fn an_sfp_reads_as_with_ethtool() {
    compare("sfp-sr", 1, But::Nothing);
}

#[test]
fn external_calibration_reads_as_with_ethtool() {
    compare("sfp-external-linear", 1, But::Nothing);
    compare("sfp-external", 1, But::Received);
}

#[test]
fn a_qsfp28_reads_as_with_ethtool() {
    compare("qsfp28-ir4", 4, But::Nothing);
}

#[test]
fn cmis_reads_as_with_ethtool() {
    compare("cmis-8", 8, But::Bias);
    compare("cmis-16", 16, But::Nothing);
}

#[test]
fn a_cable_has_no_readings_with_ethtool_either() {
    for name in ["sfp-aoc", "cmis-copper"] {
        let measured = readings(name);
        let known = [NoOptics::NoDiagnostics, NoOptics::Copper].map(|reason| Err(Stop::NoOptics(reason)));
        assert!(known.contains(&measured), "{name}: {measured:?}");
        let Some(theirs) = ethtool(name) else { return };
        assert!(!theirs.keys().any(|what| what.contains("optical power")), "{name}: {theirs:?}");
    }
}
