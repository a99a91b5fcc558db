//! Groups of hosts on Mininet's switch and a perimeter router, by the real program and its requests: who reaches whom, by
//! pings and TCP connections.
//!
//! ```text
//! h1 ─┐
//! h2 ─┤ s1 (Open vSwitch) ── r ── x
//! h3 ─┘                  10.0.1.254
//! ```
//! On s1 the group `web` is guarded by flows, in r everything inside by iptables. Needs root and mininet, openvswitch-switch,
//! iptables, ipset, busybox, ethtool.

use crate::netns::run;
use crate::program::Program;
use crate::real::can_run;
use crate::shape_crash::usual;
use crate::support::process::Process;
use crate::switch::{LIMIT, Switch, with_switch};
use hsflow::host::{Clock, netns};
use serde_json::{Value, json};
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

/// Within this a member is let in or kept out, from the moment at which the program is asked.
const SECOND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;
/// What a packet takes here, many times over; the kernel sends the next one after a second.
const WAIT: Duration = Duration::from_millis(150);
const H1: &str = "10.0.1.1";
const H2: &str = "10.0.1.2";
const H3: &str = "10.0.1.3";
const X: &str = "198.51.100.1";
/// A partner that never calls.
const FAR: &str = "198.51.100.9";

/// Tells the number of a process in each host's namespaces, then stays.
const TOPOLOGY: &str = r#"
import json, signal
from mininet.net import Mininet
from mininet.node import Node, OVSSwitch
net = Mininet(controller=None, autoSetMacs=True,
              switch=lambda name, **kw: OVSSwitch(name, datapath="user", failMode="standalone", **kw))
s1, r = net.addSwitch("s1"), net.addHost("r", cls=Node, ip="10.0.1.254/24")
hosts = [net.addHost("h%d" % n, ip="10.0.1.%d/24" % n, defaultRoute="via 10.0.1.254") for n in (1, 2, 3)]
x = net.addHost("x", ip="198.51.100.1/24", defaultRoute="via 198.51.100.254")
for host in [r] + hosts:
    net.addLink(host, s1)
net.addLink(x, r, params2={"ip": "198.51.100.254/24"})
net.start()
r.cmd("echo 1 > /proc/sys/net/ipv4/ip_forward")
# A switch in user space passes sums on as they are, and a pair of devices leaves them out.
for host in hosts + [r, x]:
    for port in host.intfNames():
        host.cmd("ethtool -K %s tx off" % port)
print(json.dumps({host.name: host.pid for host in hosts + [r, x]}), flush=True)
signal.pause()
"#;

struct Topology {
    names: Value,
    mininet: Process,
}

impl Topology {
    fn start(switch: &Switch) -> Self {
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
        let names = serde_json::from_str(&mininet.wait_line("{\"h1\"", Duration::from_secs(120))).unwrap();
        Self { names, mininet }
    }

    /// The process of a host as we see it: Mininet's own namespace has other numbers.
    fn pid(&self, host: &str) -> String {
        self.process(&self.names[host].to_string(), &format!("mininet:{host}"))
    }

    /// The process that has this number there, and this word in its command line.
    fn process(&self, inner: &str, said: &str) -> String {
        let is_it = |pid: &String| {
            let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            let mut numbers = numbers.unwrap_or_default().split_whitespace();
            arguments.split('\0').any(|word| word == said)
                && numbers.nth(1) == Some(inner)
                && self.is_ours(pid)
        };
        let all = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        all.into_iter().find(is_it).unwrap_or_else(|| panic!("no process {inner} with {said}"))
    }

    /// Other tests may have a Mininet, too.
    fn is_ours(&self, pid: &str) -> bool {
        let space = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        space(pid) == std::fs::read_link(format!("/proc/{}/ns/pid_for_children", self.mininet.pid())).ok()
    }

    fn inside<T: Send>(&self, host: &str, work: impl FnOnce() -> T + Send) -> T {
        let file = File::open(format!("/proc/{}/ns/net", self.pid(host))).unwrap();
        netns::inside(&file, work).unwrap()
    }

