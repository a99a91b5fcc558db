//! `struct tcp_info`: what TCP knows of one connection, of any kernel.
//!
//! In: the structure in the length that the running kernel gives it: 104 bytes in Linux 2.6, 120 in 3.15, 136 in 4.1,
//! 160 in 4.6, 192 in 4.10, 224 in 4.19, 232 in 5.5, 240 in 6.2, 248 in 6.7 and more since. Out: the fields that
//! monitoring uses. Rule: a field that the structure is too short for is `None`; nothing here is an error.
//!
//! Spec: `struct tcp_info` of `linux/tcp.h`.

/// State of a connection, under the kernel's names without `tcpi_`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Bytes in the greatest segment to send.
    pub snd_mss: Option<u32>,
    /// Bytes in the greatest segment received.
    pub rcv_mss: Option<u32>,
    /// Segments sent and not acknowledged.
    pub unacked: Option<u32>,
    /// Segments taken for lost.
    pub lost: Option<u32>,
    /// Segments sent again that are now on their way.
    pub retrans: Option<u32>,
    /// Bytes of the path's MTU.
    pub pmtu: Option<u32>,
    /// Round trip, microseconds, smoothed.
    pub rtt: Option<u32>,
    /// Mean deviation of the round trip, microseconds.
    pub rttvar: Option<u32>,
    /// Congestion window, segments.
    pub snd_cwnd: Option<u32>,
    /// How far segments may be out of order before one is taken for lost.
    pub reordering: Option<u32>,
    /// Segments sent again since the connection exists.
    pub total_retrans: Option<u32>,
    /// Bytes that the other end acknowledged (kernel 4.1).
    pub bytes_acked: Option<u64>,
    /// Bytes received in order (kernel 4.1).
    pub bytes_received: Option<u64>,
    /// Least round trip, microseconds (kernel 4.6).
    pub min_rtt: Option<u32>,
    /// Bytes per second of recent deliveries (kernel 4.9).
    pub delivery_rate: Option<u64>,
}

impl TcpInfo {
    /// Reads the structure.
    pub fn parse(info: &[u8]) -> Self {
        let word = |at: usize| info.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes);
        let long = |at: usize| info.get(at..)?.first_chunk().copied().map(u64::from_ne_bytes);
        Self {
            snd_mss: word(16),
            rcv_mss: word(20),
            unacked: word(24),
            lost: word(32),
            retrans: word(36),
            pmtu: word(60),
            rtt: word(68),
            rttvar: word(72),
            snd_cwnd: word(80),
            reordering: word(88),
            total_retrans: word(100),
            bytes_acked: long(120),
            bytes_received: long(128),
            min_rtt: word(148),
            delivery_rate: long(160),
        }
    }
}
