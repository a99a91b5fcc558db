//! The way out, and the clock: a firewall of this host before the collectors, and whether times can be believed. In: facts. Out:
//! checks.

use super::super::facts::Facts;
use super::super::firewall::{Answer, ask};
use super::super::{Check, Grade};

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut all = firewall(facts);
    all.push(clock(facts));
    all
}

fn firewall(facts: &Facts) -> Vec<Check> {
    const WHAT: &str = "firewall";
    let chains = match &facts.rules {
        None => return Vec::new(),
        Some(Err(why)) => {
            let remedy =
                "as root: sudo hsflowctl doctor, or look yourself: nft list ruleset; iptables -S OUTPUT";
            return vec![Check::unsure(WHAT, format!("its rules cannot be read: {why}"), remedy)];
        }
        Some(Ok(chains)) => chains,
    };
    let mut all = Vec::new();
    for datagram in &facts.datagrams {
        let (to, port) = (datagram.to, datagram.port);
        let (grade, found) = match ask(chains, *datagram) {
            Answer::Passes => continue,
            Answer::Dropped(by) => {
                (Grade::Wrong, format!("datagrams to {to} port {port} are dropped by {by}"))
            }
            Answer::MayBeDropped(by) => (
                Grade::Unsure,
                format!(
                    "datagrams to {to} port {port} may be dropped by {by}; not all that it asks is understood here"
                ),
            ),
        };
        let family = if to.is_ipv4() { "ip" } else { "ip6" };
        let remedy = format!(
            "let them out: {family}tables -I OUTPUT -p udp -d {to} --dport {port} -j ACCEPT, in your firewall's own way"
        );
        all.push(Check { what: WHAT.to_owned(), grade, found, remedy });
    }
    if all.is_empty() {
        let found = match facts.datagrams.len() {
            0 => "no collector with a known address to try the rules on".to_owned(),
            count => format!("no rule of this host drops what goes to the {count} collectors"),
        };
        all.push(Check::good(WHAT, found));
    }
    all
}

fn clock(facts: &Facts) -> Check {
    const WHAT: &str = "clock";
    let remedy = "systemctl enable --now systemd-timesyncd, or chrony; timedatectl shows the state";
    match facts.synchronised {
        Some(true) => Check::good(WHAT, "kept right by a time service"),
        Some(false) => Check::unsure(
            WHAT,
            "nobody keeps it right, as far as the kernel knows (a virtual machine's host may)",
            remedy,
        ),
        None => Check::unsure(WHAT, "the kernel does not tell whether it is right", remedy),
    }
}
