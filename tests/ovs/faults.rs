//! A data base that errs, lies, stalls or is not there: it is said what is wrong, and what comes back is found.

use crate::liar::{Liar, Mood};
use crate::open_vswitch::with_switch;
use crate::rig::LIMIT;
use crate::support::{TempDir, wait_until};
use hsflow::sample::switch::ovs::{Record, Wish};
use hsflow::status::registry::State;
use hsflow::switch::ovs::{Board, run};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(60);

/// The task on a thread of its own; it ends with the value.
struct Task {
    board: Board,
    wishes: Option<watch::Sender<Wish>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Task {
    fn start(socket: PathBuf) -> Self {
        let record = Record { targets: ["192.0.2.1:6343".to_owned()].into(), ..Record::default() };
        let (wishes, receiver) = watch::channel(Wish { record: Some(record), ..Wish::default() });
        let board = Board::default();
        let told = board.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(socket, receiver, told));
        });
        Self { board, wishes: Some(wishes), thread: Some(thread) }
    }

    fn state(&self) -> String {
        match self.board.read().map(|told| told.state) {
            Some(State::Degraded { reason }) => format!("degraded {reason}"),
            Some(State::Unavailable { reason }) => format!("unavailable {reason}"),
            Some(other) => format!("{other:?}"),
            None => String::new(),
        }
    }

    #[track_caller]
    fn wait(&self, part: &str) -> String {
        wait_until(part, PATIENCE, || Some(self.state()).filter(|state| state.contains(part)))
    }

    /// Nobody wishes anything any more but that all be taken back.
    fn end(&mut self) {
        if let Some(wishes) = self.wishes.take() {
            wishes.send_replace(Wish::default());
        }
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.wishes = None;
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn what_is_no_message_is_said_and_the_next_connection_is_a_good_one() {
    let huge = [b"{\"id\":1,\"result\":\"".to_vec(), vec![b'x'; 17 << 20]].concat();
    for (bytes, words) in [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "begins with byte 0x48"),
        (b"{\"id\":1,\"result\":}".to_vec(), "cannot be understood: expected value"),
        (
            b"{\"id\":1,\"error\":{\"error\":\"unknown table\",\"details\":\"no sFlow\"}}".to_vec(),
            "unknown table: no sFlow",
        ),
        (huge, "a message of more than 16777216 bytes"),
    ] {
        let liar = Liar::start(Mood::Says(bytes));
        let mut task = Task::start(liar.socket());
        task.wait(words);
        liar.change(Mood::Honest);
        task.wait("Running");
        assert!(liar.row().is_some() && liar.connections() >= 2);
        task.end();
        assert_eq!(liar.row(), None, "taken back");
    }
}

#[test]
fn a_refused_transaction_is_degraded_with_its_words_and_tried_again() {
    let refusal = json!([{}, { "error": "constraint violation", "details": "no sFlow today" }]);
    let liar = Liar::start(Mood::Answers(refusal));
    let task = Task::start(liar.socket());
    task.wait("degraded ovsdb-server refuses the settings: constraint violation: no sFlow today");
    liar.wait_heard("transact", 2);
    liar.change(Mood::Honest);
    task.wait("Running");
    assert_eq!(liar.connections(), 1);
}

#[test]
fn a_data_base_that_goes_in_the_middle_of_a_transaction_gets_it_again() {
    let liar = Liar::start(Mood::HangsUp);
    let task = Task::start(liar.socket());
    task.wait("degraded ovsdb-server");
    liar.change(Mood::Honest);
    task.wait("Running");
    assert!(liar.row().is_some());
    let echo = liar.wait_answer("question");
    assert_eq!(echo["result"], json!(["alive?"]));
}

#[test]
fn a_transaction_that_somebody_was_faster_than_is_planned_anew() {
    let outdated = json!([{ "error": "timed out", "details": "\"where\" clause test failed" }, null]);
    let liar = Liar::start(Mood::Answers(outdated));
    let task = Task::start(liar.socket());
    liar.wait_heard("transact", 2);
    liar.change(Mood::Honest);
    task.wait("Running");
    assert_eq!(liar.connections(), 1);
}

#[test]
fn a_quarrel_with_another_program_is_said_and_rests_until_there_is_another_wish() {
    let liar = Liar::start(Mood::Undoes);
    let task = Task::start(liar.socket());
    task.wait("degraded another program undoes the sFlow settings again and again");
    liar.wait_heard("transact", 6);
    liar.change(Mood::Honest);
    let record = Record { targets: ["192.0.2.2:6343".to_owned()].into(), ..Record::default() };
    let wish = Wish { record: Some(record), ..Wish::default() };
    task.wishes.as_ref().unwrap().send_replace(wish);
    task.wait("Running");
    assert!(liar.row().is_some());
}

#[test]
fn a_data_base_that_says_nothing_is_given_up_and_found_again() {
    let liar = Liar::start(Mood::Silent);
    let mut task = Task::start(liar.socket());
    task.wait("degraded ovsdb-server has not shown its tables within 10 s");
    liar.change(Mood::Honest);
    task.wait("Running");
    // One that hangs at the end is waited for two seconds.
    liar.change(Mood::Silent);
    task.end();
    assert!(liar.row().is_some());
}

#[test]
fn an_open_vswitch_that_is_not_there_is_no_fault_and_noticed_when_it_comes() {
    let dir = TempDir::new();
    let task = Task::start(dir.path().join("db.sock"));
    let state = task.wait("unavailable no Open vSwitch here");
    assert!(state.contains(dir.path().to_str().unwrap()), "{state}");
    let liar = Liar::start(Mood::Honest);
    std::fs::rename(liar.socket(), dir.path().join("db.sock")).unwrap();
    task.wait("Running");
}

#[test]
fn a_socket_that_the_agents_user_may_not_write_to_is_said_with_the_remedy() {
    with_switch(|switch, rig| {
        switch.add_bridge("br0");
        rig.configure(&switch.object());
        rig.start_as_nobody(&[]);
        rig.wait_component("ovs", "Permission denied");
        assert!(rig.component("ovs").contains("the drop-in open-vswitch.conf"));
        std::fs::set_permissions(switch.socket(), PermissionsExt::from_mode(0o777)).unwrap();
        switch.wait_row("our record", |_| true);
        assert!(rig.agent().stop(LIMIT).success());
        assert_eq!(switch.rows(), []);
    });
}
