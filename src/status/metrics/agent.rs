//! The agent itself: its state, what it sent and lost, its collectors, and what it costs.

use super::page::{Kind, Page, Row, Value, labels};
use crate::status::cost::{Calls, Cost, Thread};
use crate::status::registry::State;
use crate::status::snapshot::{Collector, Reader, Snapshot};

const STATES: [&str; 4] = ["running", "degraded", "unavailable", "disabled"];

static STATE: &[Row<Snapshot>] = &[
    Row::gauge("hsflow_agent_healthy", "1 while no component is degraded.", |s| Value::flag(s.healthy)),
    Row::gauge("hsflow_agent_uptime_seconds", "Time since the start of the agent.", |s| {
        Value::Whole(s.agent.uptime_secs)
    }),
    Row::gauge(
        "hsflow_agent_settings_revision",
        "Rises by one with each change of the settings in force.",
        |s| Value::Whole(s.settings.revision),
    ),
    Row::gauge(
        "hsflow_agent_polling_interval_seconds",
        "Time between two counter samples of one source.",
        |s| Value::Whole(s.settings.polling_secs.into()),
    ),
];

const SAMPLES: &str = "Samples written, by kind.";

const fn samples(kind: &'static str, value: fn(&Snapshot) -> Value) -> Row<Snapshot> {
    Row::counter("hsflow_agent_samples_total", SAMPLES, value).with("kind", kind)
}

const SUPPRESSED: &str = "Samples held back, over a limit, or too large, by kind.";

const fn suppressed(kind: &'static str, value: fn(&Snapshot) -> Value) -> Row<Snapshot> {
    Row::counter("hsflow_agent_suppressed_samples_total", SUPPRESSED, value).with("kind", kind)
}

/// The 11 that operators know by SIGUSR1.
static SENT: &[Row<Snapshot>] = &[
    Row::counter("hsflow_agent_datagrams_total", "Datagrams, once whatever the number of collectors.", |s| {
        Value::Whole(s.telemetry.datagrams)
    }),
    samples("flow", |s| Value::Whole(s.telemetry.flow_samples)),
    samples("counters", |s| Value::Whole(s.telemetry.counter_samples)),
    samples("rtmetric", |s| Value::Whole(s.telemetry.rtmetric_samples)),
    samples("rtflow", |s| Value::Whole(s.telemetry.rtflow_samples)),
    samples("event", |s| Value::Whole(s.telemetry.event_samples)),
    suppressed("flow", |s| Value::Whole(s.telemetry.flow_samples_suppressed)),
    suppressed("counters", |s| Value::Whole(s.telemetry.counter_samples_suppressed)),
    suppressed("event", |s| Value::Whole(s.telemetry.event_samples_suppressed)),
    Row::counter(
        "hsflow_agent_dropped_samples_total",
        "Packet samples lost between kernel and agent.",
        |s| Value::Whole(s.telemetry.dropped_samples),
    ),
    Row::counter("hsflow_agent_unknown_packets_total", "Sampled packets that could not be described.", |s| {
        Value::Whole(s.telemetry.flow_samples_unknown)
    }),
];

const LOST: &str = "What was lost on the way through the agent, by the stage where that happened.";

const fn lost(stage: &'static str, value: fn(&Snapshot) -> Value) -> Row<Snapshot> {
    Row::counter("hsflow_agent_lost_total", LOST, value).with("stage", stage)
}

static LOSSES: &[Row<Snapshot>] = &[
    lost("kernel_samples", |s| Value::Whole(s.telemetry.dropped_samples)),
    lost("packet_messages", |s| Value::Whole(s.losses.packets_malformed)),
    lost("drop_events", |s| Value::Whole(s.losses.drop_events)),
    lost("interface_overruns", |s| Value::Whole(s.losses.interface_overruns)),
    lost("interface_messages", |s| Value::Whole(s.losses.interface_malformed)),
    lost("application_messages_limited", |s| Value::Whole(s.applications.limited)),
    lost("guests_refused", |s| Value::Whole(s.losses.guests_refused)),
    lost("datagrams_unsent", |s| Value::Whole(s.losses.datagrams_unsent)),
    lost("control_clients", |s| Value::Whole(s.losses.control_clients)),
    lost("event_clients", |s| Value::Whole(s.losses.event_clients)),
    lost("stream_readers", |s| Value::Whole(s.losses.stream_readers)),
    lost("log_lines", |s| Value::Whole(s.losses.log_lines)),
];

static COLLECTORS: &[Row<Collector>] = &[
    Row::counter("hsflow_collector_datagrams_total", "Datagrams that the kernel took.", |c| {
        Value::Whole(c.datagrams)
    }),
    Row::counter("hsflow_collector_sent_bytes_total", "Their bytes.", |c| Value::Whole(c.bytes)),
    Row::counter("hsflow_collector_lost_datagrams_total", "Datagrams that the kernel did not take.", |c| {
        Value::Whole(c.lost)
    }),
    Row::counter("hsflow_collector_errors_total", "Errors, also those about datagrams on their way.", |c| {
        Value::Whole(c.errors)
    }),
    Row::gauge(
        "hsflow_collector_silent_seconds",
        "Time since the last datagram that the kernel took.",
        |c| Value::known(c.last_send_secs_ago),
    ),
];

static READERS: &[Row<Reader>] = &[
    Row::counter("hsflow_reader_datagrams_total", "Datagrams given to a program of this host.", |r| {
        Value::Whole(r.datagrams)
    }),
    Row::counter("hsflow_reader_dropped_datagrams_total", "Datagrams that it made no room for.", |r| {
        Value::Whole(r.dropped)
    }),
];

