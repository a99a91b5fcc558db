//! The devices that are made for others: intermediate ones, and pairs into namespaces.
//!
//! In: what is wanted and what is there. Out: for each that is missing or down the lines of `ip -batch` that mend it,
//! with the policies that wait for it. Rule: the far end of a pair has the address of the device whose packets it gets,
//! so that the namespace takes as its own what came to this host. Spec: ip-link(8).

use super::ALIAS;
use super::observed::{Device, Devices};
use super::plan::{Lane, Lanes, Side, end, ifb};
use crate::policy::model::{Action, Netns, PolicyName, Redirect};

/// One that is to be made or mended.
pub(super) struct Made {
    pub(super) name: String,
    /// Who goes through it.
    pub(super) of: Vec<PolicyName>,
    /// Lines, in the namespace of the device.
    pub(super) here: String,
    /// Lines, in that namespace.
    pub(super) inside: Option<(Netns, String)>,
}

/// All that are, in their order.
pub(super) fn made(lanes: &Lanes, there: &Devices) -> Vec<Made> {
    let mut all = Vec::new();
    for ((name, side), lane) in lanes {
        let Some(device) = there.get(name) else { continue };
        if *side == Side::Ingress && !lane.shapes.is_empty() {
            all.extend(middle(device, lane, there));
        }
        for wish in &lane.direct {
            if let Action::Redirect(Redirect::Netns(into)) = &wish.action {
                add(&mut all, device, into, &wish.name, there);
            }
        }
    }
    all
}

fn middle(device: &Device, lane: &Lane, there: &Devices) -> Option<Made> {
    let name = ifb(device);
    let here = match there.get(&name) {
        Some(middle) if middle.is_up || !middle.is_made => return None,
        Some(_) => format!("link set dev {name} up\n"),
        None => {
            let mtu = device.mtu;
            format!(
                "link add name {name} mtu {mtu} type ifb\nlink set dev {name} alias {ALIAS}\nlink set dev {name} up\n"
            )
        }
    };
    let of = lane.shapes.iter().map(|wish| wish.name.clone()).collect();
    Some(Made { name, of, here, inside: None })
}

fn add(all: &mut Vec<Made>, device: &Device, into: &Netns, of: &PolicyName, there: &Devices) {
    let name = end(device, into);
    if let Some(made) = all.iter_mut().find(|made| made.name == name) {
        made.of.push(of.clone());
        return;
    }
    let here = match there.get(&name) {
        Some(end) if !end.is_made || (end.is_up && end.has_carrier) => return,
        Some(_) => format!("link set dev {name} up\n"),
        None => {
            let Device { mtu, address, .. } = device;
            format!(
                "link add name {name} mtu {mtu} type veth peer name {name} netns {into} mtu {mtu} address {address}\n\
                 link set dev {name} alias {ALIAS}\nlink set dev {name} up\n"
            )
        }
    };
    let up = format!("link set dev {name} up\n");
    all.push(Made { name, of: vec![of.clone()], here, inside: Some((into.clone(), up)) });
}
