//! Where datagrams go: printed in one format, their sampled packets into a capture, themselves to other collectors. In:
//! datagrams. Out: bytes. Rule: whatever leaves has been anonymised, if that was asked for: what could not be read
//! then goes nowhere. Each kind of loss is told when it is first seen, and counted at the end.

use super::Arrival;
use super::anonymise::Anonymiser;
use super::formats::{Format, Received, pcap};
use super::forward::Target;
use crate::ctl::{Exit, fail, print, say};
use crate::sflow::decode::{Datagram, decode};
use crate::sflow::xdr::Writer;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Of UDP over IPv6; over IPv4 it is a little less.
const LONGEST: usize = 65_527;

/// All that is made of a datagram.
pub(super) struct Sink {
    format: Option<Format>,
    capture: Option<Capture>,
    targets: Vec<Target>,
    anonymiser: Option<Anonymiser>,
    taken: u64,
}

/// A capture file that is written.
pub(super) struct Capture {
    name: String,
    out: Box<dyn Write>,
    left_out: u64,
}

impl Capture {
    /// An empty one; `-` is standard output.
    pub(super) fn create(path: &Path) -> Result<Self, Exit> {
        let name = path.display().to_string();
        let out: Box<dyn Write> = if path.as_os_str() == "-" {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path).map_err(|e| fail(&format!("{name}: {e}"), Exit::Usage))?)
        };
        let mut capture = Self { name, out, left_out: 0 };
        capture.write(&pcap::file_header())?;
        Ok(capture)
    }

    fn take(&mut self, received: &Received<'_>) -> Result<(), Exit> {
        let packets = pcap::packets(received);
        if packets.left_out > 0 && self.left_out == 0 {
            let what = "a sampled header is of a link that is not Ethernet or IP, and is left out";
            say(&format!("{}: {what}", self.name));
        }
        self.left_out += packets.left_out;
        if packets.bytes.is_empty() { Ok(()) } else { self.write(&packets.bytes) }
    }

    /// All of it at once, so that a reader of a pipe always sees whole packets.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Exit> {
        match self.out.write_all(bytes).and_then(|()| self.out.flush()) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Exit::Yes),
            Err(e) => Err(fail(&format!("{}: {e}", self.name), Exit::Usage)),
        }
    }
}

impl Sink {
    pub(super) fn new(
        format: Option<Format>,
        capture: Option<Capture>,
        targets: Vec<Target>,
        anonymiser: Option<Anonymiser>,
    ) -> Self {
        Self { format, capture, targets, anonymiser, taken: 0 }
    }

    /// One that only prints.
    pub(super) fn printing(format: Format) -> Self {
        Self::new(Some(format), None, Vec::new(), None)
    }

    /// How many datagrams could be read.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes one. The error is the status to end with.
    pub(super) fn take(&mut self, arrival: &Arrival<'_>) -> Result<(), Exit> {
        let from = arrival.from.map(|from| match &self.anonymiser {
            Some(by) => by.sender(from),
            None => from,
        });
        let mut datagram = match decode(arrival.bytes) {
            Ok(datagram) => datagram,
            Err(e) => {
                let from = from.map_or_else(|| "here".to_owned(), |from| from.to_string());
                say(&format!("{} bytes from {from} are not sFlow: {e}", arrival.bytes.len()));
                if self.anonymiser.is_none() {
                    self.forward(arrival.bytes);
                }
                return Ok(());
            }
        };
        if let Some(by) = &self.anonymiser {
            by.datagram(&mut datagram);
        }
        let received = Received { datagram: &datagram, from, time: arrival.time };
        if let Some(format) = self.format {
            print(&format.render(&received))?;
        }
        if let Some(capture) = &mut self.capture {
            capture.take(&received)?;
        }
        if self.anonymiser.is_none() {
            self.forward(arrival.bytes);
        } else if !self.targets.is_empty() {
            match encoded(&datagram) {
                Some(bytes) => self.forward(&bytes),
                None => say(&"a datagram has become too long to be sent on: its addresses are longer now"),
            }
        }
        self.taken += 1;
        Ok(())
    }

    fn forward(&mut self, bytes: &[u8]) {
        self.targets.iter_mut().for_each(|target| target.send(bytes));
    }

    /// Says what did not get through.
    pub(super) fn finish(&self) {
        for target in self.targets.iter().filter(|target| target.failed() > 0) {
            say(&format!("{} datagrams could not be sent to {target}", target.failed()));
        }
        if let Some(capture) = self.capture.as_ref().filter(|capture| capture.left_out > 1) {
            say(&format!("{}: {} sampled headers left out", capture.name, capture.left_out));
        }
    }
}

/// A datagram as bytes again. Texts that are addresses may have become several times as long; none where no datagram of UDP
/// holds them.
fn encoded(datagram: &Datagram) -> Option<Vec<u8>> {
    let mut buffer = vec![0; LONGEST];
    let mut out = Writer::new(&mut buffer);
    datagram.encode(&mut out).ok()?;
    let length = out.len();
    buffer.truncate(length);
    Some(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sflow::decode::{Framed, Sample};
    use crate::sflow::flow::FlowRecord;
    use crate::sflow::flow::app::HttpRequest;
    use crate::sflow::sample::FlowHeader;
    use crate::sflow::xdr::{Entropy, Xdr};

    /// A request by way of so many proxies with the shortest of addresses.
    fn datagram(proxies: usize) -> Datagram {
        let request = HttpRequest { xff: vec!["::1"; proxies].join(",").into(), ..HttpRequest::default() };
        let records = vec![FlowRecord::HttpRequest(request)];
        let header = FlowHeader::any(&mut Entropy([].iter()));
        let samples = vec![Sample::Flow(Framed { compact: false, header, records })];
        Datagram {
            agent: [192, 0, 2, 1].into(),
            sub_agent_id: 0,
            sequence: 1,
            uptime_ms: 1,
            samples,
            dirty_padding: 0,
            trailing: Vec::new(),
        }
    }

    #[test]
    fn a_datagram_whose_texts_have_grown_is_sent_on_whole() {
        let mut datagram = datagram(60);
        let before = encoded(&datagram).unwrap().len();
        Anonymiser::new(b"a key of thirty-two characters..").datagram(&mut datagram);
        let bytes = encoded(&datagram).unwrap();
        assert!(bytes.len() > 2 * before, "{} of {before}", bytes.len());
        assert_eq!(decode(&bytes), Ok(datagram));
    }

    #[test]
    fn what_no_datagram_holds_is_none() {
        assert_eq!(encoded(&datagram(LONGEST / 4)), None);
    }
}
