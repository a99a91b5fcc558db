//! What leaves the agent, on real sockets, network namespaces and file systems.
//!
//! Tests that need a namespace or a mount say `SKIP` where they may not make one. They run in parallel and share nothing.

mod auto_changes;
mod auto_file;
mod auto_host;
mod auto_text;
mod collectors;
mod namespaces;
mod ranks;
mod readers;
mod spaces;
