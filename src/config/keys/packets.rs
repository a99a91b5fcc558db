//! Objects that name a source of packet samples or of drop events.

use super::{Activity, Key, Kind, Object, ObjectId, Repeat, int, name, pattern, switch};

pub(super) static PCAP: Object = Object {
    repeat: Repeat::List,
    activity: Activity::Active,
    more: "One block for each set of interfaces. All of dev, dev.pattern, speed and physical that are given must fit, and the \
           last block that fits counts. Without dev, interfaces made of others are left out: bonds, VLANs, veth. A bond that \
           is named in dev is sampled instead of its members.",
    ..Object::new(ObjectId::Pcap, "pcap", "Sample the packets of interfaces", TAP_KEYS)
};

pub(super) static EPCAP: Object = Object {
    repeat: Repeat::List,
    activity: Activity::Active,
    more: "Takes the keys of pcap. The kernel counts the packets that it chooses from. Where it has no such thing (before \
           Linux 5.8), or will not let the agent, the interface is sampled as by pcap, and the status says so.",
    ..Object::new(ObjectId::Epcap, "epcap", "Sample the packets of interfaces with eBPF", TAP_KEYS)
};

static TAP_KEYS: &[Key] = &[
    name("dev", "The interface of this name").unset("any"),
    pattern("dev.pattern", "", "Interfaces whose name matches").example("^en").unset("any"),
    Key::new(
        "speed",
        Kind::Speeds,
        "",
        "Interfaces of this speed (10G), from it on (1G-), or between two (1G-10G)",
    )
    .unset("any"),
    switch("physical", "off", "Only physical interfaces").more("The C agent does not know this key."),
    switch("dynamic", "off", "Only interfaces of containers, when they appear"),
    switch("promisc", "off", "Put the interface in promiscuous mode"),
    switch("vport", "", "Also send counters of the ports behind a tapped bridge").unset("on for a bridge"),
    int("sampling", 0, 10_000_000, "", "", "Sample 1 in N on these interfaces; 0: none")
        .unset("by speed, see SAMPLING RATES"),
];

pub(super) static PSAMPLE: Object = Object {
    repeat: Repeat::Reset,
    activity: Activity::Active,
    ..Object::new(
        ObjectId::Psample,
        "psample",
        "Take packets that the kernel or a switch sampled",
        PSAMPLE_KEYS,
    )
};

static PSAMPLE_KEYS: &[Key] = &[
    int("group", 1, 32, "", "1", "PSAMPLE group of arriving packets; leaving packets use the next one"),
    switch("ingress", "on", "Take arriving packets"),
    switch("egress", "off", "Take leaving packets"),
];

pub(super) static NFLOG: Object = Object {
    activity: Activity::Active,
    more: "The firewall rule does the sampling (-m statistic --mode random --probability P -j NFLOG): a rule of \
           yours, or with rule = on one of the agent's.",
    ..Object::new(ObjectId::Nflog, "nflog", "Take packets that a firewall rule sampled", NFLOG_KEYS)
};

static NFLOG_KEYS: &[Key] = &[
    int("group", 1, 32, "", "", "NFLOG group of the rule")
        .example("1")
        .alias(&["nflogGroup"])
        .unset("the source is off"),
    Key::new(
        "probability",
        Kind::Probability,
        "",
        "Probability in the rule; the sampling rate is 1 over it, rounded down",
    )
    .alias(&["nflogProbability"])
    .unset("unknown"),
    switch("rule", "off", "Set up the firewall rules for the group, and remove them at the end").more(
        "In iptables and ip6tables, at the head of INPUT, OUTPUT and FORWARD, with the comment hsflowd-rs, by \
         which they are known: no other rule is touched. They sample 1 in 1/probability, or without it 1 in \
         sampling, and nothing is left to do for the agent. Needs CAP_NET_ADMIN, and of the older kind of \
         iptables CAP_NET_RAW and write access to /run/xtables.lock.",
    ),
];

pub(super) static ULOG: Object = Object {
    activity: Activity::Ignored("Linux 3.17 removed ULOG: use nflog"),
    ..Object::new(
        ObjectId::Ulog,
        "ulog",
        "Take packets that a firewall rule sampled, on old kernels",
        ULOG_KEYS,
    )
};

static ULOG_KEYS: &[Key] = &[
    int("group", 1, 32, "", "", "ULOG group of the rule")
        .example("1")
        .alias(&["ulogGroup"])
        .unset("the source is off"),
    Key::new(
        "probability",
        Kind::Probability,
        "",
        "Probability in the rule; the sampling rate is 1 over it, rounded down",
    )
    .alias(&["ulogProbability"])
    .unset("unknown"),
];

pub(super) static DROPMON: Object = Object {
    repeat: Repeat::Reset,
    activity: Activity::Active,
    ..Object::new(
        ObjectId::Dropmon,
        "dropmon",
        "Report packets that the kernel or a switch dropped",
        DROPMON_KEYS,
    )
};

static DROPMON_KEYS: &[Key] = &[
    switch("start", "on", "Start the kernel's drop monitor"),
    switch("force", "on", "Reconfigure a drop monitor that already runs"),
    int("limit", 1, 10_000, "", "100", "Most drop events sent in a second"),
    int(
        "max",
        1,
        u32::MAX,
        "",
        "100000",
        "Events from the kernel in a second above which there are too many",
    ),
    int(
        "max_trip",
        1,
        u32::MAX,
        "",
        "2",
        "Seconds in a row with too many events after which the monitor is stopped",
    ),
    switch("sw", "on", "Report drops in software"),
    switch("hw", "on", "Report drops in hardware"),
    switch("rn", "on", "Use the kernel's drop reasons"),
    switch("hw_unknown", "off", "Report hardware drops for unknown reasons"),
    switch("sw_passive", "off", "Listen for software drops that something else started"),
    switch("hw_passive", "off", "Listen for hardware drops that something else started"),
    pattern("hide", "", "Do not report reasons that match").example("^skb").unset("none"),
    int("group", 0, u32::MAX, "", "", "Accepted from old files")
        .unset("no effect")
        .ignored("there is one group"),
    switch("hw_function", "", "Accepted from old files").unset("no effect").ignored("rn replaced it"),
];

pub(super) static TCP: Object = Object {
    activity: Activity::Active,
    more: "The kernel is asked for the sockets of all samples of a batch at once. Sockets in containers are found where \
           the agent may enter their network namespaces (CAP_SYS_ADMIN and CAP_SYS_PTRACE).",
    ..Object::new(
        ObjectId::Tcp,
        "tcp",
        "Add round-trip times and losses of local connections to samples",
        TCP_KEYS,
    )
};

static TCP_KEYS: &[Key] = &[
    switch("tunnel", "off", "Look inside tunnels"),
    switch("udp", "off", "Look up UDP sockets too"),
    switch("dump", "off", "Accepted from old files").ignored("sockets are asked for one by one"),
];
