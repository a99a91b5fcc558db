//! Open vSwitch's own sFlow, as the agent's loop sees it. In: the settings, where the collectors are, the agent's device. Out: a
//! task that keeps Open vSwitch's data base as that says, and the component's state. Rules: the task runs while `ovs { }`
//! stands and its socket is the same; one that panics is started again, later and later; a task that is not wanted any
//! more takes back what it has written, and the agent's end waits two seconds for that.

use super::daemon::Agent;
use super::ports::SUSPENDED;
use super::supervisor::supervise;
use crate::config::model::{CollectorSettings, Ovs, Settings};
use crate::host::Host;
use crate::sample::switch::ovs::{Record, Wish, target};
use crate::status::open_vswitch::OpenVswitch as Shown;
use crate::switch::ovs::{Board, SOCKET, Told, run};
use std::future::ready;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// A little more than the task takes for its last wish.
const ENDING: Duration = Duration::from_millis(2500);

/// The task, if there is one.
#[derive(Default)]
pub struct OpenVswitch {
    news: Arc<Notify>,
    task: Option<Task>,
}

struct Task {
    socket: PathBuf,
    wishes: watch::Sender<Wish>,
    board: Board,
    running: JoinHandle<()>,
}

impl Task {
    fn start(socket: PathBuf, wish: Wish, news: &Arc<Notify>) -> Self {
        let (wishes, receiver) = watch::channel(wish);
        let board = Board::new(Arc::clone(news));
        let (at, told) = (socket.clone(), board.clone());
        let start = {
            let board = board.clone();
            move || run(at.clone(), receiver.clone(), board.clone())
        };
        let running = tokio::spawn(supervise(start, move |state| {
            told.tell(Told { state, switch: None });
            ready(true)
        }));
        Self { socket, wishes, board, running }
    }

    /// It takes back what it has written, and ends.
    fn end(self) -> JoinHandle<()> {
        self.wishes.send_replace(Wish::default());
        self.running
    }
}

impl OpenVswitch {
    /// Rings when the task has news.
    pub fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.news)
    }

    /// What Open vSwitch was told; none without a connection to it.
    pub fn report(&self) -> Option<Shown> {
        self.task.as_ref()?.board.read()?.switch
    }

    fn apply(&mut self, host: &Host, settings: Option<&Ovs>, wish: impl FnOnce() -> Wish) {
        let socket = settings.map(|ovs| host.path(ovs.unix_socket.as_deref().unwrap_or(SOCKET)));
        if let Some(unwanted) = self.task.take_if(|task| Some(&task.socket) != socket.as_ref()) {
            // It ends by itself.
            drop(unwanted.end());
        }
        let Some(socket) = socket else { return };
        match &self.task {
            None => self.task = Some(Task::start(socket, wish(), &self.news)),
            Some(task) => {
                let new = wish();
                task.wishes.send_if_modified(|old| {
                    let differs = *old != new;
                    *old = new;
                    differs
                });
            }
        }
    }

    /// The agent ends: takes back what Open vSwitch was told, if that is wanted.
    pub(super) async fn end(&mut self, asked_for: bool, settings: &Settings) {
        let keep = !asked_for || settings.modules.ovs.as_ref().is_some_and(|ovs| ovs.keep_at_exit);
        match self.task.take() {
            Some(task) if keep => task.running.abort(),
            Some(task) => _ = tokio::time::timeout(ENDING, task.end()).await,
            None => {}
        }
    }
}

impl Agent {
    /// Has Open vSwitch told what the settings, the collectors and the agent's device are now.
    pub(super) fn apply_open_vswitch(&mut self) {
        let settings = self.settings.modules.ovs.clone();
        let mut open_vswitch = std::mem::take(&mut self.open_vswitch);
        open_vswitch.apply(&self.host, settings.as_ref(), || self.open_vswitch_wish());
        self.open_vswitch = open_vswitch;
        self.on_open_vswitch();
    }

    /// Its task has news.
    pub fn on_open_vswitch(&mut self) {
        match &self.open_vswitch.task {
            None => self.registry.remove("ovs"),
            Some(task) => {
                if let Some(told) = task.board.read() {
                    self.set("ovs", told.state);
                }
            }
        }
    }

    fn open_vswitch_wish(&self) -> Wish {
        let settings = &self.settings;
        let idle = |why: &str, remarks| Wish { record: None, idle: Some(why.to_owned()), remarks };
        if settings.suspended.is_some() {
            return idle(SUSPENDED, Vec::new());
        }
        if settings.sampling == 0 && settings.polling_secs == 0 {
            return idle("sampling and polling are both 0", Vec::new());
        }
        let outlet = self.outlet.lock();
        let (targets, remarks): (Vec<_>, Vec<_>) = outlet
            .collectors
            .destinations()
            .map(|(ip, collector)| way(ip, collector))
            .partition(Result::is_ok);
        let remarks: Vec<String> = remarks.into_iter().filter_map(Result::err).collect();
        if targets.is_empty() {
            let why = match (settings.collectors.is_empty(), remarks.is_empty()) {
                (true, _) => "the configuration names no collector",
                (false, true) => "no collector has an address yet",
                (false, false) => "there is no collector that Open vSwitch can send to",
            };
            return idle(why, remarks);
        }
        let choice = self.election.choice.as_ref();
        let record = Record {
            // An address that no device has is told as it is.
            agent: choice.map(|choice| choice.device.clone().unwrap_or_else(|| choice.ip.to_string())),
            header: Some(settings.header_bytes.into()),
            polling: Some(settings.polling_secs.into()),
            sampling: Some(settings.sampling.into()),
            targets: targets.into_iter().filter_map(Result::ok).collect(),
        };
        Wish { record: Some(record), idle: None, remarks }
    }
}

/// The collector as Open vSwitch takes it, or why it cannot send there.
fn way(ip: IpAddr, collector: &CollectorSettings) -> Result<String, String> {
    let CollectorSettings { host, port, device, namespace, .. } = collector;
    let bound = [("dev", device), ("namespace", namespace)];
    if let Some((word, value)) = bound.iter().find_map(|(word, value)| Some((word, value.as_ref()?))) {
        return Err(format!(
            "collector {host} port {port} gets nothing from Open vSwitch, which cannot send by {word} {value}"
        ));
    }
    Ok(target(ip, host.split_once('%').map(|(_, zone)| zone), *port))
}
