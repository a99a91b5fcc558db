//! Who this host is to its collectors: agent address and UUID. In: the interface table, settings, options. Out: the
//! inputs of the pure elections, which live in `sample::address` and `collect::host`.

use super::args::Options;
use crate::collect::host::uuid::{HostUuid, UuidSources, choose_uuid};
use crate::collect::interfaces::{Address, Interface, Kind, Table};
use crate::config::model::Settings;
use crate::export::resolve_within;
use crate::host::Host;
use crate::sample::address::{Candidate, Device, Wish, is_virtual_router};
use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

/// A name in `agentIP` holds up the start or a reload for no longer than this.
const RESOLVING: Duration = Duration::from_secs(5);

/// The host's UUID, from every place that may have one.
pub fn uuid(host: &Host, options: &Options, settings: &Settings) -> HostUuid {
    let mut sources = UuidSources {
        configured: settings.uuid,
        flag: options.uuid,
        machine_id_flag: options.machine_id,
        ..UuidSources::default()
    };
    sources.read(host);
    choose_uuid(&sources)
}

/// The host's name now; empty where it cannot be told.
pub fn hostname(host: &Host) -> String {
    let (mut hostname, mut release) = (String::new(), String::new());
    // Said by the component of the host's identity.
    let _ = host.read_names(&mut hostname, &mut release);
    hostname
}

/// What the settings wish for. A name in `agentIP` that cannot be resolved is left out, and told.
pub fn wish(settings: &Settings) -> (Wish, Option<String>) {
    let resolved = settings.agent_ip.as_ref().map(|name| {
        let found = resolve_within(name, RESOLVING);
        found.map_err(|e| format!("agentIP {name}: {e}; it is looked up again with the next reload"))
    });
    match resolved.transpose() {
        Ok(ip) => (wish_with(settings, ip), None),
        Err(why) => (wish_with(settings, None), Some(why)),
    }
}

/// The same, `agentIP` being this address.
pub fn wish_with(settings: &Settings, ip: Option<IpAddr>) -> Wish {
    Wish { ip, device: settings.agent_device.clone(), cidrs: settings.agent_cidrs.clone() }
}

/// Every address of the host with the facts of its device.
pub fn candidates(table: &Table, settings: &Settings) -> Vec<Candidate> {
    let uplinked = masters_with_uplink(table);
    let candidate = |(order, address): (usize, &Address)| {
        let interface = table.get(address.if_index)?;
        Some(Candidate {
            ip: address.ip,
            device: device(interface, &uplinked, settings),
            autoconf: address.autoconf || address.temporary,
            tentative: address.tentative,
            secondary: address.secondary,
            order: u32::try_from(order).unwrap_or(u32::MAX),
        })
    };
    table.addresses().enumerate().filter_map(candidate).collect()
}

fn device(interface: &Interface, uplinked: &HashSet<u32>, settings: &Settings) -> Device {
    let second = interface.kind == Kind::Macvlan;
    Device {
        shared: interface.mac.is_some_and(|mac| is_virtual_router(mac, second)),
        switch_port: settings.modules.switchport(&interface.name).is_some(),
        if_index: interface.index,
        name: interface.name.clone(),
        alias: interface.alias.clone(),
        up: interface.admin_up,
        loopback: interface.kind == Kind::Loopback,
        vlan: interface.kind == Kind::Vlan,
        container_bridge: interface.kind == Kind::Bridge && !uplinked.contains(&interface.index),
    }
}

/// Masters that have a member which leads out of this host. A bridge with none is there for its guests only,
/// whatever engine made it and whatever it is called.
fn masters_with_uplink(table: &Table) -> HashSet<u32> {
    let leads_out = |interface: &&Interface| {
        matches!(interface.kind, Kind::Physical | Kind::Bond | Kind::Vlan | Kind::Other(_))
    };
    table.iter().filter(leads_out).filter_map(|interface| interface.master).collect()
}
