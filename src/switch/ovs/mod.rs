//! Open vSwitch's data base: the agent's connection to it, and the record of sFlow that is kept in it.
//!
//! In: the [`Wish`], which may change. Out: transactions on the data base's socket, and on the [`Board`] what came of them.
//! `session` is one connection, `report` the words. Rules: what bridges there are is told by the data base, not asked again
//! and again; whatever ends a connection, there is another one after 1 s, 2 s, … 30 s; when nobody wishes any more, the last
//! wish is seen to within 2 s. Spec: RFC 7047.

mod board;
mod fault;
mod report;
mod session;

pub use board::{Board, Told};
pub use fault::Fault;

use crate::sample::backoff::Backoff;
use crate::sample::switch::ovs::Wish;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;

/// Where Open vSwitch itself puts the socket.
pub const SOCKET: &str = "/var/run/openvswitch/db.sock";

/// For the last wish.
const ENDING: Duration = Duration::from_secs(2);

/// Sees to the wish until its sender is dropped, and then to the last one.
pub async fn run(socket: PathBuf, wishes: watch::Receiver<Wish>, board: Board) {
    let end = wishes.clone();
    tokio::select! {
        () = work(&socket, wishes, &board) => {}
        () = late(end) => log::warn!(target: "ovs", "{} did not answer in time: what it has stays", socket.display()),
    }
}

async fn late(mut wishes: watch::Receiver<Wish>) {
    ended(&mut wishes).await;
    tokio::time::sleep(ENDING).await;
}

async fn ended(wishes: &mut watch::Receiver<Wish>) {
    while wishes.changed().await.is_ok() {}
}

async fn work(socket: &Path, mut wishes: watch::Receiver<Wish>, board: &Board) {
    let mut backoff = Backoff::default();
    loop {
        let is_last = wishes.has_changed().is_err();
        let mut served = false;
        let held = session::hold(socket, &mut wishes, board, &mut served).await;
        let Err(fault) = held else { return };
        if is_last || wishes.has_changed().is_err() {
            log::info!(target: "ovs", "what it has stays: {fault}");
            return;
        }
        if served {
            backoff.reset();
        }
        board.tell(Told::absent(&fault));
        tokio::select! {
            () = tokio::time::sleep(backoff.advance()) => {}
            () = ended(&mut wishes) => {}
        }
    }
}
