//! The agent's own counters, under the 11 names that operators of the C agent script against (SIGUSR1, D-Bus).

use serde::{Deserialize, Serialize};

/// 64-bit counters since the agent's start, never reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Flow samples written.
    pub flow_samples: u64,
    /// Counter samples written.
    pub counter_samples: u64,
    /// Application metric samples written.
    pub rtmetric_samples: u64,
    /// Application flow samples written.
    pub rtflow_samples: u64,
    /// Datagrams handed to the collectors, counted once whatever their number.
    pub datagrams: u64,
    /// Samples lost between kernel and agent, as the sources report them.
    pub dropped_samples: u64,
    /// Flow samples that a component held back.
    pub flow_samples_suppressed: u64,
    /// Counter samples that could not be written.
    pub counter_samples_suppressed: u64,
    /// Discarded-packet events written.
    pub event_samples: u64,
    /// Discarded-packet events held back or over their rate limit.
    pub event_samples_suppressed: u64,
    /// Packets that could not be described, not sent.
    pub flow_samples_unknown: u64,
}

impl Telemetry {
    /// Name and value of each, in the C agent's order.
    pub fn fields(&self) -> [(&'static str, u64); 11] {
        [
            ("flow_samples", self.flow_samples),
            ("counter_samples", self.counter_samples),
            ("rtmetric_samples", self.rtmetric_samples),
            ("rtflow_samples", self.rtflow_samples),
            ("datagrams", self.datagrams),
            ("dropped_samples", self.dropped_samples),
            ("flow_samples_suppressed", self.flow_samples_suppressed),
            ("counter_samples_suppressed", self.counter_samples_suppressed),
            ("event_samples", self.event_samples),
            ("event_samples_suppressed", self.event_samples_suppressed),
            ("flow_samples_unknown", self.flow_samples_unknown),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_list_and_the_json_agree() {
        let telemetry = Telemetry { counter_samples: 3, datagrams: 2, ..Telemetry::default() };
        let json = serde_json::to_value(telemetry).unwrap();
        let object = json.as_object().unwrap();
        assert_eq!(object.len(), telemetry.fields().len());
        for (name, value) in telemetry.fields() {
            assert_eq!(object[name], value, "{name}");
        }
    }
}
