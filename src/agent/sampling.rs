//! Packet sampling as the agent's loop directs it: which interfaces are tapped at which rate, and what the packet thread
//! says; `watches` has whether a sampler is silent. In: settings, interfaces, the thread's report. Out: wishes
//! to the thread; component states; the sampling part of the snapshot. Rule: a wish is renewed for what changed, and
//! every source that the configuration names has a state.

use super::daemon::Agent;
use super::packets::{Annotator, Making, Sampled, WATCH, Wanted, Wish, nflog_rate};
use super::ports;
use super::privileges::{self, Need};
use crate::collect::interfaces::{Change, Changes, Interface};
use crate::collect::sockets::Place;
use crate::config::model::Settings;
use crate::sample::local::Locals;
use crate::status::registry::State;
use crate::status::snapshot;
use std::collections::BTreeSet;

impl Agent {
    /// Puts the settings in force for all sources and interfaces.
    pub(super) fn apply_sampling(&mut self) {
        self.tell_locals();
        self.tapped_by.clear();
        let indices: Vec<_> = self.measures.interfaces.table().iter().map(|i| i.index).collect();
        let wishes: Vec<_> = indices.into_iter().map(|index| (index, self.wish_of(index))).collect();
        let Settings { header_bytes, datagram_bytes, polling_secs, .. } = self.settings;
        let making = Making { header_bytes, datagram_bytes, counters: polling_secs > 0 };
        let applied = self.packets.apply(making, wishes.into_iter(), Wanted::of(&self.settings));
        self.report_thread(applied);
        self.apply_annotations();
        self.report_idle();
        self.report_privileges();
    }

    /// What the settings need and this process was not given, when it was started with other settings or by a unit
    /// that grants less.
    fn report_privileges(&mut self) {
        let state = self.missing_privileges().map_or(State::Running, |why| State::degraded(&why));
        self.set("privileges", state);
    }

