//! The counters of one guest, from files that stay open.
//!
//! In: the guest's [`Place`]. Out: a [`Reading`] each time. Rules: what a file counts is taken from the first of its sources that
//! the host has; a removed cgroup makes its open files fail, and is looked for once more under its name before it is
//! gone; what changes seldom (limits of those above, files that were missing) is looked at every sixteenth time.

use super::devices::Sums;
use super::error::CgroupError;
use super::format::{
    Fault, Operation, Pressure, parse_blkio, parse_cpu_stat, parse_io_stat, parse_limit, parse_number,
    parse_pressure,
};
use super::kept::Desk;
use super::place::{Place, Role};
use super::running::Running;
use super::{DiskIo, Reading};
use crate::host::ReadError;
use crate::host::descriptors::below_reserve;
use crate::sys::tally::{Call, count};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

const SELDOM: u8 = 16;

type Source = (Role, &'static str);

/// What is read of a cgroup, and where it is in each version, the wanted one first.
const SOURCES: [&[Source]; 8] = [
    &[(Role::Cpu, "cpuacct.usage"), (Role::Unified, "cpu.stat")],
    &[(Role::Memory, "memory.usage_in_bytes"), (Role::Unified, "memory.current")],
    LIMIT,
    &[
        (Role::Disk, "blkio.throttle.io_service_bytes_recursive"),
        (Role::Disk, "blkio.throttle.io_service_bytes"),
        (Role::Disk, "blkio.io_service_bytes_recursive"),
        (Role::Unified, "io.stat"),
    ],
    &[
        (Role::Disk, "blkio.throttle.io_serviced_recursive"),
        (Role::Disk, "blkio.throttle.io_serviced"),
        (Role::Disk, "blkio.io_serviced_recursive"),
    ],
    &[(Role::Unified, "cpu.pressure")],
    &[(Role::Unified, "memory.pressure")],
    &[(Role::Unified, "io.pressure")],
];
const LIMIT: &[Source] = &[(Role::Memory, "memory.limit_in_bytes"), (Role::Unified, "memory.max")];

/// Places in [`SOURCES`].
const CPU: usize = 0;
const MEMORY: usize = 1;
const MEMORY_MAX: usize = 2;
const DISK: usize = 3;
const REQUESTS: usize = 4;
const CPU_PRESSURE: usize = 5;
const MEMORY_PRESSURE: usize = 6;
const IO_PRESSURE: usize = 7;

/// A file that is open, and which of its sources it is.
#[derive(Debug)]
struct Open {
    file: File,
    source: &'static Source,
}

/// A cgroup that is read again and again.
#[derive(Debug)]
pub struct Cgroup {
    place: Place,
    files: [Option<Open>; SOURCES.len()],
    /// How many of [`SOURCES`] are read.
    wanted: usize,
    /// Readings until seldom things are looked at.
    seldom: u8,
    limit_above: Option<u64>,
    cpu: Running,
    disk: [Running; 4],
    memory: Option<u64>,
    memory_max: Option<u64>,
}

/// The cgroup that the open files are of has been removed.
struct Removed;

impl Cgroup {
    /// Opens nothing yet: the first reading does.
    pub fn open(place: &Place) -> Self {
        Self {
            place: place.clone(),
            files: Default::default(),
            wanted: SOURCES.len(),
            seldom: 0,
            limit_above: None,
            cpu: Running::default(),
            disk: <[Running; 4]>::default(),
            memory: None,
            memory_max: None,
        }
    }

    /// The same without pressure: three files fewer to keep open and to read.
    pub fn without_pressure(place: &Place) -> Self {
        Self { wanted: CPU_PRESSURE, ..Self::open(place) }
    }

    /// Closes its files; the next reading opens them again.
    pub fn close(&mut self) {
        self.files = Default::default();
        self.seldom = 0;
    }

    /// Reads pressure too from now on, or does not any more.
    pub fn want_pressure(&mut self, wanted: bool) {
        self.wanted = if wanted { SOURCES.len() } else { CPU_PRESSURE };
        self.files.iter_mut().skip(self.wanted).for_each(|file| *file = None);
        self.seldom = 0;
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Reads all its files.
    pub fn read(&mut self) -> Reading {
        let mut reading = Reading::default();
        if self.attempt(&mut reading).is_err() {
            self.files = Default::default();
            self.seldom = 0;
            self.cpu.restart();
            self.disk.iter_mut().for_each(Running::restart);
            reading = Reading::default();
            // Removed again while it was opened: then nobody needs its few numbers.
            _ = self.attempt(&mut reading);
        }
        reading.gone = self.files.iter().all(Option::is_none) && !self.place.exists();
        if !reading.gone {
            (self.memory, self.memory_max) = (reading.memory, reading.memory_max);
        }
        reading.cpu_ns = self.cpu.total();
        reading.disk = self.disk();
        (reading.memory, reading.memory_max) = (self.memory, self.memory_max);
        reading
    }

    fn disk(&self) -> Option<DiskIo> {
        let [rd_req, rd_bytes, wr_req, wr_bytes] = &self.disk;
        Some(DiskIo {
            rd_req: rd_req.total()?,
            rd_bytes: rd_bytes.total()?,
            wr_req: wr_req.total()?,
            wr_bytes: wr_bytes.total()?,
        })
    }

    fn attempt(&mut self, reading: &mut Reading) -> Result<(), Removed> {
        if self.seldom == 0 {
            self.seldom = SELDOM;
            self.look(reading);
        }
        self.seldom -= 1;
        let shared = self.place.shared.clone();
        let desk = &mut *shared.lock();
        let mut files = Files { files: &mut self.files, place: &self.place, desk, reading };
        let cpu = files.parse(CPU, |(role, _), text| match role {
            Role::Unified => parse_cpu_stat(text),
            _ => parse_number(text, "usage"),
        })?;
        let memory = files.parse(MEMORY, |_, text| parse_number(text, "usage"))?;
        let limit = files.parse(MEMORY_MAX, |_, text| parse_limit(text))?.flatten();
        let disk = files.disk()?;
        let mut stall = |index| files.parse(index, |_, text| parse_pressure(text));
        let pressure =
            Pressure { cpu: stall(CPU_PRESSURE)?, memory: stall(MEMORY_PRESSURE)?, io: stall(IO_PRESSURE)? };
        reading.memory = memory;
        reading.memory_max = limit.into_iter().chain(self.limit_above).min();
        reading.pressure = Some(pressure).filter(|p| *p != Pressure::default());
        self.cpu.advance(cpu);
        if let Some(disk) = disk {
            let now = [disk.rd_req, disk.rd_bytes, disk.wr_req, disk.wr_bytes];
            self.disk.iter_mut().zip(now).for_each(|(running, now)| running.advance(Some(now)));
        }
        Ok(())
    }

    /// Opens what is not open, and reads the limits of those above.
    fn look(&mut self, reading: &mut Reading) {
        let wanted = self.files.iter_mut().zip(SOURCES).take(self.wanted);
        for (open, sources) in wanted.filter(|(open, _)| open.is_none()) {
            *open = first_of(&self.place, sources, &mut reading.problems);
        }
        self.limit_above = limit_above(&self.place);
    }
}

fn first_of(place: &Place, sources: &'static [Source], problems: &mut Vec<CgroupError>) -> Option<Open> {
    for source in sources {
        let Some(path) = path_of(place, *source) else { continue };
        count(Call::Open);
        match File::open(&path).and_then(|file| Ok(below_reserve(file)?)) {
            Ok(file) => return Some(Open { file, source }),
            Err(error) if is_absence(&error) => {}
            Err(error) => problems.push(ReadError::kernel("open", &path, &error).into()),
        }
    }
    None
}

fn path_of(place: &Place, (role, name): Source) -> Option<PathBuf> {
    Some(place.directories.get(role)?.path().join(name))
}

/// The file is not there, or the kernel does not count this here (pressure that is switched off at boot).
fn is_absence(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::EOPNOTSUPP | libc::ENODEV))
}

