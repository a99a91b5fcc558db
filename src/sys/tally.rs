//! System calls, counted where they are made, so that an operator sees what the agent costs.
//!
//! In: calls by kind, at the places that the agent comes by again and again. Out: totals, of the process and of the thread that
//! asks. Rule: one relaxed addition beside a system call, which costs a hundred times as much; calls for many packets are one.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Kinds of system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Files of the kernel are read.
    Read,
    /// Files are opened.
    Open,
    /// Questions that are answered at once: about a file system, a driver, a host's name.
    Ask,
    /// Datagrams and netlink requests.
    Send,
    /// Netlink answers, and messages of any kind.
    Receive,
    /// Waiting for time or for something to read.
    Wait,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Read, Self::Open, Self::Ask, Self::Send, Self::Receive, Self::Wait];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Open => "open",
            Self::Ask => "ask",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Wait => "wait",
        }
    }
}

static COUNTS: [AtomicU64; Call::ALL.len()] = [const { AtomicU64::new(0) }; Call::ALL.len()];

thread_local! {
    static OWN: Cell<u64> = const { Cell::new(0) };
}

/// One call was made.
#[inline]
pub fn count(call: Call) {
    if let Some(counted) = COUNTS.get(call as usize) {
        counted.fetch_add(1, Ordering::Relaxed);
    }
    OWN.set(OWN.get() + 1);
}

/// How many calls of this kind the process has made.
pub fn counted(call: Call) -> u64 {
    COUNTS.get(call as usize).map_or(0, |counted| counted.load(Ordering::Relaxed))
}

/// How many calls of any kind this thread has made.
pub fn of_this_thread() -> u64 {
    OWN.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_for_its_kind_and_its_thread() {
        // Other tests of this process count too.
        let (before, own) = (counted(Call::Ask), of_this_thread());
        std::thread::spawn(|| count(Call::Ask)).join().unwrap();
        assert_eq!(of_this_thread(), own);
        count(Call::Ask);
        assert_eq!(of_this_thread(), own + 1);
        assert!(counted(Call::Ask) >= before + 2);
    }

    #[test]
    fn every_kind_has_a_place_and_a_word() {
        for (place, call) in Call::ALL.into_iter().enumerate() {
            assert_eq!(call as usize, place);
            assert!(!call.name().is_empty());
        }
    }
}
