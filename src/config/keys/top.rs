//! Keys directly in `sflow { }`, and the objects that say where samples go and where they may come from otherwise.

use super::{Activity, Key, Kind, Object, ObjectId, Repeat, int, name, path, switch};

const SECONDS: &str = "seconds";
const BYTES: &str = "bytes";
const RATE_MAX: u32 = 10_000_000;

pub(super) static SFLOW: Object = Object {
    repeat: Repeat::Never,
    activity: Activity::Active,
    more: "The file has exactly one of these, and nothing outside it.",
    ..Object::new(ObjectId::Sflow, "sflow", "Everything stands in it", TOP_KEYS)
};

static TOP_KEYS: &[Key] = &[
    int("polling", 0, 300, SECONDS, "30", "Time between two counter samples of one source")
        .alias(&["counterPollingInterval"])
        .more("0 switches all counter samples off."),
    int("sampling", 0, RATE_MAX, "", "400", "Sample 1 in N packets on interfaces of unknown speed")
        .alias(&["packetSamplingRate"])
        .more(
            "Also transactions of applications. An interface with a known speed uses the rate of its speed instead: \
             see SAMPLING RATES.",
        ),
    int("sampling.KEY", 0, RATE_MAX, "", "", "Sample 1 in N on interfaces of speed KEY, or for application KEY")
        .example("10G 10000")
        .unset("speed / 1,000,000, but at least 100; for applications: sampling")
        .more("KEY is a link speed (100M, 10G), bps_ratio, or an application (http, app.NAME). 0: do not sample."),
    int("polling.KEY", 0, 300, SECONDS, "", "Time between two counter samples of application KEY")
        .example("http 30")
        .unset("polling"),
    int("headerBytes", 0, 256, BYTES, "128", "Length of the packet header in a packet sample"),
    int("datagramBytes", 200, 8192, BYTES, "1400", "Largest UDP payload of a datagram"),
    Key::new("agentIP", Kind::Host, "", "The address that names this agent; it need not be local")
        .unset("the best local address"),
    name("agent", "Prefer the addresses of this interface as the agent address").unset("no preference"),
    Key::new("agent.cidr", Kind::Cidr, "", "Prefer agent addresses in this range; with ! never choose one in it")
        .repeats()
        .unset("no preference")
        .more("May be repeated. Earlier lines weigh more; where ranges overlap, the later line applies."),
    int("subAgentId", 0, 199_999, "", "100000", "Sub-agent id in the datagrams")
        .more("An agent without packet sources uses this number + 1."),
    Key::new("uuid", Kind::Uuid, "", "UUID of this host").unset("that of the machine"),
    int("refreshAdaptors", 60, 3600, SECONDS, "180", "Time between two full re-reads of the interfaces")
        .more("Changes are seen at once anyway; this is a safety net."),
    int("checkAdaptors", 1, 3600, SECONDS, "10", "Time between two checks of the interface flags")
        .ignored("the kernel reports changes of interfaces at once"),
    int("refreshVMs", 60, 3600, SECONDS, "60", "Time between two re-reads of the lists of guests"),
    int("forgetVMs", 60, u32::MAX, SECONDS, "180", "Time after which guests are forgotten that their engine does not answer for"),
    switch("guestPressure", "off", "Also send how long tasks of guests waited for CPU, memory and disks")
        .more("As metrics (rtmetric) under the guest's name, where the kernel counts that. The C agent does not know this key."),
    Key::new("interfaceCounters", Kind::Choice(&["sampled", "physical", "all"]), "sampled", "Which interfaces send counter samples")
        .more(
            "sampled: those with packet sampling, with the members or the bond of such a one, and switch ports. physical: also every physical \
             interface. all: every interface but loopback. The C agent does not know this key.",
        ),
    switch("optics", "", "Also send what pluggable transceivers measure: light, temperature, voltage")
        .unset("on with cumulus, dent, opx or sonic")
        .more(
            "Of physical interfaces that send counter samples, at most every 300 seconds. Needs CAP_NET_ADMIN, which the service \
             has where this is on at its start. The C agent does not know this key.",
        ),
    switch("pfc", "", "Also send the frames of priority flow control that interfaces sent and received")
        .unset("on with cumulus, dent, opx or sonic")
        .more(
            "Of physical interfaces that send counter samples and have it. The C agent does not know this key.",
        ),
    path("modules", "Directory of loadable modules")
        .example("/etc/hsflowd/modules")
        .unset("none")
        .ignored("there are no loadable modules"),
    switch("loopback", "", "Accepted from old files").unset("no effect").ignored("it is deprecated"),
    Key::new("samplingDirection", Kind::Choice(&["in", "out", "both"]), "", "Accepted from old files")
        .unset("no effect")
        .ignored("psample { ingress egress } says it"),
    switch("DNSSD", "", "Deprecated: write dns-sd { }").moved(ObjectId::DnsSd, ""),
    name("DNSSD_domain", "Deprecated: write dns-sd { domain }").moved(ObjectId::DnsSd, "domain"),
    int("jsonPort", 1025, 65535, "", "", "Deprecated: write json { udpport }")
        .example("36343")
        .moved(ObjectId::Json, "udpport"),
    path("jsonFIFO", "Deprecated: write json { fifo }").moved(ObjectId::Json, "fifo"),
    int("ulogGroup", 1, 32, "", "", "Deprecated: write ulog { group }")
        .example("1")
        .moved(ObjectId::Ulog, "group"),
    Key::new("ulogProbability", Kind::Probability, "", "Deprecated: write ulog { probability }")
        .moved(ObjectId::Ulog, "probability"),
    int("nflogGroup", 1, u32::MAX, "", "", "Deprecated: write nflog { group }").moved(ObjectId::Nflog, "group"),
    Key::new("nflogProbability", Kind::Probability, "", "Deprecated: write nflog { probability }")
        .moved(ObjectId::Nflog, "probability"),
    switch("xen.update.dominfo", "", "Deprecated: write xen { update.dominfo }")
        .moved(ObjectId::Xen, "update.dominfo"),
    switch("xen.dsk", "", "Deprecated: write xen { dsk }").moved(ObjectId::Xen, "dsk"),
];

