//! Counter records of applications: sFlow Application Structures 2202, 2203, 2206, HTTP 2201, VDI 2205.

use crate::sflow::xdr::xdr_structs;
use std::borrow::Cow;

xdr_structs! {
    /// `0:2201` HTTP requests by method and status, 60 bytes.
    #[derive(Default, Eq)]
    pub struct HttpCounters {
        pub method_option: u32,
        pub method_get: u32,
        pub method_head: u32,
        pub method_post: u32,
        pub method_put: u32,
        pub method_delete: u32,
        pub method_trace: u32,
        pub method_connect: u32,
        pub method_other: u32,
        pub status_1xx: u32,
        pub status_2xx: u32,
        pub status_3xx: u32,
        pub status_4xx: u32,
        pub status_5xx: u32,
        pub status_other: u32,
    }

    /// `0:2202` operations of an application by status.
    #[derive(Default, Eq)]
    pub struct AppOperations<'a> {
        /// At most 32 bytes.
        pub application: Cow<'a, str>,
        pub success: u32,
        pub other: u32,
        pub timeout: u32,
        pub internal_error: u32,
        pub bad_request: u32,
        pub forbidden: u32,
        pub too_large: u32,
        pub not_implemented: u32,
        pub not_found: u32,
        pub unavailable: u32,
        pub unauthorized: u32,
    }

    /// `0:2203` resources of an application, 40 bytes.
    #[derive(Default, Eq)]
    pub struct AppResources {
        /// Milliseconds.
        pub user_time: u32,
        /// Milliseconds.
        pub system_time: u32,
        /// Bytes.
        pub mem_used: u64,
        /// Bytes.
        pub mem_max: u64,
        pub fd_open: u32,
        pub fd_max: u32,
        pub conn_open: u32,
        pub conn_max: u32,
    }

    /// `0:2205` virtual desktop sessions, 92 bytes.
    #[derive(Default, Eq)]
    pub struct Vdi {
        pub sessions_current: u32,
        pub sessions_total: u32,
        pub sessions_duration: u32,
        pub rx_bytes: u32,
        pub tx_bytes: u32,
        pub rx_packets: u32,
        pub tx_packets: u32,
        pub rx_lost: u32,
        pub tx_lost: u32,
        pub rtt_min: u32,
        pub rtt_max: u32,
        pub rtt_avg: u32,
        pub audio_rx_bytes: u32,
        pub audio_tx_bytes: u32,
        pub audio_tx_limit: u32,
        pub image_rx_bytes: u32,
        pub image_tx_bytes: u32,
        pub image_frames: u32,
        pub image_quality_min: u32,
        pub image_quality_max: u32,
        pub image_quality_avg: u32,
        pub usb_rx_bytes: u32,
        pub usb_tx_bytes: u32,
    }

    /// `0:2206` workers of an application, 20 bytes.
    #[derive(Default, Eq)]
    pub struct AppWorkers {
        pub active: u32,
        pub idle: u32,
        pub max: u32,
        pub req_delayed: u32,
        pub req_dropped: u32,
    }
}

impl AppOperations<'_> {
    /// The counters' names, by status.
    pub const STATUSES: [&'static str; 11] = [
        "success",
        "other",
        "timeout",
        "internal_error",
        "bad_request",
        "forbidden",
        "too_large",
        "not_implemented",
        "not_found",
        "unavailable",
        "unauthorized",
    ];
}

impl<'a> AppOperations<'a> {
    /// Of counters by status, 0 success to 10 unauthorized.
    pub fn by_status(application: Cow<'a, str>, counts: [u32; 11]) -> Self {
        let [
            success,
            other,
            timeout,
            internal_error,
            bad_request,
            forbidden,
            too_large,
            not_implemented,
            not_found,
            unavailable,
            unauthorized,
        ] = counts;
        Self {
            application,
            success,
            other,
            timeout,
            internal_error,
            bad_request,
            forbidden,
            too_large,
            not_implemented,
            not_found,
            unavailable,
            unauthorized,
        }
    }
}
