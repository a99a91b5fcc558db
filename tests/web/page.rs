//! The page in a browser: real numbers of a real agent; hundreds of guests; no complaint.

use crate::browser::{Browser, skips};
use crate::client::get;
use crate::rig::{Rig, ip, isolated};
use crate::support::process::Process;
use crate::{port, serving};
use hsflow::sflow::counters::CounterRecord;
use hsflow::sflow::counters::host::HostId;
use hsflow::sflow::counters::virt::{VirtCpu, VirtMemory, VirtNetIo};
use hsflow::sflow::decode::{Datagram, Framed, Sample};
use hsflow::sflow::ids::DataSource;
use hsflow::sflow::sample::CountersHeader;
use hsflow::sflow::xdr::Writer;
use std::path::Path;
use std::process::Command;

const TRAFFIC: &str = "
import socket, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    sender.sendto(b'x' * 1000, ('10.7.0.2', 9))
    time.sleep(0.1)
";

/// Keeps a picture where somebody may look at it.
fn keep(name: &str, png: &[u8]) {
    assert!(png.starts_with(b"\x89PNG") && png.len() > 20_000, "{} bytes", png.len());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, png).unwrap();
    println!("{}", path.display());
}

#[test]
fn a_browser_shows_the_numbers_of_a_running_agent() {
    const NAME: &str = "page::a_browser_shows_the_numbers_of_a_running_agent";
    if skips(NAME) {
        return;
    }
    isolated(|| {
        // Traffic that only goes out, ten packets a second.
        ip("link add d0 type veth peer name d1");
        ip("link set d1 up");
        ip("link set d0 up");
        ip("addr add 10.7.0.1/24 dev d0");
        ip("neigh add 10.7.0.2 lladdr 02:00:00:00:00:02 dev d0");
        let traffic = Process::start(Command::new("python3").args(["-c", TRAFFIC]));
        let mut rig = Rig::new();
        rig.configure(
            "agentIP = 127.0.0.1 polling = 1 sampling = 1 interfaceCounters = all pcap { dev = lo }",
        );
        rig.start_with(&["-P"]);
        let (_tool, at) = serving(&["--socket", &rig.text("run/control.sock")]);
        let browser = Browser::start();
        browser.open(&format!("http://{at}/"));
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        browser.wait("the host's name", &format!("return document.title.startsWith({:?})", name.trim()));
        browser.wait(
            "its processors in per cent",
            "return /^[0-9.]+%$/.test(document.querySelector('#tiles b').textContent)",
        );
        browser.wait(
            "bits on d0",
            "return [...document.querySelectorAll('#interfaces tbody tr')].some((row) => \
             row.cells[0].textContent === 'd0' && parseFloat(row.cells[4].textContent) > 0)",
        );
        browser.wait(
            "the flow of its own questions",
            &format!("return [...document.querySelectorAll('#flows td')].some((cell) => cell.textContent === '{at}')"),
        );
        browser.wait("lines in the charts", "return document.querySelectorAll('#charts canvas').length >= 4");
        let total = get(at, "/api/picture").json()["shown"]["host"]["memory_total"].as_u64().unwrap();
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
        let kernel: u64 = meminfo.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!(total, kernel << 10);
        // A few points more make a line.
        browser.wait(
            "a dozen points",
            "return fetch('/api/picture').then((r) => r.json()).then((p) => p.shown.trail.length >= 12)",
        );
        keep("web-agent.png", &browser.picture());
        assert_eq!(browser.complaints(), [""; 0]);
        drop(traffic);
        let inject = "const made = document.createElement('script'); made.textContent = 'window.ran = 1'; \
                      document.body.append(made); return window.ran === undefined";
        assert_eq!(browser.run(inject), true, "the policy refuses scripts that are not the page's");
    });
}

/// A host with so many containers, after so many seconds.
fn many_guests(count: u32, secs: u32) -> Vec<Vec<u8>> {
    let sample = |n: u32| {
        let id = HostId {
            hostname: format!("container-{n}<b>"),
            os_name: 2,
            machine_type: 3,
            ..HostId::default()
        };
        let records = vec![
            CounterRecord::HostId(id),
            CounterRecord::VirtCpu(VirtCpu { state: 1, cpu_time: secs * n, nr_virt_cpu: 1 }),
            CounterRecord::VirtMemory(VirtMemory { memory: u64::from(n) << 20, max_memory: 1 << 30 }),
            CounterRecord::VirtNetIo(VirtNetIo {
                bytes_in: u64::from(secs * n * 1000),
                ..VirtNetIo::default()
            }),
        ];
        let header = CountersHeader { sequence: secs, source: DataSource::logical(100_000 + n) };
        Sample::Counters(Framed { compact: false, header, records })
    };
    let numbers: Vec<u32> = (1..=count).collect();
    let datagram = |samples: &[u32]| {
        let datagram = Datagram {
            agent: [192, 0, 2, 50].into(),
            sub_agent_id: 0,
            sequence: secs,
            uptime_ms: secs * 1000,
            samples: samples.iter().map(|n| sample(*n)).collect(),
            dirty_padding: 0,
            trailing: Vec::new(),
        };
        let mut buffer = vec![0; 9000];
        let mut out = Writer::new(&mut buffer);
        datagram.encode(&mut out).unwrap();
        out.written().to_vec()
    };
    numbers.chunks(20).map(datagram).collect()
}

#[test]
fn hundreds_of_guests_are_ordered_and_filtered_and_their_names_are_text() {
    const NAME: &str = "page::hundreds_of_guests_are_ordered_and_filtered_and_their_names_are_text";
    if skips(NAME) {
        return;
    }
    isolated(|| {
        let port = port::free();
        let (_tool, at) = serving(&["--receive", &format!("127.0.0.1:{port}")]);
        port::wait_bound(port);
        port::send(port, &many_guests(400, 1));
        port::send(port, &many_guests(400, 21));
        let browser = Browser::start();
        browser.open(&format!("http://{at}/"));
        browser.wait("all of them", "return document.querySelectorAll('#guests tbody tr').length === 400");
        let first = "return document.querySelector('#guests tbody tr').cells[0].textContent";
        assert_eq!(
            browser.run(first),
            "container-400<b>",
            "the busiest comes first, and its name is no markup"
        );
        browser.run("[...document.querySelectorAll('#guests th')].find((head) => head.textContent.startsWith('Guest')).click()");
        assert_eq!(browser.run(first), "container-1<b>");
        let filter = "const box = document.getElementById('filter'); box.value = 'container-39'; box.dispatchEvent(new Event('input'))";
        browser.run(filter);
        let rows = browser.run("return document.querySelectorAll('#guests tbody tr').length");
        assert_eq!(rows, 11);
        let drawn = browser.run(
            "document.getElementById('filter').value = ''; const began = performance.now(); \
             document.getElementById('filter').dispatchEvent(new Event('input')); return performance.now() - began",
        );
        println!("400 guests are drawn in {drawn} ms");
        browser.resize(420, 900);
        browser.wait(
            "no wider than a telephone",
            "return document.documentElement.scrollWidth <= window.innerWidth",
        );
        keep("web-guests.png", &browser.picture());
        assert_eq!(browser.complaints(), [""; 0]);
    });
}
