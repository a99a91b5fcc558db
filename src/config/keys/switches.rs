//! Objects for Linux switches and routers.

use super::{Activity, Key, Object, ObjectId, Repeat, int, name, path, pattern, switch};

const SWP: &str = "^swp[0-9s]+$";
const SWITCHPORT: &str = "Names of the switch's ports";

pub(super) static CUMULUS: Object = Object {
    activity: Activity::Active,
    more: "Each port has the rate of its speed, set in the switch chip by /usr/lib/cumulus/portsamp; ports that \
           switchd.conf (NVUE) has settings for are left alone. Brings nflog, psample and dropmon for the samples of the \
           chip where the file does not name them. On Cumulus Linux it is always on.",
    ..Object::new(ObjectId::Cumulus, "cumulus", "Set up hardware sampling on Cumulus Linux", CUMULUS_KEYS)
};

static CUMULUS_KEYS: &[Key] = &[pattern("switchport", SWP, SWITCHPORT)];

pub(super) static DENT: Object = Object {
    activity: Activity::Active,
    more: "Each port gets a tc filter that samples at the rate of its speed: in the port's hardware, or, where its driver \
           cannot, in the kernel. That is DENT's way, and that of every Linux with a switch chip (mlxsw, prestera, \
           sparx5) or without one. Unless psample is given, this sets it to group 1, ingress. A port that tc samples is \
           not tapped by pcap or epcap too. Filters and qdiscs of others are left as they are; ours are gone when the \
           agent ends.",
    ..Object::new(ObjectId::Dent, "dent", "Have tc sample the packets of switch ports", DENT_KEYS)
};

static DENT_KEYS: &[Key] = &[
    pattern("switchport", SWP, SWITCHPORT),
    switch("sw", "off", "Sample in the kernel too where the port's hardware samples"),
];

pub(super) static OPX: Object = Object {
    alias: "os10",
    activity: Activity::Partly(
        "the switch's own sampling is not set up (pcap with dev.pattern samples its ports), and switchport only says \
         which interfaces send counter samples",
    ),
    ..Object::new(ObjectId::Opx, "opx", "Set up hardware sampling on OPX and OS10", OPX_KEYS)
};

static OPX_KEYS: &[Key] = &[
    int("udpport", 0, 65535, "", "20001", "UDP port on which the switch delivers packets").not_yet(),
    pattern("switchport", "^e[0-9]+-[0-9]+-[0-9]+$", SWITCHPORT),
];

pub(super) static OPX_PORT: Object = Object {
    parent: ObjectId::Opx,
    repeat: Repeat::List,
    ..Object::new(ObjectId::OpxPort, "port", "A port by name", OPX_PORT_KEYS)
};

static OPX_PORT_KEYS: &[Key] =
    &[name("dev", "Interface of the port").example("e101-001-0").unset("none").not_yet()];

pub(super) static SONIC: Object = Object {
    repeat: Repeat::Reset,
    activity: Activity::Partly(
        "SONiC's database is not asked (collector and psample in this file do instead), and switchport only says which \
         interfaces send counter samples",
    ),
    more: "Cannot be combined with dns-sd.",
    ..Object::new(ObjectId::Sonic, "sonic", "Take collectors and ports from SONiC's database", SONIC_KEYS)
};

static SONIC_KEYS: &[Key] = &[
    pattern("switchport", "", SWITCHPORT).example("^Ethernet").unset("as the database says"),
    switch("unixsock", "on", "Use the database's UNIX socket").not_yet(),
    path("dbconfig", "The file that describes the databases").unset("SONiC's own").not_yet(),
    int("waitReady", 0, u32::MAX, "seconds", "180", "Longest wait for the system to be ready").not_yet(),
    switch("suppressOther", "on", "Do not report interfaces that are no ports").not_yet(),
    switch("setIfAlias", "off", "Use SONiC's alias of a port").not_yet(),
    switch("setIfName", "off", "Send the alias as the name of an interface")
        .partly("the alias is the kernel's, with nlroute"),
];

pub(super) static VPP: Object = Object {
    repeat: Repeat::Reset,
    activity: Activity::Active,
    more: "VPP's sFlow plug-in says which interfaces are sampled and how often, and when their counters are sent.",
    ..Object::new(ObjectId::Vpp, "vpp", "Packets and counters of a VPP router", VPP_KEYS)
};

static VPP_KEYS: &[Key] = &[
    int("ifOffset", 0, u32::MAX, "", "1000000000", "Added to VPP's interface numbers"),
    switch("osIndex", "on", "Use the number of the Linux interface where there is one")
        .more("Off: VPP's own numbers, without ifOffset, and no samples of any other interface."),
];

pub(super) static EAPI: Object = Object {
    activity: Activity::Ignored("EOS is not asked: write the collectors into this file"),
    more: "Cannot be combined with dns-sd.",
    ..Object::new(ObjectId::Eapi, "eapi", "Take collectors from Arista EOS", &[])
};

pub(super) static NLROUTE: Object = Object {
    repeat: Repeat::Reset,
    activity: Activity::Active,
    more: "Nothing has to be asked for them: the kernel tells of them with every interface, and of each change while \
           the interface is up.",
    ..Object::new(ObjectId::Nlroute, "nlroute", "Aliases of interfaces from the kernel", NLROUTE_KEYS)
};

const ONE_DUMP: &str = "all interfaces come in one answer, and changes by notification";

static NLROUTE_KEYS: &[Key] = &[
    int("limit", 0, 500, "", "50", "Most questions to the kernel in a second").ignored(ONE_DUMP),
    switch("link", "on", "Ask for links").ignored(ONE_DUMP),
    switch("addr", "on", "Ask for addresses").ignored(ONE_DUMP),
    switch("setIfAlias", "on", "Use the kernel's alias of an interface")
        .more("Where k8s.setIfName or sonic.setIfName is on, counter samples name the interface by it."),
];
