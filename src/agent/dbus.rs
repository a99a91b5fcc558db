//! D-Bus, as the agent's loop sees it: `bus` answers what programs ask, `words` is what there is to ask.
//!
//! In: the settings; questions of the task. Out: what it answers with, the component's state. Rule: while `dbus { }` is not there,
//! there is no connection; however often is asked, the agent is asked ten times a second.

mod bus;
mod words;

use super::asked::Desk;
use super::board::Board;
use super::daemon::Agent;
use crate::collect::guests::systemd::SOCKET;
use crate::status::registry::State;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use words::{Facts, Port};

/// Who says where the system bus is, as for every program of it.
const ADDRESS: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// The task, if there is one.
#[derive(Default)]
pub struct Dbus {
    news: Arc<Notify>,
    task: Option<(Board, JoinHandle<()>)>,
}

impl Drop for Dbus {
    fn drop(&mut self) {
        self.task.iter().for_each(|(_, running)| running.abort());
    }
}

impl Dbus {
    /// Rings when the task has news.
    pub fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.news)
    }

    fn apply(&mut self, is_wanted: bool, start: impl FnOnce(Board) -> JoinHandle<()>) {
        if is_wanted == self.task.is_some() {
            return;
        }
        if let Some((_, running)) = self.task.take() {
            running.abort();
        }
        if is_wanted {
            let board = Board::new(&self.news);
            self.task = Some((board.clone(), start(board)));
        }
    }

    fn state(&self) -> Option<State> {
        self.task.as_ref().and_then(|(board, _)| board.read())
    }
}

impl Agent {
    /// Is on the bus, or not, as the settings say.
    pub(super) fn apply_dbus(&mut self) {
        let Self { desk, host, dbus, settings, .. } = self;
        let address = || {
            let named = std::env::var(ADDRESS).ok().filter(|named| !named.is_empty());
            named.unwrap_or_else(|| format!("unix:path={}", host.path(SOCKET).display()))
        };
        let start = |board: Board| {
            let (address, desk, clock): (_, Desk, _) = (address(), desk.clone(), host.clock.clone());
            board.run(move |board| bus::run(address.clone(), desk.clone(), board, clock.clone()))
        };
        dbus.apply(settings.modules.dbus, start);
        self.on_dbus();
    }

    /// The task has news.
    pub fn on_dbus(&mut self) {
        let state = self.dbus.state();
        self.show("dbus", state);
    }

    /// All that can be asked for.
    fn facts(&mut self) -> Facts {
        let polling_secs = self.settings.polling_secs;
        let ports = self.measures.interfaces.table().iter();
        let ports = ports.filter(|i| self.settings.modules.switchport(&i.name).is_some());
        let ports = ports.map(|i| Port {
            name: i.name.clone(),
            speed_bps: i.speed_bps.unwrap_or(0),
            sampling: self.sampling_in_force(i).one_in.unwrap_or(0),
            polling_secs: if self.is_polled(i.index) { polling_secs } else { 0 },
        });
        Facts {
            ports: ports.collect(),
            agent: self.election.choice.as_ref().map_or(String::new(), |choice| choice.ip.to_string()),
            telemetry: self.telemetry().fields(),
        }
    }

    fn is_polled(&self, index: u32) -> bool {
        self.measures.sources.contains_key(&crate::sflow::ids::DataSource::interface(index))
    }
}
