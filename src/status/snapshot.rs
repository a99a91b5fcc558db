//! The contract between the agent and `hsflowctl`: one JSON object a line, with a version. Fields may be added
//! within a version; a field that changes its meaning raises it.

use super::applications::Applications;
use super::asked::Asked;
pub use super::cost::Cost;
use super::guests::Guest;
use super::open_vswitch::OpenVswitch;
use super::registry::Component;
use super::telemetry::Telemetry;
use super::verdict::Finding;
use serde::{Deserialize, Serialize};

/// The version that this build writes and reads.
pub const VERSION: u32 = 1;

/// Everything `hsflowctl status` knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`VERSION`].
    pub version: u32,
    /// False while any finding is degraded.
    pub healthy: bool,
    /// What is not as might be expected, why, and what mends it; the degraded ones first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// The process and its identity.
    pub agent: Agent,
    /// What it was told.
    pub settings: SettingsInForce,
    /// Where datagrams go.
    pub collectors: Vec<Collector>,
    /// Programs of this host that read along.
    #[serde(default)]
    pub readers: Vec<Reader>,
    /// Every component's state.
    pub components: Vec<Component>,
    /// What DNS says; none where it is not asked.
    #[serde(default)]
    pub discovery: Option<Discovery>,
    /// Every interface the kernel has.
    pub interfaces: Vec<Interface>,
    /// Virtual machines, containers, pods and services.
    #[serde(default)]
    pub guests: Vec<Guest>,
    /// Applications that tell of themselves.
    #[serde(default)]
    pub applications: Applications,
    /// What Open vSwitch was told; none without a connection to it.
    #[serde(default)]
    pub open_vswitch: Option<OpenVswitch>,
    /// The agent's own counters.
    pub telemetry: Telemetry,
    /// What was lost on the way in, and made good where it could be.
    pub losses: Losses,
    /// Who asks for metrics; none where nobody may.
    #[serde(default)]
    pub metrics: Option<Asked>,
    /// What the agent costs.
    pub cost: Cost,
}

/// The process and its identity in the sFlow stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Version of the program.
    pub program: String,
    /// Process id.
    pub pid: u32,
    /// Seconds since its start.
    pub uptime_secs: u64,
    /// The agent before it did not end by itself: it was killed, or crashed.
    #[serde(default)]
    pub follows_a_crash: bool,
    /// The agent address in every datagram; none while there is no usable address (then nothing is sent).
    pub address: Option<String>,
    /// The device that has it.
    pub device: Option<String>,
    /// Why this address.
    pub address_reason: String,
    /// Sub-agent id of the datagrams.
    pub sub_agent_id: u32,
    /// Host UUID, hyphenated.
    pub uuid: String,
    /// Where the UUID comes from.
    pub uuid_reason: String,
    /// The host's name.
    pub hostname: String,
}

/// The settings in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsInForce {
    /// The configuration file.
    pub file: String,
    /// Rises by one with each accepted change.
    pub revision: u64,
    /// Seconds since the last one.
    #[serde(default)]
    pub in_force_secs: u64,
    /// Objects that a line of the file opens: `docker`, `pcap.1`, `collector.2`.
    #[serde(default)]
    pub named: Vec<String>,
    /// Seconds between counter samples of one source.
    pub polling_secs: u32,
    /// Global 1-in-N.
    pub sampling: u32,
    /// Packet header bytes.
    pub header_bytes: u32,
    /// Most bytes in a datagram.
    pub datagram_bytes: u32,
    /// Which interfaces send counters: `sampled`, `physical` or `all`.
    pub interface_counters: String,
    /// Where the settings of sub-agents are written.
    pub auto_file: String,
    /// Features that the file names and this version does not have.
    pub inactive: Vec<String>,
    /// Every effective value.
    #[serde(default)]
    pub values: Vec<Value>,
}

/// A setting, and where its value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// `polling`, `json.udpport`, `sampling.10G`, `collector.2.ip`.
    pub key: String,
    /// As written, or the default; none where `origin` says what holds instead.
    pub value: Option<String>,
    /// `default`, `FILE:LINE`, a DNS record, a command-line option.
    pub origin: String,
}

/// What DNS says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// The names that are asked for.
    pub names: Vec<String>,
    /// What the last answer was, in words.
    pub answer: String,
    /// Seconds that the last definite answer holds.
    pub ttl_secs: Option<u64>,
    /// Seconds since the last definite answer.
    pub answered_secs_ago: Option<u64>,
    /// Seconds until the next question.
    pub next_query_secs: Option<u64>,
    /// The records in force.
    pub records: Vec<String>,
    /// What went wrong last, also when it is over.
    pub last_error: Option<String>,
    /// What was wrong with the records.
    pub remarks: Vec<String>,
}

