//! `counter_sample`: what an application counted, and what it holds now.
//!
//! In: the member. Out: [`Counters`]. Rules: `app_name` must be there; an operation counter that is not there is unknown,
//! all ones; of what is held, and of processor time, it is 0, as these structures have no "unknown" for it.

use super::Counters;
use super::fault::Fault;
use super::member::{Object, cut};
use super::number::Number;
use super::transaction::{app_name, service_port};
use crate::sflow::counters::app::{AppOperations, AppResources, AppWorkers};
use crate::sflow::unknown::{counter32, gauge32, gauge64};
use std::borrow::Cow;

/// Longest name in a structure, in bytes.
const NAME: usize = 32;

pub(super) fn read<'a>(sample: &Object<'_, '_, 'a>) -> Result<Counters<'a>, Fault> {
    let app_name = app_name(sample)?;
    let operations = sample.member("app_operations").object()?;
    let operations = operations.map(|given| read_operations(cut(&app_name, NAME), &given)).transpose()?;
    Ok(Counters {
        operations,
        resources: sample
            .member("app_resources")
            .object()?
            .map(|given| read_resources(&given))
            .transpose()?,
        workers: sample.member("app_workers").object()?.map(|given| read_workers(&given)).transpose()?,
        service_port: service_port(sample)?,
        app_name,
    })
}

fn read_operations<'a>(
    application: Cow<'a, str>,
    given: &Object<'_, '_, 'a>,
) -> Result<AppOperations<'a>, Fault> {
    let count = |key| counter(given, key);
    Ok(AppOperations {
        application,
        success: count("success")?,
        other: count("other")?,
        timeout: count("timeout")?,
        internal_error: count("internal_error")?,
        bad_request: count("bad_request")?,
        forbidden: count("forbidden")?,
        too_large: count("too_large")?,
        not_implemented: count("not_implemented")?,
        not_found: count("not_found")?,
        unavailable: count("unavailable")?,
        unauthorized: count("unauthorized")?,
    })
}

fn read_resources(given: &Object<'_, '_, '_>) -> Result<AppResources, Fault> {
    let time = |key| Ok(given.member(key).number(Number::counter32)?.unwrap_or(0));
    let bytes = |key| Ok(gauge64(given.member(key).number(Number::u64)?));
    Ok(AppResources {
        user_time: time("user_time")?,
        system_time: time("system_time")?,
        mem_used: bytes("mem_used")?,
        mem_max: bytes("mem_max")?,
        fd_open: gauge(given, "fd_open")?,
        fd_max: gauge(given, "fd_max")?,
        conn_open: gauge(given, "conn_open")?,
        conn_max: gauge(given, "conn_max")?,
    })
}

fn read_workers(given: &Object<'_, '_, '_>) -> Result<AppWorkers, Fault> {
    Ok(AppWorkers {
        active: gauge(given, "workers_active")?,
        idle: gauge(given, "workers_idle")?,
        max: gauge(given, "workers_max")?,
        req_delayed: counter(given, "req_delayed")?,
        req_dropped: counter(given, "req_dropped")?,
    })
}

fn counter(given: &Object<'_, '_, '_>, key: &str) -> Result<u32, Fault> {
    Ok(given.member(key).number(Number::counter32)?.unwrap_or(counter32(None)))
}

fn gauge(given: &Object<'_, '_, '_>, key: &str) -> Result<u32, Fault> {
    Ok(given.member(key).number(Number::gauge32)?.unwrap_or(gauge32(None)))
}
