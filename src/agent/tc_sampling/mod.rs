//! Sampling by `tc`, as the agent's loop directs it: which ports of `dent { }` are to be sampled at which rate.
//!
//! In: settings, interfaces, the thread's report. Out: wishes to a thread of its own; the state of the component; which ports need
//! no tap. Rules: a port keeps its filter and its rate while its link is down, so that a flap costs the hardware nothing;
//! what `tc` samples is not tapped too, and a tap comes back only where `tc` cannot; the thread is started with the first
//! wish, after the process has given up its privileges, and removes everything when the agent ends.

mod report;
mod thread;

use super::daemon::Agent;
use super::ports::{FEWEST_BYTES, RATE_ZERO, SUSPENDED};
use super::worker::{Ended, Worker};
use crate::collect::interfaces::{Change, Changes, Interface, Kind};
use crate::config::model::Settings;
use crate::host::Host;
use crate::sample::rate::RateOrigin;
use crate::sample::switch::tc::{Standing, Wish};
use crate::wire::netlink::tc_sample::Sampling;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use thread::{SharedReport, Standings, TcThread};
use tokio::sync::Notify;

/// The component's name, which is the object's in the configuration.
pub const COMPONENT: &str = "dent";

const NO_WAY: &str = "psample has neither ingress nor egress on";
const DOWN: &str = "its link is down, and its speed not known: tc samples it when it is up";

/// What changed: `None` for a port that is not to be sampled any more.
struct Order(Vec<(u32, Option<Wish>)>);

/// How a port is to be sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    wish: Wish,
    one_in: u32,
    origin: RateOrigin,
}

/// What `dent { }` is to an interface.
enum Verdict {
    /// It is none of its ports.
    NotOurs,
    /// It is one, and not to be sampled now.
    Idle(&'static str),
    /// It is one.
    Sampled(Asked),
}

/// Sampling by `tc`, from outside.
pub struct TcSampling {
    host: Host,
    report: SharedReport,
    /// Most ports are asked what the one before is, and share that.
    asked: BTreeMap<u32, Arc<Asked>>,
    /// Ports that are not to be sampled now, and why.
    idle: BTreeMap<u32, &'static str>,
    /// Of ports that are asked for, and of some that were.
    standings: Arc<Standings>,
    thread: Option<Worker<Order>>,
    /// The thread could not be started.
    refused: Option<String>,
    /// How many ports are in hardware, and how many are not, as it was logged.
    hands: report::Hands,
}

impl TcSampling {
    /// Nothing is sampled, and no thread runs.
    pub fn new(host: &Host) -> Self {
        Self {
            host: host.clone(),
            report: SharedReport::default(),
            asked: BTreeMap::new(),
            idle: BTreeMap::new(),
            standings: Arc::default(),
            thread: None,
            refused: None,
            hands: report::Hands::default(),
        }
    }

    /// Tells the thread to end.
    pub(super) fn end(&mut self) -> Option<Ended> {
        self.thread.take().and_then(Worker::end)
    }

