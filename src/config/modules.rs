//! The feature objects of a file as plain values: what each of them is told, defaults filled in.
//!
//! `None`, `false` or an empty list: the file does not name it, so it is off. The key table says what each key means.

use super::speed::SpeedRange;
use super::value::Pattern;
use std::fmt;
use std::net::SocketAddr;

/// The feature objects that the file names; absent means off.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // each is the object of that name
pub struct Modules {
    pub dns_sd: Option<DnsSd>,
    pub json: Option<Json>,
    pub pcap: Vec<Tap>,
    pub epcap: Vec<Tap>,
    pub psample: Option<Psample>,
    pub nflog: Option<PacketLog>,
    pub ulog: Option<PacketLog>,
    pub dropmon: Option<Dropmon>,
    pub tcp: Option<Tcp>,
    pub kvm: Option<Kvm>,
    pub xen: Option<Xen>,
    pub docker: Option<Docker>,
    pub containerd: Option<Containerd>,
    pub k8s: Option<K8s>,
    pub systemd: Option<Systemd>,
    pub ovs: Option<Ovs>,
    pub nvml: bool,
    pub cumulus: Option<Switch>,
    pub dent: Option<Dent>,
    pub opx: Option<Opx>,
    pub sonic: Option<Sonic>,
    pub vpp: Option<Vpp>,
    pub eapi: bool,
    pub nlroute: Option<Nlroute>,
    pub dbus: bool,
    pub metrics: Option<Metrics>,
}

/// `dns-sd { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsSd {
    /// Appended to `_sflow._udp` as it is; `None` leaves it to the resolver.
    pub domain: Option<String>,
    /// SRV priorities make stand-bys.
    pub srv_priority: bool,
}

/// `json { }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json {
    /// UDP port on the loopback address.
    pub udp_port: Option<u16>,
    /// Named pipe.
    pub fifo: Option<String>,
    /// UNIX datagram socket.
    pub socket: Option<String>,
    /// Messages a second of one sender; 0: any number.
    pub limit: u32,
}

/// Which object a tap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TapKind {
    /// `pcap { }`.
    Pcap,
    /// `epcap { }`.
    Epcap,
}

impl TapKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Pcap, Self::Epcap];

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::Epcap => "epcap",
        }
    }
}

/// Which of the taps in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TapId {
    /// The object's name.
    pub kind: TapKind,
    /// How many of that name stand before it.
    pub place: usize,
}

/// One `pcap { }` or `epcap { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tap {
    /// The interface of this name.
    pub device: Option<String>,
    /// Interfaces whose name matches.
    pub device_pattern: Option<Pattern>,
    /// Interfaces of such a speed; unknown counts as 0.
    pub speed: Option<SpeedRange>,
    /// Only physical interfaces.
    pub physical: bool,
    /// Only for interfaces of containers, when they appear.
    pub dynamic: bool,
    /// Promiscuous mode.
    pub promiscuous: bool,
    /// Counters of the ports behind it; `None` means for bridges only.
    pub vport: Option<bool>,
    /// 1 in N, whatever the speed.
    pub sampling: Option<u32>,
}

/// `psample { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Psample {
    /// Group of arriving packets; leaving packets use the next one.
    pub group: u32,
    /// Take arriving packets.
    pub ingress: bool,
    /// Take leaving packets.
    pub egress: bool,
}

/// `nflog { }` or `ulog { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketLog {
    /// `None`: the source is off.
    pub group: Option<u32>,
    /// 1 in N, from the probability rounded down; `None` when that is 0 or not given.
    pub sampling: Option<u32>,
    /// The agent sets the rule up itself; never for `ulog { }`.
    pub own_rule: bool,
}

/// `dropmon { }`.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // as many switches as the object has
pub struct Dropmon {
    /// Start the kernel's monitor.
    pub start: bool,
    /// Reconfigure one that runs.
    pub force: bool,
    /// Most events sent in a second.
    pub limit: u32,
    /// Events from the kernel in a second above which there are too many.
    pub max: u32,
    /// Seconds in a row above `max` after which the monitor is stopped.
    pub max_trip: u32,
    /// Drops in software.
    pub sw: bool,
    /// Drops in hardware.
    pub hw: bool,
    /// The kernel's drop reasons.
    pub rn: bool,
    /// Hardware drops for unknown reasons.
    pub hw_unknown: bool,
    /// Software drops that something else started.
    pub sw_passive: bool,
    /// Hardware drops that something else started.
    pub hw_passive: bool,
    /// Reasons not to report.
    pub hide: Option<Pattern>,
}

/// `tcp { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tcp {
    /// Look inside tunnels.
    pub tunnel: bool,
    /// UDP sockets too.
    pub udp: bool,
    /// Log what was found.
    pub dump: bool,
}

