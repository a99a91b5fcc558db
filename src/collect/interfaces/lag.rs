//! A member of a bond in the terms of link aggregation: record `0:7`.
//!
//! In: the member and its bond as the kernel describes them, and what the member has exchanged by LACP. Out: the record. Pure.
//! Rules: a bond without LACP aggregates too, so its members have the state of those whose partner is not asked; what a
//! bond's partner is called is known of the members that its active aggregator has. Spec: sFlow LAG Port Statistics,
//! IEEE 802.1AX section 6.4.2.3 (the bits of a state), `linux/if_bonding.h`.

use super::model::Interface;
use crate::sflow::counters::port::LacpPort;
use crate::sflow::json::colons;
use crate::sflow::unknown::counter32;
use crate::wire::netlink::bond_stats::LacpCounts;
use crate::wire::netlink::linkinfo::BondSlave;

/// `BOND_MODE_8023AD`.
const LACP: u8 = 4;

/// LACP activity, timeout, aggregation: what was chosen, and not found out together with the partner.
const CHOSEN: u8 = 0x07;
const AGGREGATION: u8 = 0x04;
/// Synchronization, collecting, distributing: packets pass.
const PASSING: u8 = 0x38;

/// The record of a member; `None` for what is none.
pub fn lacp_port(member: &Interface, bond: &Interface, counts: Option<&LacpCounts>) -> Option<LacpPort> {
    let slave = member.bond_slave.as_deref()?;
    let aggregation = bond.bond.as_deref().copied().unwrap_or_default();
    let is_lacp = speaks_lacp(bond);
    let actor = slave.actor_state.filter(|_| is_lacp).unwrap_or_else(|| without_lacp(slave));
    let [partner, _] = slave.partner_state.filter(|_| is_lacp).unwrap_or(0).to_le_bytes();
    let is_active = slave.aggregator == aggregation.aggregator;
    let counts = counts.copied().unwrap_or_default();
    let set = |mac: &[u8; 6]| *mac != [0; 6];
    Some(LacpPort {
        actor_system_id: aggregation.actor_system.filter(set).or(bond.mac).unwrap_or_default(),
        partner_system_id: aggregation.partner_mac.filter(|_| is_lacp && is_active).unwrap_or_default(),
        attached_agg_id: bond.index,
        port_state: [actor & CHOSEN, actor, 0, partner],
        lacpdus_rx: counter32(counts.lacpdu_rx),
        marker_pdus_rx: counter32(counts.marker_rx),
        marker_response_pdus_rx: counter32(counts.marker_response_rx),
        unknown_rx: counter32(counts.unknown_rx),
        illegal_rx: counter32(counts.illegal_rx),
        lacpdus_tx: counter32(counts.lacpdu_tx),
        marker_pdus_tx: counter32(counts.marker_tx),
        marker_response_pdus_tx: counter32(counts.marker_response_tx),
    })
}

/// What a member does in its bond, in words; `None` for what is none.
pub fn in_words(member: &Interface, bond: &Interface) -> Option<String> {
    let port = lacp_port(member, bond, None)?;
    let [_, actor, _, _] = port.port_state;
    let does = if actor & PASSING == PASSING { "passes packets" } else { "waits" };
    let partner = match port.partner_system_id {
        _ if !speaks_lacp(bond) => String::new(),
        [0, 0, 0, 0, 0, 0] => ", without a partner in LACP".to_owned(),
        partner => format!(", with {} by LACP", colons(partner)),
    };
    Some(format!("a member of {}: it {does}{partner}", bond.name))
}

fn speaks_lacp(bond: &Interface) -> bool {
    bond.bond.as_ref().is_some_and(|bond| bond.mode == Some(LACP))
}

fn without_lacp(slave: &BondSlave) -> u8 {
    let passes = slave.mii_status == Some(0) && slave.state == Some(0);
    AGGREGATION | if passes { PASSING } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::super::example::interface;
    use super::super::model::Kind;
    use super::*;
    use crate::wire::netlink::linkinfo::Bond;

    const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const PARTNER: [u8; 6] = [2, 0, 0, 0, 0, 9];
    const UNKNOWN: u32 = u32::MAX;

    fn bond(mode: u8) -> Interface {
        let settings = Bond {
            mode: Some(mode),
            aggregator: Some(1),
            partner_mac: Some(PARTNER),
            actor_system: Some([0; 6]),
        };
        Interface { bond: Some(Box::new(settings)), mac: Some(OWN), ..interface(9, Kind::Bond) }
    }

    fn member(aggregator: u16) -> Interface {
        let slave = BondSlave {
            state: Some(0),
            mii_status: Some(0),
            perm_mac: None,
            aggregator: Some(aggregator),
            actor_state: Some(0x3d),
            partner_state: Some(0x3f),
        };
        Interface { bond_slave: Some(Box::new(slave)), ..interface(3, Kind::Physical) }
    }

    #[test]
    fn a_member_that_speaks_lacp_has_its_states_and_its_partner() {
        let counts = LacpCounts { lacpdu_rx: Some(5), lacpdu_tx: Some(6), ..LacpCounts::default() };
        let port = lacp_port(&member(1), &bond(LACP), Some(&counts)).unwrap();
        assert_eq!((port.actor_system_id, port.partner_system_id, port.attached_agg_id), (OWN, PARTNER, 9));
        assert_eq!(port.port_state, [0x05, 0x3d, 0, 0x3f]);
        let words = |member| in_words(&member, &bond(LACP)).unwrap();
        assert_eq!(words(member(1)), "a member of i9: it passes packets, with 02:00:00:00:00:09 by LACP");
        assert!(words(member(2)).ends_with("without a partner in LACP"));
        assert_eq!((port.lacpdus_rx, port.lacpdus_tx, port.illegal_rx), (5, 6, UNKNOWN));
        let apart = lacp_port(&member(2), &bond(LACP), None).unwrap();
        assert_eq!(apart.partner_system_id, [0; 6], "the active aggregator's partner is not its own");
    }

    #[test]
    fn a_member_of_a_bond_without_lacp_passes_packets_or_waits() {
        let mut member = member(1);
        let port = |member: &Interface| lacp_port(member, &bond(1), None).unwrap();
        assert_eq!((port(&member).port_state, port(&member).partner_system_id), ([4, 0x3c, 0, 0], [0; 6]));
        assert_eq!(port(&member).lacpdus_rx, UNKNOWN);
        member.bond_slave.as_mut().unwrap().state = Some(1);
        assert_eq!(port(&member).port_state, [4, 4, 0, 0]);
        assert_eq!(in_words(&member, &bond(1)).unwrap(), "a member of i9: it waits");
        assert_eq!(lacp_port(&interface(3, Kind::Physical), &bond(LACP), None), None);
    }
}
