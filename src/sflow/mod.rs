//! sFlow version 5 (sflow.org, sFlow_version_5.txt and the structure specifications beside it): what goes on the wire.
//!
//! Pure: values in, bytes out, and back. `xdr` is the encoding, `ids` the identifiers, `counters` and `flow` the
//! records with one table of tags each, `sample` what holds records, `realtime` the two samples that hold named
//! values instead, `datagram` one sub-agent's stream of datagrams, `decode` a received datagram as values.
//! Rules: never more than the buffer, zero padding, samples whole or not at all; a decoder accounts for every byte.

pub mod counters;
pub mod datagram;
pub mod decode;
pub mod flow;
pub mod ids;
pub(crate) mod json;
pub mod realtime;
pub mod record;
pub mod sample;
pub mod unknown;
pub mod xdr;
