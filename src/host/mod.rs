//! The environment handed down as a value: where `/proc`, `/sys` and `/etc` lie, what time it is, and the few
//! constants of the running kernel. Everything that a test has to replace is a field here, so a collector
//! runs the same code on a directory of recorded files as on the machine it is started on.
//!
//! In: a root directory (`/` in production, `/host` in a container, a fixture in tests). Out: paths, kept
//! files ([`HotFile`]), time ([`Clock`]), names and sizes from the kernel.
//! Rule: no parsing of contents and no policy; errors carry the path and errno ([`ReadError`]).
//! Sources: `proc(5)`, `sysconf(3)`, `uname(2)`, `statvfs(3)`.

mod clock;
pub mod connect;
pub mod descriptors;
mod error;
pub mod files;
pub mod generator;
mod hot_file;
mod kernel;
pub mod listen;
pub mod netns;

pub use clock::{Clock, Hands};
pub use error::ReadError;
pub use hot_file::HotFile;
pub use kernel::{Space, SpaceOf};

use std::path::{Path, PathBuf};

/// The machine that the agent looks at. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Host {
    /// Prefix of every kernel path: `/` in production.
    pub root: PathBuf,
    /// Time.
    pub clock: Clock,
    /// Clock ticks per second of `/proc/stat` (`sysconf(_SC_CLK_TCK)`), 100 on every current Linux.
    pub user_hz: u64,
    /// Bytes per page (`sysconf(_SC_PAGESIZE)`): 4096, on some ARM and POWER kernels 65536.
    pub page_size: u64,
    /// How the space of a file system is asked.
    pub space_of: SpaceOf,
}

impl Default for Host {
    fn default() -> Self {
        Self::at("/")
    }
}

impl Host {
    /// The host whose `/proc`, `/sys` and `/etc` lie under `root`, with the running kernel's constants and clock.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            clock: Clock::system(),
            user_hz: kernel::user_hz(),
            page_size: kernel::page_size(),
            space_of: kernel::space_of,
        }
    }

    /// `absolute` (such as `/proc/stat`) under this host's root.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// Whether this is the running machine itself, so that system calls speak of the same host as the files.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The host's table of mounts. Under another root that of the first process: our own has the places where this container
    /// sees them, and leaves out what is mounted over.
    pub fn mountinfo(&self) -> PathBuf {
        let first = self.path("/proc/1/mountinfo");
        if !self.is_live() && first.exists() { first } else { self.path("/proc/self/mountinfo") }
    }

    /// The whole of a small text file, read once; for what is needed at start only.
    pub fn read_text(&self, absolute: impl AsRef<Path>) -> Result<String, ReadError> {
        let mut file = HotFile::new(self.path(absolute));
        file.text().map(str::to_owned)
    }

    /// Host name and kernel release, `uname -n` and `uname -r`, into two reused strings. The live host costs one
    /// system call and sees a changed name at once; another root is read from its `/proc/sys/kernel`.
    pub fn read_names(&self, hostname: &mut String, release: &mut String) -> Result<(), ReadError> {
        if self.is_live() {
            return kernel::uname(hostname, release);
        }
        for (path, into) in
            [("/proc/sys/kernel/hostname", &mut *hostname), ("/proc/sys/kernel/osrelease", &mut *release)]
        {
            let text = self.read_text(path)?;
            into.clear();
            into.push_str(text.trim_end_matches('\n'));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_table_of_a_host_seen_from_a_container_is_that_of_its_first_process() {
        assert_eq!(Host::at("/").mountinfo(), Path::new("/proc/self/mountinfo"));
        let root = std::env::temp_dir().join(format!("hsflowd-mountinfo-{}", std::process::id()));
        assert_eq!(Host::at(&root).mountinfo(), root.join("proc/self/mountinfo"));
        std::fs::create_dir_all(root.join("proc/1")).unwrap();
        std::fs::write(root.join("proc/1/mountinfo"), "").unwrap();
        assert_eq!(Host::at(&root).mountinfo(), root.join("proc/1/mountinfo"));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn absolute_paths_are_put_under_the_root_and_never_replace_it() {
        assert_eq!(Host::at("/").path("/proc/stat"), Path::new("/proc/stat"));
        assert_eq!(Host::at("/srv/x").path("/proc/stat"), Path::new("/srv/x/proc/stat"));
        assert!(Host::at("/").is_live());
        assert!(!Host::at("/srv/x").is_live());
    }

    #[test]
    fn live_names_are_what_the_kernel_tells_in_proc() {
        let (mut name, mut release) = (String::from("stale name of another length"), String::new());
        Host::default().read_names(&mut name, &mut release).unwrap();
        assert_eq!(format!("{name}\n"), std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap());
        assert_eq!(format!("{release}\n"), std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap());
    }

    #[test]
    fn kernel_constants_are_those_of_getconf() {
        let getconf = |name| {
            let out = std::process::Command::new("getconf").arg(name).output().ok()?;
            String::from_utf8(out.stdout).ok()?.trim().parse::<u64>().ok()
        };
        let host = Host::default();
        match (getconf("CLK_TCK"), getconf("PAGE_SIZE")) {
            (Some(ticks), Some(page)) => assert_eq!((host.user_hz, host.page_size), (ticks, page)),
            _ => eprintln!("SKIP kernel_constants_are_those_of_getconf: getconf"),
        }
    }
}