pub(super) static COLLECTOR: Object = Object {
    repeat: Repeat::List,
    activity: Activity::Active,
    more: "One block for each; all get the same datagrams. At least one is needed unless dns-sd, eapi or sonic is \
           there to find them.",
    ..Object::new(ObjectId::Collector, "collector", "Where datagrams are sent", COLLECTOR_KEYS)
};

static COLLECTOR_KEYS: &[Key] = &[
    Key::new("ip", Kind::Host, "", "Address or host name of the collector")
        .unset("required")
        .more("A name is looked up in the background, and again from time to time."),
    int("udpport", 1, 65535, "", "6343", "UDP port of the collector"),
    name("dev", "Interface that datagrams leave by")
        .alias(&["interface"])
        .more("Sub-agents cannot send that way: hsflowd.auto does not name such a collector.")
        .unset("as the routing table says"),
    name("namespace", "Network namespace to send from, a name under /var/run/netns")
        .example("mgmt")
        .more(
            "The service needs CAP_SYS_ADMIN for it: see its drop-in collector-namespace.conf. Sub-agents cannot send that \
             way: hsflowd.auto does not name such a collector.",
        )
        .unset("that of the agent"),
];

pub(super) static DNS_SD: Object = Object {
    activity: Activity::Active,
    more: "The SRV records of _sflow._udp say where to send, the strings of its TXT records the settings: see DNS-SD. \
           The file's collector, polling, sampling and headerBytes are then not used. Cannot be combined with eapi or \
           sonic.",
    ..Object::new(ObjectId::DnsSd, "dns-sd", "Take collectors and rates from DNS", DNS_SD_KEYS)
};

static DNS_SD_KEYS: &[Key] = &[
    name("domain", "Appended to _sflow._udp as it is, so it begins with a dot")
        .alias(&["DNSSD_domain"])
        .example(".example.org")
        .unset("the resolver's search list")
        .more(
            "With a domain that one name is asked for. Without it the names that search, domain and ndots of \
             /etc/resolv.conf make are asked for in their order, until one has collectors.",
        ),
    switch("srvPriority", "off", "Let SRV priorities make stand-bys")
        .more(
            "off: every SRV target gets every datagram, as the C agent does. on: those of the lowest priority value do; the \
             next ones only while all before them fail. The C agent does not know this key.",
        ),
];

pub(super) static JSON: Object = Object {
    activity: Activity::Active,
    more: "Applications send their own metrics, flows and counters this way, a JSON object each.",
    ..Object::new(ObjectId::Json, "json", "Take samples from local applications as JSON", JSON_KEYS)
};

static JSON_KEYS: &[Key] = &[
    int("udpport", 0, 65535, "", "0", "UDP port on the loopback address; 0 is none").alias(&["jsonPort"]),
    path("fifo", "Named pipe to read")
        .alias(&["jsonFIFO"])
        .example("/run/hsflowd.fifo")
        .unset("none")
        .more("It must exist, and the agent's user must be allowed to read it."),
    path("socket", "UNIX datagram socket to make and read")
        .example("/run/hsflowd/json.sock")
        .unset("none")
        .more(
            "Every local user may write to it. It is made anew with each start: what a container is given is its folder, \
             where the agent's user must be allowed to write. The C agent does not know this key.",
        ),
    int("limit", 0, RATE_MAX, "", "100000", "Messages a second taken from one sender; 0 is any number").more(
        "A sender is a UDP address and port, a process, or the pipe. The C agent does not know this key.",
    ),
];
