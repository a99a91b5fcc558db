//! Applications that tell of themselves by JSON, per `application`, and the input that hears them.

use super::page::{Kind, Page, Row, Value, labels};
use super::subjects::{Names, Subject, all, pick};
use crate::sflow::counters::app::{AppOperations, AppResources, AppWorkers};
use crate::status::applications::{Application, Applications};

const OPERATIONS: &str = "Operations of the application, by what came of them.";

const fn status(
    name: &'static str,
    value: for<'a> fn(&'a AppOperations<'static>) -> Value,
) -> Row<AppOperations<'static>> {
    Row::counter("hsflow_application_operations_total", OPERATIONS, value).with("status", name)
}

static BY_STATUS: &[Row<AppOperations<'static>>] = &[
    status("success", |a| Value::of32(a.success)),
    status("other", |a| Value::of32(a.other)),
    status("timeout", |a| Value::of32(a.timeout)),
    status("internal_error", |a| Value::of32(a.internal_error)),
    status("bad_request", |a| Value::of32(a.bad_request)),
    status("forbidden", |a| Value::of32(a.forbidden)),
    status("too_large", |a| Value::of32(a.too_large)),
    status("not_implemented", |a| Value::of32(a.not_implemented)),
    status("not_found", |a| Value::of32(a.not_found)),
    status("unavailable", |a| Value::of32(a.unavailable)),
    status("unauthorized", |a| Value::of32(a.unauthorized)),
];

const CPU: &str = "CPU time of the application.";

static RESOURCES: &[Row<AppResources>] = &[
    Row::<AppResources>::counter("hsflow_application_cpu_seconds_total", CPU, |r| Value::millis(r.user_time))
        .with("mode", "user"),
    Row::<AppResources>::counter("hsflow_application_cpu_seconds_total", CPU, |r| {
        Value::millis(r.system_time)
    })
    .with("mode", "system"),
    Row::gauge("hsflow_application_memory_bytes", "Memory in use.", |r| Value::unless_zero(r.mem_used)),
    Row::gauge("hsflow_application_memory_max_bytes", "Memory that may be used.", |r| {
        Value::unless_zero(r.mem_max)
    }),
    Row::gauge("hsflow_application_open_fds", "Open files.", |r| Value::of32(r.fd_open)),
    Row::gauge("hsflow_application_max_fds", "Files that may be open.", |r| {
        Value::unless_zero(r.fd_max.into())
    }),
    Row::gauge("hsflow_application_connections", "Connections.", |r| Value::of32(r.conn_open)),
    Row::gauge("hsflow_application_max_connections", "Connections that there may be.", |r| {
        Value::unless_zero(r.conn_max.into())
    }),
];

static WORKERS: &[Row<AppWorkers>] = &[
    Row::<AppWorkers>::gauge("hsflow_application_workers", "Workers, by what they do.", |w| {
        Value::of32(w.active)
    })
    .with("state", "active"),
    Row::<AppWorkers>::gauge("hsflow_application_workers", "Workers, by what they do.", |w| {
        Value::of32(w.idle)
    })
    .with("state", "idle"),
    Row::gauge("hsflow_application_max_workers", "Workers that there may be.", |w| {
        Value::unless_zero(w.max.into())
    }),
    Row::counter("hsflow_application_delayed_requests_total", "Requests that had to wait.", |w| {
        Value::of32(w.req_delayed)
    }),
    Row::counter("hsflow_application_dropped_requests_total", "Requests that were dropped.", |w| {
        Value::of32(w.req_dropped)
    }),
];

static HEARD: &[Row<Application>] = &[
    Row::counter(
        "hsflow_application_transactions_total",
        "Transactions that the application told of.",
        |a| Value::Whole(a.transactions),
    ),
    Row::counter("hsflow_application_flow_samples_total", "Of these, samples written.", |a| {
        Value::Whole(a.flow_samples)
    }),
    Row::gauge("hsflow_application_silent_seconds", "Time since its last message.", |a| {
        Value::Whole(a.silent_secs)
    }),
];

pub(super) fn write(page: &mut Page, subjects: &[Subject<'_>], told: &Applications) {
    page.rows(BY_STATUS, all(subjects, pick!(AppOperations)));
    page.rows(RESOURCES, all(subjects, pick!(AppResources)));
    page.rows(WORKERS, all(subjects, pick!(AppWorkers)));
    let mut names = Names::default();
    page.labelled(HEARD, None, &told.known, |a| names.own(&[("application", &a.name)], &a.source));
    if told.inputs.is_empty() {
        return;
    }
    let family = ("hsflow_json_messages_total", Kind::Counter, "Messages of applications that came.");
    page.sample(family, "", Value::Whole(told.messages), None);
    for fault in &told.faults {
        let family =
            ("hsflow_json_faulty_messages_total", Kind::Counter, "Messages that could not be used, by why.");
        page.sample(family, &labels(&[("cause", &fault.cause)]), Value::Whole(fault.count), None);
    }
    for input in &told.inputs {
        let family =
            ("hsflow_json_lost_messages_total", Kind::Counter, "Messages that the kernel had no room for.");
        page.sample(family, &labels(&[("input", &input.name)]), Value::Whole(input.dropped), None);
    }
}
