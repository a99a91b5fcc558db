//! The columns of sflowtool's `-l`, for scripts that read them: `FLOW` for each packet sample, `CNTR` for each generic
//! interface counter record; other samples have no line. Only numbers and addresses: nothing here can hold a comma.
//!
//! ```text
//! CNTR,agent,ifIndex,ifType,ifSpeed,ifDirection,ifStatus, then octets, unicast, multicast, broadcast, discards, errors,
//!   unknown protocols in, octets, unicast, multicast, broadcast, discards, errors out, promiscuous
//! FLOW,agent,input,output,source MAC,destination MAC,EtherType,VLAN in,VLAN out,source,destination,IP protocol,TOS,TTL,
//!   port or ICMP type,port or ICMP code,TCP flags,bytes of the frame,bytes of the IP packet,sampling rate
//! ```

use super::Received;
use super::packet::Packet;
use crate::sflow::counters::CounterRecord;
use crate::sflow::counters::interface::GenericInterface;
use crate::sflow::decode::{Framed, Sample};
use crate::sflow::flow::FlowRecord;
use crate::sflow::sample::FlowHeader;
use std::fmt::Write;
use std::net::IpAddr;

pub(super) fn render(received: &Received<'_>) -> String {
    let (mut page, agent) = (String::new(), received.datagram.agent);
    for sample in &received.datagram.samples {
        match sample {
            Sample::Flow(flow) => flow_line(&mut page, agent, flow),
            Sample::Counters(counters) => {
                for record in &counters.records {
                    if let CounterRecord::GenericInterface(counters) = record {
                        counters_line(&mut page, agent, counters);
                    }
                }
            }
            _ => {}
        }
    }
    page
}

fn counters_line(page: &mut String, agent: IpAddr, c: &GenericInterface) {
    let columns = [
        c.if_index.into(),
        c.if_type.into(),
        c.if_speed,
        c.if_direction.into(),
        c.if_status.into(),
        c.in_octets,
        c.in_ucast_pkts.into(),
        c.in_multicast_pkts.into(),
        c.in_broadcast_pkts.into(),
        c.in_discards.into(),
        c.in_errors.into(),
        c.in_unknown_protos.into(),
        c.out_octets,
        c.out_ucast_pkts.into(),
        c.out_multicast_pkts.into(),
        c.out_broadcast_pkts.into(),
        c.out_discards.into(),
        c.out_errors.into(),
        c.promiscuous.into(),
    ];
    // Writing to a String cannot fail, here and below.
    let _ = write!(page, "CNTR,{agent}");
    columns.iter().for_each(|column: &u64| _ = write!(page, ",{column}"));
    page.push('\n');
}

fn flow_line(page: &mut String, agent: IpAddr, flow: &Framed<FlowHeader, FlowRecord>) {
    let (packet, head) = (Packet::of_records(&flow.records), &flow.header);
    let mut vlans = (packet.vlan.unwrap_or(0), 0);
    let (mut frame_bytes, mut ip_bytes) = (0, 0);
    for record in &flow.records {
        match record {
            FlowRecord::ExtendedSwitch(switch) => vlans = (switch.src_vlan, switch.dst_vlan),
            FlowRecord::SampledHeader(header) => {
                frame_bytes = header.frame_length;
                let before = packet.ip_at.and_then(|at| u32::try_from(at).ok());
                ip_bytes =
                    before.map_or(0, |at| frame_bytes.saturating_sub(header.stripped).saturating_sub(at));
            }
            FlowRecord::SampledEthernet(seen) => frame_bytes = frame_bytes.max(seen.length),
            FlowRecord::SampledIpv4(seen) => ip_bytes = seen.length,
            FlowRecord::SampledIpv6(seen) => ip_bytes = seen.length,
            _ => {}
        }
    }
    let mac = |mac: &Option<String>| mac.as_ref().map_or_else(|| "0".repeat(12), |mac| mac.replace(':', ""));
    let ip = |ip: Option<IpAddr>| ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
    let first = packet.src_port.or(packet.icmp_type.map(u32::from)).unwrap_or(0);
    let second = packet.dst_port.or(packet.icmp_code.map(u32::from)).unwrap_or(0);
    let _ = write!(page, "FLOW,{agent},{},{},", head.input.value, head.output.value);
    let _ = write!(page, "{},{},", mac(&packet.src_mac), mac(&packet.dst_mac));
    let _ = write!(page, "0x{:04x},{},{},", packet.ether_type.unwrap_or(0), vlans.0, vlans.1);
    let _ = write!(page, "{},{},{},", ip(packet.src_ip), ip(packet.dst_ip), packet.ip_protocol.unwrap_or(0));
    let _ = write!(page, "0x{:02x},{},", packet.tos.unwrap_or(0), packet.ttl.unwrap_or(0));
    let _ = write!(page, "{first},{second},0x{:02x},", packet.tcp_flags.unwrap_or(0));
    let _ = writeln!(page, "{frame_bytes},{ip_bytes},{}", head.sampling_rate);
}
