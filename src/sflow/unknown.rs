//! What is not known, on the wire: a counter is all ones, a gauge is 0 (sFlow v5 section 5.3.1, sFlow Host
//! Structures "unsupported counters"). Collectors hold `Option`; this is the one place where it becomes bits.

/// A 32-bit counter: the low 32 bits of what the kernel counts, all ones where unknown.
#[allow(clippy::cast_possible_truncation)] // sFlow counters of 32 bits wrap by definition
pub fn counter32(value: Option<u64>) -> u32 {
    value.map_or(u32::MAX, |v| v as u32)
}

/// A 64-bit counter, all ones where unknown.
pub fn counter64(value: Option<u64>) -> u64 {
    value.unwrap_or(u64::MAX)
}

/// A 32-bit gauge: clamped, 0 where unknown.
pub fn gauge32(value: Option<u64>) -> u32 {
    value.map_or(0, |v| u32::try_from(v).unwrap_or(u32::MAX))
}

/// A 64-bit gauge, 0 where unknown.
pub fn gauge64(value: Option<u64>) -> u64 {
    value.unwrap_or(0)
}
