//! An agent that may open few files: what it cannot do it says, and it does the rest.

use crate::netns::ip_batch;
use crate::packets::{a0, send, wait_source, wire};
use crate::rig::{LIMIT, Rig, flows, isolated};
use crate::stream::Reader;
use crate::support::wait_until;
use hsflow::sflow::ids::DataSource;

#[test]
fn taps_leave_descriptors_to_the_rest_of_the_agent() {
    isolated(|| {
        wire();
        let links: Vec<_> = (0..20)
            .map(|n| format!("link add t{n} type veth peer name p{n}\nlink set t{n} up\nlink set p{n} up"))
            .collect();
        ip_batch(&links.join("\n"));
        let first = "polling = 1\npcap { dev = a0 sampling = 1 }\nepcap { dev = p0 }";
        let mut rig = Rig::running(first);
        sample(&rig, 1);
        let few = rig.descriptors().len() + 30;
        rig.agent().stop(LIMIT);
        // What it opens at its start comes first, and what root may do is decided there.
        rig.start_with_descriptors(few);
        sample(&rig, 1);
        let taps: String =
            (0..20).map(|n| format!("\npcap {{ dev = t{n} }}\nepcap {{ dev = p{n} }}")).collect();
        rig.configure(&format!("{first}{taps}"));
        assert_eq!(rig.ctl(&["reload"]).0, 0);
        assert_lack_is_told(&rig, few);
        sample(&rig, 10);
        rig.agent().stop(LIMIT);
        // Now taps are opened before most files are.
        rig.start_with_descriptors(few);
        assert_lack_is_told(&rig, few);
        rig.next_sample(DataSource::HOST);
    });
}

/// It is said each time, with what to do; and there are descriptors for others.
fn assert_lack_is_told(rig: &Rig, few: usize) {
    let said = || rig.ctl(&["status"]);
    let lacks = |(status, page): &(i32, String)| {
        *status == 1 && page.contains("Too many open files") && page.contains("raise LimitNOFILE")
    };
    wait_until("the lack and its cure in the status", LIMIT, || lacks(&said()).then_some(()));
    for _ in 0..5 {
        let answer = said();
        assert!(lacks(&answer), "and it does so again: {answer:?}");
    }
    // Whoever reads along keeps one.
    let mut readers = [(); 4].map(|()| Reader::new(rig));
    readers.iter_mut().for_each(|reader| assert!(reader.next().is_some()));
    let used = rig.descriptors().len();
    assert!(used + 4 <= few, "{used} of {few}");
    assert!(lacks(&said()));
}

/// Sends so many packets, and waits for the sample of each.
fn sample(rig: &Rig, count: usize) {
    let before = flows(&rig.datagrams(), a0()).len();
    wait_source(rig, "a0", "pcap");
    send(count);
    rig.wait("samples of packets", |d| flows(d, a0()).len() >= before + count);
}
