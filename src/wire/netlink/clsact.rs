//! rtnetlink of the `clsact` qdisc and of eBPF filters on it, for kernels without tcx.
//!
//! In: an ifIndex, a hook, a program's file descriptor. Out: requests; and the other way what qdiscs and filters there are.
//! A filter of ours is known by its name and never shares a preference with another's. Spec: rtnetlink(7),
//! `linux/{rtnetlink,pkt_sched,pkt_cls}.h`.

use super::attribute::{Attributes, u32_at};
use super::error::ParseError;
use super::request::{Request, push_attribute};
use crate::wire::ebpf::Hook;

/// `RTM_NEWQDISC`.
pub const NEW_QDISC: u16 = 36;
/// `RTM_DELQDISC`.
pub const DEL_QDISC: u16 = 37;
const RTM_GETQDISC: u16 = 38;
/// `RTM_NEWTFILTER`.
pub const NEW_FILTER: u16 = 44;
/// `RTM_DELTFILTER`.
pub const DEL_FILTER: u16 = 45;
const RTM_GETTFILTER: u16 = 46;
/// Bytes of `struct tcmsg`.
pub(super) const HEADER_LEN: usize = 20;
pub(super) const TCA_KIND: u16 = 1;
pub(super) const TCA_OPTIONS: u16 = 2;
const TCA_BPF_FD: u16 = 6;
const TCA_BPF_NAME: u16 = 7;
const TCA_BPF_FLAGS: u16 = 8;
/// The program's answer is the verdict.
const TCA_BPF_FLAG_ACT_DIRECT: u32 = 1;
const TC_H_CLSACT: u32 = 0xFFFF_FFF1;
const CLSACT_HANDLE: u32 = 0xFFFF_0000;
pub(super) const ETH_P_ALL: u16 = 3;
/// The filter's number within its preference, which is ours alone.
pub(super) const HANDLE: u32 = 1;
/// What our filters are called.
pub const NAME: &str = "hsflowd";

/// One of our filters, or a place for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The interface.
    pub if_index: u32,
    /// Which way.
    pub hook: Hook,
    /// Order among the filters; the least comes first.
    pub preference: u16,
}

/// What stands in the one place that an interface has for it, and holds filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qdisc {
    /// It has filters of both hooks.
    Clsact,
    /// It has those of arriving packets.
    Ingress,
}

/// A filter that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Order among the filters.
    pub preference: u16,
    /// One of ours.
    pub ours: bool,
}

/// Adds the qdisc; `EEXIST` where it, or `ingress` in its place, is there already.
pub fn add_qdisc(buffer: &mut Vec<u8>, sequence: u32, if_index: u32) {
    let fixed = header(if_index, CLSACT_HANDLE, TC_H_CLSACT, 0);
    let _ = Request::create(buffer, NEW_QDISC, sequence, &fixed).attribute(TCA_KIND, b"clsact\0");
}

/// Removes the qdisc with all filters on it; `EINVAL` where another is in its place.
pub fn remove_qdisc(buffer: &mut Vec<u8>, sequence: u32, if_index: u32) {
    let fixed = header(if_index, CLSACT_HANDLE, TC_H_CLSACT, 0);
    let _ = Request::change(buffer, DEL_QDISC, sequence, &fixed).attribute(TCA_KIND, b"clsact\0");
}

/// Asks what qdisc there is.
pub fn get_qdisc(buffer: &mut Vec<u8>, sequence: u32, if_index: u32) {
    let fixed = header(if_index, CLSACT_HANDLE, TC_H_CLSACT, 0);
    let _ = Request::get_announced(buffer, RTM_GETQDISC, sequence, &fixed);
}

/// Asks for the qdiscs of all interfaces.
pub fn dump_qdiscs(buffer: &mut Vec<u8>, sequence: u32) {
    let _ = Request::dump(buffer, RTM_GETQDISC, sequence, &header(0, 0, 0, 0));
}

/// Adds a filter with a program. `EEXIST` where there is one.
pub fn add_filter(buffer: &mut Vec<u8>, sequence: u32, place: Place, program: i32) {
    let mut options = Vec::new();
    push_attribute(&mut options, TCA_BPF_FD, &program.to_ne_bytes());
    push_attribute(&mut options, TCA_BPF_NAME, format!("{NAME}\0").as_bytes());
    push_attribute(&mut options, TCA_BPF_FLAGS, &TCA_BPF_FLAG_ACT_DIRECT.to_ne_bytes());
    let _ = Request::create(buffer, NEW_FILTER, sequence, &place.header())
        .attribute(TCA_KIND, b"bpf\0")
        .attribute(TCA_OPTIONS, &options);
}

/// Removes one of our filters.
pub fn remove_filter(buffer: &mut Vec<u8>, sequence: u32, place: Place) {
    let request = Request::change(buffer, DEL_FILTER, sequence, &place.header());
    let _ = request.attribute(TCA_KIND, b"bpf\0");
}

