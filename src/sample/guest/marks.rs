//! Which guests a sampled packet is from and to.
//!
//! In: what the guests are known by (addresses, ports, control groups); then a packet. Out: its [`Ends`]. Rules: an end is a
//! guest only where exactly one has what the packet bears; guests that share a network are told apart by the control
//! group of the socket alone. The packet inside a tunnel goes before the one outside, and addresses of IP before those of
//! the link: those name the neighbour, which may only route. So where one end is known by its IP address, the link says
//! who the other end is only if the packet or the guest has no IP address that could. What is the host's own is no
//! guest's. Read for every sample: nothing is allocated. Spec: `extended_entities` of the sFlow Application Structures.

mod table;

use super::Engine;
use crate::sample::flow::{Packet, Path};
use crate::sample::frame::End;
use crate::sample::local::Locals;
use crate::sflow::flow::socket::Entities;
use crate::sflow::ids::DataSource;
use crate::sflow::sample::Port;
use crate::wire::frame::Headers;
use crate::wire::tunnel::{self, MAX_DEPTH};
use std::net::IpAddr;
use table::{Claim, Found, Owner, Table};

/// What of a guest packets can be known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Its data source: index of class 3.
    pub index: u32,
    /// Who runs it. Of two guests that have the same, that of the later engine has it: a pod before its containers.
    pub engine: Engine,
    /// Its interfaces.
    pub links: Vec<MarkedLink>,
    /// Inodes of its control groups (version 2).
    pub cgroups: Vec<u64>,
}

/// An interface of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarkedLink {
    /// Its link address.
    pub mac: Option<[u8; 6]>,
    /// Its addresses; none where they are not known.
    pub ips: Vec<IpAddr>,
    /// ifIndex of its end on this host; where `mac` is not known, its packets are known by it.
    pub port: Option<u32>,
    /// The tunnel network that it is in: in tunnels of others its addresses are another's.
    pub vni: Option<u32>,
}

/// The socket that a packet belongs to, where it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Inode of its control group.
    pub cgroup: u64,
    /// True where it sent the packet.
    pub sent: bool,
}

/// The guests at both ends of a packet, by data source; `None`: no guest of this host, or nobody knows which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Who sent it.
    pub source: Option<u32>,
    /// Who receives it.
    pub destination: Option<u32>,
    /// The ports of this host that lead to them; not of a packet that is in a tunnel.
    ports: [Option<u32>; 2],
}

/// What all guests are known by.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    ips: Table<IpAddr>,
    macs: Table<[u8; 6]>,
    ports: Table<u32>,
    cgroups: Table<u64>,
    tunnel_ips: Table<(u32, IpAddr)>,
    tunnel_macs: Table<(u32, [u8; 6])>,
}

impl Marks {
    /// Of these guests. Addresses that mean nobody or many are passed over.
    pub fn new<'a>(guests: impl IntoIterator<Item = &'a Marked>) -> Self {
        let (mut ips, mut macs, mut ports, mut cgroups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut tunnel_ips, mut tunnel_macs) = (Vec::new(), Vec::new());
        for guest in guests {
            let has_ips = guest.links.iter().any(|link| !link.ips.is_empty());
            for link in &guest.links {
                let (engine, index, port, vni) = (guest.engine, guest.index, link.port, link.vni);
                let claim = Claim { engine, owner: Owner { index, port, has_ips, in_tunnel: vni.is_some() } };
                let known = link.ips.iter().map(|ip| ip.to_canonical()).filter(|ip| says_who(*ip));
                ips.extend(known.clone().map(|ip| (ip, claim)));
                tunnel_ips
                    .extend(vni.into_iter().flat_map(|vni| known.clone().map(move |ip| ((vni, ip), claim))));
                let mac = link.mac.filter(|mac| *mac != [0; 6] && !is_group(*mac));
                macs.extend(mac.map(|mac| (mac, claim)));
                tunnel_macs.extend(vni.zip(mac).map(|key| (key, claim)));
                // Else what a bridge floods would be for each of its ports.
                let speaks = port.filter(|_| link.mac.is_none());
                ports.extend(speaks.map(|port| (port, claim)));
            }
            let owner = Owner { index: guest.index, port: None, has_ips, in_tunnel: false };
            cgroups.extend(guest.cgroups.iter().map(|id| (*id, Claim { engine: guest.engine, owner })));
        }
        Self {
            ips: Table::new(ips),
            macs: Table::new(macs),
            ports: Table::new(ports),
            cgroups: Table::new(cgroups),
            tunnel_ips: Table::new(tunnel_ips),
            tunnel_macs: Table::new(tunnel_macs),
        }
    }

    /// Both ends of a packet.
    pub fn ends(&self, packet: &Packet<'_>, locals: &Locals, socket: Option<Socket>) -> Ends {
        let asked = Asked { marks: self, locals };
        let mut ends = asked.innermost(&packet.headers, MAX_DEPTH).unwrap_or_else(|| {
            let ports = [packet.frame.input, packet.frame.output].map(interface);
            let found = asked.layer(&packet.headers, None, ports);
            let [source, destination] = found.map(|owner| owner.map(|owner| owner.index));
            Ends { source, destination, ports: found.map(|owner| owner.and_then(|owner| owner.port)) }
        });
        if let Some(socket) = socket
            && let Found::One(owner) = self.cgroups.get(socket.cgroup)
        {
            let end = if socket.sent { &mut ends.source } else { &mut ends.destination };
            end.get_or_insert(owner.index);
        }
        ends
    }
}

