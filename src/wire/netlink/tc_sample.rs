//! rtnetlink of packet sampling by `tc`: a `matchall` filter with one `sample` action, as tc-sample(8) makes it.
//!
//! In: where, how often, for which group. Out: requests; and the other way what filters there are, and which are ours. Rule: a
//! filter is ours only by all of its place (handle, preference within [`PREFERENCES`]), its kind, and the cookie of its only
//! action. The cookie also tells who made the qdisc, for whoever finds the filter after a crash.
//!
//! ```text
//! tcmsg │ TCA_KIND "matchall" │ TCA_OPTIONS { flags, actions { 1 { "sample", cookie, { rate, group, trunc, tc_gen } } } }
//! ```
//! Spec: `linux/{rtnetlink,pkt_cls}.h`, `linux/tc_act/tc_sample.h`.

use super::attribute::{Attribute, Attributes, u32_at};
use super::clsact::{
    DEL_FILTER, DEL_QDISC, ETH_P_ALL, HANDLE, HEADER_LEN, NEW_FILTER, NEW_QDISC, Place, Qdisc, TCA_KIND,
    TCA_OPTIONS,
};
use super::error::ParseError;
use super::request::{Request, push_attribute};
use std::ops::RangeInclusive;

/// `RTNLGRP_TC`: who is in it is told of changes of qdiscs and filters.
pub const GROUP: u32 = 4;
/// Preferences that a filter of ours may have: before others, so that what those drop or redirect is sampled too.
pub const PREFERENCES: RangeInclusive<u16> = 1..=8;

const RTM_NEWACTION: u16 = 48;
const KIND: &[u8] = b"matchall\0";
const ACTION: &[u8] = b"sample\0";
/// At most 16 bytes.
const COOKIE: &[u8] = b"hsflowd-rs";
/// The same where the qdisc is ours too.
const COOKIE_QDISC: &[u8] = b"hsflowd-rs/qdisc";

const TCA_MATCHALL_ACT: u16 = 2;
const TCA_MATCHALL_FLAGS: u16 = 3;
const SKIP_SW: u32 = 1 << 1;
const IN_HW: u32 = 1 << 2;

const TCA_ACT_TAB: u16 = 1;
const TCA_ACT_KIND: u16 = 1;
const TCA_ACT_OPTIONS: u16 = 2;
const NESTED: u16 = 1 << 15;
const TCA_ACT_COOKIE: u16 = 6;
const TCA_SAMPLE_PARMS: u16 = 2;
const TCA_SAMPLE_RATE: u16 = 3;
const TCA_SAMPLE_TRUNC_SIZE: u16 = 4;
const TCA_SAMPLE_PSAMPLE_GROUP: u16 = 5;
/// `TC_ACT_UNSPEC`: the filters behind are asked as if this one were not there. `TC_ACT_PIPE` would end the search.
const CONTINUE: i32 = -1;

/// How packets are sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// One packet in so many.
    pub one_in: u32,
    /// The group that samples are told to.
    pub group: u32,
    /// Bytes of a packet in its sample; 0 for all.
    pub trunc: u32,
}

/// What is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How often, and for whom.
    pub sampling: Sampling,
    /// In the port's hardware or not at all.
    pub skip_sw: bool,
    /// The qdisc below is ours.
    pub own_qdisc: bool,
}

/// A filter of ours that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Order among the filters.
    pub preference: u16,
    /// How it samples.
    pub sampling: Sampling,
    /// The kernel does not sample.
    pub skip_sw: bool,
    /// The port's hardware samples.
    pub in_hw: bool,
    /// The number of its action.
    pub action: u32,
    /// The qdisc below is ours.
    pub own_qdisc: bool,
}

/// A filter that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// One of ours.
    Ours(Ours),
    /// What the kernel tells of a preference before it tells of the filters in it.
    Head(u16),
    /// Somebody else's, with its preference.
    Foreign(u16),
}

/// Adds a filter, and has the kernel tell what became of it. `EEXIST` where there is one.
pub fn add(buffer: &mut Vec<u8>, sequence: u32, place: Place, wanted: &Wanted) {
    let cookie = if wanted.own_qdisc { COOKIE_QDISC } else { COOKIE };
    let mut options = Vec::with_capacity(128);
    push_attribute(&mut options, TCA_MATCHALL_ACT, &actions(0, wanted.sampling, cookie));
    let flags = if wanted.skip_sw { SKIP_SW } else { 0 };
    push_attribute(&mut options, TCA_MATCHALL_FLAGS, &flags.to_ne_bytes());
    let _ = Request::create_told(buffer, NEW_FILTER, sequence, &place.header())
        .attribute(TCA_KIND, KIND)
        .attribute(TCA_OPTIONS, &options);
}

/// Makes the action with this number sample otherwise, at once: no packet passes unsampled, and none is sampled twice. Of a
/// filter that is in hardware, this changes only what the kernel does.
pub fn retune(buffer: &mut Vec<u8>, sequence: u32, action: u32, sampling: Sampling) {
    let mut table = Vec::with_capacity(96);
    push_attribute(&mut table, 1, &parameters(action, sampling));
    let _ = Request::replace(buffer, RTM_NEWACTION, sequence, &[0; 4]).attribute(TCA_ACT_TAB, &table);
}

/// Removes one of our filters.
pub fn remove(buffer: &mut Vec<u8>, sequence: u32, place: Place) {
    let request = Request::change(buffer, DEL_FILTER, sequence, &place.header());
    let _ = request.attribute(TCA_KIND, KIND);
}

