//! Mininet's hosts on two switches of Open vSwitch: samples name the ports that h1's packets to h2 take.

use crate::open_vswitch::with_switch;
use crate::rig::{LIMIT, all_flows};
use crate::support::process::Process;
use crate::support::wait_until;
use hsflow::sflow::decode::{Datagram, decode};
use hsflow::sflow::flow::FlowRecord;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// h1 - s1 - s2 - h2, all switches without a controller; tells the ports, then has h1 send to h2 until it is ended. Mininet
/// asks for Open vSwitch in the usual place.
const TOPOLOGY: &str = r#"
import json, sys
from mininet.net import Mininet
from mininet.node import OVSSwitch
from mininet.topo import LinearTopo
net = Mininet(LinearTopo(k=2), controller=None, autoSetMacs=True, build=True,
              switch=lambda name, **kw: OVSSwitch(name, datapath="user", failMode="standalone", **kw))
net.start()
index = lambda port: int(open("/sys/class/net/%s/ifindex" % port).read())
s1, s2, h1, h2 = (net.get(n) for n in ("s1", "s2", "h1", "h2"))
toward = lambda a, b: index([(i if i.node == a else j).name for i, j in a.connectionsTo(b)][0])
print(json.dumps({"mac": h1.MAC(), "hops": [[toward(s1, h1), toward(s1, s2)], [toward(s2, s1), toward(s2, h2)]]}), flush=True)
send = "import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\nwhile True:\n try: s.sendto(b'x'*300,('%s',9))\n except OSError: pass\n time.sleep(0.01)" % h2.IP()
h1.popen([sys.executable, "-c", send]).wait()
"#;

#[test]
fn samples_name_the_ports_that_the_packets_of_a_mininet_host_take() {
    if Command::new("mn").arg("--version").output().is_err() {
        println!("SKIP: mininet is not installed");
        return;
    }
    with_switch(|switch, rig| {
        switch.start_switch();
        rig.configure(&format!("subAgentId = 4711 polling = 1 sampling = 1 {}", switch.object()));
        rig.start();
        let script = switch.dir.write("topology.py", TOPOLOGY);
        // A /run of its own, in which this Open vSwitch is the system's; all hosts end with it.
        let line = format!(
            "mount -t tmpfs none /run && mkdir -p /run/lock && ln -s {} /run/openvswitch && mount -t sysfs none /sys && exec /usr/bin/python3 {}",
            switch.dir.path().display(),
            script.display()
        );
        let mut command = Command::new("unshare");
        command.args(["-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", &line]);
        let mininet = Process::start(&mut command);
        let told: Value = serde_json::from_str(&mininet.wait_line("{\"mac\"", 3 * LIMIT)).unwrap();
        let hops: BTreeSet<(u32, u32)> = serde_json::from_value(told["hops"].clone()).unwrap();
        let mac: Vec<u8> = told["mac"]
            .as_str()
            .unwrap()
            .split(':')
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect();
        let taken = wait_until("samples of both hops", LIMIT, || {
            let all: Vec<_> = rig.catcher.datagrams().iter().map(|bytes| decode(bytes).unwrap()).collect();
            Some(ways(&all, &mac)).filter(|taken| taken.is_superset(&hops))
        });
        assert_eq!(taken, hops);
        assert!(rig.agent().stop(LIMIT).success());
        assert_eq!(switch.rows(), []);
        drop(mininet);
        switch.stop_switch();
    });
}

/// Where the datagrams of this host came in and went out; what is flooded has no one output.
fn ways(datagrams: &[Datagram], mac: &[u8]) -> BTreeSet<(u32, u32)> {
    let of_host = |record: &FlowRecord| {
        matches!(record, FlowRecord::SampledHeader(header)
            if header.frame_length > 300 && header.header.get(6..12) == Some(mac))
    };
    let flows = all_flows(datagrams).filter(|flow| flow.records.iter().any(of_host));
    let ports = flows.map(|flow| (flow.header.input, flow.header.output));
    ports
        .filter(|(_, output)| output.format == 0 && output.value != 0)
        .map(|(i, o)| (i.value, o.value))
        .collect()
}