    /// Whether one echo comes back.
    fn pings(&self, host: &str, to: &str, secs: &str) -> bool {
        let net = format!("--net=/proc/{}/ns/net", self.pid(host));
        let arguments = [&net, "busybox", "ping", "-c", "1", "-W", secs, to];
        Command::new("nsenter").args(arguments).output().unwrap().status.success()
    }

    /// Whether a connection to port 80 comes about.
    fn connects(&self, host: &str, to: &str, wait: Duration) -> bool {
        let to: SocketAddr = format!("{to}:80").parse().unwrap();
        self.inside(host, || TcpStream::connect_timeout(&to, wait).is_ok())
    }

    fn reaches(&self, host: &str, to: &str) -> bool {
        self.pings(host, to, "10") && self.connects(host, to, LIMIT)
    }

    fn is_kept_from(&self, host: &str, to: &str) -> bool {
        !self.pings(host, to, "1") && !self.connects(host, to, WAIT)
    }

    /// The time until a connection is what it should be, since `begun`.
    fn until(&self, host: &str, to: &str, is_open: bool, begun: std::time::Instant) -> Duration {
        let clock = Clock::system();
        while self.connects(host, to, WAIT) != is_open {
            assert!(clock.now() - begun < LIMIT, "{host} to {to}: open should be {is_open}");
        }
        clock.now() - begun
    }
}

/// Who is guarded: `web` on the switch, and everything inside by the router.
fn guarded(router: &Value) -> String {
    format!(
        r#"
[service]
on_stop = "remove"
[group.web]
addresses = ["{H1}"]
default = "deny"
bridge = "s1"
[group.inside]
addresses = ["10.0.1.0/24"]
default = "deny"
netns = "{router}"
"#
    )
}

/// Lets `mail` to `web`, and `partners` in by the router.
fn let_in(program: &Program, router: &Value) {
    program.put("PUT /v1/groups/mail", &json!({ "addresses": [H2] }));
    program.put("PUT /v1/groups/partners", &json!({ "addresses": [FAR] }));
    let mail = json!({ "bridge": "s1", "action": "accept", "source": "@mail", "destination": "@web" });
    let partners = json!({
        "netns": router.to_string(), "direction": "forward", "action": "accept",
        "source": "@partners", "destination": "@inside", "protocol": "tcp", "destination_port": 80,
    });
    program
        .put("POST /v1/policies", &json!({ "policies": { "mail-to-web": mail, "partners-in": partners } }));
}

#[test]
fn groups_hold_on_a_switch_and_at_the_perimeter_within_a_second() {
    const NAME: &str = "topology::groups_hold_on_a_switch_and_at_the_perimeter_within_a_second";
    let missing = ["mn", "busybox", "ethtool"]
        .into_iter()
        .find(|name| Command::new(name).arg("--help").output().is_err());
    if let Some(missing) = missing {
        println!("SKIP {NAME}: {missing} is not installed");
        return;
    }
    with_switch(NAME, |switch| {
        if !can_run(NAME) {
            return;
        }
        let net = Topology::start(switch);
        let listen = |host, address| net.inside(host, || TcpListener::bind((address, 80)).unwrap());
        let _listeners = [listen("h1", H1), listen("h2", H2), listen("h3", H3), listen("x", X)];
        let router = net.pid("r");
        run(&format!("nsenter --net=/proc/{router}/ns/net iptables -A FORWARD -d 192.0.2.1/32 -j DROP"));
        let before = rules_of(&router);
        assert_eq!(before, ["-A FORWARD -d 192.0.2.1/32 -j DROP"]);
        everything_is_open(&net);

        // In Mininet's own /run and /proc, where that switch is the system's and its numbers are processes.
        let inside = net.process("1", "/usr/bin/python3");
        let program = Program::start(&guarded(&net.names["r"]), &["nsenter", "-t", &inside, "-m", "-p"]);
        let_in(&program, &net.names["r"]);
        on_the_switch(&net);
        at_the_perimeter(&net);
        members_of_a_switchs_group_come_and_go(&net, &program);
        members_of_the_routers_group_come_and_go(&net, &program);

        let mgmt = format!("unix:{}", switch.text("s1.mgmt"));
        let flows = || run(&format!("ovs-ofctl -O OpenFlow14 dump-flows {mgmt}"));
        let of_mail = flows();
        let of_mail =
            of_mail.lines().find(|line| line.contains(&format!("nw_src={H2},nw_dst={H1}"))).unwrap();
        assert!(of_mail.contains("cookie=0x68736670") && !of_mail.contains("n_packets=0,"), "{of_mail}");
        program.end();
        assert_eq!(rules_of(&router), before);
        assert!(flows().contains("NORMAL") && !flows().contains("68736670"), "{}", flows());
        everything_is_open(&net);
    });
}

