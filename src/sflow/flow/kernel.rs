//! Flow records of what a kernel or switch knows about a packet: queue, delay, time, and why it was dropped.
//!
//! sFlow Transit Delay Structures, sFlow Dropped Packet Notification Structures.

use crate::sflow::xdr::xdr_structs;
use std::borrow::Cow;

xdr_structs! {
    /// `0:1036` egress queue, 4 bytes.
    #[derive(Default, Eq)]
    pub struct EgressQueue {
        pub queue: u32,
    }

    /// `0:1038` kernel function that saw the packet.
    #[derive(Default, Eq)]
    pub struct Function<'a> {
        /// At most 64 bytes.
        pub symbol: Cow<'a, str>,
    }

    /// `0:1039` time spent in the device, 4 bytes.
    #[derive(Default, Eq)]
    pub struct TransitDelay {
        /// Nanoseconds; all ones for that or more.
        pub delay: u32,
    }

    /// `0:1040` depth of the queue, 4 bytes.
    #[derive(Default, Eq)]
    pub struct QueueDepth {
        /// Bytes.
        pub depth: u32,
    }

    /// `0:1041` devlink trap.
    #[derive(Default, Eq)]
    pub struct HwTrap<'a> {
        /// At most 64 bytes.
        pub group: Cow<'a, str>,
        /// At most 64 bytes.
        pub trap: Cow<'a, str>,
    }

    /// `0:1042` drop reason by its kernel name.
    #[derive(Default, Eq)]
    pub struct LinuxDropReason<'a> {
        /// At most 64 bytes.
        pub reason: Cow<'a, str>,
    }

    /// `0:1043` when the packet was seen, 8 bytes.
    #[derive(Default, Eq)]
    pub struct Timestamp {
        /// Nanoseconds since 1970, UTC.
        pub nanoseconds: u64,
    }
}
