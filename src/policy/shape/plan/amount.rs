//! How much at once: bursts, limits and quanta, from the rate and the packet size.
//!
//! In: bits a second, bytes, time. Out: bytes. Rule: a burst is what passes between two ticks of a slow kernel, what a
//! segmented send needs, and never more than 10 ms of the rate; one packet always fits.

use crate::policy::model::{Rate, Shape};
use std::time::Duration;

/// Ticks a second of the slowest kernels.
const TICKS: u64 = 250;
/// The largest send that a device cuts into packets.
const SEGMENTED: u64 = 65_536;
/// Such a send with the headers of all its packets.
pub(super) const LARGEST: u64 = SEGMENTED + SEGMENTED / 8;
const LONGEST: Duration = Duration::from_millis(10);
const LATENCY: Duration = Duration::from_millis(50);
/// Ethernet's header with a VLAN tag, on top of the MTU.
const HEADER: u64 = 18;

/// Bytes that pass in a time.
fn bytes(bits: u64, time: Duration) -> u64 {
    let bytes = u128::from(bits) * time.as_micros() / 8_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Bits a second; packets are refused by the model.
pub(super) const fn bits(rate: Rate) -> u64 {
    match rate {
        Rate::Bits(bits) | Rate::Packets(bits) => bits,
    }
}

/// The burst for a rate in bits a second, in bytes; `wished` is how long one may be instead.
pub fn burst(rate: u64, mtu: u32, wished: Option<Duration>) -> u64 {
    let packet = u64::from(mtu) + HEADER;
    let usual = || (rate / 8 / TICKS).max(10 * u64::from(mtu)).max(SEGMENTED).min(bytes(rate, LONGEST));
    let burst = wished.map_or_else(usual, |time| bytes(rate, time));
    burst.clamp(packet, u64::from(u32::MAX) / 2)
}

/// The bytes that may wait.
pub(super) fn limit(shape: &Shape, rate: u64, burst: u64) -> u64 {
    (bytes(rate, shape.latency.unwrap_or(LATENCY)) + burst).min(u64::from(u32::MAX) / 2)
}

/// What a class sends before the next one has its turn.
pub(super) fn quantum(mtu: u32) -> u32 {
    (mtu + 18).min(60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_at_most_10_ms_of_the_rate_and_at_least_a_packet() {
        let figures = [1, 10, 100, 1000, 10_000].map(|mbits| burst(mbits * 1_000_000, 1500, None));
        assert_eq!(figures, [1518, 12_500, 65_536, 500_000, 5_000_000]);
        assert_eq!(burst(1_000_000, 9000, None), 9018);
        assert_eq!(burst(8_000_000, 1500, Some(Duration::from_millis(100))), 100_000);
    }
}
