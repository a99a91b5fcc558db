//! The files of an administrator: `policy.toml` and `policy.d/*.toml` of a folder.
//!
//! In: the folder. Out: what the files say. Rule: where a file is no TOML (somebody is at work on it), what it said
//! before counts, and that is said; where one cannot be read at all, or what it protects, everything stays as it is.

use crate::host::files;
use crate::policy::file::{Fault, FaultKind, MOST_BYTES, Wishes, parse_on};
use crate::policy::lines::Dialect;
use crate::policy::own;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// A file or the folder.
    #[error("{}: {source}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is protected: without it everything could be cut.
    #[error("what is protected cannot be told: {0}")]
    Protection(String),
}

/// The folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    dialect: Dialect,
    /// Texts by name that were TOML.
    good: BTreeMap<String, String>,
}

impl Files {
    /// Nothing is read yet.
    pub fn new(folder: &Path, dialect: Dialect) -> Self {
        Self { folder: folder.to_owned(), dialect, good: BTreeMap::new() }
    }

    /// Reads them all. Blocks.
    ///
    /// # Errors
    /// The first that cannot be read, or a protection in it; that `policy.toml` or `policy.d` is missing is none.
    pub fn read(&mut self) -> Result<Wishes, ReadFault> {
        let texts = self.texts()?;
        let as_given: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let host = own::addresses();
        let mut wishes = parse_on(&host, &as_given, self.dialect);
        let is_torn = |kind: &FaultKind| matches!(kind, FaultKind::Syntax(_) | FaultKind::Size(_));
        let torn: Vec<_> = wishes.faults.iter().filter(|fault| is_torn(&fault.kind)).cloned().collect();
        let is_sound = |name: &str| torn.iter().all(|fault| fault.file != name);
        if torn.iter().any(|fault| self.good.contains_key(&fault.file)) {
            let old = |name: &str| self.good.get(name).filter(|_| !is_sound(name));
            let mended: Vec<_> = as_given
                .iter()
                .map(|(name, text)| (*name, old(name).map_or(*text, String::as_str)))
                .collect();
            wishes = parse_on(&host, &mended, self.dialect);
            wishes.faults.extend(torn.iter().filter(|fault| self.good.contains_key(&fault.file)).cloned());
        }
        if wishes.has_lost_protection {
            let is_its = |fault: &&Fault| torn.contains(fault) || fault.key.starts_with("protect");
            let faults: Vec<_> = wishes.faults.iter().filter(is_its).map(ToString::to_string).collect();
            return Err(ReadFault::Protection(faults.join("; ")));
        }
        let kept = std::mem::take(&mut self.good);
        self.good = texts.iter().filter(|(name, _)| is_sound(name)).cloned().collect();
        self.good.extend(kept.into_iter().filter(|(name, _)| !is_sound(name)));
        Ok(wishes)
    }

    fn texts(&self) -> Result<Vec<(String, String)>, ReadFault> {
        let first = self.folder.join("policy.toml");
        // Its place is kept: the first file alone sets limits.
        let mut texts = vec![text(&first)?.unwrap_or_else(|| (first.display().to_string(), String::new()))];
        let folder = self.folder.join("policy.d");
        let wrong = |source| ReadFault::Path { path: folder.clone(), source };
        let mut paths = Vec::new();
        match fs::read_dir(&folder) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry.map_err(wrong)?.path();
                    paths.extend(path.extension().is_some_and(|end| end == "toml").then_some(path));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(error)),
        }
        paths.sort();
        for path in paths {
            texts.extend(text(&path)?);
        }
        Ok(texts)
    }
}

fn text(path: &Path) -> Result<Option<(String, String)>, ReadFault> {
    let wrong = |source| ReadFault::Path { path: path.to_owned(), source };
    let file = match files::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(wrong)?;
    // What is no UTF-8 is no TOML, and the replacement in a bare place says so.
    let text = String::from_utf8(bytes).unwrap_or_else(|_| "\u{fffd}".to_owned());
    Ok(Some((path.display().to_string(), text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_without_what_is_protected() {
        let folder = std::env::temp_dir().join(format!("hsflow-files-{}", std::process::id()));
        fs::create_dir_all(folder.join("policy.d")).unwrap();
        let good = "[[protect]]\npeer = \"192.0.2.9\"\n";
        let mut files = Files::new(&folder, Dialect::Linux);
        let mut read = |first: &str, second: &str| {
            fs::write(folder.join("policy.toml"), first).unwrap();
            fs::write(folder.join("policy.d/b.toml"), second).unwrap();
            files.read().map(|wishes| wishes.protected.len()).map_err(|why| why.to_string())
        };
        let lost = |outcome: Result<usize, String>| {
            outcome.unwrap_err().contains("what is protected cannot be told")
        };
        assert!(lost(read("[[protect]]\npeer = \"192.0.2\"\n", "")), "at the start");
        assert_eq!(read(good, good), Ok(2));
        assert!(lost(read(good, "[[protect]]\npeer = 7\n")));
        assert_eq!(read(good, "[[protect]\n"), Ok(2), "torn: what it said before counts");
        nix::unistd::mkfifo(&folder.join("policy.d/a.toml"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        let why = read(good, good).unwrap_err();
        assert!(why.contains("a.toml: not a regular file"), "nobody waits for who writes: {why}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
