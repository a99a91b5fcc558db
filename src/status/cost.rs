//! What the agent costs this host: a part of the contract with `hsflowctl`.

use serde::{Deserialize, Serialize};

/// Totals since the agent's start, by the kernel's account and by our own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// CPU time in user and kernel, milliseconds.
    pub cpu_ms: u64,
    /// Most resident memory so far, KiB.
    pub peak_rss_kib: u64,
    /// Times that the agent went to sleep of its own accord.
    pub sleeps: u64,
    /// Of `cpu_ms`, in the program.
    #[serde(default)]
    pub user_ms: u64,
    /// Of `cpu_ms`, in the kernel.
    #[serde(default)]
    pub system_ms: u64,
    /// Resident memory, KiB, where the kernel tells.
    #[serde(default)]
    pub rss_kib: Option<u64>,
    /// Times that the kernel took a CPU away from it.
    #[serde(default)]
    pub preemptions: u64,
    /// Times that something was polled.
    #[serde(default)]
    pub polls: u64,
    /// System calls of these polls, sending included.
    #[serde(default)]
    pub poll_calls: u64,
    /// Samples of all kinds that were written.
    #[serde(default)]
    pub samples: u64,
    /// System calls by kind: those that come again and again, not what a start or a change takes.
    #[serde(default)]
    pub calls: Vec<Calls>,
    /// Threads that run now, those of one name together.
    #[serde(default)]
    pub threads: Vec<Thread>,
    /// When this was read, in milliseconds of Unix time; none where that is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at_ms: Option<u64>,
}

/// System calls of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// `read`, `open`, `ask`, `send`, `receive`, `wait`.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// What the threads of one name have used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// What they do: `main`, `packets`, `applications` …
    pub name: String,
    /// In the program, in steps of the kernel's clock.
    pub user_ms: u64,
    /// In the kernel.
    pub system_ms: u64,
}

impl Cost {
    /// All system calls that are counted.
    pub fn all_calls(&self) -> u64 {
        self.calls.iter().map(|calls| calls.count).sum()
    }

    /// System calls of a poll, on average; none before the first.
    pub fn calls_per_poll(&self) -> Option<u64> {
        self.poll_calls.checked_div(self.polls)
    }

    /// System calls, in tenths, for each sample that was written, everything included.
    pub fn tenths_per_sample(&self) -> Option<u64> {
        (self.all_calls() * 10).checked_div(self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_of_something() {
        let mut cost =
            Cost { poll_calls: 100, calls: vec![Calls { kind: "read".into(), count: 7 }], ..Cost::default() };
        assert_eq!((cost.calls_per_poll(), cost.tenths_per_sample()), (None, None));
        (cost.polls, cost.samples) = (8, 2);
        assert_eq!((cost.calls_per_poll(), cost.tenths_per_sample()), (Some(12), Some(35)));
    }

    #[test]
    fn an_older_agent_tells_less() {
        let cost: Cost = serde_json::from_str(r#"{"cpu_ms":5,"peak_rss_kib":6,"sleeps":7}"#).unwrap();
        assert_eq!(cost, Cost { cpu_ms: 5, peak_rss_kib: 6, sleeps: 7, ..Cost::default() });
    }
}
