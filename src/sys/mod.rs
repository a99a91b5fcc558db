//! sys (being built).
