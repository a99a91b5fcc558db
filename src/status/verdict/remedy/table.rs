//! The table: what to do about each component. A row is about one or more names of hsflowd(8), COMPONENTS; a remedy may name
//! `{file}`, the configuration, and `{host}`, the address of a collector. A new component needs a row, and a test says so.

use super::cures::LOG;

/// What to do about some components.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Components, by their names or the first word of them.
    pub names: &'static [&'static str],
    /// Words of a reason, and what to do then.
    pub cures: &'static [(&'static str, &'static str)],
    /// What to do otherwise.
    pub otherwise: &'static str,
    /// With these words in its reason the component is not on this host at all.
    pub absent: Option<&'static str>,
}

const fn row(
    names: &'static [&'static str],
    cures: &'static [(&'static str, &'static str)],
    otherwise: &'static str,
) -> Row {
    Row { names, cures, otherwise, absent: None }
}

/// One whose object is about something that a host may not have.
const fn absent(words: &'static str, row: Row) -> Row {
    Row { absent: Some(words), ..row }
}

const NETLINK: &str = "hsflowctl doctor says what this kernel has; dmesg | tail";

/// All rows.
pub static ROWS: &[Row] = &[
    row(
        &["configuration"],
        &[],
        "hsflowctl check {file} shows each mistake with its place; mend it, then hsflowctl reload",
    ),
    row(
        &["dns-sd"],
        &[
            (
                "no answer",
                "ask as the agent does: dig SRV _sflow._udp.DOMAIN, with the servers of /etc/resolv.conf; or name a collector in {file}: collector { ip = ADDRESS }",
            ),
            (
                "DNS has no collector",
                "publish the records (man 5 hsflowd.conf, dns-sd), or name one in {file}: collector { ip = ADDRESS }",
            ),
        ],
        "dig SRV _sflow._udp.DOMAIN and dig TXT _sflow._udp.DOMAIN show the records; mend them, then hsflowctl reload",
    ),
    row(
        &["agent-address"],
        &[(
            "until then",
            "getent ahosts NAME must find it; then hsflowctl reload; or write an address: agentIP = ADDRESS in {file}",
        )],
        "give an interface an address (ip addr), or write agentIP = ADDRESS in {file}, then hsflowctl reload",
    ),
    row(&["interfaces"], &[], NETLINK),
    row(
        &["optics"],
        &[("Unavailable", NETLINK)],
        "ethtool -m NAME shows the same transceiver; optics = off in {file} stops the reading",
    ),
    row(&["host-counters"], &[], LOG),
    row(
        &["host_id", "cpu", "memory", "disk", "mib2"],
        &[
            (
                "Permission denied",
                "the agent's user must be able to read it: ls -l on the file above; is /proc mounted with hidepid, or the unit changed?",
            ),
            (
                "No such file",
                "is /proc mounted here? in a container: --root DIR, where the host's is mounted",
            ),
        ],
        "cat the file above; what cannot be read is sent as unknown; please report a format that the agent does not know",
    ),
    row(&["collectors"], &[], "name one in {file}: collector { ip = ADDRESS }, then hsflowctl reload"),
    row(
        &["collector"],
        &[
            (
                "refused",
                "start the collector on {host}, or correct ip and udpport of its collector { } in {file}; on {host}: ss -lnu",
            ),
            (
                "cannot resolve",
                "getent ahosts {host} must find it (/etc/resolv.conf, /etc/hosts); or write its address: collector { ip = ADDRESS } in {file}",
            ),
            ("looking up its name", "it is being asked for: getent ahosts {host}"),
            ("stand-by", "nothing: it takes over when the better collectors fail"),
            (
                "no device named",
                "ip -br link shows the devices; correct dev in its collector { } in {file}, then hsflowctl reload",
            ),
            (
                "needs CAP_SYS_ADMIN",
                "the drop-in collector-namespace.conf lets the agent in; then systemctl restart hsflowd",
            ),
            (
                "network namespace",
                "ip netns list shows the namespaces; correct namespace in its collector { } in {file}",
            ),
            (
                "Operation not permitted",
                "a firewall of this host drops it: iptables -S OUTPUT; nft list ruleset; hsflowctl doctor looks for the rule",
            ),
            (
                "Permission denied",
                "a firewall or a route of this host forbids it: ip route get {host}; hsflowctl doctor looks for the rule",
            ),
            (
                "unreachable",
                "ip route get {host}: give this host a route, or correct ip of its collector { } in {file}",
            ),
            ("No route to host", "ip route get {host}; ping {host}: the next hop does not answer"),
            ("Message too long", "datagramBytes = 1200 in {file}, then hsflowctl reload"),
            ("No buffer space", "the line or its queue is full: tc -s qdisc show; ip -s link"),
        ],
        "ip route get {host}; hsflowctl explain collector {host}",
    ),
    row(
        &["pcap", "epcap"],
        &[
            (
                "no interface",
                "ip -br link shows those that there are; correct dev in {file}, then hsflowctl reload",
            ),
            ("samples instead", "nothing, where that will do; else hsflowctl doctor says what epcap lacks"),
            ("sampling rate is 0", "sampling = N in its object in {file}, then hsflowctl reload"),
        ],
        "hsflowctl explain interface NAME says more of each",
    ),
    row(
        &["nflog"],
        &[
            (
                "taken by another process",
                "ss -f netlink shows who; give it another group: nflog { group = N } in {file} and in the firewall rule",
            ),
            (
                "no sampling rule",
                "iptables must be installed and permitted; else set the rule yourself and rule = off in nflog { } of {file}",
            ),
            ("not in this kernel", "modprobe nfnetlink_log; where the kernel has none: pcap { } in {file}"),
            (
                "it names no group",
                "nflog { group = N probability = P } in {file}, and iptables -A INPUT -m statistic --mode random --probability P -j NFLOG --nflog-group N",
            ),
        ],
        "hsflowctl doctor says what this kernel has; iptables -S | grep NFLOG shows the rules",
    ),
    row(
        &["psample"],
        &[
            (
                "No such file",
                "modprobe psample (or tc ... action sample, which loads it); where the kernel has none: pcap { } in {file}",
            ),
            ("not in this kernel", "modprobe psample; where the kernel has none: pcap { } in {file}"),
        ],
        "hsflowctl doctor says what this kernel has; tc filter show dev NAME ingress shows who samples",
    ),
    row(
        &["dropmon"],
        &[
            ("No such file", "modprobe drop_monitor; where the kernel has none, take dropmon out of {file}"),
            (
                "not in this kernel",
                "modprobe drop_monitor; where the kernel has none, take dropmon out of {file}",
            ),
            (
                "more than",
                "something drops packets in masses: dropwatch, or hide = PATTERN in dropmon of {file}",
            ),
        ],
        "the drop-in packet-drops.conf gives what newer kernels ask for; hsflowctl doctor says what is missing",
    ),
    row(&["vpp"], &[], "is VPP running with its sflow plug-in and linux-cp? vppctl show sflow"),
    row(
        &["dent"],
        &[(
            "no interface fits",
            "ip -br link shows those that there are; correct switchport in dent { } of {file}",
        )],
        "tc -s filter show dev NAME ingress; hsflowctl explain interface NAME says more of each port",
    ),
    row(&["ulog"], &[], "use nflog { group = N } in {file}, and -j NFLOG in the firewall rule"),
    row(
        &["json"],
        &[
            (
                "Address already in use",
                "ss -lnup shows who has the port; another udpport in json { } of {file}, then hsflowctl reload",
            ),
            (
                "No such file",
                "mkfifo the pipe, or make the folder, that json { } of {file} names; it is tried again",
            ),
            ("it names no input", "json { udpport = 36343 } in {file}"),
        ],
        "hsflowctl status shows each input; ls -l on the path above",
    ),
    absent(
        "",
        row(
            &["docker"],
            &[
                (
                    "Permission denied",
                    "the drop-in docker.conf puts the agent into the group of the socket; then systemctl restart hsflowd",
                ),
                ("Connection refused", "systemctl start docker; journalctl -u docker"),
                (
                    "is there",
                    "systemctl start docker; on a host without Docker take docker { } out of {file}",
                ),
                (
                    "No such file",
                    "systemctl start docker; on a host without Docker take docker { } out of {file}",
                ),
            ],
            "systemctl status docker; docker info; its containers are still counted by their cgroups",
        ),
    ),
    absent(
        "no containerd here",
        row(
            &["containerd", "k8s"],
            &[
                (
                    "Permission denied",
                    "the socket is root's: gid in [grpc] of /etc/containerd/config.toml, and SupplementaryGroups= by systemctl edit hsflowd",
                ),
                (
                    "no containerd here",
                    "systemctl start containerd; on a host without it take the object out of {file}",
                ),
            ],
            "systemctl status containerd; ctr version",
        ),
    ),
    absent(
        "",
        row(
            &["systemd"],
            &[],
            "systemctl must answer: busctl status org.freedesktop.systemd1; in a container take systemd { } out of {file}",
        ),
    ),
    absent(
        "",
        row(
            &["kvm"],
            &[
                (
                    "hsflowd-libvirt",
                    "install the package hsflowd-rs-libvirt; on a host without virtual machines take kvm { } out of {file}",
                ),
                ("does not answer", "systemctl status libvirtd; virsh -r list"),
            ],
            "systemctl status libvirtd; virsh -r list must work for the agent's user",
        ),
    ),
    absent(
        "nvml: ",
        row(
            &["nvml"],
            &[],
            "nvidia-smi must work here (the driver with its library libnvidia-ml.so.1, and gpus.conf for the unit); without a GPU take nvml { } out of {file}",
        ),
    ),
    row(&["xen"], &[], "take xen { } out of {file}; kvm { } tells of libvirt's domains"),
    absent(
        "no Open vSwitch here",
        row(
            &["ovs"],
            &[
                (
                    "open-vswitch.conf",
                    "install the drop-in open-vswitch.conf, then systemctl restart hsflowd",
                ),
                (
                    "no Open vSwitch here",
                    "systemctl start openvswitch-switch; on a host without it take ovs { } out of {file}",
                ),
                (
                    "is left alone",
                    "ovs-vsctl list sflow shows the other's record; the command above gives the bridge to this agent",
                ),
            ],
            "systemctl status openvswitch-switch; ovs-vsctl show; ovs-vsctl list sflow",
        ),
    ),
    row(&["nlroute"], &[], NETLINK),
    row(&["sonic", "eapi", "opx"], &[], "what the reason above names does it instead"),
    row(
        &["cumulus"],
        &[],
        "install the drop-in cumulus.conf; systemctl status switchd; hsflowctl explain interface NAME",
    ),
    row(
        &["tcp"],
        &[],
        "the drop-in container-sockets.conf lets the agent into the namespaces of containers; modprobe tcp_diag",
    ),
    row(
        &["packet-samples"],
        &[
            (
                "no firewall rule",
                "set the rule again: iptables -A INPUT -m statistic --mode random --probability P -j NFLOG --nflog-group N; or rule = on in nflog { } of {file}, and the agent keeps it",
            ),
            (
                "no tc filter",
                "tc filter show dev NAME ingress shows none: set it (tc-sample(8)), or dent { switchport = PATTERN } in {file}, and the agent keeps it",
            ),
        ],
        "hsflowctl explain interface NAME; hsflowctl doctor --calibrate tries the sampler; epcap in place of pcap, or the reverse, in {file}",
    ),
    row(
        &["privileges"],
        &[],
        "systemctl restart hsflowd; what the unit does not grant has a drop-in for it: man 8 hsflowd",
    ),
    row(
        &["settings-file"],
        &[
            ("at most", "sub-agents send to the first 10 only; name fewer collectors in {file}"),
            (
                "no sub-agent can read",
                "write it into {file} otherwise: hsflowctl config show has all keys; the agent itself goes by it",
            ),
            (
                "Permission denied",
                "the agent's user must be able to write there: chown the folder, or -o FILE in another one",
            ),
        ],
        "df -h and ls -ld on the folder above; -o FILE names another file",
    ),
    row(
        &["control", "commands", "guest-events", "stream"],
        &[(
            "in use",
            "another hsflowd runs: pgrep -a hsflowd; stop one of them, or give it its own --socket",
        )],
        "ls -ld /run/hsflowd: the agent's user must be able to write there; then systemctl restart hsflowd",
    ),
    row(
        &["clock"],
        &[],
        "chronyc tracking or timedatectl says who sets the clock; this note ends after 10 minutes",
    ),
    row(
        &["metrics"],
        &[(
            "in use",
            "ss -lntp shows who has the port; another listen in metrics { } of {file}, then hsflowctl reload",
        )],
        "ss -lntp; correct listen in metrics { } of {file}, then hsflowctl reload",
    ),
    row(
        &["dbus"],
        &[],
        "systemctl status dbus; is the policy file net.sflow.hsflowd.conf installed? busctl status net.sflow.hsflowd",
    ),
];
