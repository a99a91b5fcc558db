//! What the status says of applications that tell of themselves by JSON: a part of the contract with `hsflowctl`.

use serde::{Deserialize, Serialize};

/// The JSON input, and who was heard through it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applications {
    /// Each input that the configuration names.
    pub inputs: Vec<Input>,
    /// Each application that was heard lately, by name.
    pub known: Vec<Application>,
    /// Messages that came, whatever became of them.
    pub messages: u64,
    /// Messages that were thrown away because their sender sent too many.
    pub limited: u64,
    /// What was wrong with others.
    pub faults: Vec<Fault>,
}

/// One input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What it is, and where.
    pub name: String,
    /// Messages that came through it.
    pub messages: u64,
    /// Messages that the kernel had no room for.
    pub dropped: u64,
    /// Why it is not open; tried again.
    pub obstacle: Option<String>,
}

/// One application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// As it calls itself.
    pub name: String,
    /// What its samples are about: `3:8080`.
    pub source: String,
    /// 1 in N of its transactions is sampled; 0: none.
    pub sampling: u32,
    /// Seconds between counters that the agent makes for it; 0: none.
    pub polling_secs: u32,
    /// Transactions that it told of.
    pub transactions: u64,
    /// Flow samples written.
    pub flow_samples: u64,
    /// Counter samples written.
    pub counter_samples: u64,
    /// Seconds since its last message.
    pub silent_secs: u64,
}

/// What was wrong with messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The kind, in a word.
    pub cause: String,
    /// Messages.
    pub count: u64,
    /// Who sent one of the last ones, and what was wrong with it.
    pub last: String,
}