/// One collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collector {
    /// As configured: address or name, port, device, namespace.
    pub name: String,
    /// Datagrams that the kernel took.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Datagrams that it did not take.
    pub lost: u64,
    /// Errors of any kind, also those that tell of a datagram already on its way.
    pub errors: u64,
    /// The last error's text.
    pub last_error: Option<String>,
    /// Seconds since the last datagram that the kernel took.
    pub last_send_secs_ago: Option<u64>,
    /// `running`, `resolving`, `stand-by` or `degraded`; the component of the same name has the reason.
    #[serde(default)]
    pub state: String,
    /// The address in use; none while a name is unresolved.
    #[serde(default)]
    pub address: Option<String>,
    /// `errors` by kind.
    #[serde(default)]
    pub error_kinds: ErrorKinds,
    /// Seconds since the last error.
    #[serde(default)]
    pub last_error_secs_ago: Option<u64>,
}

/// Errors on the way to a collector, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorKinds {
    /// The far end has no listener.
    pub refused: u64,
    /// The socket's or the device's buffer was full.
    pub buffer_full: u64,
    /// No route, no neighbour, no network.
    pub unreachable: u64,
    /// Forbidden: a local firewall, or a missing capability.
    pub denied: u64,
    /// Too long for the path.
    pub too_big: u64,
    /// All others.
    pub other: u64,
}

impl ErrorKinds {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { refused, buffer_full, unreachable, denied, too_big, other } = self;
        refused + buffer_full + unreachable + denied + too_big + other
    }
}

/// One program that reads the datagrams on the stream socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// Its process; 0 where the kernel cannot name it.
    pub pid: u32,
    /// Datagrams given.
    pub datagrams: u64,
    /// Datagrams that it did not make room for.
    pub dropped: u64,
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// ifIndex.
    pub index: u32,
    /// Name.
    pub name: String,
    /// `physical`, `veth`, `bridge` …
    pub kind: String,
    /// A port of a switch, by the settings.
    pub switch_port: bool,
    /// Administratively up.
    pub admin_up: bool,
    /// Operationally up.
    pub oper_up: bool,
    /// Bits per second, where known.
    pub speed_bps: Option<u64>,
    /// Counter samples sent.
    pub counter_samples: u32,
    /// Why counters are or are not sent.
    pub counters_reason: String,
    /// Its alias, by which `agent` may name it.
    #[serde(default)]
    pub alias: Option<String>,
    /// What it does in its bond, where it is a member of one.
    #[serde(default)]
    pub bond: Option<String>,
    /// What its transceiver measures or why it does not, where it is read.
    #[serde(default)]
    pub optics: Option<String>,
    /// How its packets are sampled.
    #[serde(default)]
    pub sampling: Sampling,
}

/// How the packets of an interface are sampled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// What samples them: `pcap`, `epcap`, `nflog`, `psample`, `tc`; none where nothing does.
    pub source: Option<String>,
    /// One packet in so many; of sources that the kernel or a firewall rule drives, that of the last sample.
    pub one_in: Option<u32>,
    /// Where the rate came from.
    pub rate_origin: String,
    /// Why nothing samples them, or something else than was asked for.
    pub reason: Option<String>,
    /// Something was asked for and is not possible, or is silent without reason.
    pub warning: Option<String>,
    /// Flow samples made.
    pub samples: u64,
    /// Packets that could have been sampled; wraps at 32 bits, as on the wire.
    pub pool: u32,
    /// Samples lost between kernel and agent; wraps at 32 bits, as on the wire.
    pub drops: u32,
    /// Packets that no sample can describe.
    pub unknown: u64,
}

/// What was lost on the way in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Times that the kernel threw interface notifications away; all interfaces were read again.
    pub interface_overruns: u64,
    /// Interface notifications that could not be read; likewise.
    pub interface_malformed: u64,
    /// Messages of packet sources that could not be read.
    #[serde(default)]
    pub packets_malformed: u64,
    /// Dropped packets that the kernel could not tell of.
    #[serde(default)]
    pub drop_events: u64,
    /// Datagrams thrown away while there was no agent address, or nobody to send to.
    #[serde(default)]
    pub datagrams_unsent: u64,
    /// Full readings of all interfaces, the first included.
    pub interface_resyncs: u64,
    /// Clients of the control socket that were turned away or did not read.
    pub control_clients: u64,
    /// Readers of the events of guests that were turned away or did not read.
    #[serde(default)]
    pub event_clients: u64,
    /// Readers of the stream socket that were turned away.
    #[serde(default)]
    pub stream_readers: u64,
    /// Guests that could not be taken in.
    #[serde(default)]
    pub guests_refused: u64,
    /// Lines of the log that could not be written.
    #[serde(default)]
    pub log_lines: u64,
}