/// Whether news may be of a place where a filter of ours is or could be: of the qdisc that holds it, or of filters with one of
/// [`PREFERENCES`], or 0 for all of them.
pub fn concerns(kind: u16, payload: &[u8]) -> bool {
    match kind {
        NEW_QDISC | DEL_QDISC => Qdisc::parse(payload) != Ok(None),
        NEW_FILTER | DEL_FILTER => u32_at(payload, 16, "tcm_info").is_ok_and(|info| {
            let preference = u16::try_from(info >> 16).unwrap_or_default();
            preference == 0 || PREFERENCES.contains(&preference)
        }),
        _ => false,
    }
}

/// An action by itself, without the mark: one that has it keeps it.
fn parameters(action: u32, sampling: Sampling) -> Vec<u8> {
    let mut options = Vec::with_capacity(64);
    // `struct tc_gen`: index, capab, action, refcnt, bindcnt.
    let mut general = [0; 20];
    for (field, word) in general.as_chunks_mut::<4>().0.iter_mut().zip([action, 0, CONTINUE.cast_unsigned()])
    {
        *field = word.to_ne_bytes();
    }
    push_attribute(&mut options, TCA_SAMPLE_PARMS, &general);
    push_attribute(&mut options, TCA_SAMPLE_RATE, &sampling.one_in.to_ne_bytes());
    push_attribute(&mut options, TCA_SAMPLE_PSAMPLE_GROUP, &sampling.group.to_ne_bytes());
    if sampling.trunc > 0 {
        push_attribute(&mut options, TCA_SAMPLE_TRUNC_SIZE, &sampling.trunc.to_ne_bytes());
    }
    let mut one = Vec::with_capacity(96);
    push_attribute(&mut one, TCA_ACT_KIND, ACTION);
    push_attribute(&mut one, TCA_ACT_OPTIONS | NESTED, &options);
    one
}

fn actions(action: u32, sampling: Sampling, cookie: &[u8]) -> Vec<u8> {
    let mut one = parameters(action, sampling);
    push_attribute(&mut one, TCA_ACT_COOKIE, cookie);
    let mut list = Vec::with_capacity(112);
    push_attribute(&mut list, 1, &one);
    list
}

impl Found {
    /// Reads the payload of an answer to [`super::clsact::dump_filters`] or [`add`].
    pub fn parse(payload: &[u8]) -> Result<Self, ParseError> {
        let (handle, info) = (u32_at(payload, 8, "tcm_handle")?, u32_at(payload, 16, "tcm_info")?);
        let preference = u16::try_from(info >> 16).unwrap_or_default();
        if handle == 0 {
            return Ok(Self::Head(preference));
        }
        let placed = handle == HANDLE
            && info & 0xFFFF == u32::from(ETH_P_ALL.to_be())
            && PREFERENCES.contains(&preference);
        let attributes = Attributes::after(payload, HEADER_LEN, "tcmsg")?;
        let is_matchall = attributes.clone().find(TCA_KIND)?.is_some_and(|kind| kind.value == KIND);
        let options = attributes.find(TCA_OPTIONS)?.filter(|_| placed && is_matchall);
        let ours = options.map(|options| ours(preference, options)).transpose()?.flatten();
        Ok(ours.map_or(Self::Foreign(preference), Self::Ours))
    }
}

fn ours(preference: u16, options: Attribute<'_>) -> Result<Option<Ours>, ParseError> {
    let flags = match options.nested().find(TCA_MATCHALL_FLAGS)? {
        Some(flags) => flags.u32("TCA_MATCHALL_FLAGS")?,
        None => 0,
    };
    let Some(actions) = options.nested().find(TCA_MATCHALL_ACT)? else { return Ok(None) };
    let mut actions = actions.nested();
    let (Some(one), None) = (actions.next().transpose()?, actions.next().transpose()?) else {
        return Ok(None);
    };
    let is_sample = one.nested().find(TCA_ACT_KIND)?.is_some_and(|kind| kind.value == ACTION);
    let own_qdisc = match one.nested().find(TCA_ACT_COOKIE)?.map(|cookie| cookie.value) {
        Some(COOKIE) if is_sample => false,
        Some(COOKIE_QDISC) if is_sample => true,
        _ => return Ok(None),
    };
    let Some(parameters) = one.nested().find(TCA_ACT_OPTIONS)? else { return Ok(None) };
    let (mut sampling, mut action) = (Sampling { one_in: 0, group: 0, trunc: 0 }, 0);
    for attribute in parameters.nested() {
        let attribute = attribute?;
        match attribute.kind {
            TCA_SAMPLE_PARMS => action = attribute.u32("tc_gen.index")?,
            TCA_SAMPLE_RATE => sampling.one_in = attribute.u32("TCA_SAMPLE_RATE")?,
            TCA_SAMPLE_TRUNC_SIZE => sampling.trunc = attribute.u32("TCA_SAMPLE_TRUNC_SIZE")?,
            TCA_SAMPLE_PSAMPLE_GROUP => sampling.group = attribute.u32("TCA_SAMPLE_PSAMPLE_GROUP")?,
            _ => {}
        }
    }
    let (skip_sw, in_hw) = (flags & SKIP_SW != 0, flags & IN_HW != 0);
    Ok(Some(Ours { preference, sampling, skip_sw, in_hw, action, own_qdisc }))
}

#[cfg(test)]
mod tests;
