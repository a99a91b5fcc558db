//! What this agent does otherwise with the same settings, on purpose: the part of the README's table that a user of these
//! settings will see in numbers, files or messages. In: settings. Out: findings; those of every host first.

use super::{Finding, Weight};
use crate::config::model::Settings;
use crate::config::origin::Origin;
use std::net::IpAddr;

type Difference = (fn(&Settings) -> bool, &'static str, &'static str);

/// When, of what, and what is so here.
const TABLE: [Difference; 26] = [
    (
        |_| true,
        "interface counters",
        "the kernel's 64-bit totals from the first sample on, not from 0; the operational state minds the carrier",
    ),
    (
        |_| true,
        "host disk counters",
        "whole devices only, so partitions, loop and zram no longer count twice",
    ),
    (
        |_| true,
        "host network counters",
        "devices that carry traffic out of the host, once; bridges, veth and VLANs do not add to them",
    ),
    (
        |_| true,
        "host memory and ICMP counters",
        "shared memory, pages instead of KiB, and ICMP columns by their names: some numbers change",
    ),
    (|_| true, "first samples", "everything once at start, then spread over the interval by a stable hash"),
    (
        |_| true,
        "host UUID",
        "without SMBIOS it comes from /etc/machine-id, no longer the same for all such hosts",
    ),
    (
        |_| true,
        "/etc/hsflowd.auto",
        "a link to /run/hsflowd/hsflowd.auto, replaced as a whole at every change",
    ),
    (
        |_| true,
        "user",
        "hsflowd instead of root and then nobody; files that only root may read are out of reach",
    ),
    (
        |_| true,
        "signals and exit status",
        "SIGHUP also reads the configuration again; a configuration that is refused is status 78, not 1",
    ),
    (|s| is_stated(s, "datagramBytes"), "datagramBytes", "it is in force; it has no effect in the C agent"),
    (
        |s| s.collectors.iter().any(|c| c.host.parse::<IpAddr>().is_err()),
        "collector ip",
        "a name is looked up again and again; one that cannot be found stops nothing",
    ),
    (
        |s| s.collectors.iter().any(|c| c.device.is_some() || c.namespace.is_some()),
        "collector dev, namespace",
        "not in hsflowd.auto, which no sub-agent could use",
    ),
    (
        |s| s.agent_cidrs.iter().any(|rule| rule.negate),
        "agent.cidr",
        "an address behind ! is never the agent's, even if there is no other",
    ),
    (
        |s| s.modules.dns_sd.is_some(),
        "dns-sd",
        "after a failure the next question comes after 10 s and later ever more rarely, not after 300 s",
    ),
    (
        |s| !s.modules.pcap.is_empty() || !s.modules.epcap.is_empty(),
        "pcap, epcap",
        "interfaces are tapped when they appear; input and output as the kernel knows them, or unknown, never a guess",
    ),
    (
        |s| s.modules.epcap.iter().any(|tap| tap.sampling.is_some() || tap.promiscuous),
        "epcap",
        "sampling and promisc are in force; the C agent ignores them",
    ),
    (|s| s.modules.nflog.is_some(), "nflog", "input and output are not exchanged, lost packets are counted"),
    (|s| s.modules.dropmon.is_some(), "dropmon", "limit = N is N a second, not the next lower ten"),
    (
        |s| s.modules.json.is_some(),
        "json",
        "one message a line in the pipe; at most 1,000 applications and 100,000 messages a second of one sender",
    ),
    (
        |s| s.modules.tcp.is_some(),
        "tcp",
        "a sample waits for no answer; connections of containers need an engine of containers in the configuration, or container-sockets.conf",
    ),
    (
        |s| s.modules.has_containers(),
        "docker, containerd, k8s",
        "counters come from the kernel's cgroups, so none costs the engine anything; paused containers stay",
    ),
    (
        |s| s.modules.kvm.is_some(),
        "kvm",
        "receive and transmit are those of the guest, no longer exchanged; all disks that libvirt counts",
    ),
    (
        |s| s.modules.systemd.is_some(),
        "systemd",
        "disk counters are those of the service's cgroup, and never go backwards",
    ),
    (
        |s| s.modules.dent.is_some() || s.modules.cumulus.is_some(),
        "dent, cumulus",
        "only tc filters with our mark are changed; rates of NVUE and switchd.conf go first; ports that cannot sample in hardware are sampled by the kernel",
    ),
    (
        |s| s.modules.ovs.is_some(),
        "ovs",
        "an sFlow record of somebody else stays as it is and is named in the status",
    ),
    (
        |s| s.modules.nvml,
        "nvml",
        "the library is opened in the unit, which is given NVIDIA's devices and no others",
    ),
];

/// What the C agent never finds, because it compares letters as they are.
const SMALL_LETTERS: (&str, &str) =
    ("sampling.SPEED", "a speed in small letters (10g) counts; it never matches in the C agent");

/// `text` is that of the file, which says how keys were written.
pub(super) fn findings(settings: Option<&Settings>, text: &str) -> Vec<Finding> {
    let Some(settings) = settings else { return Vec::new() };
    let rows = TABLE.iter().filter(|(when, ..)| when(settings)).map(|(_, subject, what)| (*subject, *what));
    let rows = rows.chain(has_small_letters(text).then_some(SMALL_LETTERS));
    rows.map(|(subject, what)| Finding::new(Weight::Differs, subject, what)).collect()
}

fn is_stated(settings: &Settings, key: &str) -> bool {
    settings.origins.of(key) != Origin::Default
}

fn has_small_letters(text: &str) -> bool {
    let lines = text.lines().filter_map(|line| line.split('#').next());
    let mut words = lines.flat_map(|line| line.split(|c: char| c.is_whitespace() || "={};".contains(c)));
    words.any(|word| {
        let (key, speed) = word.split_once('.').unwrap_or_default();
        let digits = speed.trim_end_matches(['k', 'm', 'g', 't']);
        let is_speed =
            digits.len() < speed.len() && !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
        is_speed && key.eq_ignore_ascii_case("sampling")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(body: &str) -> Vec<String> {
        let text = format!("sflow {{ collector {{ ip = 192.0.2.1 }} {body} }}");
        let settings = crate::config::parse("f", &text).settings.expect("a valid file");
        findings(Some(&settings), &text).into_iter().map(|finding| finding.subject).skip(9).collect()
    }

    #[test]
    fn a_difference_is_told_to_whom_it_concerns() {
        assert_eq!(subjects(""), [] as [String; 0]);
        for (body, subject) in [
            ("datagramBytes = 1400", "datagramBytes"),
            ("sampling.10g = 7", "sampling.SPEED"),
            ("collector { ip = localhost }", "collector ip"),
            ("agent.cidr = !10.0.0.0/8", "agent.cidr"),
            ("dropmon { }", "dropmon"),
            ("nvml { }", "nvml"),
        ] {
            assert_eq!(subjects(body), [subject], "{body}");
        }
        assert_eq!(subjects("sampling.10G = 7 sampling.http = 9 # sampling.10g\n"), [] as [String; 0]);
        assert_eq!(findings(None, ""), []);
    }
}
