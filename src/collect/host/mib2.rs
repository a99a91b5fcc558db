//! MIB-II records 0:2007 (ip), 0:2008 (icmp), 0:2009 (tcp) and 0:2010 (udp) from `/proc/net/snmp`, IPv4 only.
//!
//! In: pairs of lines, names above values. Out: the four records.
//! Rule: every value is found by the name above it, because kernels have added columns in the middle
//! (`Icmp: InCsumErrors`, `OutRateLimitGlobal`). A column that this kernel does not have is unknown.
//! Sources: RFC 1213, the kernel's `net/ipv4/proc.c`.

use super::error::Faults;
use super::text::{Place, lines, require};
use crate::host::{Host, HotFile};
use crate::sflow::counters::host::{HostIcmp, HostIp, HostTcp, HostUdp};
use crate::sflow::unknown::{counter32, gauge32};

const SNMP: &str = "/proc/net/snmp";

/// The four groups; absent where the file has no such pair of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the group's name says it
pub struct Mib2 {
    pub ip: Option<HostIp>,
    pub icmp: Option<HostIcmp>,
    pub tcp: Option<HostTcp>,
    pub udp: Option<HostUdp>,
}

/// One pair of lines.
struct Group<'a, 'f> {
    at: Place,
    names: &'a str,
    values: &'a str,
    faults: &'f mut Faults,
}

impl<'a> Group<'a, '_> {
    fn word(&self, name: &str) -> Option<&'a str> {
        let names = self.names.split_ascii_whitespace();
        names.zip(self.values.split_ascii_whitespace()).find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The low 32 bits; all ones where there is no such column.
    fn counter(&mut self, name: &'static str) -> u32 {
        counter32(self.at.number(name, self.word(name), self.faults))
    }

    /// 0 where there is no such column.
    fn gauge(&mut self, name: &'static str) -> u32 {
        gauge32(self.at.number(name, self.word(name), self.faults))
    }

    /// RFC 1213: "in entities where the maximum number of connections is dynamic, this object should contain
    /// the value -1"; all ones on the wire.
    fn limit(&mut self, name: &'static str) -> u32 {
        if self.word(name) == Some("-1") { u32::MAX } else { self.gauge(name) }
    }

    fn ip(&mut self) -> HostIp {
        HostIp {
            ip_forwarding: self.gauge("Forwarding"),
            ip_default_ttl: self.gauge("DefaultTTL"),
            ip_in_receives: self.counter("InReceives"),
            ip_in_hdr_errors: self.counter("InHdrErrors"),
            ip_in_addr_errors: self.counter("InAddrErrors"),
            ip_forw_datagrams: self.counter("ForwDatagrams"),
            ip_in_unknown_protos: self.counter("InUnknownProtos"),
            ip_in_discards: self.counter("InDiscards"),
            ip_in_delivers: self.counter("InDelivers"),
            ip_out_requests: self.counter("OutRequests"),
            ip_out_discards: self.counter("OutDiscards"),
            ip_out_no_routes: self.counter("OutNoRoutes"),
            ip_reasm_timeout: self.gauge("ReasmTimeout"),
            ip_reasm_reqds: self.counter("ReasmReqds"),
            ip_reasm_oks: self.counter("ReasmOKs"),
            ip_reasm_fails: self.counter("ReasmFails"),
            ip_frag_oks: self.counter("FragOKs"),
            ip_frag_fails: self.counter("FragFails"),
            ip_frag_creates: self.counter("FragCreates"),
        }
    }

    fn icmp(&mut self) -> HostIcmp {
        HostIcmp {
            icmp_in_msgs: self.counter("InMsgs"),
            icmp_in_errors: self.counter("InErrors"),
            icmp_in_dest_unreachs: self.counter("InDestUnreachs"),
            icmp_in_time_excds: self.counter("InTimeExcds"),
            icmp_in_param_probs: self.counter("InParmProbs"),
            icmp_in_src_quenchs: self.counter("InSrcQuenchs"),
            icmp_in_redirects: self.counter("InRedirects"),
            icmp_in_echos: self.counter("InEchos"),
            icmp_in_echo_reps: self.counter("InEchoReps"),
            icmp_in_timestamps: self.counter("InTimestamps"),
            icmp_in_addr_masks: self.counter("InAddrMasks"),
            icmp_in_addr_mask_reps: self.counter("InAddrMaskReps"),
            icmp_out_msgs: self.counter("OutMsgs"),
            icmp_out_errors: self.counter("OutErrors"),
            icmp_out_dest_unreachs: self.counter("OutDestUnreachs"),
            icmp_out_time_excds: self.counter("OutTimeExcds"),
            icmp_out_param_probs: self.counter("OutParmProbs"),
            icmp_out_src_quenchs: self.counter("OutSrcQuenchs"),
            icmp_out_redirects: self.counter("OutRedirects"),
            icmp_out_echos: self.counter("OutEchos"),
            icmp_out_echo_reps: self.counter("OutEchoReps"),
            icmp_out_timestamps: self.counter("OutTimestamps"),
            icmp_out_timestamp_reps: self.counter("OutTimestampReps"),
            icmp_out_addr_masks: self.counter("OutAddrMasks"),
            icmp_out_addr_mask_reps: self.counter("OutAddrMaskReps"),
        }
    }

    fn tcp(&mut self) -> HostTcp {
        HostTcp {
            tcp_rto_algorithm: self.gauge("RtoAlgorithm"),
            tcp_rto_min: self.gauge("RtoMin"),
            tcp_rto_max: self.gauge("RtoMax"),
            tcp_max_conn: self.limit("MaxConn"),
            tcp_active_opens: self.counter("ActiveOpens"),
            tcp_passive_opens: self.counter("PassiveOpens"),
            tcp_attempt_fails: self.counter("AttemptFails"),
            tcp_estab_resets: self.counter("EstabResets"),
            tcp_curr_estab: self.gauge("CurrEstab"),
            tcp_in_segs: self.counter("InSegs"),
            tcp_out_segs: self.counter("OutSegs"),
            tcp_retrans_segs: self.counter("RetransSegs"),
            tcp_in_errs: self.counter("InErrs"),
            tcp_out_rsts: self.counter("OutRsts"),
            tcp_in_csum_errors: self.counter("InCsumErrors"),
        }
    }

    fn udp(&mut self) -> HostUdp {
        HostUdp {
            udp_in_datagrams: self.counter("InDatagrams"),
            udp_no_ports: self.counter("NoPorts"),
            udp_in_errors: self.counter("InErrors"),
            udp_out_datagrams: self.counter("OutDatagrams"),
            udp_rcvbuf_errors: self.counter("RcvbufErrors"),
            udp_sndbuf_errors: self.counter("SndbufErrors"),
            udp_in_csum_errors: self.counter("InCsumErrors"),
        }
    }
}

