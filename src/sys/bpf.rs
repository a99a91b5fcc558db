//! bpf(2): maps, programs and their links, without a library.
//!
//! In: instructions and sizes. Out: file descriptors; a map, program or link lives as long as its descriptor (a
//! program also as long as what it is linked to), so nothing outlives this process. Rules: the kernel refuses a program for one reason
//! in a hundred lines, so the last of them are in the error. Creating needs `CAP_BPF`, loading and linking network programs also
//! `CAP_NET_ADMIN`; reading maps and closing need nothing. Spec: bpf(2), `linux/bpf.h`.

pub mod ring;
pub mod words;

use super::SysError;
use super::mapping::Mapping;
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The operations, as [`SysError::operation`] says them.
pub const MAP_CREATE: &str = "bpf BPF_MAP_CREATE";
/// See [`MAP_CREATE`].
pub const PROG_LOAD: &str = "bpf BPF_PROG_LOAD";
/// See [`MAP_CREATE`].
pub const LINK_CREATE: &str = "bpf BPF_LINK_CREATE";

/// `enum bpf_cmd`.
#[derive(Clone, Copy)]
enum Command {
    MapCreate = 0,
    ProgLoad = 5,
    LinkCreate = 28,
}

const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;
const BPF_F_BEFORE: u32 = 1 << 3;
/// No helper that the program calls wants more.
const LICENSE: &std::ffi::CStr = c"MIT";
/// The verifier gives way to signals.
const TRIES: usize = 5;
const LOG_BYTES: usize = 256 * 1024;
const LOG_LINES: usize = 4;

/// What `bpftool` shows.
const NAME: [u8; 16] = *b"hsflowd\0\0\0\0\0\0\0\0\0";

// Each structure is the beginning of `union bpf_attr` for its command, as far as it is used, without padding; the kernel takes
// what lies behind its end as 0.

#[repr(C)]
#[derive(Default)]
struct MapAttr {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    name: [u8; 16],
}

