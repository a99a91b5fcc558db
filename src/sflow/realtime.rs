//! Samples of named values, `4300:1002` (metrics) and `4300:1003` (flows): what a program reports by JSON.
//!
//! They stand beside counter and flow samples in a datagram, but have neither sequence number nor data source.
//! Names are at most 64 bytes of `[A-Za-z0-9_-]`, strings at most 255; the encoder does not check that.

use super::ids::Tag;
use super::json;
use super::record::Record;
use super::xdr::{xdr_structs, xdr_union};
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

xdr_structs! {
    /// `4300:1002` counters and gauges of a program.
    pub struct RtMetric<'a> {
        pub datasource: Cow<'a, str>,
        pub metrics: Vec<Metric<'a>>,
    }

    /// One of its values.
    pub struct Metric<'a> {
        pub name: Cow<'a, str>,
        pub value: MetricValue<'a>,
    }

    /// `4300:1003` the attributes of one event of a program.
    pub struct RtFlow<'a> {
        pub datasource: Cow<'a, str>,
        pub sampling_rate: u32,
        pub sample_pool: u32,
        pub fields: Vec<FlowField<'a>>,
    }

    /// One of its attributes.
    pub struct FlowField<'a> {
        pub name: Cow<'a, str>,
        pub value: FlowValue<'a>,
    }
}

xdr_union! {
    /// A metric's type and value.
    #[allow(missing_docs)] // the specification's names
    pub enum MetricValue<'a> {
        String(Cow<'a, str>) = 0,
        Counter32(u32) = 1,
        Counter64(u64) = 2,
        Gauge32(u32) = 3,
        Gauge64(u64) = 4,
        GaugeFloat(f32) = 5,
        GaugeDouble(f64) = 6,
    }
}

xdr_union! {
    /// An attribute's type and value.
    #[allow(missing_docs)] // the specification's names
    pub enum FlowValue<'a> {
        String(Cow<'a, str>) = 0,
        #[serde(serialize_with = "json::mac")]
        Mac([u8; 6]) = 1,
        Ip(Ipv4Addr) = 2,
        Ip6(Ipv6Addr) = 3,
        Int32(u32) = 4,
        Int64(u64) = 5,
        Float(f32) = 6,
        Double(f64) = 7,
    }
}

impl Record for RtMetric<'_> {
    const TAG: Tag = Tag::new(4300, 1002);
}

impl Record for RtFlow<'_> {
    const TAG: Tag = Tag::new(4300, 1003);
}