/// `kvm { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Kvm {
    /// Seconds between re-reads of the list.
    pub refresh_vms_secs: u32,
    /// Seconds after which a vanished guest is forgotten.
    pub forget_vms_secs: u32,
    /// Name the guest in samples of its packets.
    pub mark_traffic: bool,
}

/// `xen { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Xen {
    /// Ask for the state at each sample.
    pub update_dominfo: bool,
    /// Disk counters.
    pub dsk: bool,
    /// Interfaces that belong to a machine; the groups are its number and the interface's.
    pub switchport: Option<Pattern>,
    /// Directory of disk counters.
    pub vbd: Option<String>,
    /// Seconds between re-reads of the list.
    pub refresh_vms_secs: u32,
    /// Seconds after which a vanished guest is forgotten.
    pub forget_vms_secs: u32,
}

/// `docker { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Docker {
    /// Seconds between re-reads of the list.
    pub refresh_vms_secs: u32,
    /// Seconds after which a vanished guest is forgotten.
    pub forget_vms_secs: u32,
    /// Report the host name inside.
    pub hostname: bool,
    /// Name the guest in samples of its packets.
    pub mark_traffic: bool,
}

/// `containerd { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Containerd {
    /// Seconds after which a vanished guest is forgotten.
    pub forget_vms_secs: u32,
    /// Report the host name inside.
    pub hostname: bool,
    /// Name the guest in samples of its packets.
    pub mark_traffic: bool,
}

/// `k8s { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct K8s {
    /// Name the guest in samples of its packets.
    pub mark_traffic: bool,
    /// Keep running when the source of pod events ends.
    pub eof: bool,
    /// The pod's name is its interface's alias.
    pub set_if_alias: bool,
    /// The pod's name is its interface's name.
    pub set_if_name: bool,
    /// Socket of the container runtime.
    pub unix_socket: Option<String>,
}

/// `systemd { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Systemd {
    /// Seconds between re-reads of the list.
    pub refresh_vms_secs: u32,
    /// Do without what only root may read.
    pub drop_priv: bool,
    /// Pattern of the paths of the process lists.
    pub cgroup_procs: Option<String>,
    /// Pattern of the paths of the accounting files.
    pub cgroup_acct: Option<String>,
    /// Name the service in samples of its packets.
    pub mark_traffic: bool,
}

/// `ovs { }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ovs {
    /// Socket of its data base, if not in the usual place.
    pub unix_socket: Option<String>,
    /// Bridges go on sending when the agent ends.
    pub keep_at_exit: bool,
}

/// `cumulus { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Switch {
    /// Names of the switch's ports.
    pub switchport: Option<Pattern>,
}

/// `dent { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dent {
    /// Names of the switch's ports.
    pub switchport: Option<Pattern>,
    /// Let the kernel sample where the hardware cannot.
    pub sw: bool,
}

/// `opx { }`, `os10 { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Opx {
    /// Where the switch delivers packets.
    pub udp_port: u16,
    /// Names of the switch's ports.
    pub switchport: Option<Pattern>,
    /// Each `port { dev }`.
    pub ports: Vec<String>,
}

/// `sonic { }`.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // as many switches as the object has
pub struct Sonic {
    /// Names of the switch's ports; `None` leaves it to the database.
    pub switchport: Option<Pattern>,
    /// Use the database's UNIX socket.
    pub unix_socket: bool,
    /// The file that describes the databases.
    pub db_config: Option<String>,
    /// Seconds to wait for the system to be ready.
    pub wait_ready_secs: u32,
    /// Do not report interfaces that are no ports.
    pub suppress_other: bool,
    /// Use SONiC's alias of a port.
    pub set_if_alias: bool,
    /// Use SONiC's name of a port.
    pub set_if_name: bool,
}

/// `vpp { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Vpp {
    /// Added to VPP's interface numbers.
    pub if_offset: u32,
    /// Use the number of the Linux interface where there is one.
    pub os_index: bool,
}

/// `nlroute { }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Nlroute {
    /// Most questions to the kernel in a second.
    pub limit: u32,
    /// Ask for links.
    pub link: bool,
    /// Ask for addresses.
    pub addr: bool,
    /// Use the kernel's alias of an interface.
    pub set_if_alias: bool,
}

/// `metrics { }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where they are asked for.
    pub listen: Listen,
}

/// Where something is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address of this host, and a port.
    Tcp(SocketAddr),
    /// The path of a socket.
    Unix(String),
}

impl Listen {
    /// Others than programs of this host may ask.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Tcp(at) if !at.ip().to_canonical().is_loopback())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(at) => at.fmt(f),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}
