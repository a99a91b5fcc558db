//! Asking the kernel's DCB for the priority flow control of ports.
//!
//! In: ports. Out: for each what DCB knows, or that it knows nothing. Rules: a port of which it knows nothing is not asked
//! about again; the driver answers under the kernel's lock of all network configuration and may take its time, so callers ask
//! on a thread of their own. Spec: [`crate::wire::netlink::dcb`].

use super::error::InterfaceError;
use super::optics::Port;
use super::query::Query;
use super::transport::Transport;
use crate::sys::netlink::{Netlink, Protocol};
use crate::wire::netlink::dcb::Pfc;
use std::collections::{HashMap, HashSet};

/// Room for a batch of answers.
const RECEIVE_BUFFER: usize = 256 * 1024;

/// A socket for the questions, and who needs not be asked.
#[derive(Debug)]
pub struct FlowControl<T = Netlink> {
    query: Query<T>,
    without: HashSet<Port>,
}

impl FlowControl {
    /// Opens the socket; needs no privilege.
    ///
    /// # Errors
    /// There is no netlink, or no descriptor.
    pub fn open() -> Result<Self, InterfaceError> {
        Ok(Self::with(Netlink::open(Protocol::Route, RECEIVE_BUFFER)?))
    }
}

impl<T: Transport> FlowControl<T> {
    /// Asks by this socket.
    pub fn with(socket: T) -> Self {
        Self { query: Query::new(socket), without: HashSet::new() }
    }

    /// Notes by ifIndex what there is of these ports; `None`: DCB knows nothing. One that cannot be read now is left out.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn read(
        &mut self,
        ports: &[Port],
        out: &mut HashMap<u32, Option<Pfc>>,
    ) -> Result<(), InterfaceError> {
        let (without, asked): (Vec<&Port>, Vec<&Port>) =
            ports.iter().partition(|port| self.without.contains(*port));
        out.extend(without.iter().map(|port| (port.index, None)));
        self.query.pfc(&asked, |port, pfc| {
            if pfc.is_none() {
                self.without.insert(port.clone());
            }
            out.insert(port.index, pfc);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::Script;
    use super::*;

    #[test]
    fn priorities_are_summed_and_a_port_without_is_asked_about_once() {
        let mut asking = FlowControl::with(Script::default());
        let (port, mut found) = (Port { index: 3, name: "v1".to_owned() }, HashMap::new());
        asking.query.socket().expect("dcb");
        asking.read(std::slice::from_ref(&port), &mut found).unwrap();
        let pfc = found.remove(&3).unwrap().unwrap();
        assert_eq!((pfc.enabled, pfc.requests, pfc.indications), (0x18, 12, (1 << 32) + 101));
        asking.query.socket().expect("dcb-none");
        for _ in 0..2 {
            asking.read(std::slice::from_ref(&port), &mut found).unwrap();
            assert_eq!(found.remove(&3), Some(None));
            assert!(asking.query.socket().is_done());
        }
    }
}