/// The smallest limit of the cgroups above. One that cannot be read limits nothing that is known.
fn limit_above(place: &Place) -> Option<u64> {
    let read = |dir: PathBuf, name| parse_limit(&fs::read_to_string(dir.join(name)).ok()?).ok()?;
    let directories = LIMIT.iter().filter_map(|&(role, name)| Some((place.directories.get(role)?, name)));
    directories.flat_map(|(directory, name)| directory.above().filter_map(move |dir| read(dir, name))).min()
}

/// The open files while they are read.
struct Files<'a> {
    files: &'a mut [Option<Open>; SOURCES.len()],
    place: &'a Place,
    desk: &'a mut Desk,
    reading: &'a mut Reading,
}

impl Files<'_> {
    fn parse<T>(
        &mut self,
        index: usize,
        parse: impl FnOnce(Source, &str) -> Result<T, Fault>,
    ) -> Result<Option<T>, Removed> {
        self.with(index, |source, text, _| parse(source, text))
    }

    /// What a file says; `None` where it is not there or says nothing good, which is a problem then.
    fn with<T>(
        &mut self,
        index: usize,
        parse: impl FnOnce(Source, &str, &mut super::devices::Devices) -> Result<T, Fault>,
    ) -> Result<Option<T>, Removed> {
        let Some(slot) = self.files.get_mut(index) else { return Ok(None) };
        let Some(Open { file, source }) = slot else { return Ok(None) };
        let path = || path_of(self.place, **source).unwrap_or_default();
        let problem = match self.desk.buffer.read(file) {
            Ok(text) => match parse(**source, text, &mut self.desk.devices) {
                Ok(value) => return Ok(Some(value)),
                Err(Fault { line, field }) => CgroupError::Malformed { path: path(), line, field },
            },
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Err(Removed),
            Err(error) if is_absence(&error) => {
                *slot = None;
                return Ok(None);
            }
            Err(error) => ReadError::kernel("read", &path(), &error).into(),
        };
        self.reading.problems.push(problem);
        Ok(None)
    }

    fn disk(&mut self) -> Result<Option<DiskIo>, Removed> {
        let unified = |open: &Open| open.source.0 == Role::Unified;
        if self.files[DISK].as_ref().is_some_and(unified) {
            return self.with(DISK, |_, text, devices| {
                let mut sums = Sums::default();
                parse_io_stat(text, |device, io| sums.add(devices, device, io))?;
                Ok(sums.total())
            });
        }
        let bytes = self.sum(DISK, |operation, value| match operation {
            Operation::Read => DiskIo { rd_bytes: value, ..DiskIo::default() },
            Operation::Write => DiskIo { wr_bytes: value, ..DiskIo::default() },
        })?;
        let requests = self.sum(REQUESTS, |operation, value| match operation {
            Operation::Read => DiskIo { rd_req: value, ..DiskIo::default() },
            Operation::Write => DiskIo { wr_req: value, ..DiskIo::default() },
        })?;
        Ok(bytes.zip(requests).map(|(bytes, requests)| DiskIo {
            rd_req: requests.rd_req,
            wr_req: requests.wr_req,
            ..bytes
        }))
    }

    fn sum(
        &mut self,
        index: usize,
        each: impl Fn(Operation, u64) -> DiskIo,
    ) -> Result<Option<DiskIo>, Removed> {
        self.with(index, |_, text, devices| {
            let mut sums = Sums::default();
            parse_blkio(text, |device, operation, value| sums.add(devices, device, each(operation, value)))?;
            Ok(sums.total())
        })
    }
}
