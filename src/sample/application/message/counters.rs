//! `counter_sample`: what an application counted, and what it holds now.
//!
//! In: the member. Out: [`Counters`]. Rules: `app_name` must be there; an operation counter that is not there is unknown,
//! all ones; of what is held, and of processor time, it is 0, as these structures have no "unknown" for it.

use super::Counters;
use super::fault::Fault;
use super::number::Number;
use super::object::{Member, Object, cut};
use super::transaction::{app_name, service_port};
use crate::sflow::counters::app::{AppOperations, AppResources, AppWorkers};
use crate::sflow::unknown::{counter32, gauge32, gauge64};
use std::borrow::Cow;

/// Longest name in a structure, in bytes.
const NAME: usize = 32;

pub(super) fn read<'a>(sample: &Object<'_, '_, 'a>) -> Result<Counters<'a>, Fault> {
    let [name, port, operations, resources, workers] =
        sample.pick(["app_name", "service_port", "app_operations", "app_resources", "app_workers"]);
    let app_name = app_name(&name)?;
    let operations = operations.object()?;
    let operations = operations.map(|given| read_operations(cut(&app_name, NAME), &given)).transpose()?;
    Ok(Counters {
        operations,
        resources: resources.object()?.map(|given| read_resources(&given)).transpose()?,
        workers: workers.object()?.map(|given| read_workers(&given)).transpose()?,
        service_port: service_port(&port)?,
        app_name,
    })
}

fn read_operations<'a>(
    application: Cow<'a, str>,
    given: &Object<'_, '_, 'a>,
) -> Result<AppOperations<'a>, Fault> {
    let mut counts = [0; AppOperations::STATUSES.len()];
    for (count, member) in counts.iter_mut().zip(given.pick(AppOperations::STATUSES)) {
        *count = counter(&member)?;
    }
    Ok(AppOperations::by_status(application, counts))
}

fn read_resources(given: &Object<'_, '_, '_>) -> Result<AppResources, Fault> {
    let [user_time, system_time, mem_used, mem_max, fd_open, fd_max, conn_open, conn_max] = given.pick([
        "user_time",
        "system_time",
        "mem_used",
        "mem_max",
        "fd_open",
        "fd_max",
        "conn_open",
        "conn_max",
    ]);
    let time = |given: &Member<'_, '_, '_>| Ok(given.number(Number::counter32)?.unwrap_or(0));
    let bytes = |given: &Member<'_, '_, '_>| Ok(gauge64(given.number(Number::u64)?));
    Ok(AppResources {
        user_time: time(&user_time)?,
        system_time: time(&system_time)?,
        mem_used: bytes(&mem_used)?,
        mem_max: bytes(&mem_max)?,
        fd_open: gauge(&fd_open)?,
        fd_max: gauge(&fd_max)?,
        conn_open: gauge(&conn_open)?,
        conn_max: gauge(&conn_max)?,
    })
}

fn read_workers(given: &Object<'_, '_, '_>) -> Result<AppWorkers, Fault> {
    let [active, idle, max, req_delayed, req_dropped] =
        given.pick(["workers_active", "workers_idle", "workers_max", "req_delayed", "req_dropped"]);
    Ok(AppWorkers {
        active: gauge(&active)?,
        idle: gauge(&idle)?,
        max: gauge(&max)?,
        req_delayed: counter(&req_delayed)?,
        req_dropped: counter(&req_dropped)?,
    })
}

fn counter(given: &Member<'_, '_, '_>) -> Result<u32, Fault> {
    Ok(given.number(Number::counter32)?.unwrap_or(counter32(None)))
}

fn gauge(given: &Member<'_, '_, '_>) -> Result<u32, Fault> {
    Ok(given.number(Number::gauge32)?.unwrap_or(gauge32(None)))
}
