//! Keys of tunnels as expressions of the match `u32`, whatever the length of the IP header before them.
//!
//! `u32` reads 32 bits at an offset; `A>>B&C@D` takes what it read as a distance, moves its start so far, and reads
//! again at D from there. `0>>22&0x3C` is the length of the IPv4 header in bytes: its low four bits of the first byte
//! are that length in words. The kernel has ended the search before when the packet is shorter. IPv6 headers have 40
//! bytes; a packet with extension headers is not found, and not mistaken either. Layouts: RFC 7348 section 5 and RFC
//! 2890 section 2. Written as `iptables-save` prints them.

use crate::policy::model::{Family, Tunnel};

/// Flags of GRE that must be so for a key where we look: K set; R, which would move it, and the version 0.
const GRE_MASK: u32 = 0x6007_0000;
const GRE_KEY_PRESENT: u32 = 0x2000_0000;
/// VXLAN's flag I: the identifier is valid.
const VXLAN_VALID: u32 = 0x0800_0000;
/// Behind the IP header: 8 bytes of UDP, then flags, then the identifier and a byte to ignore.
const VXLAN_FLAGS_AT: u32 = 8;
const VNI_AT: u32 = 12;
/// With a checksum (bit 31, as a distance: 4 bytes) the key comes that much later.
const GRE_CHECKSUM: &str = "0x1d&0x4";
/// Without one.
const KEY_AT: u32 = 4;

/// The value of `--u32`.
pub(super) fn expression(family: Family, tunnel: Tunnel) -> String {
    // Up to the header behind IP, and how far that is from the start where nothing moved.
    let (to, base) = match family {
        Family::V4 => ("0x0>>0x16&0x3c@", 0),
        Family::V6 => ("", 40),
    };
    match tunnel {
        Tunnel::Vni(vni) => {
            let (flags, id) = (base + VXLAN_FLAGS_AT, base + VNI_AT);
            format!("{to}{flags:#x}&{VXLAN_VALID:#x}={VXLAN_VALID:#x}&&{to}{id:#x}>>0x8={:#x}", vni.get())
        }
        Tunnel::GreKey(key) => {
            let at = base + KEY_AT;
            format!(
                "{to}{base:#x}&{GRE_MASK:#x}={GRE_KEY_PRESENT:#x}&&{to}{base:#x}>>{GRE_CHECKSUM}@{at:#x}={key:#x}"
            )
        }
    }
}

/// For IPv6: what follows the header, at byte 6, must be this, or there are extension headers.
pub(super) fn directly(next_header: u8) -> String {
    format!("0x3&0xff={next_header:#x}")
}

#[cfg(test)]
mod tests;
