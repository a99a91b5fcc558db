//! `flow_sample`: one operation of an application, who took part in it, and over which socket.
//!
//! In: the member. Out: a [`Transaction`]. Rules: `app_name` and `app_operation` must be there; a number that is not there
//! is 0, a text empty, and a record without its text is none. A socket's address that is none (the path of a unix
//! socket) is all zeros: the operation counts all the same.

use super::Transaction;
use super::address::{ipv4, ipv6};
use super::fault::Fault;
use super::member::{Member, Object, cut};
use super::number::Number;
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
    let app_name = app_name(sample)?;
    let operation = sample.member("app_operation");
    let operation = read_operation(cut(&app_name, NAME), &operation.required(operation.object()?)?)?;
    Ok(Transaction {
        app_name,
        service_port: service_port(sample)?,
        client: matches!(sample.member("client").value(), Some(Node::Bool(true))),
        one_in: one_in(&sample.member("sampling_rate"))?,
        operation,
        parent: read_parent(&sample.member("app_parent_context"))?,
        initiator: actor(&sample.member("app_initiator"))?.map(|actor| AppInitiator { actor }),
        target: actor(&sample.member("app_target"))?.map(|actor| AppTarget { actor }),
        socket4: read_socket4(&sample.member("extended_socket_ipv4"))?,
        socket6: read_socket6(&sample.member("extended_socket_ipv6"))?,
    })
}

/// Who reports.
pub(super) fn app_name<'a>(sample: &Object<'_, '_, 'a>) -> Result<Cow<'a, str>, Fault> {
    let name = sample.member("app_name");
    name.required(name.text()?).cloned()
}

/// Where it serves.
pub(super) fn service_port(sample: &Object<'_, '_, '_>) -> Result<Option<u16>, Fault> {
    let port = sample.member("service_port").number(|number| number.plain("0 to 65535"))?;
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
    let status = given.member("status").number(|number| Ok(number.plain("").unwrap_or(OTHER)))?;
    Ok(AppOperation {
        application,
        operation: given.member("operation").cut(NAME)?,
        attributes: given.member("attributes").cut(ATTRIBUTES)?,
        status_descr: given.member("status_descr").cut(NAME)?,
        req_bytes: given.member("req_bytes").number(Number::u64)?.unwrap_or(0),
        resp_bytes: given.member("resp_bytes").number(Number::u64)?.unwrap_or(0),
        duration: given.member("uS").number(Number::duration)?.unwrap_or(0),
        status: status.map_or(0, |status| if status > LAST_STATUS { OTHER } else { status }),
    })
}

fn read_parent<'a>(parent: &Member<'_, '_, 'a>) -> Result<Option<AppParentContext<'a>>, Fault> {
    let Some(parent) = parent.object()? else { return Ok(None) };
    let Some(application) = parent.member("application").text()? else { return Ok(None) };
    Ok(Some(AppParentContext {
        application: cut(application, NAME),
        operation: parent.member("operation").cut(NAME)?,
        attributes: parent.member("attributes").cut(ATTRIBUTES)?,
    }))
}

fn actor<'a>(side: &Member<'_, '_, 'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    let Some(side) = side.object()? else { return Ok(None) };
    Ok(side.member("actor").text()?.map(|actor| cut(actor, ACTOR)))
}

fn read_socket4(socket: &Member<'_, '_, '_>) -> Result<Option<SocketIpv4>, Fault> {
    let Some(socket) = socket.object()? else { return Ok(None) };
    Ok(Some(SocketIpv4 {
        protocol: gauge(&socket, "protocol")?,
        local_ip: address(&socket, "local_ip", ipv4, Ipv4Addr::UNSPECIFIED)?,
        remote_ip: address(&socket, "remote_ip", ipv4, Ipv4Addr::UNSPECIFIED)?,
        local_port: gauge(&socket, "local_port")?,
        remote_port: gauge(&socket, "remote_port")?,
    }))
}

fn read_socket6(socket: &Member<'_, '_, '_>) -> Result<Option<SocketIpv6>, Fault> {
    let Some(socket) = socket.object()? else { return Ok(None) };
    Ok(Some(SocketIpv6 {
        protocol: gauge(&socket, "protocol")?,
        local_ip: address(&socket, "local_ip", ipv6, Ipv6Addr::UNSPECIFIED)?,
        remote_ip: address(&socket, "remote_ip", ipv6, Ipv6Addr::UNSPECIFIED)?,
        local_port: gauge(&socket, "local_port")?,
        remote_port: gauge(&socket, "remote_port")?,
    }))
}

fn gauge(object: &Object<'_, '_, '_>, key: &str) -> Result<u32, Fault> {
    Ok(object.member(key).number(Number::gauge32)?.unwrap_or(0))
}

/// The address under this key, or `none` where there is none.
fn address<T>(
    object: &Object<'_, '_, '_>,
    key: &str,
    parse: fn(&str) -> Option<T>,
    none: T,
) -> Result<T, Fault> {
    Ok(object.member(key).text()?.and_then(|text| parse(text)).unwrap_or(none))
}
