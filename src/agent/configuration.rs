//! Reading the configuration file. In: a path. Out: checked settings with the notes that the log and the status
//! show, or every problem at once. Rules: a file with errors is refused whole; where there is no file and none was
//! asked for, the configuration built in for this kind of machine holds; on a switch, its presets hold beside any file; what is
//! no file (a pipe) is refused, not waited for: a reload is one step of the agent's loop.

use super::args::Options;
use crate::config::{self, Platform, Severity, model::Settings};
use crate::host::files;
use std::io;
use std::path::{Path, PathBuf};

/// Settings and what was said about them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Valid settings.
    pub settings: Settings,
    /// Warnings and notes, each one line with file, line and column.
    pub remarks: Vec<String>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has errors.
    #[error("{}", lines.join("\n"))]
    Refused {
        /// One line an error, with file, line and column.
        lines: Vec<String>,
    },
}

impl LoadError {
    /// One line for the status: how many problems, and the first.
    pub fn summary(&self) -> String {
        match self {
            Self::Refused { lines } if lines.len() > 1 => {
                format!("{} (and {} more)", lines.first().map_or("", String::as_str), lines.len() - 1)
            }
            other => other.to_string(),
        }
    }
}

/// What the command line asks for: its file, or without one the usual file, or without that what is built in.
///
/// # Errors
/// The file cannot be read, or has at least one error.
pub fn load_or_built_in(options: &Options) -> Result<Loaded, LoadError> {
    match load(&options.config, &options.root) {
        Err(LoadError::Unreadable { path, source })
            if source.kind() == io::ErrorKind::NotFound && !options.config_named =>
        {
            let platform = read_platform(&options.root);
            let parsed = config::parse("built-in", platform.built_in());
            let remark =
                format!("{} does not exist: DNS is asked for collectors and rates (dns-sd)", path.display());
            // Valid by a test; else this would be a file with errors.
            let settings = parsed.settings.ok_or(LoadError::Unreadable { path, source })?;
            Ok(Loaded { settings, remarks: vec![remark] }.with_presets(platform))
        }
        loaded => loaded,
    }
}

/// What kind of machine lies under `root`, by the files of its distribution.
pub fn read_platform(root: &Path) -> Platform {
    let read =
        |path: &str| files::read(&root.join(path)).map(|text| String::from_utf8_lossy(&text).into_owned());
    let os_release = read("etc/os-release").or_else(|_| read("usr/lib/os-release")).unwrap_or_default();
    let mut onl = String::new();
    if root.join("etc/onl").is_dir() {
        onl = ["etc/onl/rootfs/manifest.json", "etc/issue"]
            .map(|path| read(path).unwrap_or_default())
            .join("\n");
    }
    Platform::of(&os_release, &onl)
}

impl Loaded {
    fn with_presets(mut self, platform: Platform) -> Self {
        let (settings, said) = self.settings.with_presets(platform);
        self.remarks.extend(said);
        Self { settings, ..self }
    }
}

/// Reads and checks a configuration of the machine whose files lie under `root`.
///
/// # Errors
/// The file cannot be read, or has at least one error.
pub fn load(path: &Path, root: &Path) -> Result<Loaded, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let bytes = files::read(path).map_err(unreadable)?;
    let name = path.display().to_string();
    let (parsed, _) = config::parse_bytes(&name, &bytes);
    let lines = |wanted: fn(Severity) -> bool| -> Vec<String> {
        parsed.problems.iter().filter(|p| wanted(p.severity)).map(|p| p.line(&name)).collect()
    };
    match parsed.settings {
        Some(settings) => Ok(Loaded { settings, remarks: lines(|_| true) }.with_presets(read_platform(root))),
        None => Err(LoadError::Refused { lines: lines(|s| s == Severity::Error) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_the_place_of_the_file_is_refused_and_not_waited_for() {
        let pipe = std::env::temp_dir().join(format!("hsflow-conf-pipe-{}", std::process::id()));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let loaded = load(&pipe, Path::new("/"));
        std::fs::remove_file(&pipe).unwrap();
        assert!(loaded.unwrap_err().to_string().ends_with(": not a regular file"));
    }
}
