//! What a unit is given, as a drop-in for systemd and as a page for people. In: grants. Out: texts. Rule: what is given to one
//! unit twice stands there once, with all its reasons.

use super::FILE_NAME;
use super::unit::Directive;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// One thing that one unit is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The unit.
    pub unit: &'static str,
    /// The thing.
    pub what: What,
    /// What it is for.
    pub reason: String,
}

/// What a unit can be given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A capability, by its name.
    Capability(String),
    /// Membership of a group.
    Group(String),
    /// A path that may be written to.
    Path(String),
    /// A device, and how it may be used.
    Device(String),
    /// Any other directive.
    Setting {
        /// Its section.
        section: String,
        /// Its key.
        key: String,
        /// Its value.
        value: String,
    },
}

impl What {
    /// What this directive of a drop-in gives. Ambient capabilities are given with those of the bounding set.
    pub fn of(directive: Directive) -> Vec<Self> {
        let Directive { section, key, value } = directive;
        let each =
            |make: fn(String) -> Self| value.split_whitespace().map(|word| make(word.to_owned())).collect();
        match key.as_str() {
            "CapabilityBoundingSet" => each(Self::Capability),
            "AmbientCapabilities" => Vec::new(),
            "SupplementaryGroups" => each(Self::Group),
            "ReadWritePaths" => each(Self::Path),
            "DeviceAllow" => vec![Self::Device(value)],
            _ => vec![Self::Setting { section, key, value }],
        }
    }

    fn section(&self) -> &str {
        match self {
            Self::Setting { section, .. } => section,
            _ => "Service",
        }
    }

    fn lines(&self) -> String {
        match self {
            Self::Capability(name) => format!("CapabilityBoundingSet={name}\nAmbientCapabilities={name}\n"),
            Self::Group(name) => format!("SupplementaryGroups={name}\n"),
            Self::Path(path) => format!("ReadWritePaths={path}\n"),
            Self::Device(device) => format!("DeviceAllow={device}\n"),
            Self::Setting { key, value, .. } => format!("{key}={value}\n"),
        }
    }
}

/// For people.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capability(name) => f.write_str(name),
            Self::Group(name) => write!(f, "group {name}"),
            Self::Path(path) => write!(f, "path {}", path.trim_start_matches('-')),
            Self::Device(device) => write!(f, "device {device}"),
            Self::Setting { key, value, .. } => write!(f, "{key}={value}"),
        }
    }
}

/// The drop-in of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropIn {
    /// Its unit.
    pub unit: &'static str,
    /// Its text.
    pub text: String,
}

/// Where the drop-in of a unit lies in this folder of units.
pub fn drop_in_path(folder: &Path, unit: &str) -> PathBuf {
    folder.join(format!("{unit}.d")).join(FILE_NAME)
}

/// Each thing once, with all its reasons, in the order in which a drop-in has them.
fn merged(grants: &[Grant], unit: &str) -> Vec<(What, Vec<String>)> {
    let mut merged: Vec<(What, Vec<String>)> = Vec::new();
    for grant in grants.iter().filter(|grant| grant.unit == unit) {
        match merged.iter_mut().find(|(what, _)| *what == grant.what) {
            Some((_, reasons)) if reasons.contains(&grant.reason) => {}
            Some((_, reasons)) => reasons.push(grant.reason.clone()),
            None => merged.push((grant.what.clone(), vec![grant.reason.clone()])),
        }
    }
    // Stable: settings of one section keep their order, which may matter.
    let rank = |what: &What| match what {
        What::Setting { .. } => 4,
        What::Device(_) => 3,
        What::Path(_) => 2,
        What::Group(_) => 1,
        What::Capability(_) => 0,
    };
    merged.sort_by_key(|(what, _)| (what.section() == "Service", rank(what)));
    merged
}

/// The units in the order in which they are first given something.
fn units(grants: &[Grant]) -> Vec<&'static str> {
    let mut units = Vec::new();
    for grant in grants {
        if !units.contains(&grant.unit) {
            units.push(grant.unit);
        }
    }
    units
}

/// A drop-in for each unit, with `head` as its first lines. A unit in `exact` has one whatever it is given, and of
/// capabilities it has these alone.
pub fn drop_ins(grants: &[Grant], exact: &[&'static str], head: &str) -> Vec<DropIn> {
    let mut all = exact.to_vec();
    all.extend(units(grants).into_iter().filter(|unit| !exact.contains(unit)));
    all.into_iter()
        .map(|unit| DropIn { unit, text: text(grants, unit, exact.contains(&unit), head) })
        .collect()
}

fn text(grants: &[Grant], unit: &str, is_exact: bool, head: &str) -> String {
    let mut text: String = head.lines().map(|line| format!("# {line}\n")).collect();
    let merged = merged(grants, unit);
    for section in ["Unit", "Service"] {
        let mine: Vec<_> = merged.iter().filter(|(what, _)| what.section() == section).collect();
        let resets = is_exact && section == "Service";
        if mine.is_empty() && !resets {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "[{section}]");
        if resets {
            text.push_str("# none but these\nCapabilityBoundingSet=\nAmbientCapabilities=\n");
        }
        let mut said: &[String] = &[];
        for (what, reasons) in mine {
            if said != reasons.as_slice() {
                reasons.iter().for_each(|reason| {
                    let _ = writeln!(text, "# {reason}");
                });
                said = reasons;
            }
            text.push_str(&what.lines());
        }
    }
    text
}

/// What each unit is given, a line each, with the reasons in a second column.
pub fn page(grants: &[Grant]) -> String {
    let mut page = String::new();
    for unit in units(grants) {
        let _ = writeln!(page, "{unit} is given:");
        for (what, reasons) in merged(grants, unit) {
            let what = what.to_string();
            for (place, reason) in reasons.iter().enumerate() {
                let _ = writeln!(page, "  {:<24} {reason}", if place == 0 { what.as_str() } else { "" });
            }
        }
    }
    page
}
