//! The settings file (being built).