/// Asks for one of our filters: `ENOENT` (or `EINVAL`, where the qdisc has gone too) where it is no more.
pub fn get_filter(buffer: &mut Vec<u8>, sequence: u32, place: Place) {
    let request = Request::get(buffer, RTM_GETTFILTER, sequence, &place.header());
    let _ = request.attribute(TCA_KIND, b"bpf\0");
}

/// Asks for all filters of a hook.
pub fn dump_filters(buffer: &mut Vec<u8>, sequence: u32, if_index: u32, hook: Hook) {
    let _ = Request::dump(buffer, RTM_GETTFILTER, sequence, &header(if_index, 0, parent(hook), 0));
}

/// The interface of any message about qdiscs or filters.
pub fn interface(payload: &[u8]) -> Result<u32, ParseError> {
    u32_at(payload, 4, "tcm_ifindex")
}

/// True where the payload of an answer to [`get_qdisc`] or [`dump_qdiscs`] says `clsact`.
pub fn is_clsact(payload: &[u8]) -> Result<bool, ParseError> {
    Ok(Qdisc::parse(payload)? == Some(Qdisc::Clsact))
}

impl Qdisc {
    /// Reads the payload of an answer to [`get_qdisc`] or [`dump_qdiscs`]; `None` for a qdisc of another kind.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, ParseError> {
        let kind = Attributes::after(payload, HEADER_LEN, "tcmsg")?.find(TCA_KIND)?;
        Ok(match kind.map(|kind| kind.value) {
            Some(b"clsact\0") => Some(Self::Clsact),
            Some(b"ingress\0") => Some(Self::Ingress),
            _ => None,
        })
    }
}

impl Filter {
    /// Reads the payload of an answer to [`dump_filters`].
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let info = u32_at(payload, 16, "tcm_info")?;
        let attributes = Attributes::after(payload, HEADER_LEN, "tcmsg")?;
        let is_bpf = attributes.clone().find(TCA_KIND)?.is_some_and(|kind| kind.value == b"bpf\0");
        let name = match attributes.find(TCA_OPTIONS)? {
            Some(options) => Attributes::after(options.value, 0, "TCA_OPTIONS")?.find(TCA_BPF_NAME)?,
            None => None,
        };
        let named = name.and_then(|name| name.value.strip_suffix(b"\0")) == Some(NAME.as_bytes());
        let preference = u16::try_from(info >> 16).unwrap_or_default();
        Ok(Self { preference, ours: is_bpf && named })
    }
}

impl Place {
    pub(super) fn header(self) -> [u8; HEADER_LEN] {
        let info = u32::from(self.preference) << 16 | u32::from(ETH_P_ALL.to_be());
        header(self.if_index, HANDLE, parent(self.hook), info)
    }
}

fn parent(hook: Hook) -> u32 {
    match hook {
        Hook::Ingress => 0xFFFF_FFF2,
        Hook::Egress => 0xFFFF_FFF3,
    }
}

/// `struct tcmsg`
fn header(if_index: u32, handle: u32, parent: u32, info: u32) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    let words = [0, if_index, handle, parent, info];
    for (place, word) in header.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *place = word.to_ne_bytes();
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
    use netlink_packet_route::RouteNetlinkMessage as R;
    use netlink_packet_route::tc::TcAttribute;
    use proptest::prelude::*;

    const PLACE: Place = Place { if_index: 7, hook: Hook::Egress, preference: 3 };

    #[test]
    fn a_filter_that_is_asked_for_reads_as_ours_and_as_another_reader_sees_it() {
        let mut buffer = Vec::new();
        add_filter(&mut buffer, 1, PLACE, 5);
        assert_eq!(Filter::parse(&buffer[16..]), Ok(Filter { preference: 3, ours: true }));
        let message = NetlinkMessage::<R>::deserialize(&buffer).unwrap();
        let NetlinkPayload::InnerMessage(R::NewTrafficFilter(filter)) = message.payload else { panic!() };
        assert_eq!((filter.header.index, filter.header.info), (7, 0x0003_0300));
        assert_eq!(u32::from(filter.header.parent), 0xFFFF_FFF3);
        assert!(filter.attributes.contains(&TcAttribute::Kind("bpf".into())));
    }

    #[test]
    fn a_qdisc_that_is_asked_for_is_clsact() {
        let mut buffer = Vec::new();
        add_qdisc(&mut buffer, 1, 7);
        assert_eq!(is_clsact(&buffer[16..]), Ok(true));
        assert!(is_clsact(&buffer[16..30]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_filter_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(filter) = Filter::parse(&bytes) {
                prop_assert!(bytes.len() >= HEADER_LEN && (!filter.ours || bytes.len() > 40));
            }
        }
    }
}
