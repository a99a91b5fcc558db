//! Flow records of wireless packets: sFlow 802.11 Structures 1013–1015.

use super::packet::SampledHeader;
use crate::sflow::json;
use crate::sflow::xdr::xdr_structs;
use std::borrow::Cow;

xdr_structs! {
    /// `0:1013` the payload before encryption.
    #[derive(Default, Eq)]
    pub struct Extended80211Payload<'a> {
        pub cipher_suite: u32,
        pub data: SampledHeader<'a>,
    }

    /// `0:1014` how it was received.
    #[derive(Default, Eq)]
    pub struct Extended80211Rx<'a> {
        pub ssid: Cow<'a, str>,
        #[serde(serialize_with = "json::mac")]
        pub bssid: [u8; 6],
        pub version: u32,
        pub channel: u32,
        pub speed: u64,
        pub rsni: u32,
        pub rcpi: u32,
        /// Microseconds.
        pub packet_duration: u32,
    }

    /// `0:1015` how it was sent.
    #[derive(Default, Eq)]
    pub struct Extended80211Tx<'a> {
        pub ssid: Cow<'a, str>,
        #[serde(serialize_with = "json::mac")]
        pub bssid: [u8; 6],
        pub version: u32,
        pub transmissions: u32,
        /// Microseconds.
        pub packet_duration: u32,
        /// Microseconds.
        pub retrans_duration: u32,
        pub channel: u32,
        pub speed: u64,
        /// Milliwatts.
        pub power: u32,
    }
}
