//! status (being built).
