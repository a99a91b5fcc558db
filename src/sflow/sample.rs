//! Samples: what a datagram carries (sFlow v5 section 5.3), in their expanded form unless said otherwise.
//!
//! A header (`CountersHeader`, `FlowHeader`, `DiscardHeader`) and then records. To send, `SampleWriter` encodes
//! records one by one into the datagram's buffer; a record that does not fit leaves no trace and the ones before it
//! stay. Received samples are `Sample` in `decode`.
//!
//! The compact form packs class and index, and format and value, into one word each. The agent sends the expanded
//! form only, as the C agent does; `decode` reads and writes both.

use super::ids::{DataSource, Tag};
use super::record::Record;
use super::xdr::{DecodeError, Full, Reader, Writer, Xdr, xdr_structs};

/// Flow sample, compact.
pub const FLOW_COMPACT: Tag = Tag::new(0, 1);
/// Counters sample, compact.
pub const COUNTERS_COMPACT: Tag = Tag::new(0, 2);
/// Flow sample, expanded.
pub const FLOW: Tag = Tag::new(0, 3);
/// Counters sample, expanded.
pub const COUNTERS: Tag = Tag::new(0, 4);
/// Discarded packet.
pub const DISCARD: Tag = Tag::new(0, 5);

xdr_structs! {
    /// `0:4` counters sample.
    #[derive(Copy, Eq)]
    pub struct CountersHeader {
        /// Counts the samples of this source, from 1.
        pub sequence: u32,
        pub source: DataSource,
    }

    /// `0:3` flow sample.
    #[derive(Copy, Eq)]
    pub struct FlowHeader {
        /// Counts the samples of this source, from 1.
        pub sequence: u32,
        pub source: DataSource,
        /// One packet in so many is sampled.
        pub sampling_rate: u32,
        /// Packets that could have been sampled; wraps.
        pub sample_pool: u32,
        /// Samples lost for lack of resources; wraps.
        pub drops: u32,
        pub input: Port,
        pub output: Port,
    }

    /// `0:5` discarded packet.
    #[derive(Copy, Eq)]
    pub struct DiscardHeader {
        /// Counts the samples of this source, from 1.
        pub sequence: u32,
        pub source: DataSource,
        /// Notifications lost for lack of resources; wraps.
        pub drops: u32,
        /// ifIndex, 0 where unknown.
        pub input: u32,
        /// ifIndex, 0 where unknown.
        pub output: u32,
        /// Code of the sFlow Dropped Packet Notification Structures.
        pub reason: u32,
    }

    /// Where a packet came in or went out.
    #[derive(Copy, Default, Eq)]
    pub struct Port {
        /// 0 one interface, 1 dropped with the reason in `value`, 2 `value` interfaces.
        pub format: u32,
        /// An ifIndex in format 0.
        pub value: u32,
    }
}

impl Port {
    /// Not known.
    pub const UNKNOWN: Self = Self { format: 0, value: 0 };
    /// The host itself: packets that it sends or receives.
    pub const INTERNAL: Self = Self { format: 0, value: 0x3FFF_FFFF };

    /// The interface with this ifIndex.
    pub const fn interface(index: u32) -> Self {
        Self { format: 0, value: index }
    }

    fn compact(self) -> Option<u32> {
        pack(self.format, self.value, 30)
    }

    fn from_compact(word: u32) -> Self {
        Self { format: word >> 30, value: word & 0x3FFF_FFFF }
    }
}

/// `high` above `bits` bits of `low`, if both fit.
fn pack(high: u32, low: u32, bits: u32) -> Option<u32> {
    (high < 1 << (32 - bits) && low < 1 << bits).then_some(high << bits | low)
}

fn source_from_compact(word: u32) -> DataSource {
    DataSource { class: word >> 24, index: word & 0xFF_FFFF }
}

/// A header that also has a compact form.
pub trait Compact: Xdr {
    /// The words of the compact form; `None` where a number does not fit.
    fn compact(&self) -> Option<impl AsRef<[u32]>>;
    /// Reads the compact form.
    fn decode_compact(input: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

impl Compact for CountersHeader {
    fn compact(&self) -> Option<impl AsRef<[u32]>> {
        Some([self.sequence, pack(self.source.class, self.source.index, 24)?])
    }

    fn decode_compact(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { sequence: input.u32()?, source: source_from_compact(input.u32()?) })
    }
}

impl Compact for FlowHeader {
    fn compact(&self) -> Option<impl AsRef<[u32]>> {
        let source = pack(self.source.class, self.source.index, 24)?;
        let (input, output) = (self.input.compact()?, self.output.compact()?);
        Some([self.sequence, source, self.sampling_rate, self.sample_pool, self.drops, input, output])
    }

    fn decode_compact(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            sequence: input.u32()?,
            source: source_from_compact(input.u32()?),
            sampling_rate: input.u32()?,
            sample_pool: input.u32()?,
            drops: input.u32()?,
            input: Port::from_compact(input.u32()?),
            output: Port::from_compact(input.u32()?),
        })
    }
}

/// Adds records to the sample that is being written.
#[derive(Debug)]
pub struct SampleWriter<'w, 'b> {
    out: &'w mut Writer<'b>,
    records: u32,
}

impl SampleWriter<'_, '_> {
    /// Adds one record. On `Full` the sample is as it was before: pass the error on to drop the whole sample, or
    /// go on without this record.
    #[inline]
    pub fn record<R: Record>(&mut self, record: &R) -> Result<(), Full> {
        self.record_with(R::TAG, |out| record.encode(out))
    }

    /// Adds a record whose body `write` encodes, for layouts without a struct or data without an owner.
    #[inline]
    pub fn record_with(
        &mut self,
        tag: Tag,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        self.out.element(tag.word(), write)?;
        self.records += 1;
        Ok(())
    }
}

/// The body of a sample: `header`, the count of records, the records.
pub(crate) fn encode_body(
    out: &mut Writer<'_>,
    header: &impl Xdr,
    write: impl FnOnce(&mut SampleWriter<'_, '_>) -> Result<(), Full>,
) -> Result<(), Full> {
    header.encode(out)?;
    let count = out.len();
    out.u32(0)?;
    let mut sample = SampleWriter { out, records: 0 };
    write(&mut sample)?;
    let records = sample.records;
    out.patch(count, records);
    Ok(())
}
