//! Which guests a sampled packet is from and to.
//!
//! In: what the guests are known by (addresses, ports, control groups); then a packet. Out: its [`Ends`]. Rules: an end is a
//! guest only where exactly one has what the packet bears; guests that share a network are told apart by the control
//! group of the socket alone. The packet inside a tunnel goes before the one outside, and addresses of IP before those of
//! the link: those name the neighbour, which may only route. So where one end is known by its IP address, the link says
//! who the other end is only if the packet or the guest has no IP address that could. What is the host's own is no
//! guest's. Read for every sample: nothing is allocated. Spec: `extended_entities` of the sFlow Application Structures.

mod claims;
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
use claims::{Claims, is_group, number, says_who, wide};
use std::net::IpAddr;
use table::{Found, Owner, Table};

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
    v4: Table<u64>,
    v6: Table<u128>,
    macs: Table<u64>,
    ports: Table<u64>,
    cgroups: Table<u64>,
    tunnel_ips: Table<(u32, u128)>,
    tunnel_macs: Table<(u32, u64)>,
}

impl Marks {
    /// Of these guests. Addresses that mean nobody or many are passed over.
    pub fn new<'a>(guests: impl IntoIterator<Item = &'a Marked>) -> Self {
        let mut claims = Claims::default();
        guests.into_iter().for_each(|guest| claims.add(guest));
        Self {
            v4: Table::new(claims.v4),
            v6: Table::new(claims.v6),
            macs: Table::new(claims.macs),
            ports: Table::new(claims.ports),
            cgroups: Table::new(claims.cgroups),
            tunnel_ips: Table::new(claims.tunnel_ips),
            tunnel_macs: Table::new(claims.tunnel_macs),
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
        let marks = self.marks;
        let of_network = tunnel.flatten().map_or(Found::Nobody, |vni| marks.tunnel_ips.get((vni, wide(ip))));
        let found = match (of_network, ip) {
            (Found::Nobody, IpAddr::V4(ip)) => elsewhere(marks.v4.get(u32::from(ip).into()), tunnel),
            (Found::Nobody, IpAddr::V6(ip)) => elsewhere(marks.v6.get(ip.into()), tunnel),
            (known, _) => known,
        };
        if matches!(found, Found::Nobody) || !self.locals.contains_ip(ip) { found } else { Found::Nobody }
    }

    fn by_link(&self, mac: Option<[u8; 6]>, port: Option<u32>, tunnel: Option<Option<u32>>) -> Option<Owner> {
        if mac.is_some_and(is_group) {
            return None;
        }
        let by_mac = mac.map_or(Found::Nobody, |mac| self.by_mac(number(mac), tunnel));
        match by_mac {
            Found::One(owner) => {
                Some(owner).filter(|_| mac.is_some_and(|mac| !self.locals.contains_mac(mac)))
            }
            Found::Several => None,
            Found::Nobody => match port.map(|port| self.marks.ports.get(port.into())) {
                Some(Found::One(owner)) => Some(owner),
                _ => None,
            },
        }
    }

    fn by_mac(&self, mac: u64, tunnel: Option<Option<u32>>) -> Found {
        match tunnel.flatten().map_or(Found::Nobody, |vni| self.marks.tunnel_macs.get((vni, mac))) {
            Found::Nobody => elsewhere(self.marks.macs.get(mac), tunnel),
            known => known,
        }
    }
}

/// Who has it, where a tunnel's own network does not know it: nobody whose it is in another tunnel only.
fn elsewhere(found: Found, tunnel: Option<Option<u32>>) -> Found {
    match found {
        Found::One(owner) if tunnel.is_some() && owner.in_tunnel => Found::Nobody,
        found => found,
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

fn interface(end: End) -> Option<u32> {
    match end {
        End::Interface(index) => Some(index),
        End::Host | End::Unknown => None,
    }
}

#[cfg(test)]
mod tests;
