//! One interface and one address, as the rest of the agent sees them.
//!
//! In: parsed link and address messages. Out: plain owned values, where missing is `None`. Speed and duplex are not
//! in link messages; they are filled in from the driver. An interface is who its ifIndex says it is: a name may
//! come back on another one.

use crate::wire::netlink::address::{self as wire_address};
use crate::wire::netlink::link::Link;
use crate::wire::netlink::linkinfo::{Bond, BondSlave};
use std::fmt;
use std::net::IpAddr;

const IFF_UP: u32 = 0x1;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_PROMISC: u32 = 0x100;
const IFF_MASTER: u32 = 0x400;
const IFF_SLAVE: u32 = 0x800;
const IF_OPER_UNKNOWN: u8 = 0;
const IF_OPER_UP: u8 = 6;
const TUN_TYPE_TAP: u8 = 2;

/// What sort of device an interface is: `IFLA_INFO_KIND`, or what its absence means.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Hardware, or what a hypervisor presents as such.
    Physical,
    /// `lo`.
    Loopback,
    /// A software bridge.
    Bridge,
    /// A bond (link aggregation) master.
    Bond,
    /// An 802.1Q device on another interface.
    Vlan,
    /// One end of a pair, often the port of a container.
    Veth,
    /// A tun device: IP packets to and from a program.
    Tun,
    /// A tap device: Ethernet frames to and from a program, often the port of a virtual machine.
    Tap,
    /// An internal port of Open vSwitch.
    Openvswitch,
    /// An additional MAC on another interface.
    Macvlan,
    /// The back end of a Xen guest's interface.
    XenVif,
    /// The kernel's own word for any other kind of software device.
    Other(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Physical => "physical",
            Self::Loopback => "loopback",
            Self::Bridge => "bridge",
            Self::Bond => "bond",
            Self::Vlan => "vlan",
            Self::Veth => "veth",
            Self::Tun => "tun",
            Self::Tap => "tap",
            Self::Openvswitch => "openvswitch",
            Self::Macvlan => "macvlan",
            Self::XenVif => "xenvif",
            Self::Other(kind) => kind,
        })
    }
}

/// Duplex, where known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplex {
    /// One direction at a time.
    Half,
    /// Both at once.
    Full,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // they are the kernel's flags
pub struct Interface {
    /// ifIndex, the identity.
    pub index: u32,
    /// As `ip link` prints it.
    pub name: String,
    /// `ip link set … alias`.
    pub alias: Option<String>,
    /// The hardware address in use, where it has 6 bytes; may be all zero (loopback).
    pub mac: Option<[u8; 6]>,
    /// What sort of device.
    pub kind: Kind,
    /// `ARPHRD_*`: 1 Ethernet.
    pub hardware: u16,
    /// Bytes.
    pub mtu: Option<u32>,
    /// `IFF_UP`: switched on by the operator.
    pub admin_up: bool,
    /// RFC 2863 operational state is up; where the driver does not know, carrier decides.
    pub oper_up: bool,
    /// Bits per second.
    pub speed_bps: Option<u64>,
    /// From the driver.
    pub duplex: Option<Duplex>,
    /// Receives what is not for it.
    pub promiscuous: bool,
    /// ifIndex of the bridge, bond … that owns it.
    pub master: Option<u32>,
    /// ifIndex of the lower device or of the other end; counts in another namespace if [`Self::link_elsewhere`].
    pub link: Option<u32>,
    /// The other end or lower device is in another network namespace.
    pub link_elsewhere: bool,
    /// That namespace's number here.
    pub link_namespace: Option<u32>,
    /// Of a [`Kind::Vlan`].
    pub vlan_id: Option<u16>,
    /// `IFF_MASTER`.
    pub is_bond_master: bool,
    /// `IFF_SLAVE`.
    pub is_bond_slave: bool,
    /// Of a bond master. Boxed, as below: of thousands of interfaces few are one.
    pub bond: Option<Box<Bond>>,
    /// Of a member of a bond.
    pub bond_slave: Option<Box<BondSlave>>,
}

/// One IP address of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // they are the kernel's flags
pub struct Address {
    /// The address itself, never the other end's.
    pub ip: IpAddr,
    /// Bits.
    pub prefix: u8,
    /// ifIndex of the interface that has it.
    pub if_index: u32,
    /// `RT_SCOPE_*`: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// An IPv6 privacy address (RFC 8981): replaced daily.
    pub temporary: bool,
    /// A further IPv4 address of a subnet (`IFA_F_SECONDARY`), as virtual service addresses are.
    pub secondary: bool,
    /// Made from a router advertisement.
    pub autoconf: bool,
    /// Not yet usable, or found to be in use by another host.
    pub tentative: bool,
    /// Being phased out.
    pub deprecated: bool,
}

