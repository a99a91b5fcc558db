//! Requests: HTTP/1.1 over a socket of this host, and over TCP for those with a token or a certificate.
//!
//! In: settings, of the start or newer ones. Out: orders for the desk, and what its page says. Rule: nobody is served who
//! is not known; what would let strangers in does not open, and what cannot be had leaves what was there as it was.
//! `listen` takes connections, `answer` reads requests. `/v1` is ours (`v1`); the paths of acl_server (`acl`) and of
//! tc_server (`tc`) are listeners of their own. `routes` is the table of all of them.

mod access;
mod acl;
mod answer;
mod asker;
pub mod body;
mod certificate;
mod listen;
mod patient;
mod places;
mod reply;
mod routes;
mod secret;
mod tc;
mod tls;
mod v1;

pub use super::file::Rest as Settings;
pub use access::TokenFault;
pub use routes::openapi;
pub use secret::SecretFault;
pub use tls::TlsFault;

use super::desk::Desk;
use super::file::Unsafe;
use super::lines::Dialect;
use crate::host::{Clock, listen as sockets};
use access::Tokens;
use answer::Asked;
use listen::Door;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that may wait to be accepted.
const WAITING: i32 = 1024;

/// Why nothing is heard.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Strangers could use it.
    #[error(transparent)]
    Unsafe(#[from] Unsafe),
    /// The tokens.
    #[error(transparent)]
    Tokens(#[from] TokenFault),
    /// Certificates and keys.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// A socket.
    #[error("{at}: {source}")]
    Listen {
        /// Which.
        at: String,
        /// Why not.
        source: io::Error,
    },
}

/// Which paths there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paths {
    Own,
    Acl,
    Tc,
}

/// What all connections share.
struct Shared {
    desk: Desk,
    settings: Settings,
    tokens: Tokens,
    clock: Clock,
    acl: acl::Acl,
    /// Where TCP is heard.
    ports: Vec<u16>,
    /// Others have taken over: requests are answered to their end, and no more are taken.
    is_over: watch::Sender<bool>,
}

/// Listeners that are open: whoever has this knows that requests are heard.
#[derive(Clone)]
pub struct Rest {
    shared: Arc<Shared>,
    local: Arc<UnixListener>,
    remote: Vec<Door>,
}

impl Rest {
    /// Opens every listener, or none. Belongs to a tokio runtime.
    ///
    /// # Errors
    /// Settings that would let strangers in, a token file that others can read, an address that cannot be had.
    pub fn open(desk: Desk, settings: Settings, dialect: Dialect, clock: Clock) -> Result<Self, ServeError> {
        Self::with(desk, settings, clock, acl::Acl::new(dialect), None)
    }

    /// The same with other settings, and with tokens and certificates read anew; `None` where all is as before.
    /// Listeners whose address stays are the same ones; those before end with the requests that they have.
    ///
    /// # Errors
    /// As [`Rest::open`]; then nothing is changed.
    pub fn again(&self, settings: Settings) -> Result<Option<Self>, ServeError> {
        let Shared { desk, clock, acl, tokens, settings: before, .. } = &*self.shared;
        // A certificate may be another under the same name.
        if settings == *before && settings.tls_cert.is_none() && Tokens::of(&settings)? == *tokens {
            return Ok(None);
        }
        let fresh = Self::with(desk.clone(), settings, clock.clone(), acl.clone(), Some(self))?;
        self.shared.is_over.send_replace(true);
        if fresh.shared.settings.socket != before.socket {
            // Nobody hears there any more; what stays is in nobody's way.
            let _ = std::fs::remove_file(&before.socket);
        }
        Ok(Some(fresh))
    }

    fn with(
        desk: Desk,
        settings: Settings,
        clock: Clock,
        acl: acl::Acl,
        before: Option<&Self>,
    ) -> Result<Self, ServeError> {
        settings.check()?;
        let tokens = Tokens::of(&settings)?;
        let tls = tls::acceptor(&settings)?;
        let failed = |at: &dyn Display, source| ServeError::Listen { at: at.to_string(), source };
        let mut remote = Vec::new();
        let own = settings.listen.iter().map(|at| (*at, Paths::Own));
        let compatible = [(settings.acl, Paths::Acl), (settings.tc, Paths::Tc)];
        let compatible = compatible.into_iter().filter_map(|(at, paths)| Some((at?, paths)));
        for (at, paths) in own.chain(compatible) {
            let old = before.into_iter().flat_map(|before| &before.remote);
            let mut same = old.filter(|door| door.at == at && (door.paths == paths || at.port() != 0));
            let listener = match same.next() {
                Some(door) => Arc::clone(&door.listener),
                None => Arc::new(sockets::tcp(at, WAITING).map_err(|why| failed(&at, why))?),
            };
            let is_open = paths != Paths::Own && settings.open().any(|(_, open)| open == at);
            remote.push(Door { at, listener, paths, is_open, tls: tls.clone().filter(|_| !is_open) });
        }
        settings.open().for_each(|open| log::warn!("policy: {}", openness(open)));
        let local = match before.filter(|before| before.shared.settings.socket == settings.socket) {
            Some(before) => Arc::clone(&before.local),
            // Everybody may knock: who is let in is decided by the credentials of the peer.
            None => {
                let at = &settings.socket;
                Arc::new(sockets::unix(at, 0o666).map_err(|why| failed(&at.display(), why))?)
            }
        };
        let is_over = watch::Sender::new(false);
        let heard = remote.iter().filter_map(|door: &Door| door.listener.local_addr().ok());
        let ports = heard.map(|at| at.port()).collect();
        let shared = Arc::new(Shared { desk, settings, tokens, clock, acl, ports, is_over });
        Ok(Self { shared, local, remote })
    }

    /// Where TCP is heard, in the order of the settings; a port 0 of theirs is a real one here.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.remote.iter().filter_map(|door| door.listener.local_addr().ok()).collect()
    }

    /// Serves until it is dropped, or [`Rest::again`] has made another.
    pub async fn serve(self) {
        let mut tasks = JoinSet::new();
        for door in self.remote {
            tasks.spawn(Arc::clone(&self.shared).remote(door));
        }
        tasks.spawn(self.shared.local(self.local));
        // A panic of one is passed on.
        tasks.join_all().await;
    }
}

impl Shared {
    /// Comes when others have taken over.
    async fn over(&self) {
        // The sender is here.
        let _ = self.is_over.subscribe().wait_for(|is_over| *is_over).await;
    }
}

/// What is said of a listener that everybody on this host may use.
fn openness((key, at): (&str, SocketAddr)) -> String {
    format!("anybody on this host may change policies at {at} (rest.{key}, allow_unauthenticated_loopback)")
}
