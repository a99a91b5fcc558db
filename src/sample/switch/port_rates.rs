//! Bringing the sampling rates of a switch's ports to what is wanted, one command a port.
//!
//! In: which rates are wanted of which port; how commands ended; the time. Out: the next command. Rules: a command is run only
//! where the port is not known to have what is wanted; one that failed is tried again, later each time, and at once where
//! something else is wanted; of one port, by its name, one runs at a time; a port that is no more wanted, and of which
//! we may have set a rate, is set to 0; a port that has gone needs nothing. At the end each port is tried once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// After a failure, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What a port is set to: one packet in so many, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of arriving packets.
    pub ingress: u32,
    /// Of leaving packets.
    pub egress: u32,
    /// Where the kernel hands them over.
    pub group: u32,
}

impl Rates {
    fn zero(self) -> Self {
        Self { ingress: 0, egress: 0, ..self }
    }

    fn is_zero(self) -> bool {
        self.ingress == 0 && self.egress == 0
    }
}

/// A port and the rates that it shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its name.
    pub name: String,
    /// Its rates.
    pub rates: Rates,
}

/// A command to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// ifIndex of the port.
    pub if_index: u32,
    /// Its name.
    pub name: String,
    /// What it is set to.
    pub rates: Rates,
}

/// How a port is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortState {
    /// What it was last set to, where that went well.
    pub set: Option<Rates>,
    /// Why the last command failed.
    pub fault: Option<String>,
}

/// What the chip is known to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chip {
    /// We have not set it.
    Untouched,
    /// We have set this.
    Has(Rates),
    /// A command failed half-way, or may have.
    Unsure,
}

#[derive(Debug)]
struct Port {
    wish: Wish,
    /// Not wanted any more: `wish` is its end.
    ends: bool,
    chip: Chip,
    fault: Option<(String, Instant, Duration)>,
}

/// All ports.
#[derive(Debug, Default)]
pub struct PortRates {
    /// By ifIndex.
    ports: BTreeMap<u32, Port>,
    /// The commands that run.
    running: Vec<Call>,
    /// Ports whose state may be another one since it was last asked for.
    changed: BTreeSet<u32>,
    ending: bool,
    given_up: usize,
}

impl PortRates {
    /// Makes these the rates of a port; `None`: we do not set it any more, and undo what we did.
    pub fn want(&mut self, if_index: u32, wish: Option<Wish>) {
        self.changed.insert(if_index);
        match (self.ports.get_mut(&if_index), wish) {
            (None, None) => {}
            (None, Some(wish)) => {
                let port = Port { wish, ends: false, chip: Chip::Untouched, fault: None };
                self.ports.insert(if_index, port);
            }
            (Some(port), None) => {
                port.ends = true;
                port.set_wish(Wish { rates: port.wish.rates.zero(), ..port.wish.clone() });
                self.forget_ended(if_index);
            }
            (Some(port), Some(wish)) => {
                if port.wish.name != wish.name {
                    port.chip = Chip::Untouched;
                }
                port.ends = false;
                port.set_wish(wish);
            }
        }
    }

    /// A port has gone, or its rate is somebody else's: nothing is undone.
    pub fn release(&mut self, if_index: u32) {
        self.changed.insert(if_index);
        self.ports.remove(&if_index);
    }

    /// No port is wanted any more: each is set to none now, and a failure is not tried again.
    pub fn end_all(&mut self) {
        self.ending = true;
        let all: Vec<_> = self.ports.keys().copied().collect();
        all.into_iter().for_each(|if_index| self.want(if_index, None));
        self.ports.values_mut().for_each(|port| port.fault = None);
    }

    /// The next command, which runs from now on; none where nothing is to be done now.
    pub fn next_call(&mut self, now: Instant) -> Option<Call> {
        let free = |port: &Port| self.running.iter().all(|call| call.name != port.wish.name);
        let mut due = self.ports.iter().filter(|(_, port)| port.is_due(now) && free(port));
        let (if_index, port) = due.next()?;
        let call = Call { if_index: *if_index, name: port.wish.name.clone(), rates: port.wish.rates };
        self.running.push(call.clone());
        Some(call)
    }

    /// A command has ended.
    pub fn ended(&mut self, call: &Call, outcome: Result<(), String>, now: Instant) {
        self.running.retain(|running| running != call);
        let Some(port) = self.ports.get_mut(&call.if_index).filter(|port| port.wish.name == call.name) else {
            return;
        };
        self.changed.insert(call.if_index);
        match outcome {
            Err(_) if self.ending && port.wish.rates == call.rates => {
                self.ports.remove(&call.if_index);
                self.given_up += 1;
            }
            Ok(()) => (port.chip, port.fault) = (Chip::Has(call.rates), None),
            Err(why) => {
                port.chip = Chip::Unsure;
                let last = port.fault.as_ref().map(|(_, _, pause)| *pause);
                let pause = last.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
                // What is wanted since the command began need not wait.
                let at = if port.wish.rates == call.rates { now + pause } else { now };
                port.fault = Some((why, at, pause));
            }
        }
        self.forget_ended(call.if_index);
    }

    /// Ports that could not be set to none at the end.
    pub fn given_up(&self) -> usize {
        self.given_up
    }

    /// Ports that do not have what is wanted, commands that run included.
    pub fn open(&self) -> usize {
        self.ports.iter().filter(|(if_index, port)| port.is_open() || self.is_running(**if_index)).count()
    }

    /// When the next failed command is to be tried again that is not due yet.
    pub fn wake_at(&self, now: Instant) -> Option<Instant> {
        let open = self.ports.values().filter(|port| port.is_open());
        open.filter_map(|port| port.fault.as_ref().map(|(_, at, _)| *at)).filter(|at| *at > now).min()
    }

    /// How each port is that something has happened to since this was last asked; `None`: it is none of ours.
    pub fn take_changed(&mut self) -> BTreeMap<u32, Option<PortState>> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        changed.map(|if_index| (if_index, self.ports.get(&if_index).map(Port::state))).collect()
    }

    fn forget_ended(&mut self, if_index: u32) {
        let running = self.is_running(if_index);
        if self.ports.get(&if_index).is_some_and(|port| port.ends && !port.is_open() && !running) {
            self.ports.remove(&if_index);
        }
    }

    fn is_running(&self, if_index: u32) -> bool {
        self.running.iter().any(|call| call.if_index == if_index)
    }
}

impl Port {
    fn set_wish(&mut self, wish: Wish) {
        if wish != self.wish {
            self.wish = wish;
            if let Some((_, at, pause)) = &mut self.fault {
                // When it failed: at once.
                *at = at.checked_sub(*pause).unwrap_or(*at);
                *pause = FIRST_PAUSE;
            }
        }
    }

    fn state(&self) -> PortState {
        let set = if let Chip::Has(rates) = self.chip { Some(rates) } else { None };
        PortState { set, fault: self.fault.as_ref().map(|(why, ..)| why.clone()) }
    }

    /// It does not have what is wanted.
    fn is_open(&self) -> bool {
        match self.chip {
            Chip::Untouched => !self.wish.rates.is_zero(),
            Chip::Has(rates) => rates != self.wish.rates,
            Chip::Unsure => true,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.is_open() && self.fault.as_ref().is_none_or(|(_, at, _)| *at <= now)
    }
}

#[cfg(test)]
mod tests;
