//! `hsflowctl once`: everything the agent would send now, decoded, and nothing sent. It runs the agent's own poll,
//! so what it prints is what collectors get.

use super::{Exit, decode, fail};
use crate::agent;
use crate::host::Host;
use std::path::Path;

/// Prints one poll of everything with this configuration.
pub(super) fn once(root: &Path, config: &Path, json: bool) -> Result<(), Exit> {
    match agent::once(&Host::at(root), config) {
        Ok(datagrams) => {
            for datagram in &datagrams {
                decode::print_datagram(datagram, None, json)?;
            }
            if datagrams.is_empty() {
                return Err(fail(
                    &"nothing would be sent: see hsflowctl check and the messages above",
                    Exit::No,
                ));
            }
            Ok(())
        }
        Err(e) => Err(fail(&e, Exit::No)),
    }
}
