//! `flow_sample`: one operation of an application, who took part in it, and over which socket.
//!
//! In: the member. Out: a [`Transaction`]. Rules: `app_name` and `app_operation` must be there; a number that is not there
//! is 0, a text empty, and a record without its text is none. A socket's address that is none (the path of a unix
//! socket) is all zeros: the operation counts all the same.

use super::Transaction;
use super::address::{ipv4, ipv6};
use super::fault::Fault;
use super::number::Number;
use super::object::{Member, Object, cut};
use super::tape::Node;
use crate::sflow::flow::app::{AppInitiator, AppOperation, AppParentContext, AppTarget};
use crate::sflow::flow::socket::{SocketIpv4, SocketIpv6};
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Limits of the structures' strings, in bytes.
const NAME: usize = 32;
const ATTRIBUTES: usize = 255;
const ACTOR: usize = 64;

/// The status of an operation that has none of the known ones.
const OTHER: u32 = 1;
const LAST_STATUS: u32 = 10;

pub(super) fn read<'a>(sample: &Object<'_, '_, 'a>) -> Result<Transaction<'a>, Fault> {
    let [name, port, client, rate, operation, parent, initiator, target, socket4, socket6] = sample.pick([
        "app_name",
        "service_port",
        "client",
        "sampling_rate",
        "app_operation",
        "app_parent_context",
        "app_initiator",
        "app_target",
        "extended_socket_ipv4",
        "extended_socket_ipv6",
    ]);
    let app_name = app_name(&name)?;
    let operation = read_operation(cut(&app_name, NAME), &operation.required(operation.object()?)?)?;
    Ok(Transaction {
        app_name,
        service_port: service_port(&port)?,
        client: matches!(client.value(), Some(Node::Bool(true))),
        one_in: one_in(&rate)?,
        operation,
        parent: read_parent(&parent)?,
        initiator: actor(&initiator)?.map(|actor| AppInitiator { actor }),
        target: actor(&target)?.map(|actor| AppTarget { actor }),
        socket4: read_socket4(&socket4)?,
        socket6: read_socket6(&socket6)?,
    })
}

/// Who reports.
pub(super) fn app_name<'a>(name: &Member<'_, '_, 'a>) -> Result<Cow<'a, str>, Fault> {
    name.required(name.text()?).cloned()
}

/// Where it serves.
pub(super) fn service_port(port: &Member<'_, '_, '_>) -> Result<Option<u16>, Fault> {
    let port = port.number(|number| number.plain("0 to 65535"))?;
    Ok(port.filter(|&port| port != 0))
}

/// One in so many; absent and 0 are every one.
pub(super) fn one_in(rate: &Member<'_, '_, '_>) -> Result<u32, Fault> {
    let rate = rate.number(|number| number.plain("0 to 4294967295"))?;
    Ok(rate.unwrap_or(1).max(1))
}

fn read_operation<'a>(
    application: Cow<'a, str>,
    given: &Object<'_, '_, 'a>,
) -> Result<AppOperation<'a>, Fault> {
    let [operation, attributes, status_descr, status, req_bytes, resp_bytes, duration] =
        given.pick(["operation", "attributes", "status_descr", "status", "req_bytes", "resp_bytes", "uS"]);
    let status = status.number(|number| Ok(number.plain("").unwrap_or(OTHER)))?;
    Ok(AppOperation {
        application,
        operation: operation.cut(NAME)?,
        attributes: attributes.cut(ATTRIBUTES)?,
        status_descr: status_descr.cut(NAME)?,
        req_bytes: req_bytes.number(Number::u64)?.unwrap_or(0),
        resp_bytes: resp_bytes.number(Number::u64)?.unwrap_or(0),
        duration: duration.number(Number::duration)?.unwrap_or(0),
        status: status.map_or(0, |status| if status > LAST_STATUS { OTHER } else { status }),
    })
}

fn read_parent<'a>(parent: &Member<'_, '_, 'a>) -> Result<Option<AppParentContext<'a>>, Fault> {
    let Some(parent) = parent.object()? else { return Ok(None) };
    let [application, operation, attributes] = parent.pick(["application", "operation", "attributes"]);
    let Some(application) = application.text()? else { return Ok(None) };
    Ok(Some(AppParentContext {
        application: cut(application, NAME),
        operation: operation.cut(NAME)?,
        attributes: attributes.cut(ATTRIBUTES)?,
    }))
}

fn actor<'a>(side: &Member<'_, '_, 'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    let Some(side) = side.object()? else { return Ok(None) };
    let [actor] = side.pick(["actor"]);
    Ok(actor.text()?.map(|actor| cut(actor, ACTOR)))
}

const SOCKET: [&str; 5] = ["protocol", "local_ip", "remote_ip", "local_port", "remote_port"];

fn read_socket4(socket: &Member<'_, '_, '_>) -> Result<Option<SocketIpv4>, Fault> {
    let Some(socket) = socket.object()? else { return Ok(None) };
    let [protocol, local_ip, remote_ip, local_port, remote_port] = socket.pick(SOCKET);
    Ok(Some(SocketIpv4 {
        protocol: gauge(&protocol)?,
        local_ip: address(&local_ip, ipv4, Ipv4Addr::UNSPECIFIED)?,
        remote_ip: address(&remote_ip, ipv4, Ipv4Addr::UNSPECIFIED)?,
        local_port: gauge(&local_port)?,
        remote_port: gauge(&remote_port)?,
    }))
}

fn read_socket6(socket: &Member<'_, '_, '_>) -> Result<Option<SocketIpv6>, Fault> {
    let Some(socket) = socket.object()? else { return Ok(None) };
    let [protocol, local_ip, remote_ip, local_port, remote_port] = socket.pick(SOCKET);
    Ok(Some(SocketIpv6 {
        protocol: gauge(&protocol)?,
        local_ip: address(&local_ip, ipv6, Ipv6Addr::UNSPECIFIED)?,
        remote_ip: address(&remote_ip, ipv6, Ipv6Addr::UNSPECIFIED)?,
        local_port: gauge(&local_port)?,
        remote_port: gauge(&remote_port)?,
    }))
}

fn gauge(given: &Member<'_, '_, '_>) -> Result<u32, Fault> {
    Ok(given.number(Number::gauge32)?.unwrap_or(0))
}

/// The address that is given, or `none` where there is none.
fn address<T>(given: &Member<'_, '_, '_>, parse: fn(&str) -> Option<T>, none: T) -> Result<T, Fault> {
    Ok(given.text()?.and_then(|text| parse(text)).unwrap_or(none))
}
