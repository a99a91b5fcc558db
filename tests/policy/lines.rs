//! What the vetting of lines lets through, iptables itself understands.

use crate::netns::isolated;
use crate::real::{can_run, run};
use hsflow::policy::lines::{Dialect, parse};
use hsflow::policy::model::Tool;

/// Every match, every option and every target of Linux at least once.
const LINES: &[&str] = &[
    "[iptables]",
    "-A FORWARD --in-interface swp+ -d 10.0.0.1 -p udp --sport 53 -j DROP",
    "-A INPUT ! -s 10.0.0.0/8 ! -i eth0 -p tcp --tcp-flags SYN,ACK SYN --dport 1:1024 -j REJECT --reject-with tcp-reset",
    "-A INPUT -p tcp --syn -m multiport --dports 22,80,8000:8100 -m multiport --sports 1 -j ACCEPT",
    "-A FORWARD -p tcp -m multiport --ports 22,23 -j RETURN",
    "-A FORWARD -p icmp --icmp-type 8 -m limit --limit 10/second --limit-burst 20 -j ACCEPT",
    "-A FORWARD -p sctp -m sctp --dport 5060 -j DROP",
    "-A FORWARD -f -j DROP",
    "-A FORWARD ! -f -m conntrack --ctstate NEW,ESTABLISHED -m state --state NEW -j ACCEPT",
    "-A FORWARD -m dscp --dscp 0x2e -m tos --tos 0xb8 -m length --length 64:1500 -j DROP",
    "-A FORWARD -m ttl --ttl-lt 5 -j DROP",
    "-A FORWARD -m hashlimit --hashlimit-above 512kb/s --hashlimit-mode srcip,dstport --hashlimit-srcmask 24 --hashlimit-name a -j DROP",
    "-A FORWARD -m hashlimit --hashlimit-upto 10/s --hashlimit-burst 5 --hashlimit-mode dstip --hashlimit-dstmask 24 --hashlimit-name b -j ACCEPT",
    "-A FORWARD -m mac --mac-source 00:11:22:33:44:55 -m physdev --physdev-in tap+ -j DROP",
    "-A FORWARD -m pkttype --pkt-type broadcast -m addrtype --src-type LOCAL,UNICAST -j DROP",
    "-A FORWARD -m iprange --src-range 10.0.0.1-10.0.0.9 -m statistic --mode random --probability 0.5 -j DROP",
    "-A FORWARD -m comment --comment \"a b\" -j LOG --log-prefix \"cut: \" --log-level 6",
    "-t mangle -A FORWARD -j DSCP --set-dscp 10",
    "-t mangle -A PREROUTING -j TOS --set-tos 16",
    "-t mangle -A POSTROUTING -o eth0 -j CLASSIFY --set-class 1:a",
    "-t raw -A PREROUTING -i eth0 -s 192.0.2.0/24 -j DROP",
    "[ip6tables]",
    "-A FORWARD -s 2001:db8::/32 -p icmpv6 --icmpv6-type 128/0 -m hl --hl-gt 5 -j REJECT --reject-with icmp6-adm-prohibited",
];

#[test]
fn what_is_let_through_is_understood() {
    const NAME: &str = "lines::what_is_let_through_is_understood";
    isolated(NAME, || {
        if !can_run(NAME) {
            return;
        }
        for rule in parse(LINES.iter().copied(), Dialect::Linux).unwrap() {
            let program =
                if rule.tool() == Tool::Iptables { "iptables-restore" } else { "ip6tables-restore" };
            let words: Vec<&str> = rule.words().collect();
            let text = format!(
                "*{}\n-A {} {}\nCOMMIT\n",
                rule.table().name(),
                rule.chain().builtin(),
                words.join(" ")
            );
            // Also for real: only the kernel knows where a target may stand.
            for arguments in [&["--noflush", "--test"][..], &["--noflush"]] {
                run(program, arguments, &text).unwrap_or_else(|why| panic!("{why}{text}"));
            }
        }
    });
}
