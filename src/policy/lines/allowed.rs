//! What may stand in a line: matches and targets with their options, as tables. What is not here is refused.
//!
//! Left out on purpose: MARK and CONNMARK (other people's routing hangs on them), NFLOG and NFQUEUE (programs listen
//! there), TEE, TPROXY and everything of the table nat (they send packets elsewhere), `set` (sets are others' or
//! ours), `bpf`, `string`, `recent` and `owner`.

use super::argument::{Argument as A, FLAGS};
use crate::policy::model::{Table, Tool};

/// What an option says about the packets that a rule reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Nothing,
    Source,
    Destination,
    Protocol,
    SourcePorts,
    DestinationPorts,
    /// For people; not part of the rule, whose comment is ours.
    Comment,
}

/// An option: its names, the first of which is written, and what it takes.
#[derive(Debug)]
pub(super) struct Opt {
    pub(super) names: &'static [&'static str],
    pub(super) takes: &'static [A],
    pub(super) may_negate: bool,
    pub(super) says: Says,
}

const fn opt(names: &'static [&'static str], takes: &'static [A]) -> Opt {
    Opt { names, takes, may_negate: true, says: Says::Nothing }
}

const fn plain(names: &'static [&'static str], takes: &'static [A]) -> Opt {
    Opt { names, takes, may_negate: false, says: Says::Nothing }
}

const fn says(names: &'static [&'static str], takes: &'static [A], says: Says) -> Opt {
    Opt { names, takes, may_negate: true, says }
}

/// A match with its options.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: &'static str,
    pub(super) tools: &'static [Tool],
    pub(super) options: &'static [Opt],
}

/// A target with its options.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) tools: &'static [Tool],
    /// `None` is every table.
    pub(super) table: Option<Table>,
    pub(super) is_cumulus: bool,
    pub(super) cuts: bool,
    pub(super) options: &'static [Opt],
}

const IP: &[Tool] = &[Tool::Iptables, Tool::Ip6tables];
const V4: &[Tool] = &[Tool::Iptables];
const V6: &[Tool] = &[Tool::Ip6tables];
const ANY: &[Tool] = &[Tool::Iptables, Tool::Ip6tables, Tool::Ebtables];

/// Options that need no module.
pub(super) const BASE: &[Opt] = &[
    says(&["-s", "--source", "--src"], &[A::Address], Says::Source),
    says(&["-d", "--destination", "--dst"], &[A::Address], Says::Destination),
    opt(&["-i", "--in-interface"], &[A::Interface]),
    opt(&["-o", "--out-interface"], &[A::Interface]),
    says(&["-p", "--protocol", "--proto"], &[A::Protocol], Says::Protocol),
];

/// Of IPv4 alone.
pub(super) const FRAGMENT: Opt = opt(&["-f", "--fragment"], &[]);

/// Those of ebtables.
pub(super) const FRAMES: &[Opt] = &[
    opt(&["-s", "--source"], &[A::Mac]),
    opt(&["-d", "--destination"], &[A::Mac]),
    opt(&["-i", "--in-interface"], &[A::Interface]),
    opt(&["-o", "--out-interface"], &[A::Interface]),
    opt(&["-p", "--protocol"], &[A::EtherType]),
    opt(&["--ip-source", "--ip-src"], &[A::Address]),
    opt(&["--ip-destination", "--ip-dst"], &[A::Address]),
    opt(&["--ip-protocol", "--ip-proto"], &[A::Protocol]),
    opt(&["--ip-source-port", "--ip-sport"], &[A::Port]),
    opt(&["--ip-destination-port", "--ip-dport"], &[A::Port]),
];

const SPORT: Opt = says(&["--sport", "--source-port"], &[A::Port], Says::SourcePorts);
const DPORT: Opt = says(&["--dport", "--destination-port"], &[A::Port], Says::DestinationPorts);
const PACKET_TYPES: &[&str] = &["unicast", "broadcast", "multicast"];
const ADDRESS_TYPES: &[&str] = &["LOCAL", "UNICAST", "BROADCAST", "MULTICAST", "ANYCAST", "BLACKHOLE"];
const HASH_MODES: &[&str] = &["srcip", "srcport", "dstip", "dstport"];