/// The tables, with what is the host's own.
struct Asked<'a> {
    marks: &'a Marks,
    locals: &'a Locals,
}

impl Asked<'_> {
    /// The ends of the innermost packet that has any, inside the tunnels that this one is in.
    fn innermost(&self, outer: &Headers<'_>, depth: usize) -> Option<Ends> {
        let tunnel = tunnel::parse(outer).filter(|_| depth > 0)?;
        self.innermost(&tunnel.inner, depth - 1).or_else(|| {
            let found = self.layer(&tunnel.inner, Some(tunnel.kind.vni()), [None; 2]);
            let [source, destination] = found.map(|owner| owner.map(|owner| owner.index));
            let found = source.is_some() || destination.is_some();
            found.then_some(Ends { source, destination, ports: [None; 2] })
        })
    }

    /// The owners of both ends. `tunnel`: its number, where it has one. `ports`: where it comes in and goes out.
    fn layer(
        &self,
        headers: &Headers<'_>,
        tunnel: Option<Option<u32>>,
        ports: [Option<u32>; 2],
    ) -> [Option<Owner>; 2] {
        let addresses = headers.ip.map(|ip| [ip.source, ip.destination].map(|ip| ip.to_canonical()));
        let macs = headers.ethernet.map(|link| [link.source, link.destination]);
        let by_ip = [0, 1].map(|end| {
            let ip = addresses.map(|ips| ips[end]).filter(|ip| says_who(*ip));
            ip.map(|ip| self.by_ip(ip, tunnel))
        });
        let one_is_known = by_ip.iter().any(|found| matches!(found, Some(Found::One(_))));
        [0, 1].map(|end| match by_ip[end] {
            Some(Found::One(owner)) => Some(owner),
            other => {
                let routes = one_is_known && matches!(other, Some(Found::Nobody));
                let owner = self.by_link(macs.map(|macs| macs[end]), ports[end], tunnel)?;
                (!routes || !owner.has_ips).then_some(owner)
            }
        })
    }

    fn by_ip(&self, ip: IpAddr, tunnel: Option<Option<u32>>) -> Found {
        let found = match tunnel {
            None => self.marks.ips.get(ip),
            Some(vni) => self.marks.ips.in_tunnel(ip, vni, &self.marks.tunnel_ips),
        };
        if matches!(found, Found::Nobody) || !self.locals.contains_ip(ip) { found } else { Found::Nobody }
    }

    fn by_link(&self, mac: Option<[u8; 6]>, port: Option<u32>, tunnel: Option<Option<u32>>) -> Option<Owner> {
        if mac.is_some_and(is_group) {
            return None;
        }
        let found = match (mac, tunnel) {
            (None, _) => Found::Nobody,
            (Some(mac), None) => self.marks.macs.get(mac),
            (Some(mac), Some(vni)) => self.marks.macs.in_tunnel(mac, vni, &self.marks.tunnel_macs),
        };
        match found {
            Found::One(owner) => {
                Some(owner).filter(|_| mac.is_some_and(|mac| !self.locals.contains_mac(mac)))
            }
            Found::Several => None,
            Found::Nobody => match port.map(|port| self.marks.ports.get(port)) {
                Some(Found::One(owner)) => Some(owner),
                _ => None,
            },
        }
    }
}

impl Ends {
    /// The record; `None` where no end is a guest's.
    pub fn record(&self) -> Option<Entities> {
        let nobody = DataSource { class: 0, index: 0 };
        let entity = |end: Option<u32>| end.map_or(nobody, |index| DataSource { class: 3, index });
        let known = self.source.is_some() || self.destination.is_some();
        known.then(|| Entities { src: entity(self.source), dst: entity(self.destination) })
    }

    /// The path, with the ports that lead to the guests where nothing else was known of an end.
    pub fn complete(&self, path: Path) -> Path {
        let known = |end: Port, port: Option<u32>| match port {
            Some(port) if end == Port::UNKNOWN => Port::interface(port),
            _ => end,
        };
        let [source, destination] = self.ports;
        Path { input: known(path.input, source), output: known(path.output, destination) }
    }
}

/// For more than one receiver.
fn is_group([first, ..]: [u8; 6]) -> bool {
    first & 1 == 1
}

fn interface(end: End) -> Option<u32> {
    match end {
        End::Interface(index) => Some(index),
        End::Host | End::Unknown => None,
    }
}

/// False for addresses that many have, or nobody yet.
fn says_who(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            !(ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast())
        }
        IpAddr::V6(ip) => {
            !(ip.is_unspecified() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests;
