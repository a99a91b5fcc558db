//! Which sub-agent id the datagrams carry, which depends on what the file switches on.
//!
//! In the C agent a packet thread, if some module asks for one, sends everything as `subAgentId`; without one the
//! counters go out as `subAgentId` + 1. Collectors keep state by that number, so it must not change with the agent.

use super::model::Settings;

impl Settings {
    /// Whether some object is on for which the C agent starts its packet thread.
    pub fn has_packet_thread(&self) -> bool {
        let modules = &self.modules;
        !modules.pcap.is_empty()
            || !modules.epcap.is_empty()
            || modules.json.is_some()
            || modules.tcp.is_some()
            || modules.ulog.is_some()
            || modules.nflog.is_some()
            || modules.psample.is_some()
            || modules.dropmon.is_some()
            || modules.opx.is_some()
            || modules.sonic.is_some()
            || modules.vpp.is_some()
            || modules.k8s.is_some()
            || modules.containerd.is_some()
            || modules.docker.as_ref().is_some_and(|docker| docker.mark_traffic)
            || modules.systemd.as_ref().is_some_and(|systemd| systemd.mark_traffic)
    }

    /// The sub-agent id of all datagrams.
    pub fn sub_agent(&self) -> u32 {
        self.sub_agent_id + u32::from(!self.has_packet_thread())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    fn sub_agent(body: &str) -> u32 {
        let text = format!("sflow {{ collector {{ ip=::1 }} {body} }}");
        parse("test", &text).settings.unwrap_or_else(|| panic!("{body}")).sub_agent()
    }

    #[test]
    fn counters_alone_use_the_next_number() {
        let bodies = "kvm docker systemd cumulus dent ovs nvml dbus metrics";
        for body in bodies.split(' ').map(|object| format!("{object} {{}}")).chain([String::new()]) {
            assert_eq!(sub_agent(&body), 100_001, "{body}");
        }
        assert_eq!(sub_agent("subAgentId=7"), 8);
        assert_eq!(sub_agent("jsonPort=36343 nflogGroup=1"), 100_001);
    }

    #[test]
    fn packet_sources_use_the_number_itself() {
        let bodies = "pcap epcap json tcp ulog nflog psample dropmon opx os10 sonic vpp k8s containerd";
        for object in bodies.split(' ') {
            assert_eq!(sub_agent(&format!("{object} {{ }}")), 100_000, "{object}");
        }
        assert_eq!(sub_agent("docker { markTraffic=on }"), 100_000);
        assert_eq!(sub_agent("systemd { markTraffic=on }"), 100_000);
        assert_eq!(sub_agent("subAgentId=7 json {}"), 7);
    }
}