/// Matches by the name that `-m` takes.
pub(super) const MODULES: &[Module] = &[
    Module {
        name: "tcp",
        tools: IP,
        options: &[SPORT, DPORT, opt(&["--tcp-flags"], &[FLAGS, FLAGS]), opt(&["--syn"], &[])],
    },
    Module { name: "udp", tools: IP, options: &[SPORT, DPORT] },
    Module { name: "sctp", tools: IP, options: &[SPORT, DPORT] },
    Module { name: "icmp", tools: V4, options: &[opt(&["--icmp-type"], &[A::IcmpType])] },
    Module { name: "icmp6", tools: V6, options: &[opt(&["--icmpv6-type"], &[A::IcmpType])] },
    Module {
        name: "multiport",
        tools: IP,
        options: &[
            says(&["--sports", "--source-ports"], &[A::Ports], Says::SourcePorts),
            says(&["--dports", "--destination-ports"], &[A::Ports], Says::DestinationPorts),
            opt(&["--ports"], &[A::Ports]),
        ],
    },
    Module { name: "conntrack", tools: IP, options: &[opt(&["--ctstate"], &[A::States])] },
    Module { name: "state", tools: IP, options: &[opt(&["--state"], &[A::States])] },
    Module { name: "dscp", tools: IP, options: &[opt(&["--dscp"], &[A::Dscp])] },
    Module { name: "tos", tools: IP, options: &[opt(&["--tos"], &[A::Number(0, 255)])] },
    Module { name: "length", tools: IP, options: &[opt(&["--length"], &[A::NumberRange(65_535)])] },
    Module {
        name: "ttl",
        tools: V4,
        options: &[
            opt(&["--ttl-eq"], &[A::Number(0, 255)]),
            plain(&["--ttl-gt"], &[A::Number(0, 255)]),
            plain(&["--ttl-lt"], &[A::Number(0, 255)]),
        ],
    },
    Module {
        name: "hl",
        tools: V6,
        options: &[
            opt(&["--hl-eq"], &[A::Number(0, 255)]),
            plain(&["--hl-gt"], &[A::Number(0, 255)]),
            plain(&["--hl-lt"], &[A::Number(0, 255)]),
        ],
    },
    Module {
        name: "limit",
        tools: IP,
        options: &[plain(&["--limit"], &[A::PerTime]), plain(&["--limit-burst"], &[A::Number(1, 10_000)])],
    },
    Module {
        name: "hashlimit",
        tools: IP,
        options: &[
            plain(&["--hashlimit-above"], &[A::ByteRate]),
            plain(&["--hashlimit-upto"], &[A::ByteRate]),
            plain(&["--hashlimit-burst"], &[A::Number(1, 10_000)]),
            plain(&["--hashlimit-mode"], &[A::Words(HASH_MODES)]),
            plain(&["--hashlimit-srcmask"], &[A::Number(0, 128)]),
            plain(&["--hashlimit-dstmask"], &[A::Number(0, 128)]),
            plain(&["--hashlimit-name"], &[A::Label]),
        ],
    },
    Module { name: "mac", tools: IP, options: &[opt(&["--mac-source"], &[A::Mac])] },
    Module {
        name: "physdev",
        tools: IP,
        options: &[opt(&["--physdev-in"], &[A::Interface]), opt(&["--physdev-out"], &[A::Interface])],
    },
    Module { name: "pkttype", tools: IP, options: &[opt(&["--pkt-type"], &[A::Word(PACKET_TYPES)])] },
    Module {
        name: "addrtype",
        tools: IP,
        options: &[
            opt(&["--src-type"], &[A::Words(ADDRESS_TYPES)]),
            opt(&["--dst-type"], &[A::Words(ADDRESS_TYPES)]),
        ],
    },
    Module {
        name: "iprange",
        tools: IP,
        options: &[opt(&["--src-range"], &[A::AddressRange]), opt(&["--dst-range"], &[A::AddressRange])],
    },
    Module {
        name: "statistic",
        tools: IP,
        options: &[plain(&["--mode"], &[A::Word(&["random"])]), opt(&["--probability"], &[A::Probability])],
    },
    Module {
        name: "comment",
        tools: IP,
        options: &[Opt {
            names: &["--comment"],
            takes: &[A::Text(255)],
            may_negate: false,
            says: Says::Comment,
        }],
    },
];

