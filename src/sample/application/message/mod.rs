//! One JSON message of an application: bytes in, values ready to encode out, or the one thing that is wrong with it.
//!
//! A message is one object with one or more of the members `flow_sample`, `counter_sample`, `rtmetric`, `rtflow`; a
//! member that is not known is passed over, at every level. Rules: keys match in any case and the first match counts;
//! `null` is as if absent; a wrong member makes the whole message a [`Fault`] that names it, so that no number is guessed;
//! counters wrap as sFlow's do, -1 is sFlow's "unknown", other numbers out of range are wrong. Text is borrowed from the
//! message unless it has escapes; the records' strings are cut to their limits between characters.

mod address;
mod counters;
mod fault;
mod named;
mod number;
mod object;
mod tape;
mod transaction;

pub use fault::{Fault, Wrong};

use crate::sflow::counters::app::{AppOperations, AppResources, AppWorkers};
use crate::sflow::flow::app::{AppInitiator, AppOperation, AppParentContext, AppTarget};
use crate::sflow::flow::socket::{SocketIpv4, SocketIpv6};
use crate::sflow::realtime::{RtFlow, RtMetric};
use object::Object;
use std::borrow::Cow;
use tape::Room;

/// Longest message in bytes.
pub const MAX_MESSAGE: usize = 10_000;

/// What a message says; at least one of these is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<'a> {
    /// `flow_sample`.
    pub flow: Option<Transaction<'a>>,
    /// `counter_sample`.
    pub counters: Option<Counters<'a>>,
    /// `rtmetric`.
    pub metrics: Option<RtMetric<'a>>,
    /// `rtflow`.
    pub event: Option<RtFlow<'a>>,
}

/// One operation that an application did.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction<'a> {
    /// The whole name; in `operation` it is cut.
    pub app_name: Cow<'a, str>,
    /// Where the application serves. Never 0.
    pub service_port: Option<u16>,
    /// Whether the application asked; else it was asked.
    pub client: bool,
    /// The sender tells one in so many of its operations. Never 0.
    pub one_in: u32,
    /// What was done.
    pub operation: AppOperation<'a>,
    /// On behalf of which operation.
    pub parent: Option<AppParentContext<'a>>,
    /// Who asked.
    pub initiator: Option<AppInitiator<'a>>,
    /// Who was asked.
    pub target: Option<AppTarget<'a>>,
    /// Over which socket.
    pub socket4: Option<SocketIpv4>,
    /// Over which socket.
    pub socket6: Option<SocketIpv6>,
}

/// What an application counted so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Counters<'a> {
    /// The whole name; in `operations` it is cut.
    pub app_name: Cow<'a, str>,
    /// Where the application serves. Never 0.
    pub service_port: Option<u16>,
    /// Operations by status.
    pub operations: Option<AppOperations<'a>>,
    /// Time, memory, descriptors, connections.
    pub resources: Option<AppResources>,
    /// Threads or processes.
    pub workers: Option<AppWorkers>,
}

/// Reads messages, one after the other in the same memory.
#[derive(Debug, Default)]
pub struct Reader(Room);

impl Reader {
    /// Reads one message: one JSON value, with white space around it and a byte order mark before it at most.
    pub fn parse<'a>(&mut self, bytes: &'a [u8]) -> Result<Message<'a>, Fault> {
        if bytes.len() > MAX_MESSAGE {
            return Err(Fault::Length(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| Fault::Text(error.valid_up_to()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let message = self.0.with(text, |object| read(&object.ok_or(Fault::Nothing)?));
        message.map_err(Fault::Syntax)?
    }
}

fn read<'a>(top: &Object<'_, '_, 'a>) -> Result<Message<'a>, Fault> {
    let [flow, counters, metrics, event] = top.pick(["flow_sample", "counter_sample", "rtmetric", "rtflow"]);
    let message = Message {
        flow: flow.object()?.map(|object| transaction::read(&object)).transpose()?,
        counters: counters.object()?.map(|object| counters::read(&object)).transpose()?,
        metrics: metrics.object()?.map(|object| named::metrics(&object)).transpose()?,
        event: event.object()?.map(|object| named::event(&object)).transpose()?,
    };
    if message == (Message { flow: None, counters: None, metrics: None, event: None }) {
        return Err(Fault::Nothing);
    }
    Ok(message)
}

/// The longest start of a text that has at most so many bytes and does not end within a character.
pub fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
