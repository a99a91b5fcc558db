//! What the settings and Cumulus Linux say of the sampling of one switch port. In: settings, `switchd.conf`, an interface.
//! Out: what is done about it. Rules: loopback and bonds are no ports of the chip; a link that is down keeps what it had,
//! so that a flapping one costs nothing; what Cumulus Linux has been told of a port (by NVUE or by hand) is left alone.

use super::super::ports;
use crate::collect::interfaces::{Interface, Kind};
use crate::config::model::Settings;
use crate::sample::switch::port_rates::{Rates, Wish};
use crate::sample::switch::switchd::PortSetting;
use std::collections::BTreeMap;

/// What is done about a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// It is set.
    Set(Set),
    /// Its link is down: it stays as it is.
    Down(Option<Set>),
    /// Cumulus Linux has been told.
    Others(PortSetting),
}

/// A port that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) wish: Wish,
    /// One in so many, in each direction that is sampled; 0: none.
    pub(super) one_in: u32,
    /// Where that came from.
    pub(super) origin: String,
}

impl Treatment {
    /// Of this interface; none where it is no port that is sampled. `before` is how it was treated so far.
    pub(super) fn of(
        settings: &Settings,
        switchd: &BTreeMap<String, PortSetting>,
        interface: &Interface,
        before: Option<&Self>,
    ) -> Option<Self> {
        let pattern = settings.modules.cumulus.as_ref()?.switchport.as_ref()?;
        let is_port = interface.kind != Kind::Loopback && !interface.is_bond_master;
        if settings.suspended.is_some() || !is_port || !pattern.is_match(&interface.name) {
            return None;
        }
        if let Some(told) = switchd.get(&interface.name) {
            return Some(Self::Others(*told));
        }
        if !interface.oper_up {
            let kept = before.and_then(Self::set).filter(|set| set.wish.name == interface.name);
            return Some(Self::Down(kept.cloned()));
        }
        let (one_in, origin) = settings.sampling_rate(interface.speed_bps);
        let wish = Wish { name: interface.name.clone(), rates: rates(settings, one_in) };
        Some(Self::Set(Set { wish, one_in, origin: ports::in_words(&origin) }))
    }

    /// How it is set, or was when its link went down.
    pub(super) fn set(&self) -> Option<&Set> {
        match self {
            Self::Set(set) | Self::Down(Some(set)) => Some(set),
            Self::Down(None) | Self::Others(_) => None,
        }
    }
}

/// The directions are those of `psample { }`; the group is that of NFLOG, which the older switches use.
fn rates(settings: &Settings, one_in: u32) -> Rates {
    let m = &settings.modules;
    let (ingress, egress) = m.psample.as_ref().map_or((true, false), |p| (p.ingress, p.egress));
    let log = m.nflog.as_ref().and_then(|log| log.group).or(m.ulog.as_ref().and_then(|log| log.group));
    let group = log.or(m.psample.as_ref().map(|psample| psample.group)).unwrap_or(1);
    let rate = |wanted| if wanted { one_in } else { 0 };
    Rates { ingress: rate(ingress), egress: rate(egress), group }
}
