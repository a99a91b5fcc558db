//! Priority flow control of ports: a thread that asks for it. In: ports that were just polled. Out: what the kernel's DCB says of
//! them, for their next samples. Rules: the loop never waits for a driver; a sample carries the last reading that was
//! finished; what is asked for and not read yet is asked for once; nobody waits for the thread's end, because it only reads.

use super::daemon::Agent;
use super::guard::guarded;
use super::worker::Worker;
use crate::collect::interfaces::flow_control::FlowControl;
use crate::collect::interfaces::optics::Port;
use crate::collect::interfaces::{Change, Changes, InterfaceError};
use crate::wire::netlink::dcb::Pfc;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the thread and the agent's loop share.
#[derive(Clone, Default)]
struct Desk(Arc<Mutex<Slips>>);

#[derive(Default)]
struct Slips {
    /// To be asked about, by ifIndex.
    asked: BTreeMap<u32, Port>,
    answers: Vec<(Port, Option<Pfc>)>,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Slips> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread, from outside.
#[derive(Default)]
pub(super) struct FlowControls {
    thread: Option<Worker<()>>,
    desk: Desk,
}

impl Drop for FlowControls {
    fn drop(&mut self) {
        let _ = self.thread.take().and_then(Worker::end);
    }
}

impl FlowControls {
    fn ask(&mut self, ports: Vec<Port>) -> io::Result<()> {
        if ports.is_empty() {
            return Ok(());
        }
        // First: what nobody will read must not stand there as asked for.
        let thread = match &self.thread {
            Some(thread) => thread,
            None => self.thread.insert(start(&self.desk)?),
        };
        let mut slips = self.desk.lock();
        let is_asked = !slips.asked.is_empty();
        slips.asked.extend(ports.into_iter().map(|port| (port.index, port)));
        drop(slips);
        if !is_asked {
            thread.order(());
        }
        Ok(())
    }
}

fn start(desk: &Desk) -> io::Result<Worker<()>> {
    let desk = desk.clone();
    let mut asking = None;
    let read = move |ports: &[Port], found: &mut HashMap<u32, Option<Pfc>>| {
        let mut opened = match asking.take() {
            Some(opened) => opened,
            None => FlowControl::open()?,
        };
        let read = opened.read(ports, found);
        // Where it fails, the socket may be what is wrong.
        asking = read.is_ok().then_some(opened);
        read
    };
    Worker::start("flow-control", |orders, _| Ok(move || work(&orders, &desk, read)))
}

/// The thread: asks until told to end.
fn work(
    orders: &Receiver<()>,
    desk: &Desk,
    mut read: impl FnMut(&[Port], &mut HashMap<u32, Option<Pfc>>) -> Result<(), InterfaceError>,
) {
    let mut failing = false;
    for () in orders {
        let ports: Vec<Port> = std::mem::take(&mut desk.lock().asked).into_values().collect();
        let mut found = HashMap::new();
        let failed = match guarded(|| read(&ports, &mut found)) {
            Ok(read) => read.err().map(|error| error.to_string()),
            Err(panicked) => Some(panicked.to_string()),
        };
        if let Some(why) = failed.as_ref().filter(|_| !failing) {
            log::warn!(target: "pfc", "priority flow control cannot be read: {why}");
        }
        failing = failed.is_some();
        let answer = |port: Port| Some((found.get(&port.index).copied()?, port));
        let answers = ports.into_iter().filter_map(answer).map(|(pfc, port)| (port, pfc));
        desk.lock().answers.extend(answers);
    }
}

impl Agent {
    /// Before a poll: takes in what was read.
    pub(super) fn take_flow_control(&mut self) {
        let answers = std::mem::take(&mut self.flow_control.desk.lock().answers);
        let table = self.measures.interfaces.table();
        let of_now = |port: &Port| table.get(port.index).is_some_and(|interface| interface.name == port.name);
        let wanted = self.settings.wants_pfc();
        let kept = answers.into_iter().filter(|(port, _)| wanted && of_now(port));
        self.measures.pfc.extend(kept.map(|(port, pfc)| (port.index, pfc)));
    }

    /// After a poll: has the ports that were due read, for the next one.
    pub(super) fn ask_flow_control(&mut self) {
        let ports = self.measures.flow_control_ports(&self.due);
        if let Err(error) = self.flow_control.ask(ports) {
            log::warn!(target: "pfc", "no thread for priority flow control: {error}");
        }
    }

    /// A port that is gone takes its numbers with it.
    pub(super) fn follow_flow_control(&mut self, changes: &Changes) {
        for (index, change) in changes.iter() {
            if matches!(change, Change::Removed(_) | Change::Replaced(_)) {
                self.measures.pfc.remove(&index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn port(index: u32) -> Port {
        Port { index, name: format!("swp{index}") }
    }

    #[test]
    fn the_loop_never_waits_for_a_driver_and_a_port_is_asked_about_once() {
        let (stuck, release) = channel::<()>();
        let (tell, told) = channel();
        let mut controls = FlowControls::default();
        let desk = controls.desk.clone();
        let read = move |ports: &[Port], found: &mut HashMap<u32, Option<Pfc>>| {
            tell.send(ports.len()).unwrap();
            let _ = release.recv();
            found.extend(ports.iter().map(|port| (port.index, (port.index != 3).then(Pfc::default))));
            found.remove(&2);
            Ok(())
        };
        let thread = Worker::start("test", |orders, _| Ok(move || work(&orders, &desk, read))).unwrap();
        controls.thread = Some(thread);
        controls.ask(vec![port(1)]).unwrap();
        assert_eq!(told.recv(), Ok(1));
        for _ in 0..100 {
            controls.ask(vec![port(2), port(3)]).unwrap();
        }
        assert!(controls.desk.lock().answers.is_empty());
        drop(stuck);
        assert_eq!(told.recv(), Ok(2));
        // The end of the thread, which drops `tell`.
        controls.thread = None;
        assert!(told.recv().is_err());
        let answers = std::mem::take(&mut controls.desk.lock().answers);
        assert_eq!(answers, [(port(1), Some(Pfc::default())), (port(3), None)], "2 could not be read");
    }
}
