//! What the status says of applications: inputs, the component's state, who is known. In: the parts of the desk. Out: values
//! of the contract with `hsflowctl`.

use crate::collect::apps::{self as collect, Inputs};
use crate::sample::application::Table;
use crate::status::applications::{Application, Input};
use crate::status::registry::State;

/// One input.
pub(super) fn told(input: &collect::Input) -> Input {
    Input {
        name: input.place().to_string(),
        messages: input.messages(),
        dropped: input.dropped(),
        obstacle: input.obstacle().map(ToString::to_string),
    }
}

/// The state of the component: an input that cannot be had here counts only where there is no other.
pub(super) fn state(inputs: &Inputs) -> State {
    let closed = inputs.iter().filter_map(|input| Some((input.place(), input.obstacle()?)));
    let (harmless, problems): (Vec<_>, Vec<_>) = closed.partition(|(_, obstacle)| obstacle.is_harmless());
    let open = inputs.iter().any(|input| input.obstacle().is_none());
    let reasons = if problems.is_empty() && !open { harmless } else { problems };
    match (inputs.iter().next(), reasons.as_slice()) {
        (None, _) => State::unavailable("it names no input"),
        (_, []) => State::Running,
        (_, reasons) => {
            let words = |(place, obstacle): &(&_, &_)| format!("{place}: {obstacle}");
            State::from_problems(&reasons.iter().map(words).collect::<Vec<_>>())
        }
    }
}

/// Each application, by name; `second` is now.
pub(super) fn known(table: &Table, second: u64) -> Vec<Application> {
    let told = |(name, app): (&str, &crate::sample::application::Application)| Application {
        name: name.to_owned(),
        source: app.source.to_string(),
        sampling: app.sampling,
        polling_secs: app.polling_secs,
        transactions: app.transactions,
        flow_samples: app.flow_samples,
        counter_samples: app.counter_samples,
        silent_secs: second.saturating_sub(app.heard),
    };
    let mut known: Vec<_> = table.iter().map(told).collect();
    known.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    known
}
