//! Other addresses in place of those in a datagram, so that a stream or a recording can be given away. In: a key and a
//! decoded datagram. Out: the same datagram; two addresses that share a prefix share one of the same length afterwards,
//! and the same address is always the same other one, whatever record, header or format it stands in. Pure. Rules: every
//! address that the decoder knows is replaced; what it does not know, and everything in a sampled packet that is not a
//! header known here, is blanked, as addresses may be in it. Names (hosts, users, URLs, what an application says of
//! itself) are not addresses and stay; where the name of a host, user or actor is one, it is replaced. Spec: hsflowctl(1).

mod crypto_pan;
mod header;
mod records;

use crate::sflow::decode::{Datagram, Sample};
use crate::sflow::record::Raw;
use crypto_pan::CryptoPan;
pub use crypto_pan::{Key, parse_key};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Replaces addresses by one key.
pub struct Anonymiser {
    pan: CryptoPan,
}

impl Anonymiser {
    /// With this key.
    pub fn new(key: &Key) -> Self {
        Self { pan: CryptoPan::new(key) }
    }

    /// Everything in a datagram.
    pub fn datagram(&self, datagram: &mut Datagram) {
        datagram.agent = self.ip(datagram.agent);
        for sample in &mut datagram.samples {
            match sample {
                Sample::Flow(flow) => flow.records.iter_mut().for_each(|record| self.flow_record(record)),
                Sample::Discard(discard) => {
                    discard.records.iter_mut().for_each(|record| self.flow_record(record));
                }
                Sample::Counters(counters) => {
                    counters.records.iter_mut().for_each(|record| self.counter_record(record));
                }
                Sample::RtMetric(metric) => self.metrics(metric),
                Sample::RtFlow(flow) => self.attributes(flow),
                Sample::Raw(raw) => blank(raw),
            }
        }
        datagram.trailing.fill(0);
    }

    /// Who sent it; the port stays.
    pub fn sender(&self, sender: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.ip(sender.ip()), sender.port())
    }

    /// One address. That of nobody in particular stays: it says that there is none.
    pub fn ip(&self, ip: IpAddr) -> IpAddr {
        match ip {
            IpAddr::V4(ip) => self.v4(ip).into(),
            IpAddr::V6(ip) => self.v6(ip).into(),
        }
    }

    fn v4(&self, ip: Ipv4Addr) -> Ipv4Addr {
        if ip.is_unspecified() { ip } else { self.pan.v4(ip.octets()).into() }
    }

    fn v6(&self, ip: Ipv6Addr) -> Ipv6Addr {
        match ip.to_ipv4_mapped() {
            Some(inside) => self.v4(inside).to_ipv6_mapped(),
            None if ip.is_unspecified() => ip,
            None => self.pan.v6(ip.octets()).into(),
        }
    }

    /// A hardware address: groups stay groups, "all" and "none" stay what they are.
    fn mac(&self, mac: [u8; 6]) -> [u8; 6] {
        if matches!(mac, [0, 0, 0, 0, 0, 0] | [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]) {
            mac
        } else {
            self.pan.mac(mac)
        }
    }

    /// A text that is an address, or several with commas; any other is left as it is.
    fn text(&self, text: &mut Cow<'_, str>) {
        let parts = text.split(',').map(|part| {
            let word = part.trim();
            let ip = word.parse::<IpAddr>().map(|ip| self.ip(ip).to_string());
            ip.or_else(|_| word.parse::<SocketAddr>().map(|socket| self.sender(socket).to_string()))
        });
        if let Ok(replaced) = parts.collect::<Result<Vec<_>, _>>() {
            *text = replaced.join(", ").into();
        }
    }
}

/// What is not understood may hold anything. Its length stays, so that readers find what comes behind it.
fn blank(raw: &mut Raw) {
    raw.bytes.fill(0);
}

#[cfg(test)]
mod tests;
