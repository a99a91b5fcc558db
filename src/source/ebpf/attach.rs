//! How programs get onto an interface: by tcx links, or as filters of a clsact qdisc.
//!
//! In: programs by hook. Out: what holds them there. Rules: they come before everybody else's, so that what others drop or
//! redirect is sampled too; all programs of a tap are attached or none. A tcx link ends with this process; for filters
//! see [`super::route`]. The kernel waits for all CPUs (some 10 ms) for each tcx link that comes or goes, not for filters.

use super::route::Route;
use crate::host::descriptors::below_reserve;
use crate::sys::bpf::{LINK_CREATE, Link, Program, Tcx};
use crate::sys::{SysError, errno};
use crate::wire::ebpf::Hook;
use crate::wire::netlink::clsact::Place;

/// How to attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attach {
    /// By tcx, and from its first refusal on by clsact.
    Any,
    /// By tcx links (kernel 6.6).
    Tcx,
    /// By filters of the clsact qdisc.
    Clsact,
}

/// What holds the programs of a tap.
#[derive(Debug)]
pub(super) enum Attached {
    Tcx { _links: Vec<Link> },
    Clsact { filters: Vec<Place>, made_qdisc: bool },
}

impl Attach {
    /// All or none.
    pub(super) fn attach(
        &mut self,
        if_index: u32,
        programs: &[(Hook, Program)],
        route: &mut Route,
    ) -> Result<Attached, SysError> {
        if *self != Self::Clsact {
            match tcx(if_index, programs) {
                Err(error) if *self == Self::Any && error.errno == errno::EINVAL => *self = Self::Clsact,
                answer => return answer,
            }
        }
        route.attach(if_index, programs)
    }
}

impl Attached {
    /// The kernel removes what belongs to an interface that is gone, so failing is no matter.
    pub(super) fn detach(self, route: &mut Route) {
        if let Self::Clsact { filters, made_qdisc } = self {
            route.detach(&filters, made_qdisc);
        }
    }

    /// True where somebody else removed what we put there; a link nobody can.
    pub(super) fn is_removed(&self, route: &mut Route) -> bool {
        match self {
            Self::Tcx { .. } => false,
            Self::Clsact { filters, .. } => filters.iter().any(|place| route.lacks(*place)),
        }
    }
}

fn tcx(if_index: u32, programs: &[(Hook, Program)]) -> Result<Attached, SysError> {
    let link = |(hook, program): &(Hook, Program)| {
        let place = match hook {
            Hook::Ingress => Tcx::Ingress,
            Hook::Egress => Tcx::Egress,
        };
        let link = Link::tcx(program, if_index, place)?;
        below_reserve(link)
            .map_err(|errno| SysError::new(LINK_CREATE, format!("tcx of ifIndex {if_index}"), errno))
    };
    Ok(Attached::Tcx { _links: programs.iter().map(link).collect::<Result<_, _>>()? })
}
