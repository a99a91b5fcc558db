//! `hsflowctl decode`: sFlow from a UDP socket, the running agent, a capture file or standard input, for people, for
//! scripts, for other programs. In: datagrams. Out: text or lines on stdout, a capture of the sampled packets, the
//! datagrams themselves to other collectors. Rule: a datagram that is not sFlow is one message and the next is read;
//! nothing received can end the program. `formats` and `anonymise` are pure; reading and writing is done here.

pub mod anonymise;
mod arguments;
pub mod formats;
mod forward;
mod live;
mod sink;

use super::{Exit, capture, fail};
pub(super) use arguments::Asked;
use formats::Format;
use sink::Sink;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// A datagram as it came.
struct Arrival<'a> {
    bytes: &'a [u8],
    /// Nobody, where it did not come over a network.
    from: Option<SocketAddr>,
    /// Since 1970.
    time: Option<Duration>,
}

/// Does what was asked with all that comes.
pub(super) fn decode(asked: &Asked) -> Result<(), Exit> {
    let source = asked.source()?;
    let mut sink = asked.sink(&source)?;
    let read = match source {
        arguments::Source::Capture(file) => recorded(&file, asked.count, &mut sink),
        arguments::Source::Live(live) => live::follow(&live, asked, &mut sink),
    };
    sink.finish();
    read
}

/// Gives the sink all that a capture holds, until there was enough.
fn recorded(file: &Path, count: Option<u64>, sink: &mut Sink) -> Result<(), Exit> {
    let is_enough = |sink: &Sink| count.is_some_and(|count| sink.taken() >= count);
    if is_enough(sink) {
        return Ok(());
    }
    let mut taken = Ok(());
    let read = capture::read(file, &mut |time, datagram| {
        let (bytes, from) = (datagram.payload, Some(datagram.source));
        taken = sink.take(&Arrival { bytes, from, time: Some(time) });
        if taken.is_err() || is_enough(sink) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    read.map_err(|text| fail(&text, Exit::Usage))?;
    taken?;
    if count.is_none() || is_enough(sink) { Ok(()) } else { Err(Exit::No) }
}

/// Prints one datagram that this program made or got itself, or on stderr why it cannot be read. True where it was
/// printed; the error is the status to end with.
pub(super) fn print_datagram(bytes: &[u8], from: Option<SocketAddr>, json: bool) -> Result<bool, Exit> {
    let mut sink = Sink::printing(if json { Format::Json } else { Format::Text });
    sink.take(&Arrival { bytes, from, time: None })?;
    Ok(sink.taken() == 1)
}
