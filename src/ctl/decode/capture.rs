//! Datagrams of a capture file, or of a program that writes one into a pipe. In: bytes as they come. Out: the sFlow in them,
//! at once. Rule: a file may be larger than memory, and a pipe need not end: no more is held than one packet.

use super::{Arrival, Sink, say};
use crate::ctl::{Exit, fail};
use crate::wire::pcap::{self, Packet, Pause, PcapError};
use crate::wire::udp::{self, NoUdp};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

const CHUNK: usize = 64 << 10;
/// Far beyond any packet: what claims to be longer is no capture.
const MOST: usize = 16 << 20;

/// Gives the sink all that comes, until there was enough.
pub(super) fn follow(file: &Path, count: Option<u64>, sink: &mut Sink) -> Result<(), Exit> {
    let wrong = |e: &dyn std::fmt::Display| fail(&format!("{}: {e}", file.display()), Exit::Usage);
    let mut input: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(|e| wrong(&e))?)
    };
    let (mut bytes, mut chunk, mut paused) = (Vec::new(), vec![0; CHUNK], None::<Pause>);
    let is_enough = |sink: &Sink| count.is_some_and(|count| sink.taken() >= count);
    // Of no bytes at all the beginning is missing.
    let mut skipped = Skipped::default();
    let mut missing = pcap::packets(&[]).err();
    while !is_enough(sink) {
        let length = match input.read(&mut chunk) {
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(wrong(&e)),
        };
        if length == 0 {
            skipped.tell(sink);
            return match missing {
                Some(e) => Err(wrong(&e)),
                None if count.is_some() => Err(Exit::No),
                None => Ok(()),
            };
        }
        bytes.extend_from_slice(chunk.get(..length).unwrap_or_default());
        let read = paused.take().map_or_else(|| pcap::packets(&bytes), |pause| Ok(pause.packets(&bytes)));
        let mut read = match read {
            Ok(read) => read,
            Err(e) => {
                missing = Some(wanted(e, &bytes).map_err(|e| wrong(&e))?);
                continue;
            }
        };
        missing = None;
        while !is_enough(sink) {
            match read.next() {
                Some(Ok(packet)) => take(sink, &packet, &mut skipped)?,
                Some(Err(e)) => missing = Some(wanted(e, &bytes).map_err(|e| wrong(&e))?),
                None => break,
            }
        }
        let (done, pause) = read.pause();
        bytes.drain(..done);
        paused = Some(pause);
    }
    Ok(())
}

/// The error, where more bytes may mend it.
fn wanted(e: PcapError, bytes: &[u8]) -> Result<PcapError, PcapError> {
    if matches!(e, PcapError::Truncated { .. }) && bytes.len() < MOST { Ok(e) } else { Err(e) }
}

/// Packets without a UDP datagram.
#[derive(Default)]
struct Skipped {
    count: u64,
    last: Option<NoUdp>,
}

impl Skipped {
    /// A capture of something else, or one that cuts its packets, would otherwise just print nothing.
    fn tell(&self, sink: &Sink) {
        if let Some(why) = self.last.filter(|_| sink.taken() == 0) {
            say(&format!("none of {} packets holds a whole UDP datagram; the last one: {why}", self.count));
        }
    }
}

fn take(sink: &mut Sink, packet: &Packet<'_>, skipped: &mut Skipped) -> Result<(), Exit> {
    match udp::parse(packet.link_type, packet.bytes) {
        Ok(datagram) => sink.take(&Arrival {
            bytes: datagram.payload,
            from: Some(datagram.source),
            time: Some(packet.time),
        }),
        Err(why) => {
            skipped.count += 1;
            skipped.last = Some(why);
            Ok(())
        }
    }
}
