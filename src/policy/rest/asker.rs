//! Who asks over TCP may not cut itself off: the ports where requests are heard are protected for its address, as if a file
//! said so.

use super::Shared;
use super::access::Caller;
use crate::policy::desk::{Answer, Origin, Receipt, Rejection, Wish};
use crate::policy::model::{Limits, PortAt, Prefix, Protected, Protocol};
use crate::policy::own;

/// Asks the desk for what spares the one who asks, and waits for the outcome.
///
/// # Errors
/// It is not done.
pub(super) async fn ask(shared: &Shared, caller: &Caller, wish: Wish) -> Result<Receipt, Rejection> {
    order(shared, caller, wish)?.await.unwrap_or(Err(Rejection::Ending))
}

/// The same, and leaves the waiting to the caller.
///
/// # Errors
/// It was not even taken.
pub(super) fn order(shared: &Shared, caller: &Caller, wish: Wish) -> Result<Answer, Rejection> {
    spares(shared, caller, &wish)?;
    shared.desk.order(wish, Origin::Asked, caller.to_string())
}

fn spares(shared: &Shared, caller: &Caller, wish: &Wish) -> Result<(), Rejection> {
    let wish = if let Wish::If(_, _, wish) = wish { wish } else { wish };
    let (Wish::Put { policies, .. }, Some(at)) = (wish, caller.address()) else { return Ok(()) };
    let (peer, host) = (Prefix::from(at.ip().to_canonical()), own::addresses());
    let heard = shared.ports.iter().map(|port| {
        let service = Some((Protocol::TCP, *port, PortAt::Host));
        Protected { peer, service, host: host.clone(), forwarded: false }
    });
    let (heard, page): (Vec<_>, _) = (heard.collect(), shared.desk.page());
    policies.iter().try_for_each(|policy| {
        let verdict = Limits::spares(policy, &page.groups, &heard);
        verdict.map_err(|why| Rejection::Refused { name: policy.name.clone(), why })
    })
}
