//! Netlink messages (being built).