fn everything_is_open(net: &Topology) {
    for (from, to) in [("h2", H1), ("h3", H1), ("h3", X), ("x", H1), ("x", H3)] {
        assert!(net.reaches(from, to), "{from} to {to}");
    }
}

fn on_the_switch(net: &Topology) {
    assert!(net.reaches("h2", H1), "h2 is of mail");
    assert!(net.is_kept_from("h3", H1), "h3 is of no group");
    assert!(net.reaches("h3", H2), "nobody guards mail on the switch");
}

fn at_the_perimeter(net: &Topology) {
    assert!(net.is_kept_from("x", H3), "nobody said that x may come in");
    assert!(net.reaches("h3", X), "who is inside goes out, and is answered");
}

fn members_of_a_switchs_group_come_and_go(net: &Topology, program: &Program) {
    let (clock, mut took) = (Clock::system(), Vec::new());
    for (members, is_open) in [(&[H2, H3][..], true), (&[H2], false)].repeat(ROUNDS) {
        let begun = clock.now();
        program.put("PUT /v1/groups/mail", &json!({ "addresses": members }));
        took.push(net.until("h3", H1, is_open, begun));
        assert!(net.connects("h2", H1, LIMIT), "who stays is not cut off");
    }
    within_a_second("on the switch", &took);
}

fn members_of_the_routers_group_come_and_go(net: &Topology, program: &Program) {
    let (clock, mut took) = (Clock::system(), Vec::new());
    for (partners, is_open) in [(&[FAR, X][..], true), (&[FAR], false)].repeat(ROUNDS) {
        let begun = clock.now();
        program.put("PUT /v1/groups/partners", &json!({ "addresses": partners }));
        took.push(net.until("x", H3, is_open, begun));
        assert!(!net.connects("x", H1, WAIT), "of the two the other one still says no");
    }
    program.put("PUT /v1/groups/partners", &json!({ "addresses": [FAR, X] }));
    assert!(net.connects("x", H3, LIMIT) && !net.pings("x", H3, "1"), "only port 80 was opened");
    within_a_second("at the perimeter", &took);
}

/// Both those let in and those kept out.
fn within_a_second(place: &str, took: &[Duration]) {
    for (first, what) in ["let in", "kept out"].into_iter().enumerate() {
        let times: Vec<_> = took.iter().skip(first).step_by(2).copied().collect();
        println!("{place}, {what}: {times:?}");
        assert!(usual(&times) < SECOND, "{place}, {what}: {times:?}");
    }
}

/// Rules and sets of a namespace.
fn rules_of(pid: &str) -> Vec<String> {
    let inside = |program: &str| run(&format!("nsenter --net=/proc/{pid}/ns/net {program}"));
    let text = [inside("iptables-save"), inside("ip6tables-save"), inside("ipset save")].concat();
    let is_rule = |line: &&str| !line.starts_with(['#', '*', ':']) && *line != "COMMIT";
    text.lines().filter(is_rule).map(str::to_owned).collect()
}
