//! Datagrams of a capture file, or of a program that writes one into a pipe. In: bytes as they come. Out: the UDP in them,
//! at once. Rule: a file may be larger than memory, and a pipe need not end: no more is held than one packet.

use super::say;
use crate::wire::pcap::{self, Pause, PcapError};
use crate::wire::udp::{self, NoUdp, Udp};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

const CHUNK: usize = 64 << 10;
/// Far beyond any packet: what claims to be longer is no capture.
const MOST: usize = 16 << 20;

/// What is called with each datagram and the time of its packet, until it wants no more.
pub(super) type Each<'e> = dyn FnMut(Duration, &Udp<'_>) -> ControlFlow<()> + 'e;

/// Reads a file, `-` being standard input. The error is a text that names it.
pub(super) fn read(file: &Path, each: &mut Each<'_>) -> Result<(), String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
    let mut input: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(|e| wrong(&e))?)
    };
    let (mut bytes, mut chunk, mut paused) = (Vec::new(), vec![0; CHUNK], None::<Pause>);
    // Of no bytes at all the beginning is missing.
    let mut missing = pcap::packets(&[]).err();
    let mut found = Found::default();
    loop {
        let length = match input.read(&mut chunk) {
            Ok(length) => length,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(wrong(&e)),
        };
        if length == 0 {
            found.tell();
            return missing.map_or(Ok(()), |e| Err(wrong(&e)));
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
        for packet in &mut read {
            match packet {
                Ok(packet) => match udp::parse(packet.link_type, packet.bytes) {
                    Ok(datagram) => {
                        found.datagrams += 1;
                        if each(packet.time, &datagram).is_break() {
                            return Ok(());
                        }
                    }
                    Err(why) => found.others = Some((found.others.map_or(1, |(count, _)| count + 1), why)),
                },
                Err(e) => missing = Some(wanted(e, &bytes).map_err(|e| wrong(&e))?),
            }
        }
        let (done, pause) = read.pause();
        bytes.drain(..done);
        paused = Some(pause);
    }
}

/// The error, where more bytes may mend it.
fn wanted(e: PcapError, bytes: &[u8]) -> Result<PcapError, PcapError> {
    if matches!(e, PcapError::Truncated { .. }) && bytes.len() < MOST { Ok(e) } else { Err(e) }
}

/// What was in it.
#[derive(Default)]
struct Found {
    datagrams: u64,
    /// Packets without a UDP datagram, and why the last of them has none.
    others: Option<(u64, NoUdp)>,
}

impl Found {
    /// A capture of something else, or one that cuts its packets, would otherwise just print nothing.
    fn tell(&self) {
        if let Some((count, why)) = self.others.filter(|_| self.datagrams == 0) {
            say(&format!("none of {count} packets holds a whole UDP datagram; the last one: {why}"));
        }
    }
}
