//! Host counters (being built).
