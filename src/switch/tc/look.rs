//! What ports have: as dumps tell it when they are looked at, and that others have changed it, as news tells. In: dumps and
//! notifications. Out: ports brought up to date, or to be looked at. Rules: news only says where to look; what is lost of it
//! makes every port one to be looked at; what concerns no place of ours is passed over, however much of it there is.

use super::requests::Requests;
use super::{GoesOn, SLOT, Tc, Tracked};
use crate::sample::switch::tc::{HOOKS, Obstacle, Port, Refusal, Side};
use crate::sys::SysError;
use crate::wire::ebpf::Hook;
use crate::wire::netlink::clsact::{self, DEL_QDISC, Qdisc};
use crate::wire::netlink::header::messages;
use crate::wire::netlink::tc_sample::{self, Found};
use std::collections::BTreeMap;
use std::time::Duration;

impl Tc {
    /// Takes in what others did to qdiscs and filters. True where a port is to be looked at.
    ///
    /// # Errors
    /// The socket's; what was lost meanwhile makes every port one to be looked at.
    pub fn read_news(&mut self) -> Result<bool, SysError> {
        let (mut any, mut lost) = (false, false);
        loop {
            let datagrams = match self.news.receive(SLOT, Duration::ZERO) {
                Err(error) if error.is_overrun() => {
                    lost = true;
                    continue;
                }
                answer => answer?,
            };
            if datagrams.is_empty() {
                break;
            }
            lost |= datagrams.truncated > 0;
            for message in datagrams.iter().flat_map(messages).flatten() {
                let foreign = Some(message.port) != self.requests.own_port();
                let foreign = foreign && tc_sample::concerns(message.kind, message.payload);
                let Ok(if_index) = clsact::interface(message.payload) else { continue };
                let Some(tracked) = self.ports.get_mut(&if_index).filter(|_| foreign) else { continue };
                if message.kind == DEL_QDISC && clsact::is_clsact(message.payload) == Ok(true) {
                    tracked.port.disown();
                }
                tracked.disturb();
                any = true;
            }
        }
        if lost {
            for tracked in self.ports.values_mut() {
                tracked.port.disown();
                tracked.disturb();
            }
        }
        Ok(any || lost)
    }

    /// Reads qdiscs and filters of these ports; the first time also of those that an earlier agent may have left some on.
    pub(super) fn look(&mut self, due: &mut Vec<u32>, goes_on: GoesOn<'_>) {
        let mut qdiscs = BTreeMap::new();
        let read = self.requests.dump(clsact::dump_qdiscs, |payload| {
            if let (Ok(Some(qdisc)), Ok(index)) = (Qdisc::parse(payload), clsact::interface(payload)) {
                qdiscs.insert(index, qdisc);
            }
        });
        if let Err(refusal) = read {
            for index in due.iter() {
                let tracked = self.ports.get_mut(index);
                tracked.into_iter().for_each(|tracked| tracked.unseen(&refusal));
            }
            return;
        }
        if !std::mem::replace(&mut self.swept, true) {
            for index in
                qdiscs.keys().filter(|index| !self.ports.contains_key(index)).copied().collect::<Vec<_>>()
            {
                due.push(index);
                self.ports.insert(index, Box::default());
            }
        }
        for index in due {
            if goes_on() {
                self.look_at(*index, qdiscs.get(index).copied());
            } else if let Some(tracked) = self.ports.get_mut(index) {
                tracked.port.stale = true;
            }
        }
    }

    pub(super) fn look_at(&mut self, if_index: u32, qdisc: Option<Qdisc>) {
        let tracked = self.ports.entry(if_index).or_default();
        let hooks = match qdisc {
            None => &HOOKS[..0],
            Some(Qdisc::Ingress) => &HOOKS[..1],
            Some(Qdisc::Clsact) => &HOOKS[..],
        };
        let mut sides = [Side::default(), Side::default()];
        for (hook, side) in hooks.iter().zip(&mut sides) {
            match self.requests.filters(if_index, *hook) {
                Ok(found) => *side = Side::of(&found),
                Err(refusal) => return tracked.unseen(&refusal),
            }
        }
        tracked.port = Port::observed(&tracked.port, qdisc, sides);
    }
}

impl Tracked {
    /// Somebody changed something; one that is left alone for a while stays so.
    fn disturb(&mut self) {
        let standing = self.wish.as_ref().map(|wish| self.port.standing(wish)).unwrap_or_default();
        if standing.obstacle != Some(Obstacle::Contested) {
            self.disturbed |= standing.by.is_some();
            self.due = true;
        }
    }

    /// It could not be looked at, and is to be: until then it is neither changed nor forgotten.
    pub(super) fn unseen(&mut self, refusal: &Refusal) {
        self.port.obstruct(refusal);
        self.port.stale = true;
    }
}

impl Requests {
    fn filters(&mut self, if_index: u32, hook: Hook) -> Result<Vec<Found>, Refusal> {
        let mut found = Vec::new();
        self.dump(
            |buffer, sequence| clsact::dump_filters(buffer, sequence, if_index, hook),
            |payload| found.extend(Found::parse(payload)),
        )?;
        Ok(found)
    }
}
