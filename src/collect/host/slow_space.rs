//! Asks file systems that may hang (ZFS on a suspended pool, `fuseblk` behind a stuck process) on a thread of
//! its own, which is started when the first such file system is seen and never otherwise.
//!
//! In: the volumes that are not prompt. Out: their answers, or the fault that one of them did not answer.
//! Rule: a poll waits 100 ms for all of them together at most; while the thread is still stuck with an earlier
//! question it waits not at all, asks nothing new, and the last answers go on being used.

use super::disk_space::Volume;
use super::error::{CollectError, Faults};
use crate::host::{Clock, Host, Space, SpaceOf};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long one poll may wait for all of them together.
const DEADLINE: Duration = Duration::from_millis(100);

type Answer = (PathBuf, Result<Space, i32>);

/// The thread, if there is one, and how many questions it still has.
#[derive(Debug)]
pub(super) struct SlowSpace {
    space_of: SpaceOf,
    clock: Clock,
    thread: Option<(Sender<PathBuf>, Receiver<Answer>)>,
    open: usize,
}

impl SlowSpace {
    pub(super) fn new(host: &Host) -> Self {
        Self { space_of: host.space_of, clock: host.clock.clone(), thread: None, open: 0 }
    }

    /// Brings the answers of all volumes that are not prompt up to date, as far as they come in time.
    pub(super) fn ask(&mut self, volumes: &mut [Volume], faults: &mut Faults) {
        if volumes.iter().all(|v| v.asked.prompt) {
            return;
        }
        volumes.iter_mut().for_each(|v| v.fresh = v.asked.prompt);
        self.hear(volumes, Duration::ZERO, faults);
        if self.open == 0 {
            let space_of = self.space_of;
            let (questions, _) = self.thread.get_or_insert_with(|| start(space_of));
            let slow = volumes.iter().filter(|v| !v.asked.prompt);
            self.open = slow.filter(|v| questions.send(v.path.clone()).is_ok()).count();
            self.hear(volumes, DEADLINE, faults);
        }
        for volume in volumes.iter().filter(|v| !v.fresh) {
            faults.note(CollectError::NoAnswer(volume.path.clone()));
        }
    }

    fn hear(&mut self, volumes: &mut [Volume], patience: Duration, faults: &mut Faults) {
        let Some((_, answers)) = &self.thread else { return };
        let until = self.clock.now() + patience;
        while self.open > 0 {
            match answers.recv_timeout(until.saturating_duration_since(self.clock.now())) {
                Ok((path, answer)) => {
                    self.open -= 1;
                    if let Some(volume) = volumes.iter_mut().find(|v| v.path == path) {
                        volume.take(answer, faults);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    (self.thread, self.open) = (None, 0);
                    return;
                }
            }
        }
    }
}

/// The thread ends when its questions' other end is dropped; one stuck in the kernel ends with the process.
fn start(space_of: SpaceOf) -> (Sender<PathBuf>, Receiver<Answer>) {
    let (questions, asked) = channel::<PathBuf>();
    let (answer, answers) = channel();
    let work = move || {
        for path in asked {
            let space = space_of(&path);
            if answer.send((path, space)).is_err() {
                return;
            }
        }
    };
    // Without a thread both ends are dropped, and every volume counts as not answering.
    let _ = thread::Builder::new().name("slow-space".into()).spawn(work);
    (questions, answers)
}
