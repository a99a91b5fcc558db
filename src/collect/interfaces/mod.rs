//! Interfaces (being built).
