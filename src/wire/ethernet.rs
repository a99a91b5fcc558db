//! The link header of a sampled frame: Ethernet II with any chain of VLAN tags, and IEEE 802.3 with LLC and SNAP.
//!
//! ```text
//! destination 6 │ source 6 │ (TPID u16 │ TCI u16)* │ type u16, or length u16 │ LLC 3 │ SNAP 5
//! ```
//! In: the frame from its first byte on, cut anywhere. Out: a view of it. Rule: what was cut is `None`, and a tag is
//! told only when it is whole. Spec: IEEE 802.1Q clause 9, RFC 1042; the older tag numbers 0x9100 to 0x9300 are
//! those that switches used for stacked tags before 802.1ad.

/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86DD;

/// Bytes of the two addresses, before the first tag or the type.
const ADDRESSES_LEN: usize = 12;
/// Largest value of the type field that is a length.
const MAX_LENGTH: u16 = 1500;
/// Smallest one that is a type; those between mean nothing.
const MIN_TYPE: u16 = 0x0600;

/// A link header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ethernet<'a> {
    /// To whom.
    pub destination: [u8; 6],
    /// From whom.
    pub source: [u8; 6],
    tags: &'a [[u8; 4]],
    /// What the payload is, behind all tags and behind LLC and SNAP; `None` where that was cut or is no EtherType.
    pub ether_type: Option<u16>,
    /// Where the payload starts, in bytes from the frame's first; only with `ether_type`.
    pub payload_at: usize,
}

/// A VLAN tag: its TPID in the upper 16 bits, its TCI in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub u32);

impl Tag {
    /// Which kind of tag: 0x8100 customer, 0x88A8 service, or an older number.
    pub fn tpid(self) -> u16 {
        let [high, low, _, _] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// VLAN number, 0 to 4095; 0 means that only the priority is set.
    pub fn vlan(self) -> u32 {
        self.0 & 0xFFF
    }

    /// Priority (PCP), 0 to 7.
    pub fn priority(self) -> u32 {
        (self.0 >> 13) & 7
    }
}

impl<'a> Ethernet<'a> {
    /// Reads a frame; `None` where not even both addresses are there.
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let (addresses, rest) = frame.split_first_chunk::<ADDRESSES_LEN>()?;
        let [d0, d1, d2, d3, d4, d5, source @ ..] = *addresses;
        let (words, _) = rest.as_chunks::<4>();
        let count = words.iter().take_while(|[high, low, ..]| is_tpid([*high, *low])).count();
        let tags = words.get(..count).unwrap_or_default();
        let payload = rest.get(4 * count..).and_then(payload);
        let (ether_type, link_len) = payload.map_or((None, 0), |(kind, length)| (Some(kind), length));
        Some(Self {
            destination: [d0, d1, d2, d3, d4, d5],
            source,
            tags,
            ether_type,
            payload_at: ADDRESSES_LEN + 4 * count + link_len,
        })
    }

    /// The VLAN tags, outermost first.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = Tag> + Clone + use<'a> {
        self.tags.iter().map(|tag| Tag(u32::from_be_bytes(*tag)))
    }
}

pub(super) fn is_tpid(word: [u8; 2]) -> bool {
    matches!(u16::from_be_bytes(word), 0x8100 | 0x88A8 | 0x9100 | 0x9200 | 0x9300)
}

/// EtherType, and how many bytes it and what belongs to it take.
fn payload(rest: &[u8]) -> Option<(u16, usize)> {
    let (word, llc) = rest.split_first_chunk()?;
    match u16::from_be_bytes(*word) {
        // A tag whose second half was cut.
        _ if is_tpid(*word) => None,
        kind @ MIN_TYPE.. => Some((kind, 2)),
        ..=MAX_LENGTH => llc_payload(llc),
        _ => None,
    }
}

fn llc_payload(llc: &[u8]) -> Option<(u16, usize)> {
    match *llc {
        // SNAP; the second organisation code is that of bridged EtherTypes (802.1H).
        [0xAA, 0xAA, 0x03, 0, 0, 0 | 0xF8, high, low, ..] => Some((u16::from_be_bytes([high, low]), 10)),
        // The access point that was meant for IP before SNAP; odd control bytes are unnumbered frames.
        [0x06, 0x06, control, ..] if control & 1 == 1 => Some((IPV4, 5)),
        _ => None,
    }
}
