//! Groups of guests with a real agent, a real dockerd and real sets of the kernel. Needs root, dockerd, `docker`, busybox,
//! iptables, ip6tables and ipset.

use crate::agent::{Agent, LIMIT, Live, beside, carry, until};
use crate::dockerd::{Dockerd, PATIENCE};
use crate::netns::{Elsewhere, ip_batch, is_inside, isolated, run};
use crate::real::can_run;
use crate::shape_crash::times;
use crate::support::TempDir;
use crate::wishes::read;
use hsflow::host::Clock;
use hsflow::policy::desk::{self, Page};
use hsflow::policy::watch::guests::Guests;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TEXT: &str = "[group.web]\nguests = [{ engine = \"docker\", image = \"bb\" }]\n\
    [policy.shut]\ndestination = \"@web\"\ndirection = \"forward\"\naction = \"drop\"\n";
const PROMISED: Duration = Duration::from_secs(1);

/// What the agent tells, and when.
struct Told(Arc<Mutex<Vec<(String, Instant)>>>);

impl Told {
    fn new(agent: &Agent) -> Self {
        let socket = BufReader::new(UnixStream::connect(agent.socket("guests")).unwrap());
        let (told, clock) = (Arc::<Mutex<Vec<_>>>::default(), Clock::system());
        let all = Arc::clone(&told);
        std::thread::spawn(move || {
            for line in socket.lines().map_while(Result::ok) {
                all.lock().unwrap().push((line, clock.now()));
            }
        });
        Self(told)
    }

    /// When it told of the first event of this kind.
    fn when(&self, event: &str) -> Option<Instant> {
        let start = format!("{{\"event\":\"{event}\"");
        self.0.lock().unwrap().iter().find(|(line, _)| line.starts_with(&start)).map(|(_, at)| *at)
    }
}

fn members() -> Vec<String> {
    let added = |line: &str| line.strip_prefix("add ")?.split(' ').nth(1).map(str::to_owned);
    run("ipset save").lines().filter_map(added).collect()
}

fn is_member(address: &str) -> bool {
    members().iter().any(|member| member == address)
}

/// The container's address: of dockerd's network.
fn member() -> Option<String> {
    members().into_iter().find(|member| member.starts_with("172.31.254."))
}

