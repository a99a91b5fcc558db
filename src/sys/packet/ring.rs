//! A receive ring (`TPACKET_V2`): slots of one size in memory that the kernel and this process share.
//!
//! In: a [`Shape`]. Out: frames in the order of arrival, borrowed from the slot until the closure returns. Rule: a slot
//! belongs to whom its status word says, so it is read only after an acquiring load has said "user", and given back
//! by a releasing store when nobody looks at it any more. Version 2 and not 3, because 3 has a kernel timer for
//! every ring, also for those where nothing happens. Spec: Documentation/networking/packet_mmap.rst.

use crate::sys::SysError;
use crate::sys::mapping::Mapping;
use nix::unistd::{SysconfVar, sysconf};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, Ordering};

/// What comes before a frame in its slot, at most: header, address, alignment, and the 16 bytes that the kernel leaves.
const BEFORE: usize = 80;
/// `TPACKET_ALIGNMENT`.
const ALIGNMENT: usize = 16;
/// Pages that the kernel must find side by side for a block.
const BLOCK_BYTES: usize = 32 * 1024;
/// Where `struct sockaddr_ll` lies in a slot: `TPACKET_ALIGN(sizeof(struct tpacket2_hdr))`.
const ADDRESS_AT: usize = size_of::<libc::tpacket2_hdr>().next_multiple_of(ALIGNMENT);
/// 802.1Q, which kernels before 3.14 did not say.
const USUAL_TPID: u16 = 0x8100;

/// How large a ring is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    slot: usize,
    block: usize,
    blocks: usize,
}

impl Shape {
    /// No ring.
    pub(super) const NONE: libc::tpacket_req =
        libc::tpacket_req { tp_block_size: 0, tp_block_nr: 0, tp_frame_size: 0, tp_frame_nr: 0 };

    /// Room for at least `frames` frames of up to `snap` bytes (4096 at most), in whole blocks of 32 KiB (or a page,
    /// where pages are larger).
    pub fn for_frames(frames: usize, snap: usize) -> Self {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|page| usize::try_from(page).ok());
        let block = BLOCK_BYTES.max(page.unwrap_or(BLOCK_BYTES));
        let slot = (BEFORE + snap.min(4096)).next_multiple_of(ALIGNMENT);
        Self { slot, block, blocks: frames.div_ceil(block / slot).max(1) }
    }

    /// How many frames fit.
    pub const fn slots(&self) -> usize {
        self.blocks * self.slots_of_block()
    }

    /// Memory in bytes.
    pub const fn bytes(&self) -> usize {
        self.blocks * self.block
    }

    const fn slots_of_block(&self) -> usize {
        self.block / self.slot
    }

    pub(super) fn request(&self) -> libc::tpacket_req {
        let word = |size: usize| libc::c_uint::try_from(size).unwrap_or(0);
        libc::tpacket_req {
            tp_block_size: word(self.block),
            tp_block_nr: word(self.blocks),
            tp_frame_size: word(self.slot),
            tp_frame_nr: word(self.slots()),
        }
    }

    /// Where a slot begins: no slot crosses the end of a block.
    const fn offset(&self, slot: usize) -> usize {
        slot / self.slots_of_block() * self.block + slot % self.slots_of_block() * self.slot
    }
}

/// A frame as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFrame<'a> {
    /// From the link layer header on, cut to what the filter said.
    pub bytes: &'a [u8],
    /// How long the frame is, in bytes, without `vlan`.
    pub length: u32,
    /// `PACKET_HOST` to `PACKET_OUTGOING` of `linux/if_packet.h`.
    pub kind: u8,
    /// EtherType, in host order.
    pub protocol: u16,
    /// Kind of hardware, `ARPHRD_*`.
    pub hardware: u16,
    /// Identifier and control information of a tag that is not in `bytes`.
    pub vlan: Option<(u16, u16)>,
    /// Wall time of the arrival, seconds and nanoseconds since 1970.
    pub time: (u32, u32),
}

/// A mapped ring.
#[derive(Debug)]
pub struct Ring {
    mapping: Mapping,
    shape: Shape,
    next: usize,
}

impl Ring {
    /// Maps the ring of `socket`, which has just been given this shape.
    pub(super) fn map(socket: BorrowedFd<'_>, shape: Shape) -> Result<Self, SysError> {
        let mapping = Mapping::shared(socket, libc::PROT_READ | libc::PROT_WRITE, shape.bytes(), 0);
        let mapping = mapping.map_err(|errno| SysError::new("mmap", "AF_PACKET ring", errno))?;
        Ok(Self { mapping, shape, next: 0 })
    }

    /// The size.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Hands on up to `limit` waiting frames; returns how many there were.
    pub fn read(&mut self, limit: usize, mut each: impl FnMut(RawFrame<'_>)) -> usize {
        for count in 0..limit {
            // SAFETY: `next` is below the number of slots, so the slot lies in the mapping.
            let slot = unsafe { self.mapping.memory.add(self.shape.offset(self.next)) };
            // SAFETY: a slot begins with its status, is aligned to 16, and lives as long as the mapping.
            let status = unsafe { AtomicU32::from_ptr(slot.cast().as_ptr()) };
            let flags = status.load(Ordering::Acquire);
            if flags & libc::TP_STATUS_USER == 0 {
                return count;
            }
            // SAFETY: the status says that the slot is ours, and it has a header and an address.
            let (header, address) = unsafe {
                let address = slot.add(ADDRESS_AT).cast::<libc::sockaddr_ll>();
                (slot.cast::<libc::tpacket2_hdr>().read(), address.read())
            };
            let at = usize::from(header.tp_mac).min(self.shape.slot);
            let length = (header.tp_snaplen as usize).min(self.shape.slot - at);
            // SAFETY: cut to the slot just now; the kernel does not write to it before the store below.
            let bytes = unsafe { std::slice::from_raw_parts(slot.as_ptr().add(at), length) };
            each(frame(bytes, flags, &header, &address));
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.next = (self.next + 1) % self.shape.slots();
        }
        limit
    }
}

fn frame<'a>(
    bytes: &'a [u8],
    flags: u32,
    header: &libc::tpacket2_hdr,
    address: &libc::sockaddr_ll,
) -> RawFrame<'a> {
    let tpid = if flags & libc::TP_STATUS_VLAN_TPID_VALID == 0 { USUAL_TPID } else { header.tp_vlan_tpid };
    RawFrame {
        bytes,
        length: header.tp_len,
        kind: address.sll_pkttype,
        protocol: u16::from_be(address.sll_protocol),
        hardware: address.sll_hatype,
        vlan: (flags & libc::TP_STATUS_VLAN_VALID != 0).then_some((tpid, header.tp_vlan_tci)),
        time: (header.tp_sec, header.tp_nsec),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn slots_lie_apart_within_blocks_and_hold_what_was_asked(frames in 0usize..3000, snap in 0usize..9000) {
            let shape = Shape::for_frames(frames, snap);
            prop_assert!(shape.slots() >= frames && shape.slot >= BEFORE + snap.min(4096));
            let mut end = 0;
            for slot in 0..shape.slots() {
                let start = shape.offset(slot);
                prop_assert!(start >= end && start.is_multiple_of(ALIGNMENT));
                end = start + shape.slot;
                prop_assert_eq!(start / shape.block, (end - 1) / shape.block);
            }
            prop_assert!(end <= shape.bytes());
        }
    }
}
