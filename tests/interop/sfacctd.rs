//! pmacct's collector: logs interface counters as JSON, a line each.

use crate::port;
use crate::stream::Stream;
use crate::support::process::Process;
use crate::support::{TempDir, wait_until};
use crate::tool;
use hsflow::sflow::counters::interface::GenericInterface;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// It has child processes and does not stop on SIGTERM before the next datagram: the whole group is killed.
struct Group(Pid);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

/// What it logs of the interface counters in a stream, once it has logged as many as there are.
pub(crate) fn interfaces(stream: &Stream) -> Vec<GenericInterface> {
    let dir = TempDir::new();
    let port = port::free();
    let log = dir.path().join("counters.json");
    let file = dir.write("conf", configuration(port, &log, &dir.path().join("flows")));
    let mut command = tool("sfacctd", "pmacct");
    let sfacctd = Process::start(command.arg("-f").arg(file).process_group(0));
    let _group = Group(sfacctd.pid());
    port::wait_bound(port);
    port::send(port, stream.datagrams());
    let wanted = stream.interfaces().len();
    wait_until(&format!("{wanted} interfaces in sfacctd's log\n{}", sfacctd.stderr()), LIMIT, || {
        let logged = read(&log);
        (logged.len() >= wanted).then_some(logged)
    })
}

fn configuration(port: u16, log: &Path, flows: &Path) -> String {
    format!(
        "daemonize: false\nsfacctd_ip: 127.0.0.1\nsfacctd_port: {port}\nplugins: print\naggregate: in_iface\n\
         print_output: json\nprint_output_file: {}\nsfacctd_counter_file: {}\nsfacctd_counter_output: json\n",
        flows.display(),
        log.display()
    )
}

/// The lines that are complete so far.
fn read(log: &Path) -> Vec<GenericInterface> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
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
