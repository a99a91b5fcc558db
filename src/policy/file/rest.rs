//! `[rest]`: where requests are heard, and who may ask.
//!
//! In: the table of the first file. Out: a [`Rest`], which is the default without one. Rule: what would let strangers in
//! is refused by [`Rest::check`] before anything listens: no TCP without a credential, none beyond loopback without TLS.

use super::fault::FaultKind;
use super::table::Table;
use std::net::SocketAddr;
use std::path::PathBuf;

pub(super) const KEYS: [&str; 11] = [
    "socket",
    "allow_uids",
    "allow_groups",
    "listen",
    "tokens",
    "tls_cert",
    "tls_key",
    "client_ca",
    "acl",
    "tc",
    "allow_unauthenticated_loopback",
];
const SOCKET: &str = "/run/hsflowd-policy/api.sock";

/// Where requests are heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The socket of this host.
    pub socket: PathBuf,
    /// Users who may ask there, beside root and the program's own.
    pub allow_uids: Vec<u32>,
    /// Groups whose processes may, by their effective group.
    pub allow_groups: Vec<u32>,
    /// `/v1` over TCP.
    pub listen: Vec<SocketAddr>,
    /// A file of `name:token` and `name:token:read` lines.
    pub tokens: Option<PathBuf>,
    /// The server's certificate and those between it and a CA, as PEM; with it TCP is TLS, but for listeners that
    /// are open to everybody on this host.
    pub tls_cert: Option<PathBuf>,
    /// Its key.
    pub tls_key: Option<PathBuf>,
    /// Clients with a certificate of these CAs may read and write.
    pub client_ca: Option<PathBuf>,
    /// The paths of acl_server.
    pub acl: Option<SocketAddr>,
    /// The paths of tc_server.
    pub tc: Option<SocketAddr>,
    /// Compatible paths without a token, for everybody on this host.
    pub allow_unauthenticated_loopback: bool,
}

/// Why nothing is heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// Neither tokens nor certificates.
    #[error("rest.{key} = {at}: TCP needs a credential; give rest.tokens, or rest.client_ca with TLS")]
    NoCredential {
        /// Which listener.
        key: &'static str,
        /// Its address.
        at: SocketAddr,
    },
    /// In clear over a network.
    #[error("rest.{key} = {at}: beyond loopback TLS is a must; give rest.tls_cert and rest.tls_key")]
    Remote {
        /// Which listener.
        key: &'static str,
        /// Its address.
        at: SocketAddr,
    },
    /// A key that does nothing without another.
    #[error("rest.{0} does nothing without rest.{1}")]
    Half(&'static str, &'static str),
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            socket: SOCKET.into(),
            allow_uids: Vec::new(),
            allow_groups: Vec::new(),
            listen: Vec::new(),
            tokens: None,
            tls_cert: None,
            tls_key: None,
            client_ca: None,
            acl: None,
            tc: None,
            allow_unauthenticated_loopback: false,
        }
    }
}

impl Rest {
    /// # Errors
    /// The first listener that strangers could use, or a key that does nothing.
    pub fn check(&self) -> Result<(), Unsafe> {
        let (cert, key) = (self.tls_cert.is_some(), self.tls_key.is_some());
        match (cert, key, self.client_ca.is_some()) {
            (true, false, _) => return Err(Unsafe::Half("tls_cert", "tls_key")),
            (false, true, _) => return Err(Unsafe::Half("tls_key", "tls_cert")),
            (false, _, true) => return Err(Unsafe::Half("client_ca", "tls_cert")),
            _ => {}
        }
        let own = self.listen.iter().map(|at| ("listen", *at, false));
        own.chain(self.compatible().map(|(key, at)| (key, at, true))).try_for_each(
            |(key, at, may_be_open)| {
                if !at.ip().is_loopback() && !cert {
                    return Err(Unsafe::Remote { key, at });
                }
                let is_known = self.tokens.is_some() || self.client_ca.is_some();
                if is_known || (may_be_open && self.is_open(at)) {
                    Ok(())
                } else {
                    Err(Unsafe::NoCredential { key, at })
                }
            },
        )
    }

    fn compatible(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        [("acl", self.acl), ("tc", self.tc)].into_iter().filter_map(|(key, at)| Some((key, at?)))
    }

    fn is_open(&self, at: SocketAddr) -> bool {
        self.allow_unauthenticated_loopback && at.ip().is_loopback()
    }

    /// Listeners that everybody on this host may use, by their keys.
    pub fn open(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        self.compatible().filter(|(_, at)| self.is_open(*at))
    }
}

pub(super) fn read(root: &mut Table<'_, '_>) -> Option<Rest> {
    let mut table = root.inner("rest", &KEYS)?;
    let path = |text: &str| match text.starts_with('/') {
        true => Ok(PathBuf::from(text)),
        false => Err(FaultKind::Conflict("a path from the root: /…")),
    };
    let id = |text: &str| text.parse::<u32>().map_err(|_| FaultKind::Conflict("a number, 0 to 4294967295"));
    let at = |text: &str| {
        text.parse::<SocketAddr>().map_err(|_| FaultKind::Conflict("an address and a port: 127.0.0.1:8081"))
    };
    let default = Rest::default();
    Some(Rest {
        socket: table.one("socket", path).unwrap_or(default.socket),
        allow_uids: table.many("allow_uids", id),
        allow_groups: table.many("allow_groups", id),
        listen: table.many("listen", at),
        tokens: table.one("tokens", path),
        tls_cert: table.one("tls_cert", path),
        tls_key: table.one("tls_key", path),
        client_ca: table.one("client_ca", path),
        acl: table.one("acl", at),
        tc: table.one("tc", at),
        allow_unauthenticated_loopback: table.flag("allow_unauthenticated_loopback"),
    })
}
