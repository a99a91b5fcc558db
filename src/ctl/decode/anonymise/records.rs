//! Which fields of which records are addresses. In: a record. Out: the same with others in their place. A record that is
//! not named here has none; a test looks for addresses that were left in any of them.

use super::{Anonymiser, blank, header};
use crate::sflow::counters::CounterRecord;
use crate::sflow::flow::FlowRecord;
use crate::sflow::flow::packet::{SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6};
use crate::sflow::realtime::{FlowValue, MetricValue, RtFlow, RtMetric};
use crate::wire::frame::Start;
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

impl Anonymiser {
    #[rustfmt::skip] // a table
    pub(super) fn flow_record(&self, record: &mut FlowRecord) {
        match record {
            FlowRecord::Raw(raw) => blank(raw),
            FlowRecord::SampledHeader(r) => self.sampled_header(r),
            FlowRecord::Extended80211Payload(r) => self.sampled_header(&mut r.data),
            FlowRecord::SampledEthernet(r) => self.ethernet(r),
            FlowRecord::L2TunnelEgress(r) => self.ethernet(&mut r.tunnel),
            FlowRecord::L2TunnelIngress(r) => self.ethernet(&mut r.tunnel),
            FlowRecord::SampledIpv4(r) => self.ipv4(r),
            FlowRecord::Ipv4TunnelEgress(r) => self.ipv4(&mut r.tunnel),
            FlowRecord::Ipv4TunnelIngress(r) => self.ipv4(&mut r.tunnel),
            FlowRecord::SampledIpv6(r) => self.ipv6(r),
            FlowRecord::Ipv6TunnelEgress(r) => self.ipv6(&mut r.tunnel),
            FlowRecord::Ipv6TunnelIngress(r) => self.ipv6(&mut r.tunnel),
            FlowRecord::ExtendedRouter(r) => r.next_hop = self.ip(r.next_hop),
            FlowRecord::ExtendedGateway(r) => r.next_hop = self.ip(r.next_hop),
            FlowRecord::ExtendedMpls(r) => r.next_hop = self.ip(r.next_hop),
            FlowRecord::ExtendedNat(r) => (r.src_address, r.dst_address) = (self.ip(r.src_address), self.ip(r.dst_address)),
            FlowRecord::Extended80211Rx(r) => r.bssid = self.mac(r.bssid),
            FlowRecord::Extended80211Tx(r) => r.bssid = self.mac(r.bssid),
            FlowRecord::SocketIpv4(r) => self.v4_pair(&mut r.local_ip, &mut r.remote_ip),
            FlowRecord::ProxySocketIpv4(r) => self.v4_pair(&mut r.local_ip, &mut r.remote_ip),
            FlowRecord::SocketIpv6(r) => self.v6_pair(&mut r.local_ip, &mut r.remote_ip),
            FlowRecord::ProxySocketIpv6(r) => self.v6_pair(&mut r.local_ip, &mut r.remote_ip),
            FlowRecord::ExtendedUser(r) => self.texts([&mut r.src_user, &mut r.dst_user]),
            FlowRecord::ExtendedUrl(r) => self.text(&mut r.host),
            FlowRecord::HttpRequestOld(r) => self.texts([&mut r.host, &mut r.authuser]),
            FlowRecord::HttpRequest(r) => self.texts([&mut r.host, &mut r.xff, &mut r.authuser]),
            FlowRecord::AppInitiator(r) => self.text(&mut r.actor),
            FlowRecord::AppTarget(r) => self.text(&mut r.actor),
            _ => {}
        }
    }

    pub(super) fn counter_record(&self, record: &mut CounterRecord) {
        match record {
            CounterRecord::Raw(raw) => blank(raw),
            CounterRecord::Adaptors(r) => {
                let macs = r.adaptors.iter_mut().flat_map(|adaptor| &mut adaptor.macs);
                macs.for_each(|mac| *mac = self.mac(*mac));
            }
            CounterRecord::HostId(r) => {
                let mut name = Cow::Borrowed(r.hostname.as_str());
                self.text(&mut name);
                r.hostname = name.into_owned();
            }
            CounterRecord::LacpPort(r) => {
                r.actor_system_id = self.mac(r.actor_system_id);
                r.partner_system_id = self.mac(r.partner_system_id);
            }
            _ => {}
        }
    }

    pub(super) fn metrics(&self, sample: &mut RtMetric<'_>) {
        for metric in &mut sample.metrics {
            if let MetricValue::String(text) = &mut metric.value {
                self.text(text);
            }
        }
    }

    pub(super) fn attributes(&self, sample: &mut RtFlow<'_>) {
        for field in &mut sample.fields {
            match &mut field.value {
                FlowValue::String(text) => self.text(text),
                FlowValue::Mac(mac) => *mac = self.mac(*mac),
                FlowValue::Ip(ip) => *ip = self.v4(*ip),
                FlowValue::Ip6(ip) => *ip = self.v6(*ip),
                _ => {}
            }
        }
    }

    fn texts<'t, const N: usize>(&self, texts: [&mut Cow<'t, str>; N]) {
        texts.into_iter().for_each(|text| self.text(text));
    }

    fn sampled_header(&self, record: &mut SampledHeader<'_>) {
        let bytes = match Start::of_header_protocol(record.protocol) {
            Some(start) => header::scrub(self, start, &record.header),
            None => vec![0; record.header.len()],
        };
        record.header = bytes.into();
    }

    fn ethernet(&self, record: &mut SampledEthernet) {
        (record.src_mac, record.dst_mac) = (self.mac(record.src_mac), self.mac(record.dst_mac));
    }

    fn ipv4(&self, record: &mut SampledIpv4) {
        self.v4_pair(&mut record.src_ip, &mut record.dst_ip);
    }

    fn ipv6(&self, record: &mut SampledIpv6) {
        self.v6_pair(&mut record.src_ip, &mut record.dst_ip);
    }

    fn v4_pair(&self, one: &mut Ipv4Addr, other: &mut Ipv4Addr) {
        (*one, *other) = (self.v4(*one), self.v4(*other));
    }

    fn v6_pair(&self, one: &mut Ipv6Addr, other: &mut Ipv6Addr) {
        (*one, *other) = (self.v6(*one), self.v6(*other));
    }
}