#[repr(C)]
#[derive(Default)]
struct ProgramAttr {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

#[repr(C)]
struct LinkAttr {
    program: u32,
    if_index: u32,
    attach_type: u32,
    flags: u32,
    relative: u64,
    revision: u64,
}

/// A loaded program for packets (`BPF_PROG_TYPE_SCHED_CLS`).
#[derive(Debug)]
pub struct Program(OwnedFd);

impl Program {
    /// Lets the kernel check and translate a program. An error that is not about privileges has the kernel's
    /// reason as its object.
    pub fn load(instructions: &[[u8; 8]]) -> Result<Self, SysError> {
        load(instructions, &mut []).map(Self).map_err(|errno| match errno {
            Errno::EPERM | Errno::ENOSYS => SysError::new(PROG_LOAD, "", errno),
            _ => SysError::new(PROG_LOAD, reason(instructions), errno),
        })
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Where a program sits: `BPF_TCX_INGRESS`, `BPF_TCX_EGRESS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcx {
    /// What came in.
    Ingress = 46,
    /// What is about to be sent.
    Egress = 47,
}

/// A program that runs for each packet of an interface (kernel 6.6), as long as this value lives.
#[derive(Debug)]
pub struct Link(OwnedFd);

impl Link {
    /// Puts a program before all others. `ENODEV` where there is no such interface, `EINVAL` where the kernel has no tcx.
    pub fn tcx(program: &Program, if_index: u32, place: Tcx) -> Result<Self, SysError> {
        let mut attr = LinkAttr {
            program: raw(program.as_fd()).cast_unsigned(),
            if_index,
            attach_type: place as u32,
            flags: BPF_F_BEFORE,
            relative: 0,
            revision: 0,
        };
        // SAFETY: the structure belongs to the command and points to nothing.
        let link = unsafe { create(Command::LinkCreate, &mut attr) };
        link.map(Self)
            .map_err(|errno| SysError::new(LINK_CREATE, format!("tcx of ifIndex {if_index}"), errno))
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn load(instructions: &[[u8; 8]], log: &mut [u8]) -> nix::Result<OwnedFd> {
    let mut attr = ProgramAttr {
        kind: BPF_PROG_TYPE_SCHED_CLS,
        instruction_count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        instructions: address(instructions.as_ptr()),
        license: address(LICENSE.as_ptr()),
        log_level: u32::from(!log.is_empty()),
        log_size: u32::try_from(log.len()).unwrap_or(0),
        log: if log.is_empty() { 0 } else { address(log.as_mut_ptr()) },
        name: NAME,
        ..ProgramAttr::default()
    };
    // SAFETY: the structure belongs to the command; instructions, license and log outlive the call and are as long as
    // it says.
    unsafe { create(Command::ProgLoad, &mut attr) }
}

/// The last lines of what the kernel says to a program that it refuses; its last line of all is statistics.
fn reason(instructions: &[[u8; 8]]) -> String {
    let mut log = vec![0; LOG_BYTES];
    if load(instructions, &mut log).is_ok() {
        return "taken at the second try".to_owned();
    }
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(log.get(..end).unwrap_or_default()).into_owned();
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with("processed ")).collect();
    lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join(" / ")
}

/// Creates a map with keys of `key` bytes.
fn create_map(
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
    flags: u32,
    what: &str,
) -> Result<OwnedFd, SysError> {
    let mut attr = MapAttr {
        kind,
        key_size: key,
        value_size: value,
        max_entries: entries,
        flags,
        name: NAME,
        ..MapAttr::default()
    };
    // SAFETY: the structure belongs to the command and points to nothing.
    unsafe { create(Command::MapCreate, &mut attr) }.map_err(|errno| SysError::new(MAP_CREATE, what, errno))
}

/// A command whose answer is a new file descriptor; the kernel sets close-on-exec.
///
/// # Safety
/// As for [`call`].
unsafe fn create<T>(command: Command, attr: &mut T) -> nix::Result<OwnedFd> {
    // SAFETY: as the caller says.
    let fd = unsafe { call(command, attr) }?;
    // SAFETY: the kernel has just made it, for nobody else; it is not negative.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// # Safety
/// `attr` is the beginning of `union bpf_attr` for `command`, without padding, and what it points to is valid for the time of
/// the call.
unsafe fn call<T>(command: Command, attr: &mut T) -> nix::Result<i32> {
    let length = size(attr);
    let mut result = Err(Errno::EAGAIN);
    for _ in 0..TRIES {
        // SAFETY: `attr` is as long as said; the rest is the caller's word.
        let answer = unsafe { libc::syscall(libc::SYS_bpf, command as libc::c_long, &raw mut *attr, length) };
        result = Errno::result(answer).and_then(descriptor);
        if !matches!(result, Err(Errno::EAGAIN | Errno::EINTR)) {
            break;
        }
    }
    result
}

/// What the kernel answers, if that can be a descriptor at all.
fn descriptor(answer: libc::c_long) -> nix::Result<i32> {
    i32::try_from(answer).ok().filter(|fd| *fd >= 0).ok_or(Errno::EBADF)
}

fn address<T>(pointer: *const T) -> u64 {
    pointer.addr() as u64
}

fn size<T>(_: &T) -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(0)
}

fn raw(fd: BorrowedFd<'_>) -> i32 {
    fd.as_raw_fd()
}

fn map_memory(map: BorrowedFd<'_>, access: i32, bytes: usize, offset: usize) -> Result<Mapping, SysError> {
    Mapping::shared(map, access, bytes, offset).map_err(|errno| SysError::new("mmap", "BPF map", errno))
}

fn page() -> usize {
    use nix::unistd::{SysconfVar, sysconf};
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    page.and_then(|page| usize::try_from(page).ok()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_descriptor_is_an_error() {
        assert_eq!([0, 7, i32::MAX.into()].map(descriptor), [Ok(0), Ok(7), Ok(i32::MAX)]);
        for answer in [-1, libc::c_long::MIN, libc::c_long::MAX] {
            assert_eq!(descriptor(answer), Err(Errno::EBADF), "{answer}");
        }
    }

    #[test]
    fn structures_are_as_long_as_the_kernels_fields() {
        assert_eq!([size_of::<MapAttr>(), size_of::<ProgramAttr>(), size_of::<LinkAttr>()], [44, 64, 32]);
    }
}
