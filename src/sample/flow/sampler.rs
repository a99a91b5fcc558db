//! The numbers of the flow samples of one data source: sequence, pool, drops.
//!
//! In: every frame of the source, and losses that are found later. Out: the headers of its samples. Rules: the pool
//! grows by the packets that a frame and the samples lost before it stand for, or is the kernel's own count; it is
//! counted when a frame comes, and told together with the sequence number when its sample goes, so that neither ever runs
//! backwards when samples go in another order. At one in one the pool is samples and drops together.
//! Spec: sFlow v5, section 5.3 (`flow_sample`).

use super::Path;
use crate::sample::frame::Frame;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::FlowHeader;

/// One data source's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    source: DataSource,
    sequence: u32,
    pool: u32,
    /// The kernel counts the pool; what is lost is in it already.
    counted: bool,
    drops: u32,
    samples: u64,
}

impl Sampler {
    /// Of the interface with this ifIndex.
    pub fn new(if_index: u32) -> Self {
        let source = DataSource::interface(if_index);
        Self { source, sequence: 0, pool: 0, counted: false, drops: 0, samples: 0 }
    }

    /// Counts a frame and takes the header of its sample, which goes out at once.
    pub fn take(&mut self, frame: &Frame<'_>, path: Path) -> FlowHeader {
        self.count(frame);
        self.next(frame.one_in, path)
    }

    /// Counts a frame whose sample goes out later, with [`Self::next`], or never.
    pub fn count(&mut self, frame: &Frame<'_>) {
        self.counted = frame.pool.is_some();
        self.drops = self.drops.wrapping_add(frame.lost);
        let stands_for = frame.one_in.wrapping_mul(frame.lost.wrapping_add(1));
        self.pool = frame.pool.unwrap_or(self.pool.wrapping_add(stands_for));
    }

    /// The header of the next sample; `one_in` is that of its frame.
    pub fn next(&mut self, one_in: u32, path: Path) -> FlowHeader {
        self.sequence = self.sequence.wrapping_add(1);
        self.samples += 1;
        FlowHeader {
            sequence: self.sequence,
            source: self.source,
            sampling_rate: one_in,
            sample_pool: self.pool,
            drops: self.drops,
            input: path.input,
            output: path.output,
        }
    }

    /// Counts samples that were lost, found out after the fact; each stood for `one_in` packets.
    pub fn lost(&mut self, added: u32, one_in: u32) {
        self.drops = self.drops.wrapping_add(added);
        if !self.counted {
            self.pool = self.pool.wrapping_add(one_in.wrapping_mul(added));
        }
    }

    /// Packets that could have been sampled; wraps.
    pub fn pool(&self) -> u32 {
        self.pool
    }

    /// Samples that were lost; wraps.
    pub fn drops(&self) -> u32 {
        self.drops
    }

    /// Samples that were made.
    pub fn samples(&self) -> u64 {
        self.samples
    }
}