const OF_MODES: &str = "CPU time of the agent by where it went.";
const SWITCHES: &str = "Times that the agent lost a CPU, by why.";

static COST: &[Row<Cost>] = &[
    Row::counter(
        "process_cpu_seconds_total",
        "CPU time of the agent, in the program and in the kernel.",
        |c| Value::Thousandths(c.cpu_ms),
    ),
    Row::gauge("process_resident_memory_bytes", "Resident memory of the agent.", |c| {
        Value::known(c.rss_kib.map(|kib| kib * 1024))
    }),
    Row::gauge("hsflow_agent_peak_resident_memory_bytes", "Most resident memory since the start.", |c| {
        Value::Whole(c.peak_rss_kib * 1024)
    }),
    Row::<Cost>::counter("hsflow_agent_cpu_seconds_total", OF_MODES, |c| Value::Thousandths(c.user_ms))
        .with("mode", "user"),
    Row::<Cost>::counter("hsflow_agent_cpu_seconds_total", OF_MODES, |c| Value::Thousandths(c.system_ms))
        .with("mode", "system"),
    Row::<Cost>::counter("hsflow_agent_context_switches_total", SWITCHES, |c| Value::Whole(c.sleeps))
        .with("kind", "voluntary"),
    Row::<Cost>::counter("hsflow_agent_context_switches_total", SWITCHES, |c| Value::Whole(c.preemptions))
        .with("kind", "involuntary"),
    Row::counter("hsflow_agent_polls_total", "Times that counters were polled.", |c| Value::Whole(c.polls)),
    Row::counter("hsflow_agent_poll_system_calls_total", "System calls of these polls.", |c| {
        Value::Whole(c.poll_calls)
    }),
];

static CALLS: &[Row<Calls>] = &[Row::counter(
    "hsflow_agent_system_calls_total",
    "System calls that come again and again, by kind.",
    |c| Value::Whole(c.count),
)];

const OF_THREADS: &str = "CPU time of the agent's threads, by their work.";

static THREADS: &[Row<Thread>] = &[
    Row::<Thread>::counter("hsflow_agent_thread_cpu_seconds_total", OF_THREADS, |t| {
        Value::Thousandths(t.user_ms)
    })
    .with("mode", "user"),
    Row::<Thread>::counter("hsflow_agent_thread_cpu_seconds_total", OF_THREADS, |t| {
        Value::Thousandths(t.system_ms)
    })
    .with("mode", "system"),
];

pub(super) fn write(page: &mut Page, snapshot: &Snapshot) {
    write_identity(page, snapshot);
    let one = std::iter::once(("", None, snapshot));
    for table in [STATE, SENT, LOSSES] {
        page.rows(table, one.clone());
    }
    write_components(page, snapshot);
    page.labelled(COLLECTORS, None, &snapshot.collectors, |c| labels(&[("collector", &c.name)]));
    // Two readers may be of one process.
    let mut place = 0;
    page.labelled(READERS, None, &snapshot.readers, |r| {
        place += 1;
        labels(&[("reader", &place.to_string()), ("pid", &r.pid.to_string())])
    });
    write_cost(page, &snapshot.cost);
}

fn write_identity(page: &mut Page, snapshot: &Snapshot) {
    let a = &snapshot.agent;
    let who = labels(&[
        ("version", &a.program),
        ("hostname", &a.hostname),
        ("uuid", &a.uuid),
        ("address", a.address.as_deref().unwrap_or_default()),
        ("device", a.device.as_deref().unwrap_or_default()),
        ("sub_agent", &a.sub_agent_id.to_string()),
    ]);
    page.sample(("hsflow_agent_info", Kind::Info, "Who the agent is."), &who, Value::Whole(1), None);
}

/// How many subjects there are, and how many had no room.
pub(super) fn write_sources(page: &mut Page, count: usize, refused: u64) {
    let kept = ("hsflow_metrics_sources", Kind::Gauge, "Sources whose counters are on this page.");
    page.sample(kept, "", Value::known(u64::try_from(count).ok()), None);
    let family = (
        "hsflow_metrics_refused_samples_total",
        Kind::Counter,
        "Counter samples that this page has no room for.",
    );
    page.sample(family, "", Value::Whole(refused), None);
}

/// One line for each state that a component can be in, and the reason of those that are degraded.
fn write_components(page: &mut Page, snapshot: &Snapshot) {
    for component in &snapshot.components {
        let is = match component.state {
            State::Running => "running",
            State::Degraded { .. } => "degraded",
            State::Unavailable { .. } => "unavailable",
            State::Disabled => "disabled",
        };
        for state in STATES {
            let labels = labels(&[("component", &component.name), ("state", state)]);
            let family =
                ("hsflow_agent_component_state", Kind::Gauge, "1 for the state that a component is in.");
            page.sample(family, &labels, Value::flag(is == state), None);
        }
    }
    for component in &snapshot.components {
        if let State::Degraded { reason } = &component.state {
            let labels = labels(&[("component", &component.name), ("reason", reason)]);
            let family = ("hsflow_agent_component_degraded_info", Kind::Info, "Why a component is degraded.");
            page.sample(family, &labels, Value::Whole(1), None);
        }
    }
}

fn write_cost(page: &mut Page, cost: &Cost) {
    let at = cost.read_at_ms;
    page.rows(COST, std::iter::once(("", at, cost)));
    page.labelled(CALLS, at, &cost.calls, |calls| labels(&[("call", &calls.kind)]));
    page.labelled(THREADS, at, &cost.threads, |thread| labels(&[("thread", &thread.name)]));
}
