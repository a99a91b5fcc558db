//! Looks at the interfaces and addresses of one namespace.
//!
//! In: a netlink socket, and the number of the namespace, or none for the socket's own. Out: its [`Vnic`]s. Rules: a dump
//! that was disturbed is made again; an answer of another namespace is an error, never a guest's interface; a
//! guest that makes more interfaces or addresses than anyone needs has the first of them.

use super::error::NetworkError;
use super::model::{Vnic, is_reachable};
use crate::collect::interfaces::InterfaceError;
use crate::collect::interfaces::query::{Query, Question};
use crate::sys::errno::{EEXIST, EINVAL, EOPNOTSUPP, ESRCH};
use crate::sys::netlink::Netlink;
use crate::wire::netlink::address::{self, Address, FLAG_DAD_FAILED};
use crate::wire::netlink::link::{self, Link};
use crate::wire::netlink::nsid;

const TRIES: u32 = 3;
const MOST_VNICS: usize = 256;
const MOST_IPS: usize = 256;
const GET_NSID: Question = Question { name: "RTM_GETNSID", slot: 512, batch: 1 };
const NEW_NSID: Question = Question { name: "RTM_NEWNSID", slot: 512, batch: 1 };

/// The number that the socket's namespace gives that of a process.
pub(super) fn nsid_of(query: &mut Query<Netlink>, pid: u32) -> Result<Option<u32>, NetworkError> {
    let mut found = Ok(None);
    query.ask(&GET_NSID, &[pid], nsid::get_of_process, |_, answer| {
        found = match answer {
            Ok(message) => Ok(nsid::parse(message.payload).ok().flatten()),
            Err(errno) => Err(refused(&GET_NSID, pid, errno)),
        };
    })?;
    found
}

/// The same; gives it one where it has none.
pub(super) fn number_of(query: &mut Query<Netlink>, pid: u32) -> Result<u32, NetworkError> {
    if let Some(number) = nsid_of(query, pid)? {
        return Ok(number);
    }
    let mut given = Ok(());
    query.ask(&NEW_NSID, &[pid], nsid::give_to_process, |_, answer| match answer {
        Ok(_) | Err(0 | EEXIST) => {}
        Err(errno) => given = Err(refused(&NEW_NSID, pid, errno)),
    })?;
    given?;
    nsid_of(query, pid)?.ok_or(NetworkError::Gone)
}

fn refused(question: &Question, pid: u32, errno: i32) -> NetworkError {
    match errno {
        ESRCH => NetworkError::NoProcess(pid),
        errno => InterfaceError::Refused { request: question.name, errno }.into(),
    }
}

/// The interfaces that lead out. `host`: the number of this host's own namespace, as the socket's counts.
pub(super) fn vnics(
    query: &mut Query<Netlink>,
    nsid: Option<u32>,
    host: Option<u32>,
) -> Result<Vec<Vnic>, NetworkError> {
    for _ in 0..TRIES {
        let mut vnics = Vec::new();
        if !links(query, nsid, host, &mut vnics)? && !addresses(query, nsid, &mut vnics)? {
            return Ok(vnics);
        }
    }
    // It changes all the time; what there is now comes with the next look.
    let mut vnics = Vec::new();
    links(query, nsid, host, &mut vnics)?;
    addresses(query, nsid, &mut vnics)?;
    Ok(vnics)
}

/// True where it was disturbed.
fn links(
    query: &mut Query<Netlink>,
    nsid: Option<u32>,
    host: Option<u32>,
    vnics: &mut Vec<Vnic>,
) -> Result<bool, NetworkError> {
    let mut foreign = false;
    let write = |buffer: &mut Vec<u8>, sequence| link::dump_in(buffer, sequence, nsid);
    let disturbed = query.dump("RTM_GETLINK", write, |message| {
        let Ok(link) = Link::parse(message.payload) else { return };
        foreign |= link.target_netnsid != nsid;
        if vnics.len() < MOST_VNICS {
            vnics.extend(Vnic::of(&link, host));
        }
    });
    vnics.sort_unstable_by_key(|vnic| vnic.if_index);
    outcome("RTM_GETLINK", disturbed, foreign)
}

/// True where it was disturbed.
fn addresses(
    query: &mut Query<Netlink>,
    nsid: Option<u32>,
    vnics: &mut [Vnic],
) -> Result<bool, NetworkError> {
    let mut foreign = false;
    let write = |buffer: &mut Vec<u8>, sequence| address::dump_in(buffer, sequence, nsid);
    let disturbed = query.dump("RTM_GETADDR", write, |message| {
        let Ok(Some(address)) = Address::parse(message.payload) else { return };
        foreign |= address.target_netnsid != nsid;
        let place = vnics.binary_search_by_key(&address.if_index, |vnic| vnic.if_index);
        let vnic = place.ok().and_then(|place| vnics.get_mut(place));
        let usable = is_reachable(address.ip) && address.flags & FLAG_DAD_FAILED == 0;
        if let Some(vnic) = vnic.filter(|vnic| usable && vnic.ips.len() < MOST_IPS) {
            vnic.ips.push(address.ip);
        }
    });
    outcome("RTM_GETADDR", disturbed, foreign)
}

fn outcome(
    request: &'static str,
    dumped: Result<bool, InterfaceError>,
    foreign: bool,
) -> Result<bool, NetworkError> {
    match dumped {
        // The number is nobody's any more.
        Err(InterfaceError::Refused { errno: EINVAL, .. }) => Err(NetworkError::Gone),
        Err(error) => Err(error.into()),
        Ok(_) if foreign => Err(InterfaceError::Refused { request, errno: EOPNOTSUPP }.into()),
        Ok(disturbed) => Ok(disturbed),
    }
}
