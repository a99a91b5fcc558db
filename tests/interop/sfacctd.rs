//! pmacct's collector: logs interface counters and counts flows as JSON, a line each.

#![allow(dead_code)] // each test program uses its part

use crate::port;
use crate::stream::Stream;
use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use crate::tool;
use hsflow::sflow::counters::interface::GenericInterface;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// A port that no machine has.
const EARLY: u32 = 999_999;

/// It has child processes and does not stop on SIGTERM before the next datagram: the whole group is killed.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

/// What it logs of the interface counters in a stream, once it has logged as many as there are.
pub(crate) fn interfaces(stream: &Stream) -> Vec<GenericInterface> {
    let wanted = stream.interfaces().len();
    let counters = |dir: &Path| read(&dir.join("counters.json"));
    fed(stream, None, |dir| Some(counters(dir)).filter(|logged| logged.len() >= wanted))
}

/// Samples and bytes that it counts for each pair of input and output. It could multiply by the rate, but makes up one of
/// its own from pools and sequence numbers.
pub(crate) fn flows(stream: &Stream) -> Vec<Flow> {
    let samples = stream.flows().len() as u64;
    let complete = |flows: &Vec<Flow>| flows.iter().map(|flow| flow.samples).sum::<u64>() >= samples;
    let early = stream.first_flow_by(EARLY);
    let mut flows = fed(stream, Some(early), |dir| Some(read_flows(dir)).filter(complete));
    flows.sort_unstable();
    flows
}

/// What went in by one interface and out by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Flow {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) samples: u64,
    pub(crate) bytes: u64,
}

/// Feeds it the stream, after `early`, and waits for what `result` finds in the folder that it writes to.
fn fed<T>(stream: &Stream, early: Option<Vec<u8>>, mut result: impl FnMut(&Path) -> Option<T>) -> T {
    let dir = TempDir::new();
    let port = port::free();
    let file = dir.write("conf", configuration(port, dir.path()));
    let mut command = tool("sfacctd", "pmacct");
    let sfacctd = Process::start(command.arg("-f").arg(file).process_group(0));
    let _group = Group(sfacctd.pid());
    port::wait_bound(port);
    // Flows that come before its plugin listens, which nothing tells, are lost.
    if let Some(early) = early {
        wait_until("sfacctd's first flow", LIMIT, || {
            port::send(port, std::slice::from_ref(&early));
            (!lines(&dir.path().join("flows")).is_empty()).then_some(())
        });
    }
    port::send(port, stream.datagrams());
    wait_until(&format!("all that was sent in sfacctd's files\n{}", sfacctd.stderr()), LIMIT, || {
        result(dir.path())
    })
}

fn configuration(port: u16, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "daemonize: false\nsfacctd_ip: 127.0.0.1\nsfacctd_port: {port}\n\
         plugins: print\naggregate: in_iface, out_iface\nprint_refresh_time: 1\nprint_output: json\n\
         print_output_file: {dir}/flows\nprint_output_file_append: true\n\
         sfacctd_counter_file: {dir}/counters.json\nsfacctd_counter_output: json\n"
    )
}

/// It appends a line a pair each time that it writes.
fn read_flows(dir: &Path) -> Vec<Flow> {
    let mut all: BTreeMap<(u64, u64), (u64, u64)> = BTreeMap::new();
    for line in lines(&dir.join("flows")) {
        let number = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("{name} in {line}"));
        let sum = all.entry((number("iface_in"), number("iface_out"))).or_default();
        sum.0 += number("packets");
        sum.1 += number("bytes");
    }
    let flow = |((input, output), (samples, bytes))| Flow { input, output, samples, bytes };
    all.into_iter().map(flow).filter(|flow| flow.input != u64::from(EARLY)).collect()
}

/// The lines that are complete so far.
fn lines(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn read(log: &Path) -> Vec<GenericInterface> {
    let lines = lines(log).into_iter();
    lines.filter(|line| line["sf_cnt_type"] == "sflow_cnt_generic").map(|line| counters(&line)).collect()
}

fn counters(line: &Value) -> GenericInterface {
    let wide = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("{name} in {line}"));
    let word = |name: &str| u32::try_from(wide(name)).unwrap();
    GenericInterface {
        if_index: word("ifIndex"),
        if_type: word("ifType"),
        if_speed: wide("ifSpeed"),
        if_direction: word("ifDirection"),
        if_status: word("ifStatus"),
        in_octets: wide("ifInOctets"),
        in_ucast_pkts: word("ifInUcastPkts"),
        in_multicast_pkts: word("ifInMulticastPkts"),
        in_broadcast_pkts: word("ifInBroadcastPkts"),
        in_discards: word("ifInDiscards"),
        in_errors: word("ifInErrors"),
        in_unknown_protos: word("ifInUnknownProtos"),
        out_octets: wide("ifOutOctets"),
        out_ucast_pkts: word("ifOutUcastPkts"),
        out_multicast_pkts: word("ifOutMulticastPkts"),
        out_broadcast_pkts: word("ifOutBroadcastPkts"),
        out_discards: word("ifOutDiscards"),
        out_errors: word("ifOutErrors"),
        promiscuous: word("ifPromiscuousMode"),
    }
}
