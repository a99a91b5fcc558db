//! What every device of a namespace is to have.
//!
//! In: the lanes and the devices that are there. Out: the parts of each device, and the policies that wait for one or
//! meet a qdisc of others. Rule: what comes in is shaped on an intermediate device, one for each device.

use super::part::{At, Chain, Part, Parts, What};
use super::tree::hash;
use super::{Lane, Lanes, Side, Wish};
use crate::policy::model::{Action, Netns, PolicyName, Redirect};
use crate::policy::shape::observed::{Device, Devices};
use crate::policy::shape::{END, IFB};
use std::collections::BTreeMap;

type Faults = BTreeMap<PolicyName, String>;

/// The intermediate device of a device.
pub fn ifb(of: &Device) -> String {
    format!("{IFB}{}", of.index)
}

/// The end of the pair by which packets of a device go into a namespace.
pub fn end(of: &Device, into: &Netns) -> String {
    format!("{END}{:08x}", hash(&format!("{} {into}", of.index)))
}

/// The parts of each device that something is wanted of, and the policies that are not among them.
pub fn whole(lanes: &Lanes, devices: &Devices) -> (BTreeMap<String, Parts>, Faults) {
    let (mut all, mut faults) = (BTreeMap::<String, Parts>::new(), Faults::new());
    let wait = |wishes: &[Wish], of: &str| -> Faults {
        wishes.iter().map(|wish| (wish.name.clone(), format!("waits for {of}"))).collect()
    };
    for ((name, side), lane) in lanes {
        let Some(device) = devices.get(name) else {
            faults.extend(wait(&lane.shapes, name).into_iter().chain(wait(&lane.direct, name)));
            continue;
        };
        let mut lane = lane.without_missing(device, devices, &mut faults);
        let middle = ifb(device);
        if *side == Side::Ingress && !devices.get(&middle).is_some_and(|middle| middle.is_up) {
            // One that is down would swallow everything.
            faults.extend(wait(&std::mem::take(&mut lane.shapes), &middle));
        }
        let middle = Some(middle).filter(|_| *side == Side::Ingress && !lane.shapes.is_empty());
        let (at, mtu) = (middle.as_ref().unwrap_or(name), device.mtu);
        match devices.get(at).and_then(|device| device.foreign_root.as_ref()) {
            Some(what) if !lane.shapes.is_empty() => {
                let why = format!("{at} has a qdisc '{what}' that is not ours");
                faults.extend(lane.shapes.iter().map(|wish| (wish.name.clone(), why.clone())));
            }
            _ => {
                let (tree, beyond) = lane.tree(at, mtu);
                all.entry(at.clone()).or_default().extend(tree);
                faults.extend(beyond);
            }
        }
        let chain = if *side == Side::Ingress { Chain::Ingress } else { Chain::Egress };
        let (filters, beyond) = lane.filters(chain, middle.as_deref(), (device.owns_hook(), mtu));
        faults.extend(beyond);
        let parts = all.entry(name.clone()).or_default();
        if !filters.is_empty() {
            parts.insert(At::Hook, Part { what: What::Clsact, of: None });
        }
        parts.extend(filters);
    }
    (all, faults)
}

impl Lane {
    /// Into a namespace is out of the end of a pair; what goes nowhere waits.
    fn without_missing(&self, of: &Device, devices: &Devices, faults: &mut Faults) -> Self {
        let mut lane = self.clone();
        lane.direct.retain_mut(|wish| {
            let to = match &wish.action {
                Action::Redirect(Redirect::Netns(into)) => end(of, into),
                Action::Redirect(Redirect::Device(to)) => to.to_string(),
                _ => return true,
            };
            if !devices.contains_key(&to) {
                faults.insert(wish.name.clone(), format!("waits for {to}"));
            }
            let there = to.parse().ok().filter(|_| devices.contains_key(&to));
            wish.action = match there {
                Some(to) => Action::Redirect(Redirect::Device(to)),
                None => return false,
            };
            true
        });
        lane
    }
}
