//! The same for packets that a firewall rule samples: `nflog {}`. The rule is the operator's, set with `nft`; it draws, the
//! agent reads.

use crate::collector::Tally;
use crate::netns::run;
use crate::rig::{LIMIT, ip};
use crate::site::{FAR_IP, Link, NEAR_IP, Site, Way, frame};
use crate::support::{TempDir, wait_until};
use crate::traffic::{HEADERS, Sender};

/// The group of the rules.
const GROUP: u32 = 5;
/// Lengths of frames that a rule of their own hands over, all of them.
const FIRST: usize = 98;
const MARK: usize = 99;
const BURST: usize = 16;

/// A link whose packets pass the hooks of IP, and an agent that reads the group.
pub(crate) struct Ruled {
    pub(crate) link: Link,
    pub(crate) site: Site,
    sender: Sender,
    marks: u64,
}

impl Ruled {
    /// Rules that draw 1 in `rate`, and an agent that is told so. The link is made once a namespace.
    pub(crate) fn new(link: Link, rate: u32) -> Self {
        let name = &link.name;
        ip(&format!("route replace {FAR_IP}/32 dev {name} src {NEAR_IP}"));
        set_rules(name, rate);
        let probability = 1.0 / f64::from(rate);
        let site = Site::sampling(&format!(
            "sampling = {rate} nflog {{ group = {GROUP} probability = {probability} }}"
        ));
        let mut ruled = Self { link, site, sender: Sender::udp(NEAR_IP, FAR_IP), marks: 0 };
        // Of these nobody knows how many came before the agent listened.
        wait_until("a sample", LIMIT, || {
            ruled.link.send(Way::In, FIRST, 1);
            ruled.site.collector.look(|tally| tally.total > 0).then_some(())
        });
        ruled.pass();
        ruled
    }

    /// Sends frames of `length` bytes.
    pub(crate) fn send(&mut self, way: Way, length: usize, count: usize) {
        match way {
            Way::In => self.link.send(way, length, count),
            // Only what IP sends passes its hooks.
            Way::Out => self.sender.send(&frame(way, length)[HEADERS..], count),
        }
    }

    /// Returns when the agent has read all that was handed over before.
    #[track_caller]
    pub(crate) fn pass(&mut self) {
        self.link.send(Way::In, MARK, BURST);
        self.marks += BURST as u64;
        let due = self.marks;
        self.site.wait_tally("the marks", |tally| (marked(tally) >= due).then_some(()));
    }
}

fn marked(tally: &Tally) -> u64 {
    tally.count(|kind| kind.frame_length as usize == MARK + 4)
}

fn set_rules(device: &str, rate: u32) {
    let (bytes, log) = (
        format!("{}-{}", FIRST - 14, MARK - 14),
        format!("log group {GROUP} snaplen 128 queue-threshold 64"),
    );
    let draw = format!("numgen random mod {rate} == 0 {log}");
    let text = format!(
        "table ip rigs\ndelete table ip rigs\ntable ip rigs {{\n\
         chain in {{ type filter hook input priority 0;\n\
         iifname {device} ip length {bytes} {log}\n iifname {device} ip length {bytes} drop\n\
         iifname {device} {draw}\n iifname {device} drop\n }}\n\
         chain out {{ type filter hook output priority 0;\n oifname {device} {draw}\n }}\n}}\n"
    );
    let dir = TempDir::new();
    run(&format!("nft -f {}", dir.write("rules", text).display()));
}