    /// The same in words; none where nothing is missing.
    pub(super) fn missing_privileges(&self) -> Option<String> {
        let missing = privileges::missing(&privileges::needed(&self.settings));
        // A restart goes by the file: no record gives a privilege.
        let by_file = privileges::needed(&self.file);
        let (by_restart, never): (Vec<_>, Vec<_>) = missing
            .into_iter()
            .partition(|need| by_file.iter().any(|n| n.vital && n.capability == need.capability));
        let said = |needs: Vec<Need>, how: &str| {
            let reasons: Vec<_> =
                needs.iter().map(|need| format!("{} ({})", need.capability, need.reason)).collect();
            (!reasons.is_empty()).then(|| format!("this process was not given {}: {how}", reasons.join(", ")))
        };
        let how = "a restart gives what the settings need, if the unit permits it (hsflowctl privileges)";
        let never = said(never, "DNS asks for it, and only the file can");
        let said: Vec<_> = said(by_restart, how).into_iter().chain(never).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// Connections are asked about, or no more.
    fn apply_annotations(&mut self) {
        let now = self.host.clock.now();
        let table = self.measures.interfaces.table();
        let places = || table.iter().map(|i| (i.index, place(i))).collect();
        let wanted = self.settings.modules.tcp.as_ref();
        let mut desk = self.packets.desk.lock();
        if desk.annotator.as_ref().map(Annotator::settings) != wanted {
            desk.annotator = wanted.map(|tcp| Annotator::new(&self.host.root, tcp.clone(), places(), now));
        }
        drop(desk);
        self.report_connections();
    }

    pub(super) fn report_connections(&mut self) {
        let desk = self.packets.desk.lock();
        let state = desk.annotator.as_ref().map(|annotator| match annotator.sockets().obstacle() {
            Some(obstacle) => State::degraded(obstacle),
            None => annotator.sockets().unreachable().map_or(State::Running, |why| {
                State::unavailable(&format!("for sockets of a container: {why}"))
            }),
        });
        drop(desk);
        self.show("tcp", state);
    }

    /// The state of objects that the file names and that can do nothing.
    fn report_idle(&mut self) {
        let suspended = self.settings.suspended.map(|_| State::unavailable(ports::SUSPENDED));
        let m = &self.settings.modules;
        let nflog = m.nflog.as_ref().map(|nflog| match (nflog.group, nflog_rate(&self.settings)) {
            (None, _) => Some(State::unavailable("it names no group")),
            (_, None) => Some(State::unavailable("sampling is 0")),
            _ => suspended.clone(),
        });
        let ulog =
            m.ulog.as_ref().map(|_| Some(State::unavailable("Linux has no ULOG since 3.17: use nflog")));
        let dropmon = m.dropmon.as_ref().map(|_| suspended.clone());
        let psample = m.psample.as_ref().map(|_| suspended.clone());
        let vpp = m.vpp.as_ref().map(|_| suspended.clone());
        let states =
            [("nflog", nflog), ("ulog", ulog), ("dropmon", dropmon), ("psample", psample), ("vpp", vpp)];
        for (name, state) in states {
            // Where nothing stands against it, the packet thread tells; that what it told holds again is no news to it.
            let told = || self.packets.desk.lock().report.components.get(name).cloned();
            match state.map(|state| state.or_else(told)) {
                None => self.registry.remove(name),
                Some(Some(state)) => self.set(name, state),
                Some(None) => {}
            }
        }
    }

    /// Renews the wishes for interfaces that changed.
    pub(super) fn follow_sampling(&mut self, changes: &Changes) {
        let addresses = |change: &Change| !matches!(change, Change::Updated(p) if !(p.addresses || p.mac));
        if changes.iter().any(|(_, change)| addresses(change)) {
            self.tell_locals();
        }
        for (index, change) in changes.iter() {
            if let Change::Removed(_) | Change::Replaced(_) = change {
                self.packets.desk.lock().forget(index);
                self.measures.chip_sampled.remove(&index);
                self.watches.gone(index);
            }
        }
        let mut wishes = Vec::new();
        for (index, change) in changes.iter() {
            if matches!(change, Change::Replaced(_)) {
                // Another interface with the same number: the tap of the old one has ended.
                wishes.push((index, None));
            }
            wishes.push((index, self.wish_of(index)));
        }
        // Whether a bond is sampled by name decides about its members.
        let changed: BTreeSet<u32> = changes.iter().map(|(index, _)| index).collect();
        let of_changed = |i: &&Interface| {
            i.is_bond_slave && !changed.contains(&i.index) && i.master.is_some_and(|m| changed.contains(&m))
        };
        let table = self.measures.interfaces.table();
        let members: Vec<u32> = table.iter().filter(of_changed).map(|i| i.index).collect();
        wishes.extend(members.into_iter().map(|index| (index, self.wish_of(index))));
        if self.settings.modules.tcp.is_some() {
            let mut desk = self.packets.desk.lock();
            let table = self.measures.interfaces.table();
            if let Some(annotator) = &mut desk.annotator {
                changes.iter().for_each(|(index, _)| annotator.set_place(index, table.get(index).map(place)));
                annotator.retain_namespaces();
            }
        }
        self.tap(wishes);
    }

    /// Renews the taps of these interfaces.
    pub(super) fn renew_taps(&mut self, indices: &[u32]) {
        let wishes = indices.iter().map(|index| (*index, self.wish_of(*index))).collect();
        self.tap(wishes);
    }

    fn tap(&mut self, wishes: Vec<(u32, Option<Wish>)>) {
        let (gone, there): (Vec<_>, Vec<_>) = wishes.into_iter().partition(|(_, wish)| wish.is_none());
        let applied = self.packets.apply_taps(gone.into_iter());
        let applied = applied.and_then(|()| self.packets.apply_taps(there.into_iter()));
        self.report_thread(applied);
    }

    /// The tap that an interface shall have; notes which object asks for it.
    fn wish_of(&mut self, index: u32) -> Option<Wish> {
        let table = self.measures.interfaces.table();
        let interface = table.get(index).filter(|interface| !self.tc.covers(&self.settings, interface));
        let Some(sampling) = interface.and_then(|i| ports::sampling(&self.settings, table, i).ok()) else {
            self.tapped_by.remove(&index);
            return None;
        };
        self.tapped_by.insert(index, sampling.object);
        Some(sampling.wish)
    }

    fn tell_locals(&mut self) {
        let table = self.measures.interfaces.table();
        let ips = table.addresses().filter(|a| !a.tentative).map(|a| a.ip);
        let locals = Locals::new(ips, table.iter().filter_map(Interface::real_mac));
        self.packets.desk.lock().set_locals(locals);
    }

    fn report_thread(&mut self, applied: std::io::Result<()>) {
        self.thread_refused = applied.is_err();
        let (taps, tc) = (self.packets.taps(), &self.tc);
        self.watches.retain(|index| taps.contains_key(index) || tc.sampled(*index).is_some());
        if let Err(error) = applied {
            self.set(WATCH, State::degraded(&format!("the packet thread cannot be started: {error}")));
        } else if taps.is_empty() && !self.tc.samples_any() && !self.ears.are_open() {
            self.registry.remove(WATCH);
        }
        self.report_taps();
    }

    /// The packet thread has news.
    pub fn on_packets(&mut self) {
        let mut desk = self.packets.desk.lock();
        let components = desk.report.components.clone();
        let appeared = desk.take_appeared();
        drop(desk);
        self.follow_vpp();
        // Those of the sources and taps are made below, with more than the thread knows: a report may be older than the
        // settings.
        if let Some(state) = components.get(WATCH) {
            self.set(WATCH, state.clone());
        }
        self.report_idle();
        // A fault of the packet thread may have cost it this.
        self.apply_annotations();
        for index in appeared {
            self.measures.chip_sampled.insert(index);
            self.measures.choose_one(&self.settings, index);
            let master = self.measures.interfaces.table().get(index).and_then(|interface| interface.master);
            master.into_iter().for_each(|bond| self.measures.choose_one(&self.settings, bond));
        }
        self.report_taps();
    }

    /// How the packets of an interface are sampled.
    pub(super) fn sampling_in_force(&self, interface: &Interface) -> snapshot::Sampling {
        let desk = self.packets.desk.lock();
        let mut shown = snapshot::Sampling::default();
        if let Some(Sampled { sampler, source, one_in, unknown, .. }) = desk.sampled(interface.index) {
            // What a tap has sampled is of the past where none is wanted now, and so is a source that was switched off.
            let origin = match *source {
                "nflog" => nflog_rate(&self.settings).map(|rate| rate.origin.label().to_owned()),
                "vpp" if self.settings.modules.vpp.is_some() => Some("VPP, told with each sample".to_owned()),
                "psample" if self.settings.modules.psample.is_some() => {
                    Some("psample, told with each sample".to_owned())
                }
                _ => None,
            };
            if let Some(origin) = origin {
                (shown.source, shown.one_in) = (Some((*source).to_owned()), Some(*one_in));
                shown.rate_origin = origin;
            }
            (shown.samples, shown.pool, shown.drops) = (sampler.samples(), sampler.pool(), sampler.drops());
            shown.unknown = *unknown;
        }
        if self.tc_in_force(interface, &mut shown) {
            shown.warning = shown.warning.or_else(|| self.watches.warning(interface.index));
            return shown;
        }
        match ports::sampling(&self.settings, self.measures.interfaces.table(), interface) {
            Err(_) if shown.source.is_none() && shown.warning.is_some() => {}
            Err(why) if shown.source.is_none() => shown.reason = Some(why.to_owned()),
            Err(_) => {}
            Ok(sampling) => {
                let tap = desk.report.taps.get(&interface.index).filter(|tap| tap.wish == sampling.wish);
                if let Some(tap) = tap.filter(|tap| tap.obstacle.is_none()) {
                    shown.source = Some(tap.source.to_owned());
                    shown.one_in = Some(sampling.wish.tap.one_in.get());
                    shown.rate_origin = sampling.origin;
                    shown.reason.clone_from(&tap.instead);
                } else if shown.source.is_none() {
                    shown.reason = Some("its tap is being opened".to_owned());
                }
                let asked = tap.and_then(|tap| tap.obstacle.clone());
                shown.warning = asked.map(|o| format!("asked for, not possible: {o}")).or(shown.warning);
                shown.warning = shown.warning.or_else(|| self.watches.warning(interface.index));
            }
        }
        self.cumulus.show(interface, &mut shown);
        shown
    }
}

/// Where the sockets of an interface's packets are.
fn place(interface: &Interface) -> Place {
    let (namespace, inner) = (interface.peer_namespace(), interface.link);
    let if_index = inner.filter(|_| namespace.is_some()).unwrap_or(interface.index);
    Place { namespace, if_index, master: interface.master.unwrap_or(0) }
}