/// Parses `/proc/net/snmp`: pairs of lines `Udp: InDatagrams …` and `Udp: 121 …`.
pub fn parse_snmp(text: &str, faults: &mut Faults) -> Mib2 {
    let mut found = Mib2::default();
    let mut names = None;
    for (at, line) in lines(SNMP, text, faults) {
        let Some((group, words)) = line.split_once(": ") else {
            faults.note(at.malformed());
            continue;
        };
        match names.take() {
            Some((named, names)) if named == group => {
                found.fill(group, Group { at, names, values: words, faults })
            }
            _ => names = Some((group, words)),
        }
    }
    found.require_all(faults);
    found
}

impl Mib2 {
    fn fill(&mut self, name: &str, mut group: Group<'_, '_>) {
        match name {
            "Ip" => self.ip = Some(group.ip()),
            "Icmp" => self.icmp = Some(group.icmp()),
            "Tcp" => self.tcp = Some(group.tcp()),
            "Udp" => self.udp = Some(group.udp()),
            _ => {}
        }
    }

    fn require_all(&self, faults: &mut Faults) {
        let present = [
            ("Ip", self.ip.is_some()),
            ("Icmp", self.icmp.is_some()),
            ("Tcp", self.tcp.is_some()),
            ("Udp", self.udp.is_some()),
        ];
        require(SNMP, faults, &present);
    }
}

/// The kept file.
#[derive(Debug)]
pub(super) struct Snmp(HotFile);

impl Snmp {
    pub(super) fn new(host: &Host) -> Self {
        Self(HotFile::new(host.path(SNMP)))
    }

    pub(super) fn poll(&mut self, faults: &mut Faults) -> Mib2 {
        faults.catch(self.0.text()).map(|text| parse_snmp(text, faults)).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "mib2/tests.rs"]
mod tests;