async fn docker(dockerd: &Dockerd, line: &str) {
    let line = format!("--host unix://{} {line}", dockerd.socket().display());
    let output = tokio::process::Command::new("docker").args(line.split_whitespace()).output().await.unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_container_is_in_its_group_within_a_second_and_an_agent_that_starts_again_changes_nothing() {
    const NAME: &str =
        "guests::a_container_is_in_its_group_within_a_second_and_an_agent_that_starts_again_changes_nothing";
    isolated(NAME, || {
        if is_inside() || !can_run(NAME) {
            return;
        }
        let dockerd = Dockerd::beside(&["--bip=172.31.254.1/24"]);
        for name in ["proc", "sys", "etc", "run"] {
            symlink(format!("/{name}"), dockerd.root().join(name)).unwrap();
        }
        let root = dockerd.root().display().to_string();
        let body = "agentIP = 172.31.254.1 polling = 1 docker { }";
        let mut agent = Agent::start(body, &["-P", "--root", &root]);
        let wishes = read(TEXT);
        let policies: Live =
            wishes.policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect();
        let (desk, clerk) = desk::open();
        clerk.page.send_replace(Arc::new(Page { groups: wishes.groups, ..Page::default() }));
        let guests = Guests::new(desk, agent.socket("guests"), Clock::system());
        let mut seen = guests.seen();
        let live = tokio::sync::watch::Sender::default();
        let parts = async { tokio::join!(guests.run(), carry(clerk, policies, live)).0 };
        beside(parts, async {
            let clock = Clock::system();
            let docker = async |line: &str| docker(&dockerd, line).await;
            seen.wait_for(|seen| seen.since.is_some()).await.unwrap();
            let (mut into, mut out) = (Vec::new(), Vec::new());
            let is_kept = |took: &Vec<Duration>| took.iter().any(|took| *took < PROMISED);
            // Where other tests have the processor, one of a few times counts; at full size it is one.
            while !is_kept(&into) || !is_kept(&out) {
                assert!(into.len() < times(8, 1), "in {into:?}, out {out:?}");
                let told = Told::new(&agent);
                let reached = async {
                    until("its address in the set", PATIENCE, || member().map(|_| clock.now())).await
                };
                let (_, reached) = tokio::join!(docker("run -d --name web1 bb sleep 100000"), reached);
                let begun = until("the start is told", LIMIT, || told.when("start")).await;
                into.push(reached.saturating_duration_since(begun));
                docker("rm -f web1").await;
                let stopped = until("the stop is told", LIMIT, || told.when("stop")).await;
                until("it is in no group", LIMIT, || member().is_none().then_some(())).await;
                out.push(clock.now().duration_since(stopped));
            }
            println!("in its group {into:?}, out of it {out:?} after the event");
            docker("run -d --name web1 bb sleep 100000").await;
            let address = &*until("its address in the set", LIMIT, member).await;
            seen.wait_for(|seen| seen.guests == 1).await.unwrap();

            agent.again();
            seen.wait_for(|seen| seen.away.is_some()).await.unwrap();
            let back = seen.wait_for(|seen| seen.since.is_some());
            tokio::time::timeout(LIMIT, back).await.expect("connected again").unwrap();
            assert!(is_member(address));
            let told = Told::new(&agent);
            until("all are told again", LIMIT, || told.when("complete")).await;
            assert!(is_member(address));

            docker("rm -f web1").await;
            until("it is in no group", LIMIT, || (!is_member(address)).then_some(())).await;
        });
    });
}

/// As the agent tells of a virtual machine, into which it does not see.
const MACHINE: &str = "{\"event\":\"present\",\"engine\":\"kvm\",\"id\":\"1\",\"name\":\"vm1\",\"uuid\":\"\",\"source\":\"3:1\",\"state\":\"running\",\
    \"interfaces\":[{\"name\":\"vnet1\",\"mac\":\"52:54:00:00:00:01\",\"addresses\":[],\"host_interface\":\"vnet1\",\"host_if_index\":2}],\"counter_samples\":0}\n\
    {\"event\":\"complete\",\"guests\":1}\n";

/// Addresses of it that nobody asked for yet.
const MORE: [&str; 3] = ["192.0.2.6", "192.0.2.7", "192.0.2.8"];

#[test]
fn a_virtual_machine_is_in_its_group_as_soon_as_this_host_has_heard_of_it() {
    const NAME: &str = "guests::a_virtual_machine_is_in_its_group_as_soon_as_this_host_has_heard_of_it";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        // A namespace poses as the machine: what it says on the link is what a machine would.
        let machine = Elsewhere::new();
        ip_batch(&format!(
            "link add vnet1 type veth peer name eth0 address 52:54:00:00:00:01 netns {}\n\
             addr add 192.0.2.1/24 dev vnet1\nlink set vnet1 up\n",
            machine.pid()
        ));
        let inside = |line: &str| run(&format!("nsenter --net=/proc/{}/ns/net {line}", machine.pid()));
        inside("ip link set eth0 up");
        inside("ip addr add 192.0.2.5/24 dev eth0");
        MORE.iter().for_each(|address| drop(inside(&format!("ip addr add {address}/24 dev eth0"))));
        let wishes =
            read(&TEXT.replace("engine = \"docker\", image = \"bb\"", "engine = \"kvm\", name = \"vm1\""));
        let policies: Live =
            wishes.policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect();
        let (desk, clerk) = desk::open();
        clerk.page.send_replace(Arc::new(Page { groups: wishes.groups, ..Page::default() }));
        let dir = TempDir::new();
        let path = dir.path().join("guests.sock");
        let heard = std::net::UdpSocket::bind("192.0.2.1:0").unwrap();
        // The first is in the table before anybody looks.
        heard.send_to(b"who is there", "192.0.2.5:9").unwrap();
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let agent = std::thread::spawn(move || {
            use std::io::Write;
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(MACHINE.as_bytes()).unwrap();
            socket
        });
        let guests = Guests::new(desk, path, Clock::system());
        let live = tokio::sync::watch::Sender::default();
        beside(async { tokio::join!(guests.run(), carry(clerk, policies, live)).0 }, async {
            let clock = Clock::system();
            until("the address that was there", LIMIT, || is_member("192.0.2.5").then_some(())).await;
            let mut took = Vec::new();
            for address in MORE {
                assert!(!is_member(address));
                let said = clock.now();
                heard.send_to(b"who is there", (address, 9)).unwrap();
                let there = until("the next", LIMIT, || is_member(address).then(|| clock.now())).await;
                took.push(there.duration_since(said));
            }
            println!("it is in its group {took:?} after the first packet");
            assert!(took.iter().min() < Some(&PROMISED), "{took:?}");
        });
        drop(agent.join().unwrap());
    });
}