const ICMP_REPLIES: &[&str] = &[
    "icmp-net-unreachable",
    "icmp-host-unreachable",
    "icmp-port-unreachable",
    "icmp-proto-unreachable",
    "icmp-net-prohibited",
    "icmp-host-prohibited",
    "icmp-admin-prohibited",
    "icmp6-no-route",
    "icmp6-adm-prohibited",
    "icmp6-addr-unreachable",
    "icmp6-port-unreachable",
    "tcp-reset",
];

const fn verdict(name: &'static str, cuts: bool) -> Target {
    Target { name, tools: ANY, table: None, is_cumulus: false, cuts, options: &[] }
}

const fn cumulus(name: &'static str, cuts: bool, options: &'static [Opt]) -> Target {
    Target { name, tools: ANY, table: None, is_cumulus: true, cuts, options }
}

const ANY_NUMBER: &[A] = &[A::Number(0, u32::MAX)];

/// Targets by name.
pub(super) const TARGETS: &[Target] = &[
    verdict("ACCEPT", false),
    verdict("DROP", true),
    verdict("RETURN", false),
    Target {
        name: "REJECT",
        tools: IP,
        table: Some(Table::Filter),
        is_cumulus: false,
        cuts: true,
        options: &[plain(&["--reject-with"], &[A::Word(ICMP_REPLIES)])],
    },
    Target {
        name: "LOG",
        tools: IP,
        table: None,
        is_cumulus: false,
        cuts: false,
        options: &[plain(&["--log-prefix"], &[A::Text(29)]), plain(&["--log-level"], &[A::Number(0, 7)])],
    },
    Target {
        name: "DSCP",
        tools: IP,
        table: Some(Table::Mangle),
        is_cumulus: false,
        cuts: false,
        options: &[plain(&["--set-dscp"], &[A::Dscp])],
    },
    Target {
        name: "TOS",
        tools: IP,
        table: Some(Table::Mangle),
        is_cumulus: false,
        cuts: false,
        options: &[plain(&["--set-tos"], &[A::Number(0, 255)])],
    },
    Target {
        name: "CLASSIFY",
        tools: IP,
        table: Some(Table::Mangle),
        is_cumulus: false,
        cuts: false,
        options: &[plain(&["--set-class"], &[A::Class])],
    },
    cumulus("SETCLASS", false, &[plain(&["--class"], &[A::Number(0, 7)])]),
    cumulus(
        "POLICE",
        true,
        &[
            plain(&["--set-mode"], &[A::Word(&["pkt", "KB"])]),
            plain(&["--set-rate"], ANY_NUMBER),
            plain(&["--set-burst"], ANY_NUMBER),
            plain(&["--set-class"], &[A::Number(0, 7)]),
        ],
    ),
    cumulus(
        "TRICOLORPOLICE",
        true,
        &[
            plain(&["--set-color-mode"], &[A::Word(&["blind", "aware"])]),
            plain(&["--set-cir"], ANY_NUMBER),
            plain(&["--set-cbs"], ANY_NUMBER),
            plain(&["--set-pir"], ANY_NUMBER),
            plain(&["--set-ebs"], ANY_NUMBER),
            plain(&["--set-conform-action-dscp"], &[A::Dscp]),
            plain(&["--set-exceed-action-dscp"], &[A::Dscp]),
            plain(&["--set-violate-action"], &[A::Word(&["accept", "drop"])]),
            plain(&["--set-violate-action-dscp"], &[A::Dscp]),
        ],
    ),
    cumulus(
        "SETQOS",
        false,
        &[
            plain(&["--set-dscp"], &[A::Dscp]),
            plain(&["--set-cos"], &[A::Number(0, 7)]),
            plain(&["--set-queue"], &[A::Number(0, 7)]),
        ],
    ),
    cumulus("SPAN", false, &[plain(&["--dport"], &[A::Interface])]),
    cumulus("ERSPAN", false, &[plain(&["--src-ip"], &[A::Address]), plain(&["--dst-ip"], &[A::Address])]),
];
