//! System calls without a safe wrapper elsewhere; the only `unsafe` of the project.
//!
//! In: owned file descriptors and plain values. Out: the same, and bytes as the kernel wrote them, never parsed
//! messages. Rules: an `unsafe` block is one call with the reason why it holds; a buffer lives in the function or
//! the value that hands its address to the kernel; a failure keeps errno, the operation and the object. No policy,
//! no retry but on `EINTR`.

mod arena;
pub mod bpf;
pub mod clock;
pub mod daemon;
mod error;
pub mod ethtool;
#[cfg(feature = "libvirt")]
pub mod libvirt;
pub mod mailbox;
mod mapping;
pub mod memory_info;
pub mod netlink;
pub mod packet;
pub mod readable;
pub mod ready;
mod receive;
pub mod resident;
pub mod tally;

pub use error::{SysError, errno};