impl Kind {
    fn of(link: &Link<'_>) -> Self {
        match link.info.kind.as_deref() {
            _ if link.flags & IFF_LOOPBACK != 0 => Self::Loopback,
            Some("bridge") => Self::Bridge,
            Some("bond") => Self::Bond,
            Some("vlan") => Self::Vlan,
            Some("veth") => Self::Veth,
            Some("tun") if link.info.tun_type == Some(TUN_TYPE_TAP) => Self::Tap,
            Some("tun") => Self::Tun,
            Some("openvswitch") => Self::Openvswitch,
            Some("macvlan" | "macvtap") => Self::Macvlan,
            Some(other) => Self::Other(other.to_owned()),
            None if link.parent_bus.as_deref() == Some("xen-backend") => Self::XenVif,
            None => Self::Physical,
        }
    }
}

impl Interface {
    /// The number of the network namespace that the other end of this pair is in, a container's mostly; `None` for a pair in
    /// this one. Tunnels and VLANs have a lower device elsewhere, and are no pairs.
    pub fn peer_namespace(&self) -> Option<u32> {
        let is_pair = match &self.kind {
            Kind::Veth => true,
            Kind::Other(kind) => kind == "netkit",
            _ => false,
        };
        self.link_namespace.filter(|_| is_pair)
    }

    /// The interface that a link message describes; `None` where it describes none (see [`Link`]).
    pub fn from_link(link: &Link<'_>) -> Option<Self> {
        let has = |flag| link.flags & flag != 0;
        let oper_up = match link.operstate.unwrap_or(IF_OPER_UNKNOWN) {
            IF_OPER_UNKNOWN => has(IFF_UP) && link.carrier == Some(true),
            state => state == IF_OPER_UP,
        };
        Some(Self {
            index: link.index,
            name: link.name.as_ref().filter(|_| link.family == 0)?.to_string(),
            alias: link.alias.as_ref().map(ToString::to_string),
            mac: link.address.and_then(|address| address.try_into().ok()),
            kind: Kind::of(link),
            hardware: link.hardware,
            mtu: link.mtu,
            admin_up: has(IFF_UP),
            oper_up,
            speed_bps: None,
            duplex: None,
            promiscuous: has(IFF_PROMISC) || link.promiscuity.is_some_and(|count| count > 0),
            master: link.master.filter(|index| *index != 0),
            // 0 says "none, but there could be one": the kernel's fallback tunnels, half of a veth pair in the making.
            link: link.link.filter(|index| *index != 0),
            link_elsewhere: link.link_netnsid.is_some(),
            link_namespace: link.link_netnsid.and_then(|number| u32::try_from(number).ok()),
            vlan_id: link.info.vlan_id,
            is_bond_master: has(IFF_MASTER),
            is_bond_slave: has(IFF_SLAVE),
            bond: link.info.bond.map(Box::new),
            bond_slave: link.info.bond_slave.map(Box::new),
        })
    }

    /// True where the interface carries Ethernet frames (`ARPHRD_ETHER`).
    pub fn is_ethernet(&self) -> bool {
        self.hardware == 1
    }

    /// The hardware address, unless it is all zero.
    pub fn real_mac(&self) -> Option<[u8; 6]> {
        self.mac.filter(|mac| *mac != [0; 6])
    }
}

impl From<&wire_address::Address> for Address {
    fn from(address: &wire_address::Address) -> Self {
        use wire_address::{
            FLAG_DAD_FAILED, FLAG_DEPRECATED, FLAG_MANAGE_TEMPORARY, FLAG_PERMANENT, FLAG_STABLE_PRIVACY,
            FLAG_TEMPORARY, FLAG_TENTATIVE, PROTO_KERNEL_RA,
        };
        let has = |flags| address.flags & flags != 0;
        let v6 = address.ip.is_ipv6();
        // Where the kernel does not say who made it (before 5.18): what router advertisements make has a
        // lifetime and one of these marks, or is temporary.
        let marked = !has(FLAG_PERMANENT) && has(FLAG_MANAGE_TEMPORARY | FLAG_STABLE_PRIVACY);
        let temporary = v6 && has(FLAG_TEMPORARY);
        Self {
            ip: address.ip,
            prefix: address.prefix,
            if_index: address.if_index,
            scope: address.scope,
            temporary,
            secondary: !v6 && has(FLAG_TEMPORARY),
            autoconf: v6 && (temporary || marked || address.proto == Some(PROTO_KERNEL_RA)),
            tentative: has(FLAG_TENTATIVE | FLAG_DAD_FAILED),
            deprecated: has(FLAG_DEPRECATED),
        }
    }
}
