//! Counters of a cgroup, whichever version of cgroups the host has: v1, v2, or both at once.
//!
//! In: a process or a path. Out: [`Place`], the directories that count it; [`Cgroup`], its files kept open; and
//! [`Reading`], what they say now. Rules: the kernel's type of file system tells what is mounted, never a device's name; what
//! a host does not count is `None`, never 0; counters never go back, also where a service starts again under its old
//! name; the top of a hierarchy is the host and no guest. Files are opened once and read with one `pread` each.
//! Spec: the kernel's `admin-guide/cgroup-v2.rst`, `admin-guide/cgroup-v1/`, `accounting/psi.rst`, `cgroups(7)`.

mod devices;
mod error;
pub mod format;
mod hierarchies;
mod kept;
mod place;
mod reader;
mod running;

pub use error::CgroupError;
pub use format::{Pressure, Stall};
pub use hierarchies::Hierarchies;
pub use place::Place;
pub use reader::Cgroup;

/// What a cgroup and all below it have used, as far as this host counts it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Nanoseconds of CPU time; never decreases.
    pub cpu_ns: Option<u64>,
    /// Bytes of memory in use, page cache included.
    pub memory: Option<u64>,
    /// Bytes of memory that it may use: the smallest limit of it and of those above it; `None` where there is none.
    pub memory_max: Option<u64>,
    /// Its I/O on disks.
    pub disk: Option<DiskIo>,
    /// How long it waited for resources.
    pub pressure: Option<Pressure>,
    /// The cgroup is not there any more; the values are the last that it had.
    pub gone: bool,
    /// What could not be read. Files that this host does not have are none.
    pub problems: Vec<CgroupError>,
}

/// I/O on disks since the cgroup was first read or made; never decreases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskIo {
    /// Reads.
    pub rd_req: u64,
    /// Bytes read.
    pub rd_bytes: u64,
    /// Writes.
    pub wr_req: u64,
    /// Bytes written.
    pub wr_bytes: u64,
}
