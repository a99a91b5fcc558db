//! `hsflowctl explain WHAT`: a short paragraph for a tired person, ending with what would change it. In: a
//! [`Snapshot`]. Out: text. Pure.

use crate::status::snapshot::Snapshot;

/// Why the agent address is what it is.
pub(super) fn agent_address(snapshot: &Snapshot) -> String {
    let agent = &snapshot.agent;
    let file = &snapshot.settings.file;
    match &agent.address {
        Some(address) => format!(
            "Collectors know this host as {address}: {}.\n\
             It stays while that address lives. To choose another, set one of these in {file} and reload:\n  \
             agentIP = ADDRESS | agent = DEVICE | agent.cidr = PREFIX/BITS\n",
            agent.address_reason
        ),
        None => format!(
            "This host has no usable agent address, so nothing is sent: {}.\n\
             Give an interface an address, or set one in {file} and reload:\n  agentIP = ADDRESS\n",
            agent.address_reason
        ),
    }
}
