//! `IFLA_LINKINFO`: what kind of software device a link is, and what kind of master owns it.
//!
//! `IFLA_INFO_KIND` names the driver family; `IFLA_INFO_DATA` and `IFLA_INFO_SLAVE_DATA` mean something only
//! beside that name, which the kernel writes first; here the order does not matter. Absent on hardware and on
//! loopback. Spec: `linux/if_link.h`, `linux/if_bonding.h`, `linux/if_tun.h`.

use super::attribute::Attributes;
use super::error::ParseError;
use std::borrow::Cow;

/// The parts of `IFLA_LINKINFO` that say who an interface is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkInfo<'a> {
    /// `IFLA_INFO_KIND`: `veth`, `bridge`, `bond`, `vlan` …
    pub kind: Option<Cow<'a, str>>,
    /// `IFLA_INFO_SLAVE_KIND`: the kind of the master.
    pub slave_kind: Option<Cow<'a, str>>,
    /// `IFLA_VLAN_ID` of a `vlan`.
    pub vlan_id: Option<u16>,
    /// `IFLA_TUN_TYPE` of a `tun`: 1 tun (IP), 2 tap (Ethernet).
    pub tun_type: Option<u8>,
    /// Of a `bond`.
    pub bond: Option<Bond>,
    /// Of a member of a `bond`.
    pub bond_slave: Option<BondSlave>,
}

/// `IFLA_INFO_DATA` of a bond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bond {
    /// `IFLA_BOND_MODE`: 0 balance-rr, 1 active-backup … 4 802.3ad.
    pub mode: Option<u8>,
    /// `IFLA_BOND_AD_INFO_AGGREGATOR`.
    pub aggregator: Option<u16>,
    /// `IFLA_BOND_AD_INFO_PARTNER_MAC`.
    pub partner_mac: Option<[u8; 6]>,
    /// `IFLA_BOND_AD_ACTOR_SYSTEM`; only told to those with `CAP_NET_ADMIN`.
    pub actor_system: Option<[u8; 6]>,
}

/// `IFLA_INFO_SLAVE_DATA` of a member of a bond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BondSlave {
    /// `IFLA_BOND_SLAVE_STATE`: 0 active, 1 backup.
    pub state: Option<u8>,
    /// `IFLA_BOND_SLAVE_MII_STATUS`: 0 up.
    pub mii_status: Option<u8>,
    /// `IFLA_BOND_SLAVE_PERM_HWADDR`.
    pub perm_mac: Option<[u8; 6]>,
    /// `IFLA_BOND_SLAVE_AD_AGGREGATOR_ID`.
    pub aggregator: Option<u16>,
    /// `IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE`: the LACP state bits.
    pub actor_state: Option<u8>,
    /// `IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE`.
    pub partner_state: Option<u16>,
}

impl<'a> LinkInfo<'a> {
    pub(super) fn parse(attributes: Attributes<'a>) -> Result<Self, ParseError> {
        let mut info = Self::default();
        let (mut data, mut slave_data) = (None, None);
        for attribute in attributes {
            let attribute = attribute?;
            match attribute.kind {
                1 => info.kind = Some(attribute.text()),
                2 => data = Some(attribute.nested()),
                4 => info.slave_kind = Some(attribute.text()),
                5 => slave_data = Some(attribute.nested()),
                _ => {}
            }
        }
        if let (Some(kind), Some(data)) = (info.kind.as_deref(), data) {
            match kind {
                "vlan" => info.vlan_id = data.find(1)?.map(|id| id.u16("IFLA_VLAN_ID")).transpose()?,
                "tun" => info.tun_type = data.find(3)?.map(|kind| kind.u8("IFLA_TUN_TYPE")).transpose()?,
                "bond" => info.bond = Some(Bond::parse(data)?),
                _ => {}
            }
        }
        if let (Some("bond"), Some(data)) = (info.slave_kind.as_deref(), slave_data) {
            info.bond_slave = Some(BondSlave::parse(data)?);
        }
        Ok(info)
    }
}

impl Bond {
    fn parse(data: Attributes<'_>) -> Result<Self, ParseError> {
        let mut bond = Self::default();
        for attribute in data {
            let attribute = attribute?;
            match attribute.kind {
                1 => bond.mode = Some(attribute.u8("IFLA_BOND_MODE")?),
                23 => bond.read_ad_info(attribute.nested())?,
                26 => bond.actor_system = Some(attribute.bytes("IFLA_BOND_AD_ACTOR_SYSTEM")?),
                _ => {}
            }
        }
        Ok(bond)
    }

    fn read_ad_info(&mut self, info: Attributes<'_>) -> Result<(), ParseError> {
        for attribute in info {
            let attribute = attribute?;
            match attribute.kind {
                1 => self.aggregator = Some(attribute.u16("IFLA_BOND_AD_INFO_AGGREGATOR")?),
                5 => self.partner_mac = Some(attribute.bytes("IFLA_BOND_AD_INFO_PARTNER_MAC")?),
                _ => {}
            }
        }
        Ok(())
    }
}

impl BondSlave {
    fn parse(data: Attributes<'_>) -> Result<Self, ParseError> {
        let mut slave = Self::default();
        for attribute in data {
            let attribute = attribute?;
            match attribute.kind {
                1 => slave.state = Some(attribute.u8("IFLA_BOND_SLAVE_STATE")?),
                2 => slave.mii_status = Some(attribute.u8("IFLA_BOND_SLAVE_MII_STATUS")?),
                4 => slave.perm_mac = Some(attribute.bytes("IFLA_BOND_SLAVE_PERM_HWADDR")?),
                6 => slave.aggregator = Some(attribute.u16("IFLA_BOND_SLAVE_AD_AGGREGATOR_ID")?),
                7 => slave.actor_state = Some(attribute.u8("IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE")?),
                8 => slave.partner_state = Some(attribute.u16("IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE")?),
                _ => {}
            }
        }
        Ok(slave)
    }
}
