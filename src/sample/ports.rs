//! Which interfaces send counter samples, and why. In: what the configuration says of an interface and what the
//! kernel does. Out: yes or no with the reason that `hsflowctl status` prints. The C agent's rule is that switch
//! ports and sampled interfaces report; `interfaceCounters` is our key to have more.

use crate::config::model::InterfaceCounters;

/// What the decision needs to know of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// The loopback device never reports.
    pub loopback: bool,
    /// A device of its own, not one that the kernel makes of others.
    pub physical: bool,
    /// Its name matches a `switchport` pattern.
    pub switch_port: bool,
    /// It is a bond, and a member of it is a switch port.
    pub bond_of_switch_ports: bool,
    /// It is a bond with a member that is sampled, or a member of a bond that is.
    pub bond_sampled: bool,
    /// A `pcap` or `epcap` object names or matches it.
    pub tapped: bool,
    /// It is a port of a tapped bridge, and the tap's `vport` is on.
    pub behind_tap: bool,
    /// The kernel or a switch chip samples its packets for `psample`.
    pub chip_sampled: bool,
}

/// Whether an interface with these properties sends counters, and why.
pub fn sends_counters(mode: InterfaceCounters, port: Port) -> (bool, &'static str) {
    if port.loopback {
        return (false, "loopback");
    }
    if port.switch_port {
        return (true, "switch port");
    }
    if port.bond_of_switch_ports {
        return (true, "bond of switch ports");
    }
    if port.tapped {
        return (true, "named by pcap or epcap");
    }
    if port.behind_tap {
        return (true, "port of a tapped bridge");
    }
    if port.chip_sampled {
        return (true, "sampled by psample");
    }
    if port.bond_sampled {
        return (true, "sampled in its bond");
    }
    match mode {
        InterfaceCounters::All => (true, "interfaceCounters = all"),
        InterfaceCounters::Physical if port.physical => (true, "interfaceCounters = physical"),
        InterfaceCounters::Physical => (false, "not physical; interfaceCounters = all would send it"),
        InterfaceCounters::Sampled => (false, "not sampled; interfaceCounters = all would send it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_host_sends_no_interface_samples_unless_asked() {
        let port = Port { physical: true, ..Port::default() };
        assert!(!sends_counters(InterfaceCounters::Sampled, port).0);
        assert!(sends_counters(InterfaceCounters::Physical, port).0);
        assert!(sends_counters(InterfaceCounters::All, port).0);
        assert!(!sends_counters(InterfaceCounters::Physical, Port::default()).0);
    }

    #[test]
    fn switch_ports_their_bonds_and_tapped_devices_send_in_every_mode() {
        let ports = [
            Port { switch_port: true, ..Port::default() },
            Port { bond_of_switch_ports: true, ..Port::default() },
            Port { tapped: true, ..Port::default() },
            Port { behind_tap: true, ..Port::default() },
            Port { chip_sampled: true, ..Port::default() },
            Port { bond_sampled: true, ..Port::default() },
        ];
        for mode in [InterfaceCounters::Sampled, InterfaceCounters::Physical, InterfaceCounters::All] {
            assert!(ports.iter().all(|p| sends_counters(mode, *p).0));
            assert!(!sends_counters(mode, Port { loopback: true, tapped: true, ..Port::default() }).0);
        }
    }
}
