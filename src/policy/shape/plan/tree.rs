//! The qdisc at the root of a device, with its classes and their filters.
//!
//! In: the wishes for one device and direction, in their order. Out: lines of `tc -batch`. One limit of everything is a
//! TBF; all else an HTB. Where any wish has a ceiling, the largest is the whole: classes borrow from each other up to
//! their ceilings, and what no policy is about has a class of its own with what is left. Without ceilings, that goes
//! unlimited. Rule: rate, burst, ceiling's burst and quantum are always given, in bits and bytes.

use super::amount::{bits, burst, limit, quantum};
use super::part::{At, Chain, Part, Parts, Target, What};
use super::{FIRST, REST, SLOT, Selected, WHOLE, Wish};
use crate::policy::model::{Action, PolicyName, Shape};
use std::collections::BTreeMap;

type Faults = BTreeMap<PolicyName, String>;

pub(super) fn parts(wishes: &[Wish], device: &str, mtu: u32) -> (Parts, Faults) {
    let shapes: Vec<(&Wish, &Shape)> = wishes
        .iter()
        .filter_map(|wish| match &wish.action {
            Action::Shape(shape) => Some((wish, shape)),
            _ => None,
        })
        .collect();
    match shapes.as_slice() {
        [] => Default::default(),
        [(wish, shape)] if wish.selected == Selected::Everything && shape.ceil.is_none() => {
            (Parts::from([(At::Root, bucket(wish, shape, mtu))]), Faults::new())
        }
        _ => classes(&shapes, device, mtu),
    }
}

fn bucket(wish: &Wish, shape: &Shape, mtu: u32) -> Part {
    let rate = bits(shape.rate);
    let burst = burst(rate, mtu, shape.burst);
    let what = What::Bucket { rate, burst, limit: limit(shape, rate, burst) };
    Part { what, of: Some(wish.name.clone()) }
}

fn classes(shapes: &[(&Wish, &Shape)], device: &str, mtu: u32) -> (Parts, Faults) {
    let whole = shapes.iter().filter_map(|(_, shape)| shape.ceil.map(bits)).max();
    let (mut left, mut faults) = (whole.unwrap_or(u64::MAX), Faults::new());
    let shared = |what| Part { what, of: None };
    let mut parts = Parts::from([(At::Root, shared(What::Tree { has_rest: whole.is_some() }))]);
    for ((wish, shape), first) in shapes.iter().zip((1..u16::MAX - SLOT).step_by(SLOT.into())) {
        let rate = bits(shape.rate);
        let Some(rest) = left.checked_sub(rate) else {
            let why = format!("{rate} bit/s are more than the {left} bit/s that others leave of {device}");
            faults.insert(wish.name.clone(), why);
            continue;
        };
        left = rest;
        let id = number(&wish.name, &parts);
        let mut add = |at, what| drop(parts.insert(at, Part { what, of: Some(wish.name.clone()) }));
        add(At::Class(id), class(rate, shape.ceil.map_or(rate, bits), mtu, shape.burst));
        add(At::Leaf(id), What::Leaf { limit: limit(shape, rate, burst(rate, mtu, shape.burst)) });
        for (further, protocol, selectors) in wish.selected.filters() {
            let what = What::filters(protocol, selectors, &Target::Class(id));
            add(At::Filters(Chain::Root, first + further), what);
        }
    }
    if let Some(whole) = whole {
        // A class must have some rate: 1 % beyond what is promised is the price of never starving the rest.
        let rate = left.max(whole / 100).max(1000);
        parts.insert(At::Class(WHOLE), shared(class(whole, whole, mtu, None)));
        parts.insert(At::Class(REST), shared(class(rate, whole, mtu, None)));
    }
    (parts, faults)
}

/// A class for a policy, by its name: so others that come and go leave it where it is.
fn number(name: &PolicyName, parts: &Parts) -> u16 {
    let room = REST - FIRST;
    let start = u16::try_from(hash(name.as_str()) % u32::from(room)).unwrap_or_default();
    let mut ids = (FIRST + start..REST).chain(FIRST..FIRST + start);
    ids.find(|id| !parts.contains_key(&At::Class(*id))).unwrap_or(REST)
}

/// FNV-1a: the same in every version and process.
pub(super) fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn class(rate: u64, ceil: u64, mtu: u32, wished: Option<std::time::Duration>) -> What {
    let (burst, cburst) = (burst(rate, mtu, wished), burst(ceil, mtu, wished));
    What::Class { rate, ceil, burst, cburst, quantum: Some(quantum(mtu)) }
}