    /// Rings when the report has changed.
    pub fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.report.news)
    }

    /// True where an interface needs no tap: `tc` samples it, or will, or shall not.
    pub fn covers(&self, settings: &Settings, interface: &Interface) -> bool {
        !matches!(self.verdict(settings, interface), Verdict::NotOurs) && !self.fails(interface.index)
    }

    fn fails(&self, index: u32) -> bool {
        self.refused.is_some() || self.standing(index).is_some_and(Standing::fails)
    }

    fn standing(&self, index: u32) -> Option<&Standing> {
        self.standings.get(&index).filter(|_| self.asked.contains_key(&index)).map(Arc::as_ref)
    }

    /// The rate of a port that is sampled now, and whether arriving and leaving packets are.
    pub(super) fn sampled(&self, index: u32) -> Option<(u32, [bool; 2])> {
        let asked = self.asked.get(&index)?;
        self.standings.get(&index)?.by.as_ref()?;
        Some((asked.one_in, asked.wish.samplings.map(|sampling| sampling.is_some())))
    }

    pub(super) fn samples_any(&self) -> bool {
        self.asked.keys().any(|index| self.sampled(*index).is_some())
    }

    fn verdict(&self, settings: &Settings, interface: &Interface) -> Verdict {
        let modules = &settings.modules;
        let ports = modules.dent.as_ref().and_then(|dent| Some((dent, dent.switchport.as_ref()?)));
        let (Some((dent, _)), Some(psample)) = (
            ports.filter(|(_, pattern)| {
                pattern.is_match(&interface.name)
                    && interface.kind != Kind::Loopback
                    && !interface.is_bond_master
            }),
            &modules.psample,
        ) else {
            return Verdict::NotOurs;
        };
        if settings.suspended.is_some() {
            return Verdict::Idle(SUSPENDED);
        }
        let before = self.asked.get(&interface.index);
        let (one_in, origin) = match (interface.oper_up, before) {
            (false, Some(before)) => (before.one_in, before.origin.clone()),
            (false, None) if interface.speed_bps.is_none_or(|speed| speed == 0) => {
                return Verdict::Idle(DOWN);
            }
            _ => settings.sampling_rate(interface.speed_bps),
        };
        let trunc = settings.header_bytes.max(FEWEST_BYTES);
        let sampling = |group| Sampling { one_in, group, trunc };
        let samplings = [
            psample.ingress.then(|| sampling(psample.group)),
            psample.egress.then(|| sampling(psample.group.wrapping_add(1))),
        ];
        match one_in {
            0 => Verdict::Idle(RATE_ZERO),
            _ if samplings == [None; 2] => Verdict::Idle(NO_WAY),
            _ => Verdict::Sampled(Asked { wish: Wish { samplings, software: dent.sw }, one_in, origin }),
        }
    }

    /// Makes these what `dent { }` is to their interfaces. True where that is something else than it was.
    fn ask(&mut self, verdicts: impl IntoIterator<Item = (u32, Verdict)>) -> bool {
        let (mut new, mut any) = (Vec::new(), false);
        for (index, verdict) in verdicts {
            let (asked, idle) = match verdict {
                Verdict::NotOurs => (None, None),
                Verdict::Idle(why) => (None, Some(why)),
                Verdict::Sampled(asked) => (Some(asked), None),
            };
            any |= idle
                != match idle {
                    Some(why) => self.idle.insert(index, why),
                    None => self.idle.remove(&index),
                };
            if self.asked.get(&index).map(Arc::as_ref) != asked.as_ref() {
                new.push((index, asked));
            }
        }
        any |= !new.is_empty();
        self.order(new);
        any
    }

    fn order(&mut self, new: Vec<(u32, Option<Asked>)>) {
        let same = |index: &u32, wish: Option<Wish>| self.asked.get(index).map(|asked| asked.wish) == wish;
        let wishes = new.iter().map(|(index, asked)| (*index, asked.as_ref().map(|asked| asked.wish)));
        let wishes: Vec<_> = wishes.filter(|(index, wish)| !same(index, *wish)).collect();
        if !wishes.is_empty() {
            if self.thread.is_none() {
                let started = start(&self.host, &self.report);
                self.refused = started.as_ref().err().map(ToString::to_string);
                self.thread = started.ok();
            }
            let Some(thread) = &self.thread else { return };
            thread.order(Order(wishes));
        }
        let mut last = None;
        for (index, asked) in new {
            match asked {
                Some(asked) => {
                    let shared = last.take().filter(|last: &Arc<Asked>| **last == asked);
                    let shared = last.insert(shared.unwrap_or_else(|| Arc::new(asked)));
                    self.asked.insert(index, Arc::clone(shared));
                }
                None => {
                    self.asked.remove(&index);
                    if self.standings.contains_key(&index) {
                        Arc::make_mut(&mut self.standings).remove(&index);
                    }
                }
            }
        }
    }
}

impl Drop for TcSampling {
    fn drop(&mut self) {
        self.report.ending.store(true, Ordering::Relaxed);
    }
}

fn start(host: &Host, report: &SharedReport) -> io::Result<Worker<Order>> {
    Worker::start("tc", |orders, wake| {
        let thread = TcThread::new(&host.clock, report.clone(), orders, wake);
        let thread = thread.map_err(|error| io::Error::from_raw_os_error(error.errno))?;
        Ok(move || thread.run())
    })
}

impl Agent {
    /// Puts the settings in force for all ports.
    pub(super) fn apply_tc(&mut self) {
        let table = self.measures.interfaces.table();
        let known = self.tc.asked.keys().chain(self.tc.idle.keys());
        let gone = known.filter(|index| table.get(**index).is_none()).map(|index| (*index, Verdict::NotOurs));
        let verdicts: Vec<_> =
            gone.chain(table.iter().map(|i| (i.index, self.tc.verdict(&self.settings, i)))).collect();
        self.tc.ask(verdicts);
        self.report_tc();
    }

    /// Renews the wishes for interfaces that changed.
    pub(super) fn follow_tc(&mut self, changes: &Changes) {
        if self.settings.modules.dent.is_none() {
            return;
        }
        if self.tc.refused.is_some() {
            return self.apply_tc();
        }
        let replaced = changes.iter().filter(|(_, change)| matches!(change, Change::Replaced(_)));
        let replaced = self.tc.ask(replaced.map(|(index, _)| (index, Verdict::NotOurs)));
        let table = self.measures.interfaces.table();
        let verdict = |interface| self.tc.verdict(&self.settings, interface);
        let verdicts: Vec<_> = changes
            .iter()
            .map(|(index, _)| (index, table.get(index).map_or(Verdict::NotOurs, verdict)))
            .collect();
        if self.tc.ask(verdicts) || replaced {
            self.report_tc();
        }
    }

    /// The thread has news: where `tc` cannot, a tap may take its place, and gives it back.
    pub fn on_tc(&mut self) {
        let standings = Arc::clone(&self.tc.report.lock().standings);
        let before = std::mem::replace(&mut self.tc.standings, standings);
        let fails = |standing: Option<&Arc<Standing>>| standing.is_some_and(|standing| standing.fails());
        let differs = |index: &&u32| fails(before.get(index)) != fails(self.tc.standings.get(index));
        let changed: Vec<u32> = self.tc.asked.keys().filter(differs).copied().collect();
        if !changed.is_empty() {
            self.renew_taps(&changed);
        }
        self.report_tc();
    }
}
