//! Rules of firewalls: whatever they say, a chain that begins by accepting everything lets everything pass, and one that
//! begins by dropping everything lets nothing.

use hsflow::ctl::doctor::firewall::{Answer, Chain, Datagram, Rule, Verdict, ask, iptables, nft};

/// The text as both programs might have printed it.
pub(crate) fn law(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check(iptables::parse(&text, "ip"));
    nft::parse(&text).map(check).unwrap_or_default();
}

fn check(chains: Vec<Chain>) {
    for to in ["192.0.2.7", "2001:db8::7", "127.0.0.1"] {
        let datagram = Datagram { to: to.parse().expect("an address"), port: 6343 };
        let _ = ask(&chains, datagram);
        assert_eq!(ask(&beginning(&chains, &Verdict::Accept), datagram), Answer::Passes);
        if chains.iter().any(|chain| chain.is_output) {
            let dropped = ask(&beginning(&chains, &Verdict::Drop), datagram);
            assert_eq!(dropped, Answer::Dropped("ours".to_owned()));
        }
    }
}

/// The chains, each with a rule before all others that holds for every packet.
fn beginning(chains: &[Chain], verdict: &Verdict) -> Vec<Chain> {
    let first = || Rule { text: "ours".to_owned(), matches: Vec::new(), verdict: verdict.clone() };
    let with = |chain: &Chain| {
        let rules = std::iter::once(first()).chain(chain.rules.iter().cloned()).collect();
        Chain { rules, ..chain.clone() }
    };
    chains.iter().map(with).collect()
}
