//! The sources of the packet thread that are not taps: each at most once. In: which are wanted, with their settings. Out:
//! open sources, and the state of each. Rules: what did not change goes on undisturbed; one that cannot even be made
//! is tried again.

use super::desk::Desk;
use crate::config::model::{Dropmon, Settings, Vpp};
use crate::sample::rule_rate::RuleRate;
use crate::source::{Source, drop_monitor, nflog, psample, vpp as vpp_source};
use crate::status::registry::State;
use crate::sys::SysError;
use std::collections::BTreeMap;

/// Which sources are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    nflog: Option<nflog::Settings>,
    psample: Option<psample::Settings>,
    dropmon: Option<Dropmon>,
    /// By which numbers VPP's interfaces go.
    pub(super) vpp: Option<Vpp>,
}

impl Wanted {
    /// What the settings ask for.
    pub fn of(settings: &Settings) -> Self {
        if settings.suspended.is_some() {
            return Self::default();
        }
        let modules = &settings.modules;
        Self {
            nflog: nflog_settings(settings),
            psample: psample_settings(settings),
            dropmon: modules.dropmon.clone(),
            vpp: modules.vpp.clone(),
        }
    }
}

/// The rate of the packets of a firewall rule; `None` where none is to be sampled.
pub fn nflog_rate(settings: &Settings) -> Option<RuleRate> {
    let nflog = settings.modules.nflog.as_ref()?;
    if settings.modules.cumulus.is_some() && nflog.sampling.is_none() && !nflog.own_rule {
        return RuleRate::of_chip(settings.sampling);
    }
    let rate = if nflog.own_rule { RuleRate::of_own_rule } else { RuleRate::of_rule };
    rate(settings.sampling, nflog.sampling)
}

fn nflog_settings(settings: &Settings) -> Option<nflog::Settings> {
    let group = settings.modules.nflog.as_ref()?.group?;
    let rate = nflog_rate(settings)?;
    Some(nflog::Settings {
        group: u16::try_from(group).ok()?,
        rule_one_in: rate.rule_one_in,
        skip: rate.skip,
        copy: settings.header_bytes,
        own_rule: settings.modules.nflog.as_ref()?.own_rule,
        receive_bytes: nflog::RECEIVE_BYTES,
    })
}

fn psample_settings(settings: &Settings) -> Option<psample::Settings> {
    let psample = settings.modules.psample.as_ref()?;
    Some(psample::Settings { group: psample.group, ingress: psample.ingress, egress: psample.egress })
}

/// Those that are open.
#[derive(Default)]
pub(super) struct Sources {
    wanted: Wanted,
    nflog: Option<nflog::Log>,
    psample: Option<psample::Samples>,
    dropmon: Option<drop_monitor::Drops>,
    vpp: Option<vpp_source::Vpp>,
    suppressed: u64,
    failed: BTreeMap<&'static str, SysError>,
}

impl Sources {
    /// Opens and closes until these are there.
    pub(super) fn apply(&mut self, wanted: Wanted) {
        let Self { nflog, psample, dropmon, vpp, failed, .. } = self;
        if wanted.nflog != self.wanted.nflog {
            // The kernel knows one owner of a group: the old one goes first. Its rules go meanwhile.
            if let Some(old) = nflog.take() {
                old.retire();
            }
            *nflog = made(failed, "nflog", wanted.nflog.map(nflog::Log::new));
        }
        if wanted.psample != self.wanted.psample {
            *psample = made(failed, "psample", wanted.psample.map(psample::Samples::new));
        }
        if wanted.dropmon != self.wanted.dropmon {
            *dropmon = None;
            *dropmon = made(failed, "dropmon", wanted.dropmon.clone().map(drop_monitor::Drops::new));
            self.suppressed = 0;
        }
        if wanted.vpp.is_some() != self.wanted.vpp.is_some() {
            *vpp = made(failed, "vpp", wanted.vpp.as_ref().map(|_| vpp_source::Vpp::new()));
        }
        self.wanted = wanted;
    }

    /// Makes again what could not be made.
    pub(super) fn retry(&mut self) {
        if !self.failed.is_empty() {
            let wanted = std::mem::take(&mut self.wanted);
            self.wanted = Wanted {
                nflog: wanted.nflog.filter(|_| self.nflog.is_some()),
                psample: wanted.psample.filter(|_| self.psample.is_some()),
                dropmon: wanted.dropmon.clone().filter(|_| self.dropmon.is_some()),
                vpp: wanted.vpp.clone().filter(|_| self.vpp.is_some()),
            };
            self.apply(wanted);
        }
    }

    /// True where something could not be made.
    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// The wishes in force.
    pub(super) fn wanted(&self) -> Wanted {
        self.wanted.clone()
    }

    /// Each that is open.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut dyn Source> {
        let nflog = self.nflog.iter_mut().map(|source| source as &mut dyn Source);
        let psample = self.psample.iter_mut().map(|source| source as &mut dyn Source);
        let dropmon = self.dropmon.iter_mut().map(|source| source as &mut dyn Source);
        let vpp = self.vpp.iter_mut().map(|source| source as &mut dyn Source);
        nflog.chain(psample).chain(dropmon).chain(vpp)
    }

    /// Notes dropped packets that were held back since the last call.
    pub(super) fn settle(&mut self, desk: &mut Desk) {
        let Some(dropmon) = &self.dropmon else { return };
        let suppressed = dropmon.suppressed();
        let added = u32::try_from(suppressed - self.suppressed).unwrap_or(u32::MAX);
        self.suppressed = suppressed;
        desk.discards_lost(added, true);
    }

    /// The state of each that is wanted.
    pub(super) fn states(&mut self) -> Vec<(&'static str, State)> {
        let state = |source: &mut dyn Source| {
            (source.name(), source.obstacle().map_or(State::Running, State::degraded))
        };
        let mut states: Vec<_> = self.each().map(state).collect();
        states.extend(self.failed.iter().map(|(name, error)| (*name, State::degraded(error))));
        states
    }
}

/// What was made, if it was wanted and could be.
fn made<T>(
    failed: &mut BTreeMap<&'static str, SysError>,
    name: &'static str,
    result: Option<Result<T, SysError>>,
) -> Option<T> {
    failed.remove(name);
    result?.map_err(|error| failed.insert(name, error)).ok()
}
